//! Whether files are deleted once no manifest names them.

use std::time::Duration;

/// Whether segments that have left the manifest are kept or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retention {
    /// Segments are kept. For recorders.
    Keep,
    /// Segments are deleted through the publisher's sink, only when no client can still need them.
    ///
    /// A segment begins to wait when a manifest without it was published. Its own duration plus
    /// that of the longest manifest that listed it must pass (RFC 8216 §6.2.2), both in media time
    /// and on the clock. Then `margin` must pass on the clock, for caches that serve an old
    /// manifest.
    ///
    /// A name must not be reused while
    /// [`waiting_for_deletion`](crate::hls::MediaPlaylistPublisher::waiting_for_deletion) lists
    /// it: the new file could be stored just before the old one's deletion is due. After a restart
    /// the list may contain files that are deleted already.
    /// [`SegmentNames`](crate::hls::SegmentNames) never gives a name twice.
    ///
    /// Names must differ in more than their case if the file system ignores it, as those of Windows
    /// and macOS do: retention takes `A.ts` and `a.ts` for two files, and deletes either.
    ///
    /// A ring of names must be longer than three numbers together: the listed segments, the
    /// segments that wait for deletion, and the stream's `channel_depth`. A segment is stored
    /// before it is pushed, so the depth counts.
    ///
    /// A push with a name that is still needed returns
    /// [`Notice::NameReused`](crate::hls::Notice::NameReused). It cancels the pending deletion, and
    /// the name waits anew once the new segment has slid out. From then on deletions are held back
    /// for eight pushes, the default `channel_depth`, so that a new file that is stored and not yet
    /// pushed is not deleted. Up to eight files may be lost before the first reuse is pushed, and
    /// more if the stream is deeper.
    ///
    /// A push deletes at most 16 files, for about 250 ms. If no space or quota is left, it deletes
    /// due files and writes again. It stops when the manifest is published, no file is due, or two
    /// seconds have passed. If no file is due, that is logged, and a later push publishes as soon
    /// as there is space. A file that a published manifest names is never deleted.
    Delete {
        /// The extra time on the clock, after the time that the standard asks for.
        margin: Duration,
    },
}
