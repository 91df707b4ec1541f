//! The folders that targets stand in: made where they are missing, and synced where that is asked.

mod identity;
mod known;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use log::Level;

use self::identity::Identity;
use self::known::{Claim, Known};
use crate::error::SinkError;
use crate::internal::log::log as tell;
use crate::internal::sync::{self, Condvar, Mutex, MutexGuard};

/// Makes `folder` and what is missing above it, but not `given`, which has to be there.
pub(super) fn make(folder: &Path, given: Option<&Path>) -> Result<(), SinkError> {
    if Some(folder) == given {
        return is_folder(folder);
    }
    let created = match (fs::create_dir(folder), folder.parent()) {
        (Err(error), Some(parent))
            if error.kind() == io::ErrorKind::NotFound && parent != Path::new("") =>
        {
            make(parent, given)?;
            fs::create_dir(folder)
        }
        (result, _) => result,
    };
    match created {
        Ok(()) => Ok(()),
        // It was there, or another writer came first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => is_folder(folder),
        Err(error) => Err(failed_to_make(folder, error)),
    }
}

/// What is missing on the way to `folder`, the outermost first. `given` has to be there.
fn missing(folder: &Path, given: Option<&Path>) -> Result<Vec<PathBuf>, SinkError> {
    let mut missing = Vec::new();
    for path in folder.ancestors().filter(|path| *path != Path::new("")) {
        match is_folder(path) {
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

fn failed_to_look(folder: &Path, cause: io::Error) -> SinkError {
    SinkError::during("look at the folder", folder, cause)
}

/// A folder that was opened for syncing before something in it got its name.
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

/// Makes folders that survive a power cut, for all clones of a sink.
///
/// The lock guards what is remembered, and nobody calls the system or the log under it. What keeps a writer
/// from relying on a folder that another one has made and not yet synced is the claim:
///
/// 1. A folder is claimed before it is made. The claim ends when its name is synced, or the folder was
///    removed again, or is called doubtful. So what a writer sees is claimed, or one of these.
/// 2. A writer that needs a claimed folder, or one below it, waits until the claim ends. Nothing is put
///    into a folder that may still be taken back, and the wait is for a folder without which the writer
///    could not work: writers of other folders pass, whatever hangs.
/// 3. A writer claims all that it is going to make at once, and waits for claims only while it has none. So
///    nobody waits in a circle.
/// 4. A claim ends before its writer logs. So nobody waits for a logger of others.
/// 5. A sync is believed by the writer that has made the folder, and by nobody else: the kernel reports a
///    failed write to those that had the folder above open when it failed, so that one is opened before.
///
/// The names of all other folders each writer syncs for itself, until it is remembered that one of them has.
/// That two do it at once is needless and harmless.
#[derive(Default)]
pub(super) struct Folders {
    known: Mutex<Known>,
    /// A claim has ended.
    ended: Condvar,
}

impl Folders {
    /// Sees to it that `folder` is there and will be there after a power cut: makes what is missing,
    /// and syncs the name of every folder that it made, up to the mount point. It does not make `given`.
    ///
    /// Folders that were there before are somebody else's, but that one may have been killed before its
    /// own sync, so their names are synced as well, as far as that is possible.
    pub(super) fn make_durable(
        &self,
        folder: &Path,
        given: Option<&Path>,
    ) -> Result<(), SinkError> {
        if self.is_durable(folder) {
            return Ok(());
        }
        let mut claims = self.claim_what_is_missing(folder, given)?;
        let made = match claims.make(folder) {
            Ok(()) => claims.settle(),
            Err(error) => {
                claims.take_back();
                return Err(error);
            }
        };
        self.sync_names_of_others(folder, &made)
    }

    // Whatever panics under the lock leaves names in there that are at worst not known.
    fn lock(&self) -> MutexGuard<'_, Known> {
        sync::lock(&self.known)
    }

    fn is_durable(&self, folder: &Path) -> bool {
        let known = self.lock().durable(folder).cloned();
        known.is_some_and(|known| Identity::of(folder).is_ok_and(|now| now.is_surely(&known)))
    }

    fn claim_what_is_missing(
        &self,
        folder: &Path,
        given: Option<&Path>,
    ) -> Result<Claims<'_>, SinkError> {
        loop {
            let given_up = self.lock().given_up();
            let missing = missing(folder, given)?;
            let mut known = self.lock();
            match known.claim(folder, &missing, given_up) {
                Claim::Taken => {
                    return Ok(Claims {
                        folders: self,
                        claimed: missing,
                        made: Vec::new(),
                    });
                }
                Claim::Wait => drop(sync::wait(&self.known, &self.ended, known, None)),
                Claim::LookAgain => {}
            }
        }
    }

    /// Syncs the names that lead to `folder`, from the inside out, up to one that is known, but not those
    /// that were `made`, which are synced.
    fn sync_names_of_others(&self, folder: &Path, made: &[PathBuf]) -> Result<(), SinkError> {
        let look = |path: &Path| Identity::of(path).map_err(|cause| failed_to_look(path, cause));
        // By its real path, as the folder above a link is not the one that holds what it leads to.
        let real = fs::canonicalize(folder).map_err(|cause| failed_to_look(folder, cause))?;
        let mut synced = vec![(folder.to_path_buf(), look(folder)?)];
        // One that has no real path any more is synced once more.
        let made = made.iter().filter_map(|path| fs::canonicalize(path).ok());
        let made: Vec<PathBuf> = made.collect();
        for entry in real.ancestors() {
            let (Some(parent), now) = (entry.parent(), look(entry)?) else {
                break;
            };
            let is_made = made.iter().any(|made| made == entry);
            if !is_made && self.is_known(entry, &now) || !now.is_on_the_disk_of(&look(parent)?) {
                break;
            }
            if !is_made && let Err(error) = Syncable::open(parent).and_then(Syncable::sync) {
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

    /// Once, as where nothing is recognised each segment comes here again.
    fn log_once(&self, entry: &Path, error: &SinkError) {
        let is_first = self.lock().is_first_log_of(entry);
        if is_first {
            tell(
                Level::Warn,
                format_args!("{error}, so a power cut may take what is in it away"),
            );
        }
    }
}

/// The folders that a writer is making. If it panics, those that it has made are doubtful.
struct Claims<'a> {
    folders: &'a Folders,
    claimed: Vec<PathBuf>,
    made: Vec<PathBuf>,
}

impl Claims<'_> {
    /// Makes the folders and syncs their names.
    fn make(&mut self, folder: &Path) -> Result<(), SinkError> {
        let mut above = Vec::new();
        for path in &self.claimed {
            let parent = match path.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            let parent = Syncable::open(parent)?;
            match fs::create_dir(path) {
                Ok(()) => {
                    self.made.push(path.clone());
                    above.push(parent);
                }
                // Somebody else's: no clone makes what is claimed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => is_folder(path)?,
                Err(error) => return Err(failed_to_make(path, error)),
            }
        }
        self.refuse_doubtful(folder)?;
        above.into_iter().rev().try_for_each(Syncable::sync)
    }

    fn refuse_doubtful(&self, folder: &Path) -> Result<(), SinkError> {
        let mut known = self.folders.lock();
        for made in &self.made {
            known.is_made(made);
        }
        let Some(doubtful) = known.doubtful_on_the_way_to(folder) else {
            return Ok(());
        };
        Err(SinkError::during(
            "rely on the folder",
            doubtful,
            io::Error::other("its name could not be synced, so a power cut may take it away"),
        ))
    }

    /// Lets others at the folders, which are durable. Returns those that were made.
    fn settle(mut self) -> Vec<PathBuf> {
        let claimed = std::mem::take(&mut self.claimed);
        self.folders.lock().settle(&claimed);
        self.folders.ended.notify_all();
        std::mem::take(&mut self.made)
    }

    /// Removes the folders that were made, so that the next attempt makes and syncs them from the start.
    fn take_back(mut self) {
        let made = std::mem::take(&mut self.made);
        let stays = |made: PathBuf| Some((fs::remove_dir(&made).err()?, made));
        let staying: Vec<_> = made.into_iter().rev().filter_map(stays).collect();
        self.give_up(staying.iter().map(|(_, path)| path.clone()).collect());
        for (cause, path) in staying {
            let error = SinkError::during("take back the folder", &path, cause);
            tell(
                Level::Warn,
                format_args!("{error}, though its name was not synced"),
            );
        }
    }

    fn give_up(&mut self, doubtful: Vec<PathBuf>) {
        let claimed = std::mem::take(&mut self.claimed);
        self.folders.lock().give_up(&claimed, doubtful);
        self.folders.ended.notify_all();
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        if !self.claimed.is_empty() {
            let made = std::mem::take(&mut self.made);
            self.give_up(made);
        }
    }
}

impl fmt::Debug for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (durable, doubtful) = {
            let known = self.lock();
            (known.durable_count(), known.all_doubtful().clone())
        };
        f.debug_struct("Folders")
            .field("durable", &durable)
            .field("doubtful", &doubtful)
            .finish_non_exhaustive()
    }
}
