//! A command line of the form `[OPTIONS] [INPUT] [OUT]`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use segment_stream::Durability;

use super::input::Source;

/// The options of a program. They begin with their defaults.
pub(crate) trait Options: Sized {
    /// Sets the option of this name, its dashes included.
    ///
    /// # Errors
    ///
    /// The fault, in one line.
    fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), String>;
}

/// The request of the command line.
#[derive(Debug)]
pub(crate) enum Command<O> {
    Help,
    Run {
        options: O,
        source: Source,
        /// `None`: a new temporary directory.
        folder: Option<PathBuf>,
    },
}

impl<O: Options> Command<O> {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    ///
    /// The fault, in one line.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        mut options: O,
    ) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let mut positional = Vec::new();
        while let Some(argument) = arguments.next() {
            let text = argument.to_string_lossy();
            if text == "--" {
                positional.extend(arguments.by_ref());
            } else if text == "-h" || text == "--help" {
                return Ok(Self::Help);
            } else if text == "-" || !text.starts_with('-') {
                positional.push(argument);
            } else {
                let (name, joined) = match text.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (&*text, None),
                };
                let rest = &mut arguments;
                options.set(name, Value { name, joined, rest })?;
            }
        }
        let mut positional = positional.into_iter();
        let source = match positional.next() {
            None => Source::Sample,
            Some(input) if input == "-" => Source::StandardInput,
            Some(input) => Source::File(input.into()),
        };
        let folder = positional.next().map(PathBuf::from);
        match positional.next() {
            Some(extra) => Err(format!("one argument too many: {}", extra.display())),
            None => Ok(Self::Run {
                options,
                source,
                folder,
            }),
        }
    }
}

/// The value of an option: `--name=value` or `--name value`.
pub(crate) struct Value<'a> {
    name: &'a str,
    joined: Option<String>,
    rest: &'a mut dyn Iterator<Item = OsString>,
}

impl Value<'_> {
    /// Checks that the option has no value.
    pub(crate) fn none(self) -> Result<(), String> {
        match self.joined {
            None => Ok(()),
            Some(_) => Err(format!("{} takes no value", self.name)),
        }
    }

    fn text(self) -> Result<String, String> {
        let next = || Some(self.rest.next()?.to_string_lossy().into_owned());
        self.joined
            .or_else(next)
            .ok_or_else(|| format!("{} needs a value", self.name))
    }

    pub(crate) fn seconds(self) -> Result<Duration, String> {
        let name = self.name;
        let value = self.text()?;
        let seconds = value.parse().ok();
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|duration| !duration.is_zero())
            .ok_or_else(|| format!("{name} needs seconds, more than 0, not {value:?}"))
    }

    pub(crate) fn count(self) -> Result<usize, String> {
        let name = self.name;
        let value = self.text()?;
        let count = value.parse().ok().filter(|&count| count > 0);
        count.ok_or_else(|| format!("{name} needs a number from 1, not {value:?}"))
    }

    pub(crate) fn program(self) -> Result<u16, String> {
        let name = self.name;
        let value = self.text()?;
        let number = value.parse().ok().filter(|&number| number > 0);
        number.ok_or_else(|| format!("{name} needs a program number, 1 to 65535, not {value:?}"))
    }

    pub(crate) fn durability(self) -> Result<Durability, String> {
        let name = self.name;
        match self.text()?.as_str() {
            "none" => Ok(Durability::None),
            "file" => Ok(Durability::File),
            "full" => Ok(Durability::Full),
            other => Err(format!("{name} is none, file or full, not {other:?}")),
        }
    }
}
