//! What a user may ask of the disk sink.

/// What survives a power cut once a segment was yielded as `Ok`.
///
/// None of it changes what a reader sees while the power is on: a whole file or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing is promised: the operating system writes in its own time. After a power cut a name may be
    /// missing, or name a file that is empty, cut or full of zeros. The default, and the fastest.
    #[default]
    None,
    /// The content is synced before the file gets its name: after a power cut the name may be
    /// missing, but a file that is there is whole. Errors that only a sync or a close reveals are
    /// reported from here on.
    File,
    /// Besides, the folder is synced after the file got its name, and so are the folders above every
    /// folder that the sink made: what was yielded as `Ok` is there after a power cut. (The names of
    /// folders that were there before are synced as well, once, where that can be done; where it
    /// cannot, a warning is logged.) On a file system that keeps no birth times (ext4 with 128-byte inodes, many
    /// network file systems) a folder cannot be told from one that takes its place, so the folders above are
    /// synced for each segment. Unix only; elsewhere every write is an error.
    Full,
}

/// What to do where the target already exists as a regular file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Existing {
    /// Replace it, atomically: a reader sees the old content or the new one. The default.
    #[default]
    Replace,
    /// Refuse, so that a session started again cannot overwrite what a playlist still names.
    Refuse,
}
