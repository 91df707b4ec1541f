//! The disk sink: whole files under their final names, or none.
//!
//! A segment passes [`target`] (the check of its path hint), [`directories`] (the directory of the
//! file), [`temp`] (the hidden file that is written) and [`commit`] (the final name).

mod allocate;
mod commit;
mod directories;
mod directory;
mod options;
mod read;
mod root;
mod sweep;
mod target;
mod temp;

pub use allocate::pre_allocate_file;
pub use options::{Durability, Existing};
pub use sweep::Swept;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::Level;

use self::commit::{Committed, Committer};
use self::directories::{Directories, Syncable};
use self::root::Root;
use self::target::Target;
use self::temp::{Temp, TempFiles};
use crate::error::SinkError;
use crate::internal::log::log;
use crate::internal::platform;
use crate::segment::ProducedSegment;
use crate::sink::{SegmentSink, WriteContext};

/// A sink that writes each segment to the path in its hint.
/// [`SegmentStream::new`](crate::SegmentStream::new) uses it.
///
/// **Never half.** The payload is written to a temp file in the target's own directory, which is
/// renamed when it is whole. So no reader sees part of a file under its final name. Missing
/// directories are created. After an error no temp file is left; after a killed process
/// [`DiskSink::sweep`] removes them.
///
/// **Existing targets.** A regular file is replaced or refused ([`existing`](DiskSink::existing)).
/// A directory, a FIFO, a device, a socket or a symbolic link is an error and stays as it is; a
/// link is neither followed nor replaced. (The check and the rename are two steps if the file
/// system cannot rename without replacing, or if a regular file is replaced.)
///
/// **The new file** has mode 0666 less the umask. Owner, ACL, extended attributes, labels and hard
/// links of a replaced file are not carried over. A program that watches the directory sees a move
/// and no close.
///
/// **On Windows** a file is replaced while readers have it open, if they allow its deletion (as the
/// standard library, browsers and most web servers do). Otherwise the write is a
/// [transient](SinkError::is_transient) error, as on systems without such a rename (before
/// Windows 10 1607, FAT, some network shares). On macOS a volume that refuses `F_FULLFSYNC`,
/// as network volumes do, is synced with `fsync`.
///
/// **A segment without a path hint** has no destination: it passes as `Ok` and is counted apart.
///
/// **After an error** the file does not exist and no temp file is left; a directory that was
/// created for it may be. The one exception is a failed sync of the directory under
/// [`Durability::Full`]: the file is whole and has its name, and only a power cut could take it
/// away. A file size limit (`ulimit -f`) is an error only if the process ignores SIGXFSZ, which
/// otherwise kills it.
///
/// **Several writers** ([`with_writers`](crate::SegmentStream::with_writers)) take clones of one
/// sink, which share their knowledge of directories. [`Durability::Full`] needs that, as one
/// writer may rely on a directory that another one created.
///
/// **Errors at `close`** (NFS, quotas) are seen from [`Durability::File`] on only, as
/// [`std::fs::File`] cannot report them.
///
/// ```
/// use segment_stream::{DiskSink, Durability, Existing};
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
///
/// # fn main() -> std::io::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// # let root = directory.path();
/// let sink = DiskSink::rooted(root)
///     .durability(Durability::Full)
///     .existing(Existing::Refuse);
/// let (stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink)?;
/// sender.send(ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path("video/00000.ts"))?;
/// stream.finish()?;
/// assert_eq!(std::fs::read(root.join("video/00000.ts"))?.len(), 188);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct DiskSink {
    root: Option<Root>,
    durability: Durability,
    existing: Existing,
    pre_allocation: PreAllocation,
    /// Shared by clones, so that no writer relies on a directory that another one failed to sync.
    directories: Arc<Directories>,
    temps: TempFiles,
    committer: Committer,
}

/// Whether the length of a file is set before its content is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum PreAllocation {
    #[default]
    Off,
    On,
    /// It is set, and a failure was logged.
    Failed,
}

impl DiskSink {
    /// A sink that takes path hints as they are. Use [`rooted`](DiskSink::rooted) if hints come
    /// from elsewhere.
    ///
    /// Relative hints start at the current directory at the time of the write, which must be
    /// reachable by its absolute path.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that writes, reads and removes nothing outside `root`, whatever the hint says.
    ///
    /// A hint must be relative and name a file below the root. A hint is an error if it is empty,
    /// absolute, has a `..` in it, ends in `/` or `.`, or passes through a symbolic link below the
    /// root. The root itself may be a link, and is created if it is missing. On Windows each name
    /// must also be one that Windows keeps as it is: without a colon, without a dot or space at its
    /// end, and not that of a device (`nul`, `aux.ts`).
    ///
    /// A relative root is resolved here, so that a later change of the current directory does not
    /// move it. If the current directory is not known, each write is an error.
    ///
    /// **The limit.** The check of the path and the write are separate steps. A process that may
    /// write below the root can replace a directory by a symbolic link between them, and so lead a
    /// write outside. Only permissions prevent that: no other user should be able to write below
    /// the root.
    ///
    /// **Feature `confined`** removes this limit, for every rooted sink of the program and for
    /// [`sweep`](DiskSink::sweep). Directories are opened beneath the root without following links
    /// (`openat2`), and files are created, renamed, removed and read by these handles. Two limits
    /// remain. The root, and the directories above it, must not be replaceable. A directory that is
    /// moved out of the root, in the middle of a write, takes the file with it.
    ///
    /// The feature needs Linux 5.6 or later. A kernel or container without `openat2`, and every
    /// other system, is an error of kind [`Unsupported`](io::ErrorKind::Unsupported) from the first
    /// write: the sink never falls back to paths.
    ///
    /// **Recorders.** If the disk of the root may be unmounted, as a NAS may, a missing root would
    /// be created on the system disk. Use a directory below the mount point as the root, and
    /// [`root_must_exist`](DiskSink::root_must_exist).
    pub fn rooted(root: impl Into<PathBuf>) -> Self {
        Self {
            root: Some(Root::new(root.into())),
            ..Self::default()
        }
    }

    /// Does not create the root. If it is missing, each call is an error of kind
    /// [`NotFound`](io::ErrorKind::NotFound), and nothing is written. By default the root is
    /// created.
    ///
    /// The error is [transient](SinkError::is_transient), as the file system may be mounted again.
    /// The check is one system call before each write. It cannot tell an empty mount point;
    /// [`same_device`](DiskSink::same_device) can, once the device is known. Without a root there
    /// is no check.
    ///
    /// ```
    /// use segment_stream::{DiskSink, ProducedSegment, SegmentSink, WriteContext};
    ///
    /// # let directory = tempfile::tempdir().unwrap();
    /// let recordings = directory.path().join("nas/recordings");
    /// let mut sink = DiskSink::rooted(&recordings).root_must_exist();
    /// let segment = ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path("00000.ts");
    /// let error = sink.write(&segment, &WriteContext::default()).unwrap_err();
    /// assert_eq!(error.io_kind(), std::io::ErrorKind::NotFound);
    /// assert!(!recordings.exists());
    ///
    /// std::fs::create_dir_all(&recordings).unwrap();
    /// assert!(sink.write(&segment, &WriteContext::default()).is_ok());
    /// ```
    pub fn root_must_exist(mut self) -> Self {
        if let Some(root) = &mut self.root {
            root.must_exist();
        }
        self
    }

    /// Requires that the root stays on the device that it is on now, and that it
    /// [exists](DiskSink::root_must_exist). If the disk is unmounted or another one is mounted
    /// there, each call is a [transient](SinkError::is_transient) error of kind
    /// [`NotFound`](io::ErrorKind::NotFound). Unix only: elsewhere each call is an error of kind
    /// [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// If the root does not exist yet, its device is that of the first call that finds it. Clones
    /// share the device. A network file system that is mounted again may have another device
    /// number, and then needs a new sink. The check comes before the write, so a disk that is
    /// unmounted between the two is detected by the next write. Directories below the root may be
    /// on other devices.
    pub fn same_device(mut self) -> Self {
        if let Some(root) = &mut self.root {
            root.stays_on_its_device();
        }
        self
    }

    /// Sets the effect of a power cut; the default is [`Durability::None`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets the treatment of a regular file at the target; the default is [`Existing::Replace`].
    pub fn existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// Sets the length of each temp file before its content is written (`ftruncate`), as a hint to
    /// the file system. Off by default. A failure is logged once as a warning, and the file is
    /// written without it.
    ///
    /// Most file systems reserve nothing: a length of 100 MB succeeds on a disk of 1 MB, which is
    /// then full when the bytes come. Without [`Durability::File`] a power cut may leave a file of
    /// the right length and all zeros.
    pub fn pre_allocate(mut self) -> Self {
        self.pre_allocation = PreAllocation::On;
        self
    }

    /// Removes the temp files that killed processes left in `directory` and below it, and nothing
    /// else. Call it before a session starts, on the directory that the session will fill.
    ///
    /// A temp file of a living writer stays, even if the writer is in another process or
    /// container: a writer holds a lock on its file ([`File::lock`]), and only files that can be
    /// locked are removed. (Both must see the same locks: if a network or FUSE file system does
    /// not share them, sweep on the machine of the writers.) Symbolic links are not followed; with
    /// the feature `confined` this also holds for a directory that is replaced by a link during the
    /// sweep. If `directory` does not exist, nothing is swept and the result is `Ok`.
    ///
    /// The sweep goes on after a directory that cannot be read (`lost+found`, `.snapshot`) and
    /// after a temp file that cannot be removed. Each is logged and returned in [`Swept::errors`].
    /// Without locks, temp files in use cannot be told from others, so each stays and is such an
    /// error; the first one is logged. Some file systems have no locks, and the standard library
    /// has none on Android.
    ///
    /// # Errors
    ///
    /// `directory` exists and cannot be opened as a directory. Nothing was swept.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let directory = tempfile::tempdir()?;
    /// let swept = segment_stream::DiskSink::sweep(directory.path())?;
    /// assert!(swept.removed.is_empty() && swept.errors.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn sweep(directory: impl AsRef<Path>) -> Result<Swept, SinkError> {
        sweep::sweep(directory.as_ref())
    }

    fn target(&self, hint: &Path) -> Result<Target, SinkError> {
        let root = self.root.as_ref().map(Root::check).transpose()?;
        Target::resolve(root, hint)
            .map_err(|cause| SinkError::during("use the path hint", hint, cause))
    }

    fn create_temp<'a>(&mut self, target: &'a Target) -> Result<Temp<'a>, SinkError> {
        if self.durability == Durability::Full {
            self.create_directory(target)?;
        }
        let first = self.temps.create(target.open_directory());
        let created = match first {
            // Only if the directory is missing, and not for each segment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_directory(target)?;
                self.temps.create(target.open_directory())
            }
            result => result,
        };
        created.map_err(|cause| SinkError::during("create a temp file for", &target.path, cause))
    }

    fn create_directory(&self, target: &Target) -> Result<(), SinkError> {
        let (bounds, directory) = (&target.bounds, &target.directory);
        let given = self.root.as_ref().and_then(Root::is_given);
        match self.durability {
            Durability::Full => self.directories.create_durable(bounds, directory, given),
            Durability::None | Durability::File => directories::create(bounds, directory, given),
        }
    }

    fn store(&mut self, data: &[u8], target: &Target) -> Result<Committed, SinkError> {
        let temp = self.create_temp(target)?;
        if let Err(error) = self.fill(temp.as_file(), data, &target.path) {
            temp::discard(temp);
            return Err(error);
        }
        if self.durability != Durability::Full {
            return self.committer.commit(temp, target, self.existing);
        }
        let directory = match Syncable::open(temp.directory().clone()) {
            Ok(directory) => directory,
            Err(error) => {
                temp::discard(temp);
                return Err(error);
            }
        };
        let committed = self.committer.commit(temp, target, self.existing)?;
        match committed {
            Committed::Done => directory.sync()?,
            // There is no new name to sync.
            Committed::Gone => {}
        }
        Ok(committed)
    }

    /// Only logs: if the file cannot have this length, the write fails as well.
    fn log_failed_pre_allocation(&mut self, error: &io::Error) {
        if self.pre_allocation != PreAllocation::Failed {
            self.pre_allocation = PreAllocation::Failed;
            log(
                Level::Warn,
                format_args!("cannot pre-allocate ({error}): files are written without it"),
            );
        }
    }

    fn fill(&mut self, mut file: &File, data: &[u8], target: &Path) -> Result<(), SinkError> {
        if self.pre_allocation != PreAllocation::Off {
            // Never on the file with the final name, where a reader would see the zeros.
            if let Err(error) = file.set_len(data.len() as u64) {
                self.log_failed_pre_allocation(&error);
            }
        }
        file.write_all(data)
            .map_err(|cause| SinkError::during("write", target, cause))?;
        if self.durability != Durability::None {
            // A failed sync is final for this file: the kernel may drop the dirty pages, and the
            // next sync would succeed. A retry starts from memory, with a new file.
            platform::sync_file(file).map_err(|cause| SinkError::during("sync", target, cause))?;
        }
        Ok(())
    }
}

impl SegmentSink for DiskSink {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let Some(hint) = &segment.path_hint else {
            context.no_destination();
            return Ok(());
        };
        let target = self.target(hint)?;
        if self.durability == Durability::Full {
            platform::can_sync_directories()
                .map_err(|cause| SinkError::during("store", &target.path, cause))?;
        }
        for _ in 0..temp::TRIES {
            match self.store(&segment.data, &target)? {
                Committed::Done => return Ok(()),
                Committed::Gone => {}
            }
        }
        let cause = temp::always_swept();
        Err(SinkError::during("write", &target.path, cause))
    }

    /// Removes the file at this path hint, if it is a regular one. After a power cut it may exist
    /// again, with every [`Durability`].
    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        let target = self.target(path)?;
        commit::remove(&target)
    }

    /// Returns the content of the file at this path hint, if it is a regular one.
    fn read(&mut self, path: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        let target = self.target(path)?;
        read::read(&target, context.read_limit())
    }
}
