//! Directories are reached by their paths: without the feature `confined`, and where the system cannot
//! hold them open.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use super::EntryKind;

/// There is none. Without the feature none is asked for.
#[derive(Debug)]
pub(crate) enum Handle {}

impl Handle {
    pub(crate) fn open(_: &Path) -> io::Result<Self> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the feature `confined` needs Linux",
        ))
    }

    pub(crate) fn open_beneath(&self, _: &Path) -> io::Result<Self> {
        match *self {}
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        match *self {}
    }

    pub(crate) fn metadata_of(&self, _: &OsStr) -> io::Result<Metadata> {
        match *self {}
    }

    pub(crate) fn create_file(&self, _: &OsStr) -> io::Result<File> {
        match *self {}
    }

    pub(crate) fn open_to_read(&self, _: &OsStr) -> io::Result<File> {
        match *self {}
    }

    pub(crate) fn open_to_write(&self, _: &OsStr) -> io::Result<File> {
        match *self {}
    }

    pub(crate) fn open_to_sync(&self) -> io::Result<File> {
        match *self {}
    }

    pub(crate) fn create_directory(&self, _: &OsStr) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn remove_directory(&self, _: &OsStr) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn remove_file(&self, _: &OsStr) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn rename(&self, _: &OsStr, _: &OsStr) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn rename_new(&self, _: &OsStr, _: &OsStr) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn entries(
        &self,
    ) -> io::Result<std::iter::Empty<io::Result<(OsString, EntryKind)>>> {
        match *self {}
    }
}
