//! The source of the stream.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/sample.ts");

#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// The sample that comes with the source code.
    Sample,
    StandardInput,
    File(PathBuf),
}

impl Source {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened, in one line. `expected` names the expected input: "a transport
    /// stream".
    pub fn open(&self, expected: &str) -> Result<Box<dyn Read + Send>, String> {
        let path = match self {
            Self::Sample => Path::new(SAMPLE),
            Self::File(path) => path,
            Self::StandardInput if io::stdin().is_terminal() => {
                return Err(format!("standard input is a terminal, not {expected}"));
            }
            Self::StandardInput => return Ok(Box::new(io::stdin())),
        };
        let file = File::open(path).map_err(|error| format!("cannot open {self}: {error}"))?;
        Ok(Box::new(file))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample => write!(f, "{SAMPLE}"),
            Self::StandardInput => write!(f, "standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
