//! A directory that the sink works in, reached by its path or by a handle.
//!
//! By its path, the system resolves the directory anew in each call. With the feature `confined`, a
//! directory below a root is resolved once, beneath the root and through no link, and held open: the
//! calls for the names in it go by its handle. The paths are for messages then.
//!
//! The root itself is opened by its path, as only a writer above the root could replace it. It is
//! opened anew each time, as an open directory would keep its file system from being unmounted.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, File, Metadata, OpenOptions};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use crate::internal::platform::{self, EntryKind, Handle};

/// The way to directories: by handle below this root, and else by path.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    root: Option<PathBuf>,
}

impl Bounds {
    pub(super) fn of(root: Option<&Path>) -> Self {
        let root = root.filter(|_| platform::HOLDS_DIRECTORIES);
        Self {
            root: root.map(Path::to_path_buf),
        }
    }

    /// By path, this makes no system call, so a missing directory shows in the first call for a
    /// name in it.
    pub(super) fn open<'a>(&self, directory: &'a Path) -> io::Result<Directory<'a>> {
        let handle = match self.below_root(directory) {
            None => None,
            Some((root, below)) => Some(Rc::new(Handle::open(root)?.open_beneath(below)?)),
        };
        Ok(Directory {
            path: directory,
            handle,
        })
    }

    /// The metadata of the directory at this path.
    pub(super) fn metadata(&self, directory: &Path) -> io::Result<Metadata> {
        match self.open(directory)?.handle {
            None => fs::metadata(directory),
            Some(handle) => handle.metadata(),
        }
    }

    pub(super) fn create(&self, directory: &Path) -> io::Result<()> {
        self.open(parent(directory))?.create_directory(directory)
    }

    pub(super) fn remove(&self, directory: &Path) -> io::Result<()> {
        self.open(parent(directory))?.remove_directory(directory)
    }

    /// The path of the directory without links, and the bounds for such paths.
    pub(super) fn resolve(&self, directory: &Path) -> io::Result<(PathBuf, Self)> {
        match self.below_root(directory) {
            None => Ok((fs::canonicalize(directory)?, Self::default())),
            Some((root, below)) => {
                let root = fs::canonicalize(root)?;
                let names = below
                    .components()
                    .filter(|part| matches!(part, Component::Normal(_)));
                let path = root.join(names.collect::<PathBuf>());
                Ok((path, Self { root: Some(root) }))
            }
        }
    }

    /// The root, and the way from there, of a directory that is reached by handle.
    fn below_root<'a>(&self, directory: &'a Path) -> Option<(&Path, &'a Path)> {
        let root = self.root.as_deref()?;
        Some((root, directory.strip_prefix(root).ok()?))
    }
}

/// A directory, and the calls for the names in it. Each takes the path of a name in it.
#[derive(Debug, Clone)]
pub(super) struct Directory<'a> {
    path: &'a Path,
    handle: Option<Rc<Handle>>,
}

impl Directory<'_> {
    pub(super) fn path(&self) -> &Path {
        self.path
    }

    pub(super) fn handle(&self) -> Option<&Rc<Handle>> {
        self.handle.as_ref()
    }

    /// The metadata of the file itself, if it is a link.
    pub(super) fn metadata_of(&self, path: &Path) -> io::Result<Metadata> {
        match &self.handle {
            None => fs::symlink_metadata(path),
            Some(handle) => handle.metadata_of(name(path)),
        }
    }

    /// Creates a file. `create_new` does not follow a link that was planted under the name.
    pub(super) fn create_file(&self, path: &Path) -> io::Result<File> {
        match &self.handle {
            // The mode is left at 0666 less the umask: a web server must be able to read the
            // segment.
            None => OpenOptions::new().write(true).create_new(true).open(path),
            Some(handle) => handle.create_file(name(path)),
        }
    }

    pub(super) fn open_to_read(&self, path: &Path) -> io::Result<File> {
        match &self.handle {
            None => File::open(path),
            Some(handle) => handle.open_to_read(name(path)),
        }
    }

    pub(super) fn open_to_write(&self, path: &Path) -> io::Result<File> {
        match &self.handle {
            None => OpenOptions::new().write(true).open(path),
            Some(handle) => handle.open_to_write(name(path)),
        }
    }

    /// Opens the directory itself, to be synced.
    pub(super) fn open_to_sync(&self) -> io::Result<File> {
        match &self.handle {
            None => File::open(self.path),
            Some(handle) => handle.open_to_sync(),
        }
    }

    /// The names in the directory, and the kind of each.
    pub(super) fn entries(
        &self,
    ) -> io::Result<impl Iterator<Item = io::Result<(OsString, EntryKind)>>> {
        let (by_path, by_handle) = match &self.handle {
            None => (Some(fs::read_dir(self.path)?), None),
            Some(handle) => (None, Some(handle.entries()?)),
        };
        let by_path = by_path
            .into_iter()
            .flatten()
            .map(|entry| described(&entry?));
        Ok(by_path.chain(by_handle.into_iter().flatten()))
    }

    pub(super) fn create_directory(&self, path: &Path) -> io::Result<()> {
        match &self.handle {
            None => fs::create_dir(path),
            Some(handle) => handle.create_directory(name(path)),
        }
    }

    pub(super) fn remove_directory(&self, path: &Path) -> io::Result<()> {
        match &self.handle {
            None => fs::remove_dir(path),
            Some(handle) => handle.remove_directory(name(path)),
        }
    }

    pub(super) fn remove_file(&self, path: &Path) -> io::Result<()> {
        match &self.handle {
            None => fs::remove_file(path),
            Some(handle) => handle.remove_file(name(path)),
        }
    }
}

fn described(entry: &DirEntry) -> io::Result<(OsString, EntryKind)> {
    Ok((entry.file_name(), EntryKind::of(entry.file_type()?)))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The name that a path ends in.
pub(super) fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
