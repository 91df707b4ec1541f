//! The directories of targets: created if they are missing, and synced if the sink is to be
//! durable.

mod identity;
mod known;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use log::Level;

use self::identity::Identity;
use self::known::{Claim, Known};
use super::directory::{Bounds, Directory};
use crate::error::SinkError;
use crate::internal::log::log;
use crate::internal::platform;
use crate::internal::sync::{self, Condvar, Mutex, MutexGuard};

/// Creates `directory` and the missing directories above it, except `given`, which must exist.
pub(super) fn create(
    bounds: &Bounds,
    directory: &Path,
    given: Option<&Path>,
) -> Result<(), SinkError> {
    if Some(directory) == given {
        return is_directory(bounds, directory);
    }
    let created = match (bounds.create(directory), directory.parent()) {
        (Err(error), Some(parent))
            if error.kind() == io::ErrorKind::NotFound && parent != Path::new("") =>
        {
            create(bounds, parent, given)?;
            bounds.create(directory)
        }
        (result, _) => result,
    };
    match created {
        Ok(()) => Ok(()),
        // It existed, or another writer came first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            is_directory(bounds, directory)
        }
        Err(error) => Err(failed_to_create(directory, error)),
    }
}

/// The missing directories on the way to `directory`, the outermost first. `given` must exist.
fn missing(
    bounds: &Bounds,
    directory: &Path,
    given: Option<&Path>,
) -> Result<Vec<PathBuf>, SinkError> {
    let mut missing = Vec::new();
    for path in directory.ancestors().filter(|path| *path != Path::new("")) {
        match is_directory(bounds, path) {
            Ok(()) => break,
            Err(error) if error.io_kind() == io::ErrorKind::NotFound && Some(path) != given => {
                missing.push(path.to_path_buf());
            }
            Err(error) => return Err(error),
        }
    }
    missing.reverse();
    Ok(missing)
}

fn is_directory(bounds: &Bounds, path: &Path) -> Result<(), SinkError> {
    match bounds.metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(failed_to_create(path, io::ErrorKind::NotADirectory.into())),
        Err(error) => Err(failed_to_create(path, error)),
    }
}

fn failed_to_create(directory: &Path, cause: io::Error) -> SinkError {
    SinkError::during("create the directory", directory, cause)
}

fn failed_to_open(directory: &Path, cause: io::Error) -> SinkError {
    SinkError::during("open the directory", directory, cause)
}

fn failed_to_look(directory: &Path, cause: io::Error) -> SinkError {
    SinkError::during("look at the directory", directory, cause)
}

/// A directory that was opened for syncing before a name was added to it.
pub(super) struct Syncable<'a> {
    directory: Directory<'a>,
    file: File,
}

impl<'a> Syncable<'a> {
    /// Opens the directory before the change, so that a failure to open it comes before there is a
    /// name to sync.
    pub(super) fn open(directory: Directory<'a>) -> Result<Self, SinkError> {
        match directory.open_to_sync() {
            Ok(file) => Ok(Self { directory, file }),
            Err(cause) => Err(failed_to_open(directory.path(), cause)),
        }
    }

    fn open_at(bounds: &Bounds, path: &'a Path) -> Result<Self, SinkError> {
        match bounds.open(path) {
            Ok(directory) => Self::open(directory),
            Err(cause) => Err(failed_to_open(path, cause)),
        }
    }

    /// Syncs the names that the directory holds now.
    ///
    /// On XFS a sync also succeeds after a shutdown. But after a shutdown XFS refuses every open,
    /// so reopening proves the sync.
    pub(super) fn sync(self) -> Result<(), SinkError> {
        let reopen = || self.directory.open_to_sync();
        let synced = platform::sync_directory(&self.file).and_then(|()| reopen());
        // Permanent: a retry would sync the same directory again, and that sync may report a
        // success that is none.
        match synced {
            Ok(_) => Ok(()),
            Err(cause) => Err(SinkError::permanent(SinkError::during(
                "sync the directory",
                self.directory.path(),
                cause,
            ))),
        }
    }
}

/// Creates directories that survive a power cut, for all clones of a sink.
///
/// The lock guards the knowledge only: no system call and no log call happens under it. Claims
/// keep a writer from relying on a directory that another writer has created and not yet synced:
///
/// 1. A directory is claimed before it is created. The claim ends when its name is synced, when
///    the directory is removed again, or when it is marked as doubtful. So each directory that a
///    writer sees is claimed, or in one of these states.
/// 2. A writer that needs a claimed directory, or one below it, waits until the claim ends. So no
///    file is put into a directory that may still be removed. Writers of other directories pass,
///    even if this one hangs.
/// 3. A writer claims all missing directories at once, and waits for claims only while it holds
///    none. So claims cannot deadlock.
/// 4. A claim ends before its writer logs. So no writer waits for the logger of another.
/// 5. The result of a sync counts for the writer that created the directory, and for no other. The
///    kernel reports a failed write to those that had the parent open when it failed, so the
///    parent is opened first.
///
/// Each writer syncs the names of all other directories itself, until one of the clones has. Two
/// syncs at the same time are needless and harmless.
#[derive(Default)]
pub(super) struct Directories {
    known: Mutex<Known>,
    /// Notified when a claim has ended.
    ended: Condvar,
}

impl Directories {
    /// Ensures that `directory` exists and survives a power cut. Creates the missing directories,
    /// except `given`, and syncs the name of each.
    ///
    /// Another process may have created the directories that exist, and been killed before its own
    /// sync. So their names are synced as well, up to the mount point, as far as that is possible.
    pub(super) fn create_durable(
        &self,
        bounds: &Bounds,
        directory: &Path,
        given: Option<&Path>,
    ) -> Result<(), SinkError> {
        if self.is_durable(bounds, directory) {
            return Ok(());
        }
        let mut claims = self.claim_missing(bounds, directory, given)?;
        let created = match claims.create(directory) {
            Ok(()) => claims.settle(),
            Err(error) => {
                claims.remove_created();
                return Err(error);
            }
        };
        self.sync_names_of_others(bounds, directory, &created)
    }

    // A panic under the lock can at worst leave a name out, so a poisoned lock is as good as
    // another.
    fn lock(&self) -> MutexGuard<'_, Known> {
        sync::lock(&self.known)
    }

    fn is_durable(&self, bounds: &Bounds, directory: &Path) -> bool {
        let known = self.lock().durable(directory).cloned();
        known.is_some_and(|known| {
            let now = bounds.metadata(directory);
            now.is_ok_and(|now| Identity::of(&now).is_surely(&known))
        })
    }

    fn claim_missing<'a>(
        &'a self,
        bounds: &'a Bounds,
        directory: &Path,
        given: Option<&Path>,
    ) -> Result<Claims<'a>, SinkError> {
        loop {
            let abandoned = self.lock().abandoned();
            let missing = missing(bounds, directory, given)?;
            let mut known = self.lock();
            match known.claim(directory, &missing, abandoned) {
                Claim::Taken => {
                    return Ok(Claims {
                        directories: self,
                        bounds,
                        claimed: missing,
                        created: Vec::new(),
                    });
                }
                Claim::Wait => drop(sync::wait(&self.known, &self.ended, known, None)),
                Claim::LookAgain => {}
            }
        }
    }

    /// Syncs the names that lead to `directory`, from the inside out, up to one that is known to
    /// be durable. Those in `created` are synced already.
    fn sync_names_of_others(
        &self,
        bounds: &Bounds,
        directory: &Path,
        created: &[PathBuf],
    ) -> Result<(), SinkError> {
        // By its real path: the parent of a link does not hold the name of the link's target.
        let (real, real_bounds) = bounds
            .resolve(directory)
            .map_err(|cause| failed_to_look(directory, cause))?;
        let look = |bounds: &Bounds, path: &Path| match bounds.metadata(path) {
            Ok(found) => Ok(Identity::of(&found)),
            Err(cause) => Err(failed_to_look(path, cause)),
        };
        let mut synced = vec![(directory.to_path_buf(), look(bounds, directory)?)];
        // A directory whose real path cannot be found is synced once more.
        let created = created
            .iter()
            .filter_map(|path| Some(bounds.resolve(path).ok()?.0));
        let created: Vec<PathBuf> = created.collect();
        for entry in real.ancestors() {
            let (Some(parent), now) = (entry.parent(), look(&real_bounds, entry)?) else {
                break;
            };
            let is_created = created.iter().any(|created| created == entry);
            if !is_created && self.is_known(entry, &now)
                || !now.is_on_the_device_of(&look(&real_bounds, parent)?)
            {
                break;
            }
            if !is_created
                && let Err(error) = Syncable::open_at(&real_bounds, parent).and_then(Syncable::sync)
            {
                self.log_once(entry, &error);
            }
            synced.push((entry.to_path_buf(), now));
        }
        self.lock().remember(synced);
        Ok(())
    }

    fn is_known(&self, entry: &Path, now: &Identity) -> bool {
        let known = self.lock();
        let known = known.durable(entry);
        known.is_some_and(|known| now.is_surely(known))
    }

    /// Once for each directory: if directories are not recognisable, each segment comes here
    /// again.
    fn log_once(&self, entry: &Path, error: &SinkError) {
        let is_first = self.lock().is_first_log_of(entry);
        if is_first {
            log(
                Level::Warn,
                format_args!("{error}; a power cut may take its content away"),
            );
        }
    }
}

/// The directories that a writer is creating. If it panics, those that exist by then are doubtful.
struct Claims<'a> {
    directories: &'a Directories,
    bounds: &'a Bounds,
    claimed: Vec<PathBuf>,
    created: Vec<PathBuf>,
}

impl Claims<'_> {
    /// Creates the directories and syncs their names.
    fn create(&mut self, directory: &Path) -> Result<(), SinkError> {
        let mut parents = Vec::new();
        for path in &self.claimed {
            let parent = match path.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            let parent = Syncable::open_at(self.bounds, parent)?;
            match parent.directory.create_directory(path) {
                Ok(()) => {
                    self.created.push(path.clone());
                    parents.push(parent);
                }
                // Another process came first, as no other clone creates a claimed directory.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    is_directory(self.bounds, path)?;
                }
                Err(error) => return Err(failed_to_create(path, error)),
            }
        }
        self.refuse_doubtful(directory)?;
        parents.into_iter().rev().try_for_each(Syncable::sync)
    }

    fn refuse_doubtful(&self, directory: &Path) -> Result<(), SinkError> {
        let mut known = self.directories.lock();
        for created in &self.created {
            known.created(created);
        }
        let Some(doubtful) = known.doubtful_on_the_way_to(directory) else {
            return Ok(());
        };
        Err(SinkError::during(
            "rely on the directory",
            doubtful,
            io::Error::other("its name could not be synced, so a power cut may take it away"),
        ))
    }

    /// Ends the claims on directories that are durable now. Returns those that were created.
    fn settle(mut self) -> Vec<PathBuf> {
        let claimed = std::mem::take(&mut self.claimed);
        self.directories.lock().settle(&claimed);
        self.directories.ended.notify_all();
        std::mem::take(&mut self.created)
    }

    /// Removes the directories that were created, so that the next attempt creates and syncs them
    /// again.
    fn remove_created(mut self) {
        let created = std::mem::take(&mut self.created);
        let stays = |created: PathBuf| Some((self.bounds.remove(&created).err()?, created));
        let staying: Vec<_> = created.into_iter().rev().filter_map(stays).collect();
        self.abandon(staying.iter().map(|(_, path)| path.clone()).collect());
        for (cause, path) in staying {
            let error = SinkError::during("remove the directory", &path, cause);
            log(Level::Warn, format_args!("{error}; its name is not synced"));
        }
    }

    fn abandon(&mut self, doubtful: Vec<PathBuf>) {
        let claimed = std::mem::take(&mut self.claimed);
        self.directories.lock().abandon(&claimed, doubtful);
        self.directories.ended.notify_all();
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        if !self.claimed.is_empty() {
            let created = std::mem::take(&mut self.created);
            self.abandon(created);
        }
    }
}

impl fmt::Debug for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (durable, doubtful) = {
            let known = self.lock();
            (known.durable_count(), known.all_doubtful().clone())
        };
        f.debug_struct("Directories")
            .field("durable", &durable)
            .field("doubtful", &doubtful)
            .finish_non_exhaustive()
    }
}
