//! The publisher of a media playlist.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::config::MediaPlaylist;
use super::date_ranges::DateRanges;
use super::format::Hls;
use super::multivariant::sealed::Sealed;
use super::multivariant::{Measured, Rendition, Shared};
use super::previous::Previous;
use super::setup::{Setup, read_state};
use super::tags::{TagError, TagErrorKind};
use crate::presentation::config::Dates;
use crate::presentation::enter::OTHER_RANGE;
use crate::presentation::error::{PublishError, ResumeError};
use crate::presentation::item::Item;
use crate::presentation::limit::Usage;
use crate::presentation::origin::{Destination, Origin, OriginHandle};
use crate::presentation::publisher::{Handle, Pushed};
use crate::sink::{SegmentSink, WriteContext};

/// Publishes a media playlist of the segments that a [`SegmentStream`](crate::SegmentStream)
/// yields, through a [`SegmentSink`] on the pushing thread or to an [`Origin`].
///
/// Push every item, `Ok` or `Err`, in the order of the iteration. Each push publishes a live or
/// EVENT playlist, whole and atomically, through a sink that belongs to the publisher alone. A VOD
/// playlist is published by [`finish`](MediaPlaylistPublisher::finish). The iteration yields a
/// segment once it is stored, so the playlist never names a missing file.
///
/// A segment that was not written, or that cannot be listed, becomes one or more gaps (EXT-X-GAP)
/// of its duration, and a [`Notice`](super::Notice). After a failed publication the next push
/// publishes everything. On a full disk a push deletes due files and writes again, see
/// [`Retention::Delete`](super::Retention::Delete).
///
/// The publisher counts media sequence numbers by itself, starting at the `sequence` of the first
/// media segment.
///
/// Items of [`with_info`](crate::SegmentStream::with_info) bring what the producer said about the
/// segment: discontinuities, dates, keys, event lines and exact media times
/// ([`SegmentInfo`](crate::SegmentInfo)). What a lost segment brought holds for its gap, or for the
/// next segment if it has none of its own.
///
/// Several playlists of the same content belong to one [`Presentation`](super::Presentation).
///
/// ```
/// use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher};
/// use segment_stream::{DiskSink, ProducedSegment, SegmentStream, SegmentStreamConfig};
/// use std::time::Duration;
///
/// fn main() -> std::io::Result<()> {
///     let root = std::env::temp_dir().join("segment-stream-live");
///     let playlist = MediaPlaylist::live("live.m3u8", Duration::from_secs(20))
///         .target_duration(Duration::from_secs(2)); // No segment will ever be longer.
///     let segments = playlist.reserve(DiskSink::rooted(&root));
///     let mut publisher = MediaPlaylistPublisher::new(playlist, DiskSink::rooted(&root))?;
///
///     let config = SegmentStreamConfig::default();
///     let (mut stream, sender) = SegmentStream::with_sink(config, segments)?;
///     for number in 0..3 {
///         let path = format!("{number:05}.ts");
///         sender.send(ProducedSegment::media(number, vec![0x47; 188], 2.0).with_path(path))?;
///     }
///     drop(sender);
///     for item in &mut stream {
///         publisher.push(&item)?;
///     }
///     publisher.finish()?;
///
///     let text = std::fs::read_to_string(root.join("live.m3u8"))?;
///     assert!(text.ends_with("#EXTINF:2.000000,\n00002.ts\n#EXT-X-ENDLIST\n"));
/// #   std::fs::remove_dir_all(root)?;
///     Ok(())
/// }
/// ```
#[must_use = "a playlist that is dropped may lack what was not published"]
pub struct MediaPlaylistPublisher<D: Destination> {
    pub(super) handle: Handle<Hls, D::Sink>,
}

impl<D: Destination> MediaPlaylistPublisher<D> {
    pub(super) fn of(handle: Handle<Hls, D::Sink>) -> Self {
        Self { handle }
    }

    /// A publisher of a new playlist. The first push replaces an old playlist of the same name, and
    /// its side file. The parts of an old side file stay, unless
    /// [`take_over`](MediaPlaylistPublisher::take_over) reads them.
    ///
    /// # Errors
    ///
    /// - The playlist's path or base URL is invalid ([`InvalidInput`](io::ErrorKind::InvalidInput),
    ///   as the next two).
    /// - A playlist other than VOD has no [`target_duration`](MediaPlaylist::target_duration), or
    ///   its [start](MediaPlaylist::start) is within three target durations of its end.
    /// - A limit does not fit its kind.
    /// - The thread of an [`Origin`] cannot be started.
    pub fn new(playlist: MediaPlaylist, destination: D) -> io::Result<Self> {
        playlist.check_target_duration()?;
        let handle = Setup::new(playlist.clone()).rendition(playlist, destination.route())?;
        Ok(Self::of(handle))
    }

    /// A publisher that resumes an existing playlist.
    ///
    /// - Its numbers continue, and a discontinuity marks the seam.
    /// - Its segments stay listed. Pending deletions, also those of its side file, are carried out
    ///   in due time, counted anew.
    /// - Its target duration, version and kind win; a target duration need not be given.
    ///
    /// The initialisation segment and the keys of its last segment stay in force until others
    /// replace them. Send the initialisation segment first, as every session does. End keys that
    /// no longer apply (`#EXT-X-KEY:METHOD=NONE`). A key without an IV of its own keeps using that
    /// of each segment's number.
    ///
    /// # Errors
    ///
    /// The playlist is empty, truncated, ended, of another publisher, or contradicts the
    /// configuration; or its side file cannot be read; or the thread of an [`Origin`] cannot be
    /// started. [`ResumeErrorKind`](super::ResumeErrorKind) has the kinds. Nothing was changed.
    pub fn resume(
        playlist: MediaPlaylist,
        destination: D,
        previous: &Previous,
    ) -> Result<Self, ResumeError> {
        let setup = Setup::new(playlist.clone());
        let handle = setup.resume(playlist, destination.route(), previous)?;
        Ok(Self::of(handle))
    }

    /// Takes over the pending deletions of an earlier playlist of the same name that has ended or
    /// cannot be resumed.
    ///
    /// The segments that the old playlist lists are kept. If [`SegmentNames`](super::SegmentNames)
    /// named them in the same directories, a later [`Previous::with_orphans`] would take them for
    /// orphans.
    ///
    /// # Errors
    ///
    /// The side file cannot be read ([`State`](super::ResumeErrorKind::State)).
    pub fn take_over(self, previous: &Previous) -> Result<Self, ResumeError> {
        let Some(text) = &previous.state else {
            return Ok(self);
        };
        let now = self.handle.now();
        let rendition = self.handle.rendition();
        let mut core = self.handle.core();
        let config = &core.format.playlists[rendition].config;
        let mut state = read_state(text, &config.state_path(), previous)?;
        // After a crash the side file may name files that the standing, older playlist still
        // lists.
        previous.spare_listed(config, &mut state);
        core.take_over(rendition, state, now);
        drop(core);
        Ok(self)
    }

    /// Uses this clock for retention and for the time limit of deletions. It returns the time
    /// since some moment in the past and never goes back. For tests and simulations; the default
    /// is the system's monotonic clock.
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.handle.set_clock(Arc::new(clock));
        self
    }

    /// Uses this wall clock for dates that
    /// [follow it](MediaPlaylist::program_date_time_by_clock), and for the dates until which clips
    /// are kept. The default is the system's clock.
    pub fn with_wall_clock(
        mut self,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        self.handle.set_wall_clock(Arc::new(clock));
        self
    }

    /// The media sequence number of the next media segment in the playlist. After a
    /// [`resume`](MediaPlaylistPublisher::resume), continue with this `sequence`.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.handle.next_sequence()
    }

    /// Enters an item of the iteration, and publishes the playlist unless it is a VOD one. Then
    /// deletes due files, also after an `Err` item or a failed publication.
    ///
    /// It takes the items of a plain `for`, and those of
    /// [`with_info`](crate::SegmentStream::with_info).
    ///
    /// # Errors
    ///
    /// - The playlist or its side file was not written, or that of another rendition which this
    ///   push settled; the old one is unchanged. The item is entered all the same: do not push it
    ///   again. At an [`Origin`] a push hands the playlist over and does not wait: it fails if it
    ///   was not taken, and a version that was not published later is a
    ///   [`Notice::NotPublished`](super::Notice::NotPublished) of the next push.
    /// - The playlist has ended, or its numbers are used up (2^53). The item is not entered.
    pub fn push(&mut self, item: &impl Item) -> Result<Pushed, PublishError> {
        self.handle.push(item)
    }

    /// Marks a discontinuity before the next segment (EXT-X-DISCONTINUITY): another encoder, other
    /// tracks, a jump of the timestamps.
    pub fn discontinuity(&mut self) {
        let rendition = self.handle.rendition();
        let mut core = self.handle.core();
        core.renditions[rendition].next.starts_discontinuity = true;
    }

    /// Marks a discontinuity, and sets the date of the next segment in a playlist with dates.
    ///
    /// Dates never go back. A date before the end of the last segment counts as that end; before
    /// the first segment, the configured first date is the lower bound. Of several calls before
    /// one segment the last one counts.
    pub fn discontinuity_at(&mut self, date: SystemTime) {
        let rendition = self.handle.rendition();
        let mut core = self.handle.core();
        let is_dated = core.settings.dates != Dates::None;
        let next = &mut core.renditions[rendition].next;
        next.starts_discontinuity = true;
        if is_dated {
            next.date = Some(date);
        }
    }

    /// The date ranges of the playlist, and of its presentation: a handle for any thread.
    #[must_use]
    pub fn date_ranges(&self) -> DateRanges {
        DateRanges::of(self.handle.shared())
    }

    /// Adds lines before the next segment: custom tags, comments, EXT-X-DATERANGE.
    ///
    /// A date range that is given here leaves with its segment, and other renditions do not list
    /// it. [`date_ranges`](MediaPlaylistPublisher::date_ranges) keeps and shares ranges.
    ///
    /// EXT-X-KEY lines, for segments that are encrypted already, apply to all segments from the
    /// next one on, until others replace them. Give all keys that apply together in one call.
    /// Initialisation segments are assumed to be in the clear: the publisher ends the keys before
    /// it names one (EXT-X-MAP).
    ///
    /// A key without an IV implies one for each segment: the number that it was encrypted with
    /// (RFC 8216 §5.2). The publisher counts by itself, so that number may differ from the one in
    /// the playlist. Each segment therefore gets a line of its own, with the IV that its
    /// `sequence` implies. This holds for keys of the format `identity`, and for METHOD=AES-128 in
    /// any format. A key with an IV is written once.
    ///
    /// # Errors
    ///
    /// - A line is not a single line, does not begin with `#`, or is a tag that the publisher
    ///   writes itself.
    /// - A tag needs dates or a version that the playlist does not have.
    /// - A date range contradicts that of the same id in [`DateRanges`].
    /// - A key is not an attribute list with a METHOD, has no URI although its METHOD is not NONE,
    ///   or has an IV of more than 128 bits.
    ///
    /// After an error none of the lines is taken.
    pub fn tag_next<'a>(
        &mut self,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), TagError> {
        // The iterator is the caller's, so it runs without the lock.
        let lines: Vec<&str> = lines.into_iter().collect();
        let rendition = self.handle.rendition();
        let mut core = self.handle.core();
        let is_dated = core.has_date(rendition);
        let mut sorted = core.format.sort(rendition, lines, is_dated)?;
        let contradicts = |line: &&String| core.contradicts_a_range(line);
        if let Some(line) = sorted.tags.iter().find(contradicts) {
            return Err(TagError::new(line, TagErrorKind::DateRange, OTHER_RANGE));
        }
        let next = &mut core.renditions[rendition].next;
        if !sorted.keys.is_empty() {
            next.keys = Arc::new(sorted.keys);
        }
        next.lines.append(&mut sorted.tags);
        Ok(())
    }

    /// Ends the playlist (EXT-X-ENDLIST) and publishes it. After an error it may be called again.
    ///
    /// In a [`Presentation`](super::Presentation) the playlist ends when all that was pushed to it
    /// is listed. If other renditions have not told about it yet, the thread of one of them
    /// publishes the end. If another thread publishes this playlist just now, the call waits for
    /// that.
    ///
    /// At an [`Origin`] it waits until the playlist is published and no earlier version can take
    /// its place, or the last retry has failed. [`finish_timeout`](Self::finish_timeout) bounds
    /// that.
    ///
    /// Pending deletions wait for their time, see
    /// [`delete_due`](MediaPlaylistPublisher::delete_due).
    ///
    /// # Errors
    ///
    /// - The playlist was not written ([`Sink`](super::PublishErrorKind::Sink)).
    /// - At an [`Origin`]: the publisher thread ended before the playlist was published for certain
    ///   ([`TimedOut`](super::PublishErrorKind::TimedOut)).
    /// - No segment was ever pushed ([`Invalid`](super::PublishErrorKind::Invalid)).
    pub fn finish(&mut self) -> Result<Pushed, PublishError> {
        self.handle.finish()
    }

    /// Publishes pending changes without ending the playlist, so that another session can
    /// [`resume`](MediaPlaylistPublisher::resume) it. At an [`Origin`] it waits as
    /// [`finish`](MediaPlaylistPublisher::finish) does. Without a pushed segment it does nothing.
    ///
    /// # Errors
    ///
    /// - The playlist or its side file was not written.
    /// - A VOD playlist cannot be suspended ([`Invalid`](super::PublishErrorKind::Invalid)).
    pub fn suspend(self) -> Result<Pushed, PublishError> {
        self.handle.suspend()
    }

    /// Deletes all due files, each tried once. Blocks until all are tried, whereas a push deletes
    /// at most 16 files, for about 250 ms. A file that cannot be deleted stays due and is reported
    /// as [`Notice::NotDeleted`](super::Notice::NotDeleted).
    ///
    /// Call it after the end and in pauses. After the end only the clock counts, because no more
    /// media comes. The side file is deleted as soon as no file waits; if that fails, it is
    /// reported as well, and the next call tries again.
    pub fn delete_due(&mut self) -> Pushed {
        self.handle.delete_due()
    }

    /// The bytes that the playlist has at its destination, with those of the other renditions of
    /// its presentation, and their limit. Cheap.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.handle.core().usage()
    }

    /// The files that no playlist names and that wait for deletion. The side file is not one of them.
    pub fn waiting_for_deletion(&self) -> impl Iterator<Item = PathBuf> + use<D> {
        self.handle.waiting_for_deletion().into_iter()
    }
}

impl<S: SegmentSink> MediaPlaylistPublisher<S> {
    /// Writes the side file through a sink of its own, so that a server need not store it. By
    /// default it is written through the publisher's sink.
    ///
    /// In a [`Presentation`](super::Presentation) of several renditions give each one such a sink,
    /// because any of them may write the side files of the others.
    pub fn with_state_sink(mut self, sink: impl SegmentSink + 'static) -> Self {
        self.handle.set_state_sink(Box::new(sink));
        self
    }

    /// The context of every call to the sink: its deadline and its shutdown. By default the
    /// deadline is one target duration after each call began, because the next version is due by
    /// then.
    pub fn with_context(mut self, context: WriteContext) -> Self {
        self.handle.set_context(context);
        self
    }
}

impl<S: SegmentSink + 'static> MediaPlaylistPublisher<Origin<S>> {
    /// The publisher thread, for health checks on any thread.
    ///
    /// ```
    /// use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Origin};
    /// use segment_stream::{ProducedSegment, sink};
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let playlist = MediaPlaylist::live("live.m3u8", Duration::from_secs(20))
    ///     .target_duration(Duration::from_secs(2));
    /// let sink = sink::from_fn(|_| Ok(())); // An upload.
    /// let mut publisher = MediaPlaylistPublisher::new(playlist, Origin::new(sink))?;
    /// let handle = publisher.handle();
    /// publisher.push(&Ok(ProducedSegment::media(0, vec![0x47], 2.0).with_path("0.ts")))?;
    /// publisher.finish()?;
    /// let health = handle.health();
    /// assert!(health.is_running && !health.is_overdue && health.failures == 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn handle(&self) -> OriginHandle {
        let port = self.handle.port().cloned();
        OriginHandle { port }
    }

    /// Ends the playlist (EXT-X-ENDLIST), publishes it, ends the publisher thread, and blocks no
    /// longer than `timeout`.
    ///
    /// Pauses that would outlast the time are cut short. In the last tenth of it, at most 250 ms,
    /// the sink sees a [shutdown](crate::WriteContext::is_shutting_down). A sink that still hangs
    /// at the end is left to itself: its thread ends when it returns. Pending deletions stay in the
    /// side file, for a later session to [take over](Self::take_over).
    ///
    /// In a [`Presentation`](super::Presentation) whose other renditions have not told about the
    /// end yet, it does not wait: one of them publishes the end.
    ///
    /// # Errors
    ///
    /// - No segment was ever pushed ([`Invalid`](super::PublishErrorKind::Invalid)).
    /// - The playlist was not published, or the [`finish`](SegmentSink::finish) of its sink failed
    ///   ([`Sink`](super::PublishErrorKind::Sink)).
    /// - The time was over before that was certain
    ///   ([`TimedOut`](super::PublishErrorKind::TimedOut)). The playlist may be published all the
    ///   same, or an earlier version may still take its place.
    pub fn finish_timeout(self, timeout: Duration) -> Result<Pushed, PublishError> {
        self.handle.finish_timeout(timeout)
    }
}

impl<D: Destination> Rendition for MediaPlaylistPublisher<D> {}

impl<D: Destination> Sealed for MediaPlaylistPublisher<D> {
    fn path(&self) -> &Path {
        self.handle.path()
    }

    fn shared(&self) -> Option<Shared> {
        let rendition = self.handle.rendition();
        let core = self.handle.core();
        let publication = &core.publications[core.publication_of(rendition)];
        let was_published = publication.has_landed();
        Some(Shared {
            target_secs: core.settings.target_secs.filter(|_| was_published)?,
            has_dates: core.settings.dates != Dates::None,
            discontinuities: core.renditions[rendition].discontinuities(),
            start: core.format.playlists[rendition].config.start,
        })
    }

    fn measured(&self) -> Option<Measured> {
        let core = self.handle.core();
        let bitrate = core.renditions[self.handle.rendition()].bitrate.as_ref();
        bitrate.and_then(Measured::of)
    }
}

impl<D: Destination> fmt::Debug for MediaPlaylistPublisher<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaPlaylistPublisher")
            .field("path", &self.handle.path())
            .field("next_sequence", &self.next_sequence())
            .field("is_unpublished", &self.handle.is_unpublished())
            .finish_non_exhaustive()
    }
}
