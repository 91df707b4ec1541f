//! The options of the disk sink.

/// The effect of a power cut on segments that were yielded as `Ok`.
///
/// While the power is on, all three are alike: a reader sees a whole file or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// No promise: the operating system writes when it likes. After a power cut a name may be
    /// missing, or name a file that is empty, cut or full of zeros. The default, and the fastest.
    #[default]
    None,
    /// The content is synced before the file gets its name. After a power cut the name may be
    /// missing, but a file that exists is whole. Errors that only a sync or a close reveals are
    /// reported, too.
    File,
    /// As `File`, and the directory is synced after the file got its name. After a power cut every
    /// file that was yielded as `Ok` exists and is whole.
    ///
    /// The names of directories that the sink created are synced as well. So are the names of
    /// directories that existed before, once for each; if one cannot be synced, a warning is
    /// logged. On a file system without birth times (ext4 with 128-byte inodes, many network file
    /// systems) a replaced directory is not recognisable, so the directories above are synced for
    /// each segment.
    ///
    /// Unix only: elsewhere each write is an error of kind
    /// [`Unsupported`](std::io::ErrorKind::Unsupported), and nothing is created.
    Full,
}

/// The treatment of a regular file that already exists at the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Existing {
    /// It is replaced atomically: a reader sees the old content or the new one. The default.
    #[default]
    Replace,
    /// The write is an error, so that a restarted session cannot overwrite a file that a playlist
    /// still names.
    Refuse,
}
