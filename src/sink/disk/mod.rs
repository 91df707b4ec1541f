//! The disk sink: whole files under their final names, or none.
//!
//! A segment goes through [`target`] (what may be written at all), [`folders`] (where it will
//! stand), [`temp`] (the file that nobody sees) and [`publish`] (its final name).

mod allocate;
mod folders;
mod policy;
mod publish;
mod root;
mod sweep;
mod target;
mod temp;

pub use allocate::pre_allocate_file;
pub use policy::{Durability, Existing};
pub use sweep::Swept;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::Level;
use tempfile::NamedTempFile;

use self::folders::{Folders, Syncable};
use self::publish::{Published, Publisher};
use self::root::Root;
use self::target::Target;
use self::temp::TempFiles;
use crate::error::SinkError;
use crate::internal::log::log as tell;
use crate::segment::ProducedSegment;
use crate::sink::{SegmentSink, WriteContext};

/// Writes each segment to the path in its hint; the sink behind
/// [`SegmentStream::new`](crate::SegmentStream::new).
///
/// **Never half.** The payload goes to a temp file in the target's own folder and is renamed when it
/// is whole, so that no reader ever sees part of it under its final name. Missing folders are made.
/// After an error no temp file is left; after a killed process [`DiskSink::sweep`] takes them.
///
/// **What stands at the target.** A regular file is replaced, or refused
/// ([`existing`](DiskSink::existing)). A folder, a FIFO, a device, a socket or a symbolic link is an
/// error and stays as it is; a link is neither followed nor replaced. (On a file system that cannot
/// rename without replacing, and whenever a regular file is replaced, the look and the rename are
/// two steps.)
///
/// **The new file** has mode 0666 less the umask. It is a new file: owner, ACL, extended attributes,
/// labels and hard links of the one that it replaces are not carried over, and who watches the
/// folder sees a move and no close.
///
/// **A segment without a path hint** has no destination: it passes as `Ok` and is counted apart.
///
/// **After an error** the file is not there, and no temp file is left; a folder that was made for it may
/// be. The one exception is a failed sync of the folder under [`Durability::Full`]: by then the file
/// has its name, whole, and only a power cut could still take it away. A file size limit (`ulimit -f`)
/// is an error only where the process ignores SIGXFSZ, which kills it otherwise.
///
/// **Several writers** ([`with_writers`](crate::SegmentStream::with_writers)) take clones of one sink, which
/// share what they know of folders. That is what [`Durability::Full`] needs, where one writer may rely on a
/// folder that another one made.
///
/// Without [`Durability::File`] an error that the system reveals only at `close` (NFS, quotas) goes
/// unseen, since [`std::fs::File`] has no way to report it.
///
/// ```
/// use segment_stream::{DiskSink, Durability, Existing};
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
///
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let root = folder.path();
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
    /// Shared by clones, so that one writer does not rely on a folder that another one failed to sync.
    folders: Arc<Folders>,
    temps: TempFiles,
    publisher: Publisher,
}

/// Whether the length of a file is set before it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum PreAllocation {
    #[default]
    Off,
    On,
    /// And that it failed was logged.
    Failed,
}

impl DiskSink {
    /// A sink that takes path hints as they are: relative ones from the current directory at the time of
    /// the write (which must be reachable by its absolute path), absolute ones from anywhere. Use [`rooted`](DiskSink::rooted) where hints come from elsewhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that writes nothing outside `root`, whatever the hint says.
    ///
    /// A hint must be relative and name a file below the root: a hint that is empty, absolute, has a
    /// `..` in it, ends in `/` or `.`, or passes through a symbolic link below the root, is an error.
    /// The root itself may be a link, and is made if it is missing.
    ///
    /// A relative root is resolved here, so that a later change of the current directory does not move it. If
    /// the current directory is not known, each write is an error.
    ///
    /// **The limit.** The look at the path and the write are separate steps. A process that may write below the
    /// root can replace a directory by a symbolic link between them, and so lead a write outside. Only
    /// permissions prevent that: nobody else should be able to write below the root.
    ///
    /// **Recorders.** If the root is on a disk that may be unmounted, such as a NAS, a missing root would be
    /// made on the system disk. Take a directory below the mount point as the root, and
    /// [`root_must_exist`](DiskSink::root_must_exist) with it.
    pub fn rooted(root: impl Into<PathBuf>) -> Self {
        Self {
            root: Some(Root::new(root.into())),
            ..Self::default()
        }
    }

    /// Does not make the root: if it is missing, each write and removal is an error of kind
    /// [`NotFound`](io::ErrorKind::NotFound), and nothing is written. By default it is made.
    ///
    /// The error [may heal](SinkError::may_heal), as the file system may be mounted again. The look is one call
    /// before each write. It does not see that a mount point is empty; [`same_device`](DiskSink::same_device)
    /// does, from the time on that the device is known. A sink without a root has none to look at.
    ///
    /// ```
    /// use segment_stream::{DiskSink, ProducedSegment, SegmentSink, WriteContext};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let recordings = folder.path().join("nas/recordings");
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

    /// Demands that the root stays on the device that it is on now, and that it
    /// [exists](DiskSink::root_must_exist). If another file system stands there, because the disk was unmounted
    /// or another one was mounted, each write and removal is an error of kind
    /// [`NotFound`](io::ErrorKind::NotFound), which may heal. Unix only: elsewhere there is no such function.
    ///
    /// If the root does not exist yet, its device is that of the first write that finds it. Clones share the
    /// device. A network file system that is mounted again may have another device number, and then it takes a
    /// new sink. The look comes before the write, so a disk that is unmounted between the two is seen by the
    /// next write. Directories below the root may be on other devices.
    #[cfg(unix)]
    pub fn same_device(mut self) -> Self {
        if let Some(root) = &mut self.root {
            root.stays_on_its_device();
        }
        self
    }

    /// What survives a power cut; the default is [`Durability::None`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// What to do with a regular file at the target; the default is [`Existing::Replace`].
    pub fn existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// Sets the length of each temp file before it is written (`ftruncate`), as a hint to the file
    /// system. By default it is not done. If it fails, a warning is logged once and the file is written
    /// without it.
    ///
    /// It reserves nothing on most file systems: a length of 100 MB succeeds on a disk of 1 MB, and
    /// the disk is full all the same when the bytes come. And without [`Durability::File`] a power cut may
    /// leave a file of the right length and all zeros.
    pub fn pre_allocate(mut self) -> Self {
        self.pre_allocation = PreAllocation::On;
        self
    }

    /// Removes the temp files that killed processes left in `folder` and the folders below it, and
    /// nothing else. Call it before a session starts, on the folder that it is going to fill.
    ///
    /// A temp file that a living writer is using stays, be the writer in this process, in another
    /// one or in another container: a writer holds a lock on it ([`File::lock`]), and only what can
    /// be locked is removed. (Locks must mean the same to both: on a network or FUSE file system that
    /// keeps them to itself, sweep from where the writers are.) Symbolic links are not followed. A
    /// folder that does not exist is as good as swept.
    ///
    /// A folder below that cannot be read (`lost+found`, `.snapshot`), or a temp file that cannot be removed,
    /// stops nothing: it is logged, and returned in [`Swept::errors`]. On a file system without locks a
    /// temp file cannot be told from one in use, so it stays and is such an error.
    ///
    /// # Errors
    ///
    /// `folder` itself is there and cannot be opened as a folder, so that nothing was swept.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// let swept = segment_stream::DiskSink::sweep(folder.path())?;
    /// assert!(swept.removed.is_empty() && swept.errors.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn sweep(folder: impl AsRef<Path>) -> Result<Swept, SinkError> {
        sweep::sweep(folder.as_ref())
    }

    fn target(&self, hint: &Path) -> Result<Target, SinkError> {
        let root = self.root.as_ref().map(Root::check).transpose()?;
        Target::resolve(root, hint)
            .map_err(|cause| SinkError::during("use the path hint", hint, cause))
    }

    fn create_temp(&mut self, target: &Target) -> Result<NamedTempFile<File>, SinkError> {
        let folder = &target.folder;
        if self.durability == Durability::Full {
            self.make_folder(folder)?;
        }
        let first = self.temps.create(folder);
        let created = match first {
            // Folders are made only where opening fails for want of one, not for every segment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_folder(folder)?;
                self.temps.create(folder)
            }
            result => result,
        };
        created.map_err(|cause| SinkError::during("create a temp file for", &target.path, cause))
    }

    fn make_folder(&self, folder: &Path) -> Result<(), SinkError> {
        let given = self.root.as_ref().and_then(Root::is_given);
        match self.durability {
            Durability::Full => self.folders.make_durable(folder, given),
            Durability::None | Durability::File => folders::make(folder, given),
        }
    }

    fn store(&mut self, data: &[u8], target: &Target) -> Result<Published, SinkError> {
        let temp = self.create_temp(target)?;
        if let Err(error) = self.fill(temp.as_file(), data, &target.path) {
            temp::discard(temp);
            return Err(error);
        }
        if self.durability != Durability::Full {
            return self.publisher.publish(temp, target, self.existing);
        }
        let folder = match Syncable::open(&target.folder) {
            Ok(folder) => folder,
            Err(error) => {
                temp::discard(temp);
                return Err(error);
            }
        };
        let published = self.publisher.publish(temp, target, self.existing)?;
        match published {
            Published::Done => folder.sync()?,
            // There is no new name to sync.
            Published::Gone => {}
        }
        Ok(published)
    }

    /// It was a hint. What keeps the file from having this length keeps the write from succeeding too.
    fn tell_of_failed_pre_allocation(&mut self, error: &io::Error) {
        if self.pre_allocation != PreAllocation::Failed {
            self.pre_allocation = PreAllocation::Failed;
            tell(
                Level::Warn,
                format_args!("cannot pre-allocate ({error}): files are written without it"),
            );
        }
    }

    fn fill(&mut self, mut file: &File, data: &[u8], target: &Path) -> Result<(), SinkError> {
        if self.pre_allocation != PreAllocation::Off {
            // On the temp file and never on the final name, where a reader would see the zeros.
            if let Err(error) = file.set_len(data.len() as u64) {
                self.tell_of_failed_pre_allocation(&error);
            }
        }
        file.write_all(data)
            .map_err(|cause| SinkError::during("write", target, cause))?;
        if self.durability != Durability::None {
            // A failed sync is final for this file: the kernel may forget the dirty pages and call
            // the next sync a success. Whoever tries again starts from memory, with a new file.
            file.sync_all()
                .map_err(|cause| SinkError::during("sync", target, cause))?;
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
        for _ in 0..temp::TRIES {
            match self.store(&segment.data, &target)? {
                Published::Done => return Ok(()),
                Published::Gone => {}
            }
        }
        let cause = temp::always_swept();
        Err(SinkError::during("write", &target.path, cause))
    }

    /// Removes the file at this path hint, if it is a regular one. No [`Durability`] makes that survive
    /// a power cut.
    fn remove(&mut self, path: &Path) -> Result<(), SinkError> {
        let target = self.target(path)?;
        publish::withdraw(&target.path)
    }
}
