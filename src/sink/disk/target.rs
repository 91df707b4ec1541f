//! From a path hint to a file that the sink may write, read or remove.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::directory::{Bounds, Directory};
use super::temp;
use crate::internal::platform;
use crate::sink::hint::{self, Below};

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
                let below = Below::of(hint, "the root")?;
                has_plain_names(&below)?;
                passes_no_link(root, &below)?;
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

/// Fails if no file, or another one than the hint says, would get the name.
fn names_a_file(hint: &Path) -> io::Result<()> {
    match hint.file_name() {
        None => hint::refuse("it names no file"),
        Some(name) if temp::is_temp_name(name) => {
            hint::refuse("the name is reserved for temp files, which a sweep removes")
        }
        Some(_) => hint::names_an_object(hint),
    }
}

fn has_plain_names(below: &Below<'_>) -> io::Result<()> {
    if below
        .names()
        .iter()
        .all(|name| platform::is_plain_name(name))
    {
        Ok(())
    } else {
        hint::refuse("it has a name that this system takes for something else")
    }
}

/// A link below the root may lead out of it, so the hint must not pass through one. The last
/// component is not checked here: a link there is neither followed nor replaced.
fn passes_no_link(root: &Path, below: &Below<'_>) -> io::Result<()> {
    let mut directory = root.to_path_buf();
    for name in below.directories() {
        directory.push(name);
        match fs::symlink_metadata(&directory) {
            Ok(metadata) if metadata.is_symlink() => {
                return hint::refuse("it passes through a symbolic link, which may leave the root");
            }
            Ok(_) => {}
            // A missing directory will be created, and not as a link.
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
