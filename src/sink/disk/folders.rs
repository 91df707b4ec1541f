//! The folders that targets stand in: made where they are missing, and synced where that is asked.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use log::Level;

use self::identity::Identity;
use crate::error::SinkError;
use crate::internal::log::log as tell;

/// How many folders are remembered as synced. To forget them costs a few needless syncs.
const REMEMBERED: usize = 1024;

/// Makes `folder` and what is missing above it, and tells `made` of each one, the outermost first.
pub(super) fn make(folder: &Path, made: &mut impl FnMut(&Path)) -> Result<(), SinkError> {
    let created = match (fs::create_dir(folder), folder.parent()) {
        (Err(error), Some(parent))
            if error.kind() == io::ErrorKind::NotFound && parent != Path::new("") =>
        {
            make(parent, made)?;
            fs::create_dir(folder)
        }
        (result, _) => result,
    };
    match created {
        Ok(()) => {
            made(folder);
            Ok(())
        }
        // It was there, or another writer came first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => is_folder(folder),
        Err(error) => Err(failed_to_make(folder, error)),
    }
}

fn is_folder(path: &Path) -> Result<(), SinkError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(failed_to_make(path, io::ErrorKind::NotADirectory.into())),
        Err(error) => Err(failed_to_make(path, error)),
    }
}

fn failed_to_make(folder: &Path, cause: io::Error) -> SinkError {
    SinkError::during("create the folder", folder, cause)
}

/// A folder that was opened for syncing before a file in it got its name.
pub(super) struct Syncable {
    path: PathBuf,
    handle: File,
}

impl Syncable {
    /// Opens it: whatever keeps a folder from being opened should be known before there is something in
    /// it to sync.
    pub(super) fn open(folder: &Path) -> Result<Self, SinkError> {
        let handle = File::open(folder)
            .map_err(|cause| SinkError::during("open the folder", folder, cause))?;
        Ok(Self {
            path: folder.to_path_buf(),
            handle,
        })
    }

    /// Syncs the names that the folder holds now.
    ///
    /// That it succeeds is not enough: XFS calls it a success when it has been shut down meanwhile. But then
    /// it opens nothing any more, so what can still be opened afterwards was alive all the time.
    pub(super) fn sync(self) -> Result<(), SinkError> {
        let synced = sync_names(&self.handle).and_then(|()| File::open(&self.path));
        // Permanent, as whoever tries again would sync the same folder again, and may be told a success
        // that is none.
        match synced {
            Ok(_) => Ok(()),
            Err(cause) => Err(SinkError::permanent(SinkError::during(
                "sync the folder",
                &self.path,
                cause,
            ))),
        }
    }
}

#[cfg(unix)]
fn sync_names(folder: &File) -> io::Result<()> {
    folder.sync_all()
}

#[cfg(not(unix))]
fn sync_names(_: &File) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "folders can be synced on Unix only",
    ))
}

/// Which folders are known to survive a power cut, by their own names in the folders above them.
#[derive(Clone, Default)]
pub(super) struct Folders {
    /// Synced, each as the folder that it was then: one that was replaced meanwhile is another.
    durable: HashMap<PathBuf, Identity>,
    /// Made here and not synced yet.
    unsynced: HashSet<PathBuf>,
    /// Made here, failed to sync, and not to be taken back: whatever is put into them may vanish with
    /// them, and a later sync that succeeds would prove nothing.
    doubtful: HashSet<PathBuf>,
}

impl Folders {
    /// Sees to it that `folder` is there and will be there after a power cut: makes what is missing,
    /// and syncs the name of every folder that it made, up to the mount point.
    ///
    /// Folders that were there before are somebody else's, but that one may have been killed before its
    /// own sync, so their names are synced as well, as far as that is possible.
    pub(super) fn make_durable(&mut self, folder: &Path) -> Result<(), SinkError> {
        if self.is_durable(folder) {
            return Ok(());
        }
        let Self {
            unsynced, doubtful, ..
        } = self;
        make(folder, &mut |made| {
            // It may be a new one in the place of one that was given up.
            doubtful.remove(made);
            unsynced.insert(made.to_path_buf());
        })?;
        self.refuse_doubtful(folder)?;
        let synced = self.sync_names_of(folder);
        if synced.is_err() {
            self.take_back(folder);
        }
        synced
    }

    fn is_durable(&self, folder: &Path) -> bool {
        let known = self.durable.get(folder);
        known.is_some_and(|known| Identity::of(folder).is_ok_and(|now| now == *known))
    }

    /// Syncs the names that lead to `folder`, from the inside out, up to one that is known.
    fn sync_names_of(&mut self, folder: &Path) -> Result<(), SinkError> {
        let look = |path: &Path| {
            Identity::of(path).map_err(|cause| SinkError::during("look at the folder", path, cause))
        };
        let real_path = |path: &Path| {
            fs::canonicalize(path)
                .map_err(|cause| SinkError::during("look at the folder", path, cause))
        };
        // By its real path, as the folder above a link is not the one that holds what it leads to.
        let real = real_path(folder)?;
        let mut synced = vec![(folder.to_path_buf(), look(folder)?)];
        // One that could not be told from somebody else's would go unsynced and unreported.
        let made = self.made_on_the_way_to(folder);
        let made: Vec<PathBuf> = made
            .iter()
            .map(|path| real_path(path))
            .collect::<Result<_, _>>()?;
        for entry in real.ancestors() {
            let (Some(parent), now) = (entry.parent(), look(entry)?) else {
                break;
            };
            if self.durable.get(entry) == Some(&now) || !now.is_on_the_disk_of(&look(parent)?) {
                break;
            }
            if let Err(error) = Syncable::open(parent).and_then(Syncable::sync) {
                if made.iter().any(|made| made == entry) {
                    return Err(error);
                }
                tell(
                    Level::Warn,
                    format_args!("{error}, so a power cut may take what is in it away"),
                );
            }
            synced.push((entry.to_path_buf(), now));
        }
        self.unsynced.retain(|path| !folder.starts_with(path));
        if self.durable.len() + synced.len() > REMEMBERED {
            self.durable.clear();
        }
        self.durable.extend(synced);
        Ok(())
    }

    /// The folders on the way that were made here and not synced, the innermost first.
    fn made_on_the_way_to(&self, folder: &Path) -> Vec<PathBuf> {
        let on_the_way = folder
            .ancestors()
            .filter(|path| self.unsynced.contains(*path));
        on_the_way.map(Path::to_path_buf).collect()
    }

    fn refuse_doubtful(&self, folder: &Path) -> Result<(), SinkError> {
        match folder
            .ancestors()
            .find(|path| self.doubtful.contains(*path))
        {
            None => Ok(()),
            Some(doubtful) => Err(SinkError::during(
                "rely on the folder",
                doubtful,
                io::Error::other("its name could not be synced, so a power cut may take it away"),
            )),
        }
    }

    /// Removes folders whose names could not be synced, so that the next attempt makes and syncs them
    /// from the start.
    fn take_back(&mut self, folder: &Path) {
        for made in self.made_on_the_way_to(folder) {
            self.unsynced.remove(&made);
            if let Err(error) = fs::remove_dir(&made) {
                let error = SinkError::during("take back the folder", &made, error);
                tell(
                    Level::Warn,
                    format_args!("{error}, though its name was not synced"),
                );
                self.doubtful.insert(made);
            }
        }
    }
}

impl fmt::Debug for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folders")
            .field("durable", &self.durable.len())
            .field("doubtful", &self.doubtful)
            .finish_non_exhaustive()
    }
}

/// Which folder a path leads to, told from one that takes its place.
mod identity {
    use std::fs;
    use std::io;
    use std::path::Path;
    use std::time::SystemTime;

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct Identity {
        disk: u64,
        number: u64,
        /// Numbers are given out again as soon as they are free.
        created: Option<SystemTime>,
    }

    impl Identity {
        #[cfg(unix)]
        pub(super) fn of(folder: &Path) -> io::Result<Self> {
            use std::os::unix::fs::MetadataExt;
            let found = fs::metadata(folder)?;
            Ok(Self {
                disk: found.dev(),
                number: found.ino(),
                created: found.created().ok(),
            })
        }

        #[cfg(not(unix))]
        pub(super) fn of(folder: &Path) -> io::Result<Self> {
            Ok(Self {
                disk: 0,
                number: 0,
                created: fs::metadata(folder)?.created().ok(),
            })
        }

        /// The name of a mount point is no name on the disk above it, and no sync makes it durable.
        pub(super) fn is_on_the_disk_of(&self, other: &Self) -> bool {
            self.disk == other.disk
        }
    }
}
