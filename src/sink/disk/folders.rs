//! The folders that targets stand in: made where they are missing, and synced where that is asked.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::SinkError;

/// How many folders are remembered as synced. To forget one costs a few needless syncs later.
const REMEMBERED: usize = 1024;

/// Makes `folder` and what is missing above it; returns what it made, the outermost first.
pub(super) fn make(folder: &Path) -> Result<Vec<PathBuf>, SinkError> {
    let create = || match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(None),
        result => result.map(|()| Some(folder.to_path_buf())),
    };
    let (mut made, created) = match (create(), folder.parent()) {
        (Err(error), Some(parent))
            if error.kind() == io::ErrorKind::NotFound && parent != Path::new("") =>
        {
            (make(parent)?, create())
        }
        (result, _) => (Vec::new(), result),
    };
    made.extend(created.map_err(|cause| SinkError::during("create the folder", folder, cause))?);
    Ok(made)
}

/// Syncs the names that `folder` holds. The folder is opened anew each time: on a handle from before
/// a failure the kernel may call a sync a success that was none.
#[cfg(unix)]
pub(super) fn sync(folder: &Path) -> Result<(), SinkError> {
    fs::File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(|cause| SinkError::during("sync the folder", folder, cause))
}

#[cfg(not(unix))]
pub(super) fn sync(folder: &Path) -> Result<(), SinkError> {
    let cause = io::Error::new(
        io::ErrorKind::Unsupported,
        "folders can be synced on Unix only",
    );
    Err(SinkError::during("sync the folder", folder, cause))
}

/// Which folders are known to survive a power cut, by their own names in the folders above them.
#[derive(Debug, Default)]
pub(super) struct Folders {
    durable: HashSet<PathBuf>,
    /// Made here, not synced, and not taken back: whatever is put into them may vanish with them,
    /// and a later sync that succeeds would prove nothing.
    doubtful: HashSet<PathBuf>,
}

impl Folders {
    pub(super) fn is_durable(&self, folder: &Path) -> bool {
        self.durable.contains(folder)
    }

    /// Makes `folder` where it is missing, and syncs its name and the names of all folders above it
    /// that were not synced yet. Those that were there already count as well: whoever made them, a
    /// killed session perhaps, may not have come to the sync.
    pub(super) fn make_durable(&mut self, folder: &Path) -> Result<(), SinkError> {
        self.refuse_doubtful(folder)?;
        self.durable.remove(folder);
        let made = make(folder)?;
        for gone_before in &made {
            self.durable.remove(gone_before);
        }
        let mut synced = Vec::new();
        for entry in folder.ancestors() {
            let Some(parent) = entry.parent() else { break };
            if self.durable.contains(entry) {
                break;
            }
            if let Err(error) = sync_entry(parent, made.iter().any(|path| path == entry)) {
                self.take_back(made);
                return Err(error);
            }
            synced.push(entry.to_path_buf());
        }
        if self.durable.len() + synced.len() > REMEMBERED {
            self.durable.clear();
        }
        self.durable.extend(synced);
        Ok(())
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

    /// Removes folders whose names could not be synced, so that the next attempt makes and syncs
    /// them from the start.
    fn take_back(&mut self, made: Vec<PathBuf>) {
        for folder in made.into_iter().rev() {
            if let Err(error) = fs::remove_dir(&folder) {
                let error = SinkError::during("take back the folder", &folder, error);
                log::warn!("{error}, though its name was not synced");
                self.doubtful.insert(folder);
            }
        }
    }
}

fn sync_entry(parent: &Path, made_here: bool) -> Result<(), SinkError> {
    let parent = if parent == Path::new("") {
        Path::new(".")
    } else {
        parent
    };
    match sync(parent) {
        // A folder far above that we may pass through and not read; its entries are not ours.
        Err(error) if error.io_kind() == io::ErrorKind::PermissionDenied && !made_here => Ok(()),
        result => result,
    }
}
