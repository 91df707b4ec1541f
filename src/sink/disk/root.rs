//! The folder that a rooted sink writes below, and what is asked of it before each write.

use std::fs::{self, Metadata};
use std::io;
use std::path::{self, Path, PathBuf};
#[cfg(unix)]
use std::sync::Arc;

use crate::error::SinkError;
#[cfg(unix)]
use crate::internal::sync::{self, Mutex};

#[derive(Debug, Clone)]
pub(super) struct Root {
    /// Absolute.
    path: Result<PathBuf, Unresolved>,
    demand: Demand,
}

/// A relative root, where the current folder is not known.
#[derive(Debug, Clone)]
struct Unresolved {
    given: PathBuf,
    kind: io::ErrorKind,
    code: Option<i32>,
}

#[derive(Debug, Clone)]
enum Demand {
    /// It is made if it is missing.
    Nothing,
    Exists,
    /// Shared by clones; empty until the root was seen.
    #[cfg(unix)]
    StaysOn(Arc<Mutex<Option<u64>>>),
}

impl Root {
    /// Resolved now: the current folder may be another one at the time of a write.
    pub(super) fn new(given: PathBuf) -> Self {
        let named = if given == Path::new("") {
            Path::new(".")
        } else {
            &given
        };
        let path = path::absolute(named).map_err(|error| Unresolved {
            kind: error.kind(),
            code: error.raw_os_error(),
            given,
        });
        Self {
            path,
            demand: Demand::Nothing,
        }
    }

    pub(super) fn must_exist(&mut self) {
        if let Demand::Nothing = self.demand {
            self.demand = Demand::Exists;
        }
    }

    /// It must exist and stay on the device that it is on now, or when it is first seen.
    #[cfg(unix)]
    pub(super) fn stays_on_its_device(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let path = self.path.as_deref().ok();
        let found = path.and_then(|path| fs::metadata(path).ok());
        let device = found.as_ref().map(Metadata::dev);
        self.demand = Demand::StaysOn(Arc::new(Mutex::new(device)));
    }

    /// Looks whether all that was asked for holds. Returns the path.
    pub(super) fn check(&self) -> Result<&Path, SinkError> {
        let path = match &self.path {
            Ok(path) => path,
            Err(unresolved) => return Err(unresolved.error()),
        };
        let refused = match &self.demand {
            Demand::Nothing => Ok(()),
            Demand::Exists => exists(path).map(drop),
            #[cfg(unix)]
            Demand::StaysOn(device) => exists(path).and_then(|found| is_on(device, &found)),
        };
        match refused {
            Ok(()) => Ok(path),
            Err(cause) => Err(error("use the root", path, cause)),
        }
    }

    /// The root if it must not be made.
    pub(super) fn is_given(&self) -> Option<&Path> {
        match self.demand {
            Demand::Nothing => None,
            _ => self.path.as_deref().ok(),
        }
    }
}

impl Unresolved {
    fn error(&self) -> SinkError {
        let cause = match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => self.kind.into(),
        };
        SinkError::during("resolve the root", &self.given, cause)
    }
}

/// A file system that is gone may be mounted again, while the segment is worth trying.
fn error(operation: &'static str, path: &Path, cause: io::Error) -> SinkError {
    let is_gone = cause.kind() == io::ErrorKind::NotFound;
    let error = SinkError::during(operation, path, cause);
    if is_gone {
        SinkError::transient(error)
    } else {
        error
    }
}

fn exists(root: &Path) -> io::Result<Metadata> {
    match fs::metadata(root) {
        Ok(found) if found.is_dir() => Ok(found),
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "it does not exist, and this sink does not make it (is its file system mounted?)",
        )),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_on(device: &Mutex<Option<u64>>, root: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = root.dev();
    if *sync::lock(device).get_or_insert(found) == found {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        "another file system stands there now (was it unmounted?)",
    ))
}
