//! The content of a file, whole or not at all.

use std::fs::Metadata;
use std::io::{self, Read};

use super::commit::only_a_regular_file;
use super::target::Target;
use crate::error::SinkError;

/// Returns the content of a regular file, or `None` if there is no file. A longer file than
/// `limit` is an error.
pub(super) fn read(target: &Target, limit: u64) -> Result<Option<Vec<u8>>, SinkError> {
    match content(target, limit) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(SinkError::during("read", &target.path, cause)),
    }
}

fn content(target: &Target, limit: u64) -> io::Result<Vec<u8>> {
    let (directory, path) = (target.open_directory()?, &target.path);
    // Before the open, which would follow a link, and wait for a writer of a FIFO.
    may_be_read(&directory.metadata_of(path)?, limit)?;
    let file = directory.open_to_read(path)?;
    may_be_read(&file.metadata()?, limit)?;
    let mut content = Vec::new();
    // A file that grows meanwhile shows by one byte more.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(content)
}

fn may_be_read(found: &Metadata, limit: u64) -> io::Result<()> {
    only_a_regular_file(found.file_type())?;
    if found.len() > limit {
        return Err(too_large(limit));
    }
    Ok(())
}

fn too_large(limit: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("it is longer than the limit of {limit} bytes"),
    )
}
