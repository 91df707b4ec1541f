//! The root of a rooted sink, and the checks of it before each call.

use std::fs::{self, Metadata};
use std::io;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use crate::error::SinkError;
use crate::internal::platform;
use crate::internal::sync::{self, Mutex};

#[derive(Debug, Clone)]
pub(super) struct Root {
    /// Absolute.
    path: Result<PathBuf, Unresolved>,
    demand: Demand,
}

/// A relative root, if the current directory is not known.
#[derive(Debug, Clone)]
struct Unresolved {
    given: PathBuf,
    kind: io::ErrorKind,
    code: Option<i32>,
}

#[derive(Debug, Clone)]
enum Demand {
    /// It is created if it is missing.
    Nothing,
    Exists,
    /// On this device. Clones share it; it is `None` until the root was seen.
    StaysOn(Arc<Mutex<Option<u64>>>),
}

impl Root {
    /// Resolves the root now, as the current directory may change before a write.
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

    /// The root must exist, and stay on the device that it is on now or when it is first seen.
    pub(super) fn stays_on_its_device(&mut self) {
        let path = self.path.as_deref().ok();
        let found = path.and_then(|path| fs::metadata(path).ok());
        let device = found.and_then(|found| platform::device(&found).ok());
        self.demand = Demand::StaysOn(Arc::new(Mutex::new(device)));
    }

    /// Checks all demands. Returns the path.
    pub(super) fn check(&self) -> Result<&Path, SinkError> {
        let path = match &self.path {
            Ok(path) => path,
            Err(unresolved) => return Err(unresolved.error()),
        };
        let refused = match &self.demand {
            Demand::Nothing => Ok(()),
            Demand::Exists => exists(path).map(drop),
            Demand::StaysOn(device) => exists(path).and_then(|found| is_on(device, &found)),
        };
        match refused {
            Ok(()) => Ok(path),
            Err(cause) => Err(error("use the root", path, cause)),
        }
    }

    /// The root, if the sink must not create it.
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

/// A file system that is gone may be mounted again before the segment's deadline.
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
            "it does not exist, and this sink does not create it (is its file system mounted?)",
        )),
        Err(error) => Err(error),
    }
}

fn is_on(device: &Mutex<Option<u64>>, root: &Metadata) -> io::Result<()> {
    let found = platform::device(root)?;
    if *sync::lock(device).get_or_insert(found) == found {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        "another file system stands there now (was it unmounted?)",
    ))
}
