//! From a path hint to a file that the sink may write, read or remove.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::directory::{Bounds, Directory};
use super::temp;
use crate::internal::platform;

/// A file that the sink may write, read or remove, and the directory that it is in.
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) directory: PathBuf,
    pub(super) bounds: Bounds,
}

impl Target {
    /// Fails if the hint names no file, or one outside the root.
    pub(super) fn resolve(root: Option<&Path>, hint: &Path) -> io::Result<Self> {
        names_a_file(hint)?;
        let path = match root {
            None => hint.to_path_buf(),
            Some(root) => {
                stays_below(hint)?;
                passes_no_link(root, hint)?;
                root.join(hint)
            }
        };
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        Ok(Self {
            path,
            directory,
            bounds: Bounds::of(root),
        })
    }

    pub(super) fn open_directory(&self) -> io::Result<Directory<'_>> {
        self.bounds.open(&self.directory)
    }
}

fn names_a_file(hint: &Path) -> io::Result<()> {
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
        return refuse("it names a directory and not a file");
    }
    match hint.file_name() {
        None => refuse("it names no file"),
        Some(name) if temp::is_temp_name(name) => {
            refuse("the name is reserved for temp files, which a sweep removes")
        }
        Some(_) => Ok(()),
    }
}

fn ends_like_a_directory(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    text.last()
        .is_none_or(|last| std::path::is_separator(char::from(*last)))
}

fn stays_below(hint: &Path) -> io::Result<()> {
    for component in hint.components() {
        match component {
            Component::Normal(name) if !platform::is_plain_name(name) => {
                return refuse("it has a name that this system takes for something else");
            }
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir => return refuse("it contains \"..\", which may leave the root"),
            Component::RootDir | Component::Prefix(_) => {
                return refuse("it is absolute, and must be relative to the root");
            }
        }
    }
    Ok(())
}

/// A link below the root may lead out of it, so the hint must not pass through one. The last
/// component is not checked here: a link there is neither followed nor replaced.
fn passes_no_link(root: &Path, hint: &Path) -> io::Result<()> {
    let mut directory = root.to_path_buf();
    let names: Vec<&OsStr> = hint
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    for name in names.iter().take(names.len().saturating_sub(1)) {
        directory.push(name);
        match fs::symlink_metadata(&directory) {
            Ok(metadata) if metadata.is_symlink() => {
                return refuse("it passes through a symbolic link, which may leave the root");
            }
            Ok(_) => {}
            // A missing directory will be created, and not as a link.
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn refuse<T>(reason: &'static str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}
