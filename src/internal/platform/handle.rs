//! Directories that are held open (feature `confined`, on Linux).
//!
//! The names in such a directory are reached by its descriptor. If somebody replaces the directory,
//! or one above it, by a link, the descriptor still leads to the directory that was opened.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags, linkat, mkdirat, openat,
    openat2, renameat, renameat_with, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};

use super::EntryKind;

/// A directory that is held open, and by which its names are reached.
#[derive(Debug)]
pub(crate) struct Handle(File);

/// For the names in a directory; it needs no permission to read the directory.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// For a file that should be a regular one: a link is not followed, and a FIFO does not block.
const FILE: OFlags = OFlags::CLOEXEC
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK);

/// Without links there is no way out, and no directory has two paths.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

impl Handle {
    /// Opens the directory at this path, and follows links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let opened = retry_on_intr(|| openat(CWD, path, DIRECTORY, Mode::empty()));
        Ok(Self(File::from(opened?)))
    }

    /// Opens the directory at this path below this one. A link on the way is an error.
    pub(crate) fn open_beneath(&self, path: &Path) -> io::Result<Self> {
        let path = if path == Path::new("") {
            Path::new(".")
        } else {
            path
        };
        let opened = retry_on_intr(|| openat2(&self.0, path, DIRECTORY, Mode::empty(), BENEATH));
        match opened {
            Ok(opened) => Ok(Self(File::from(opened))),
            Err(code) => Err(explained(code)),
        }
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.0.metadata()
    }

    /// The metadata of this name itself, if it is a link.
    pub(crate) fn metadata_of(&self, name: &OsStr) -> io::Result<Metadata> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.open_name(name, flags)?.metadata()
    }

    /// Creates a file, with mode 0666 less the umask.
    pub(crate) fn create_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        self.open_name(name, flags)
    }

    pub(crate) fn open_to_read(&self, name: &OsStr) -> io::Result<File> {
        self.open_name(name, FILE | OFlags::RDONLY)
    }

    pub(crate) fn open_to_write(&self, name: &OsStr) -> io::Result<File> {
        self.open_name(name, FILE | OFlags::WRONLY)
    }

    fn open_name(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        let mode = Mode::from_bits_truncate(0o666);
        let opened = retry_on_intr(|| openat(&self.0, name, flags, mode));
        Ok(File::from(opened?))
    }

    /// Opens this directory anew, to be synced.
    pub(crate) fn open_to_sync(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        self.open_name(OsStr::new("."), flags)
    }

    pub(crate) fn create_directory(&self, name: &OsStr) -> io::Result<()> {
        Ok(mkdirat(&self.0, name, Mode::from_bits_truncate(0o777))?)
    }

    pub(crate) fn remove_directory(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    pub(crate) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Renames a file in this directory. A file at the new name is replaced.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Renames a file in this directory. A file at the new name is an error.
    ///
    /// If the file system has no such rename, the file is linked to the new name. It may keep the
    /// old name as well then, if that cannot be removed: the caller must check it.
    pub(crate) fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        match renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => {}
            result => return Ok(result?),
        }
        linkat(&self.0, from, &self.0, to, AtFlags::empty())?;
        let _ = unlinkat(&self.0, from, AtFlags::empty());
        Ok(())
    }

    pub(crate) fn entries(&self) -> io::Result<Entries<'_>> {
        Ok(Entries {
            directory: self,
            names: Dir::new(self.open_to_sync()?)?,
        })
    }
}

/// The entries of a directory, without itself and the one above.
pub(crate) struct Entries<'a> {
    directory: &'a Handle,
    names: Dir,
}

impl Entries<'_> {
    /// Not every file system says the kind of an entry.
    fn kind(&self, name: &OsStr, kind: FileType) -> io::Result<EntryKind> {
        match kind {
            FileType::Directory => Ok(EntryKind::Directory),
            FileType::RegularFile => Ok(EntryKind::File),
            FileType::Unknown => {
                let found = self.directory.metadata_of(name)?;
                Ok(EntryKind::of(found.file_type()))
            }
            _ => Ok(EntryKind::Other),
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = io::Result<(OsString, EntryKind)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.names.next()? {
                Ok(entry) => entry,
                Err(code) => return Some(Err(code.into())),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                let kind = self.kind(name, entry.file_type());
                return Some(kind.map(|kind| (name.to_owned(), kind)));
            }
        }
    }
}

/// The error of an `openat2` that failed with this code.
fn explained(code: Errno) -> io::Error {
    let (kind, reason) = match code {
        Errno::LOOP => (
            io::ErrorKind::InvalidInput,
            "a directory on the way is a symbolic link, which may leave the root",
        ),
        Errno::NOSYS | Errno::PERM if is_refused_everywhere() => (
            io::ErrorKind::Unsupported,
            "the kernel or the container refuses openat2 (Linux 5.6), which the feature `confined` \
             needs",
        ),
        _ => return code.into(),
    };
    let code = code.into();
    io::Error::new(kind, Explained { reason, code })
}

/// Whether `openat2` fails for every path. Only then a kernel that lacks it, or a seccomp filter, is
/// the cause.
fn is_refused_everywhere() -> bool {
    let root = openat2(CWD, "/", DIRECTORY, Mode::empty(), ResolveFlags::empty());
    matches!(root, Err(Errno::NOSYS | Errno::PERM))
}

/// A reason that says more than its code.
#[derive(Debug)]
struct Explained {
    reason: &'static str,
    code: io::Error,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl Error for Explained {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.code)
    }
}
