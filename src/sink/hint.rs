//! The path hint of an object, checked in one place for every sink.

use std::ffi::OsStr;
use std::io;
use std::path::{self, Component, Path};

/// A hint that names an object below the place that a sink writes to: the names on the way, without
/// detours.
pub(super) struct Below<'a> {
    names: Vec<&'a OsStr>,
}

impl<'a> Below<'a> {
    /// Fails if the hint names no object, or one outside `place`, which messages name.
    pub(super) fn of(hint: &'a Path, place: &str) -> io::Result<Self> {
        names_an_object(hint)?;
        let mut names = Vec::new();
        for component in hint.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => names.push(name),
                Component::ParentDir => {
                    return refuse(&format!("it contains \"..\", which may leave {place}"));
                }
                Component::RootDir | Component::Prefix(_) => {
                    return refuse(&format!("it is absolute, and must be relative to {place}"));
                }
            }
        }
        Ok(Self { names })
    }

    /// The names on the way, the object's own last.
    pub(super) fn names(&self) -> &[&'a OsStr] {
        &self.names
    }

    /// The names of the directories on the way.
    pub(super) fn directories(&self) -> &[&'a OsStr] {
        self.names.split_last().map_or(&[], |(_, others)| others)
    }
}

/// Fails if the hint is empty, contains a NUL byte, or ends as the name of a directory does.
pub(super) fn names_an_object(hint: &Path) -> io::Result<()> {
    let text = hint.as_os_str().as_encoded_bytes();
    if text.is_empty() {
        return refuse("it is empty");
    }
    if text.contains(&0) {
        return refuse("it contains a NUL byte");
    }
    // `Path` ignores a trailing separator, so "a/" and "a/." would otherwise count as the file
    // "a".
    if ends_like_a_directory(text) {
        return refuse("it names a directory");
    }
    Ok(())
}

fn ends_like_a_directory(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    text.last()
        .is_none_or(|last| path::is_separator(char::from(*last)))
}

/// The error of a hint that no sink can use.
pub(super) fn refuse<T>(reason: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_are_left_out_and_the_last_name_is_the_object() {
        let below = Below::of(Path::new("./a/.//b/c.ts"), "the root").unwrap();
        assert_eq!(below.names(), ["a", "b", "c.ts"]);
        assert_eq!(below.directories(), ["a", "b"]);
        let only = Below::of(Path::new("c.ts"), "the root").unwrap();
        assert!(only.directories().is_empty());
    }

    #[test]
    fn a_hint_that_names_no_object_below_is_refused_with_its_reason() {
        for (hint, reason) in [
            ("", "it is empty"),
            ("a\0b", "it contains a NUL byte"),
            (".", "it names a directory"),
            ("a/", "it names a directory"),
            ("a/.", "it names a directory"),
            ("..", "it contains \"..\", which may leave the root"),
            ("../b", "it contains \"..\", which may leave the root"),
            ("a/../b", "it contains \"..\", which may leave the root"),
            ("/a", "it is absolute, and must be relative to the root"),
        ] {
            let refused = Below::of(Path::new(hint), "the root").err();
            let refused = refused.map(|error| (error.kind(), error.to_string()));
            let expected = (io::ErrorKind::InvalidInput, reason.to_owned());
            assert_eq!(refused, Some(expected), "{hint:?}");
        }
    }
}
