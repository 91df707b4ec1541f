//! Publishes a media playlist of what the iterator yields.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use log::Level;

use super::config::{Kind, MediaPlaylist, Retention as Policy};
use super::entry::Retired;
use super::error::{PublishError, PublishErrorKind, ResumeError};
use super::notice::{Notice, NoticeLog};
use super::playlist::{NUMBERS_END, Playlist};
use super::previous::Previous;
use super::read::read;
use super::render::render;
use super::retention::{Moment, Published, Retention, State};
use super::tags::TagError;
use super::texts::Texts;
use crate::error::{SinkError, WriteError};
use crate::internal::log::log as tell;
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};

/// How much deleting one push does. What is left over is done by the next ones.
const DELETIONS_A_PUSH: usize = 16;
const DELETING_A_PUSH: Duration = Duration::from_millis(250);

/// Publishes a media playlist of the segments that a [`SegmentStream`](crate::SegmentStream) yields.
///
/// Push every item, `Ok` or `Err`, in the order of the iteration. A live or EVENT playlist is published
/// whole and at once by each push, through a sink that the publisher has for itself; a VOD playlist by
/// [`finish`](MediaPlaylistPublisher::finish). Since the iteration yields a segment once it is stored,
/// the playlist never names what is not there.
///
/// What was not written, or cannot be listed, becomes one or more gaps (EXT-X-GAP) of its duration, and
/// a [`Notice`]. What could not be published is published by the next push.
///
/// The publisher counts media sequence numbers by itself, from the first media segment's `sequence` on.
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
///     let (mut stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), segments)?;
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
pub struct MediaPlaylistPublisher<S: SegmentSink> {
    sink: S,
    playlist: Playlist,
    /// `None` where everything stays.
    retention: Option<Retention>,
    written_state: Vec<u8>,
    published: Published,
    texts: Texts,
    is_unpublished: bool,
    /// Where everything is kept there is no side file, and one that an earlier session left would be taken
    /// for this one's.
    may_have_old_state: bool,
    notice_log: NoticeLog,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// What renditions of the same content must have in common (RFC 8216 §6.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    pub(super) target_secs: u64,
    pub(super) has_dates: bool,
    pub(super) discontinuities: u64,
}

/// What a push did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pushed {
    /// What the playlist has coped with. It is logged as well.
    pub notices: Vec<Notice>,
}

impl<S: SegmentSink> MediaPlaylistPublisher<S> {
    /// A publisher of a new playlist. An old one of the same name is replaced by the first push.
    ///
    /// # Errors
    ///
    /// The playlist's path or base URL cannot be one, or a live or EVENT playlist has no
    /// [`target_duration`](MediaPlaylist::target_duration) ([`InvalidInput`](io::ErrorKind::InvalidInput)).
    pub fn new(playlist: MediaPlaylist, sink: S) -> io::Result<Self> {
        playlist.validate()?;
        playlist.check_target_duration()?;
        Ok(Self::start(playlist, sink))
    }

    fn start(playlist: MediaPlaylist, sink: S) -> Self {
        let retention = match playlist.retention {
            Policy::Keep => None,
            Policy::Delete { margin } => Some(Retention::new(margin)),
        };
        let start = Instant::now();
        let may_have_old_state = retention.is_none();
        Self {
            sink,
            playlist: Playlist::new(playlist),
            retention,
            written_state: Vec::new(),
            published: Published::default(),
            texts: Texts::default(),
            is_unpublished: false,
            may_have_old_state,
            notice_log: NoticeLog::default(),
            clock: Box::new(move || start.elapsed()),
        }
    }

    /// A publisher that goes on with an existing playlist: its numbers continue, a discontinuity marks
    /// the seam, what it lists stays listed, and what it and its side file still have to delete is
    /// deleted in due time, counted anew. Its target duration, version and kind win; a target duration need
    /// not be given.
    ///
    /// The initialisation segment and the keys that its last segment has hold until others come. So send the
    /// initialisation segment first, as every session does, and end keys that do not hold any more
    /// (`#EXT-X-KEY:METHOD=NONE`). A key that had no IV of its own goes on with that of each segment's number.
    ///
    /// # Errors
    ///
    /// The playlist is empty, cut, ended, of another publisher, or contradicts what is asked for; or
    /// its side file cannot be read. Nothing was touched.
    pub fn resume(
        playlist: MediaPlaylist,
        sink: S,
        previous: &Previous,
    ) -> Result<Self, ResumeError> {
        let (path, state_path) = (playlist.path.clone(), playlist.state_path());
        let refuse = |why: String| ResumeError::new(&path, why);
        let read = read(&previous.playlist, playlist.clone()).map_err(refuse)?;
        let state = match &previous.state {
            None => State::default(),
            Some(text) => State::read(text).map_err(|why| ResumeError::new(&state_path, why))?,
        };
        let is_valid = playlist.validate();
        is_valid.map_err(|error| refuse(error.to_string()))?;
        let mut publisher = Self::start(playlist, sink);
        let number = read.next_number().unwrap_or_default();
        if number < state.published.number {
            return Err(refuse(
                "it is cut: segments that were published are missing".into(),
            ));
        }
        if !state.texts.may_be(&previous.playlist) {
            return Err(refuse(
                "it is cut, or not the one that its side file is of".into(),
            ));
        }
        publisher.texts = Texts::only(&previous.playlist);
        publisher.may_have_old_state &= previous.state.is_some();
        publisher.playlist = read;
        publisher.playlist.was_listed_for(state.published.longest);
        publisher.published = Published {
            number,
            longest: publisher.playlist.longest_published,
        };
        if let Some(retention) = &mut publisher.retention {
            let strays = previous.strays.iter().map(|file| Retired {
                file: file.clone(),
                stays: 0,
            });
            retention.add(strays.collect(), Moment::default());
            retention.add(state.retired, Moment::default());
            retention.spare(|file| publisher.playlist.names(file));
        }
        Ok(publisher)
    }

    /// Takes over what an earlier playlist of the same name, which has ended or is given up, still has to
    /// delete. For a new playlist in the place of one that is not gone on with; what the old one lists
    /// stays. (Where that was written by [`SegmentNames`](super::SegmentNames) into the same folders, a later
    /// [`Previous::with_strays`] would take it for strays.)
    ///
    /// # Errors
    ///
    /// Its side file cannot be read.
    pub fn take_over(mut self, previous: &Previous) -> Result<Self, ResumeError> {
        let state = match &previous.state {
            None => return Ok(self),
            Some(text) => State::read(text)
                .map_err(|why| ResumeError::new(self.playlist.config.state_path(), why))?,
        };
        let since = Moment {
            media: self.playlist.media_time,
            clock: (self.clock)(),
        };
        // After a crash they may be noted already, though the playlist that stands is the one before.
        let mut retired = state.retired;
        retired.retain(|it| !previous.lists(&self.playlist.config, &it.file));
        if let Some(retention) = &mut self.retention {
            retention.add(retired, since);
        }
        Ok(self)
    }

    /// Uses this clock for retention, and for how long one push deletes: the time since some moment in the
    /// past, which never goes back. For tests and simulations; by default it is the system's monotonic clock.
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        if let Some(retention) = &mut self.retention {
            retention.begin_at(clock());
        }
        self.clock = Box::new(clock);
        self
    }

    /// The media sequence number that the next media segment will have in the playlist. After a
    /// [`resume`](MediaPlaylistPublisher::resume), the `sequence` to go on with.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.playlist.next_number().unwrap_or(NUMBERS_END)
    }

    /// Enters what the iterator yielded, and publishes the playlist unless it is a VOD one.
    ///
    /// # Errors
    ///
    /// The playlist, or its side file, was not written; the old one stands as it did. What was pushed is
    /// entered all the same: do not push it again. Or the playlist has ended, or its numbers have
    /// (2^53); then it is not entered.
    pub fn push(
        &mut self,
        item: &Result<ProducedSegment, WriteError>,
    ) -> Result<Pushed, PublishError> {
        if self.playlist.has_ended {
            return Err(self.refuse(PublishErrorKind::Ended, "it has ended"));
        }
        if self.playlist.next_number().is_none() {
            if self.is_unpublished && self.playlist.config.kind != Kind::Vod {
                // What came before this one is still to be published.
                drop(self.publish(Vec::new())?);
            }
            return Err(self.refuse(PublishErrorKind::Ended, "its numbers are used up"));
        }
        let mut notices = Vec::new();
        let before = self.playlist.next_number();
        self.playlist.push(item, &mut notices);
        self.is_unpublished |= self.playlist.next_number() != before;
        if self.is_unpublished && self.playlist.config.kind != Kind::Vod {
            self.publish(notices)
        } else {
            Ok(self.pushed(notices))
        }
    }

    /// Says that the timeline breaks before the next segment (EXT-X-DISCONTINUITY): another encoder,
    /// other tracks, a jump of the timestamps.
    pub fn discontinuity(&mut self) {
        self.playlist.discontinuity(None);
    }

    /// The same, and the next segment is of this date, where the playlist has dates. Dates never go
    /// back: an earlier one than that of the last segment's end counts as that, and before the first segment
    /// an earlier one than was asked for. Of several before one segment the last counts.
    pub fn discontinuity_at(&mut self, date: SystemTime) {
        self.playlist.discontinuity(Some(date));
    }

    /// Puts lines before the next segment: EXT-X-DATERANGE, tags of one's own, comments.
    ///
    /// EXT-X-KEY lines, for segments that are encrypted already, hold for all segments from the next one
    /// on, until others replace them; all that hold together are given together. Initialisation segments
    /// are taken to be in the clear: the publisher ends the keys before it names one (EXT-X-MAP).
    ///
    /// A key without an IV implies one for each segment: the number that it was encrypted with
    /// (RFC 8216 §5.2). The publisher counts by itself, so that number need not be the one in the playlist.
    /// Each segment therefore gets a line of its own, with the IV that its `sequence` implies: for keys of the
    /// format `identity`, and for METHOD=AES-128 in any format. A key with an IV is written once.
    ///
    /// # Errors
    ///
    /// A line that is not one, does not begin with `#`, or is a tag that the publisher writes itself; or a key
    /// that is no attribute list with a METHOD, that has no URI while its METHOD is not NONE, or whose IV is not
    /// of 128 bits. None of the lines is taken then.
    pub fn tag_next<'a>(
        &mut self,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), TagError> {
        self.playlist.tag_next(lines)
    }

    /// Ends the playlist (EXT-X-ENDLIST) and publishes it; after an error it may be called again.
    ///
    /// What is still to be deleted waits for its time, see
    /// [`delete_due`](MediaPlaylistPublisher::delete_due).
    ///
    /// # Errors
    ///
    /// The playlist was not written, or nothing was ever pushed.
    pub fn finish(&mut self) -> Result<Pushed, PublishError> {
        if self.playlist.entries.is_empty() {
            return Err(self.refuse(PublishErrorKind::Invalid, "no segment was ever pushed"));
        }
        self.playlist.end();
        self.is_unpublished = true;
        self.publish(Vec::new())
    }

    /// Leaves the playlist for another session to [`resume`](MediaPlaylistPublisher::resume): publishes
    /// what is not yet published, without ending it.
    ///
    /// # Errors
    ///
    /// As for [`push`](MediaPlaylistPublisher::push), and a VOD playlist cannot be left unfinished.
    pub fn suspend(mut self) -> Result<Pushed, PublishError> {
        if self.playlist.config.kind == Kind::Vod {
            return Err(self.refuse(
                PublishErrorKind::Invalid,
                "a VOD playlist cannot be suspended",
            ));
        }
        if self.playlist.entries.is_empty() {
            return Ok(Pushed::default());
        }
        self.playlist.leave();
        if self.is_unpublished {
            return self.publish(Vec::new());
        }
        if !self.playlist.retired.is_empty() {
            self.write_state()
                .map_err(|cause| PublishError::new(cause, Vec::new()))?;
        }
        Ok(Pushed::default())
    }

    /// The files that no playlist names any more and that wait to be deleted.
    pub fn waiting_for_deletion(&self) -> impl Iterator<Item = &Path> {
        self.retention.iter().flat_map(Retention::files)
    }

    /// Deletes what is due, as every push does that publishes. For after the end, and for pauses.
    ///
    /// After the end only the clock counts, since no media comes any more. When nothing waits any more
    /// the side file goes as well.
    pub fn delete_due(&mut self) -> Pushed {
        let mut notices = Vec::new();
        self.delete(&mut notices);
        self.pushed(notices)
    }

    pub(super) fn playlist_path(&self) -> &Path {
        &self.playlist.config.path
    }

    /// What renditions share, once it was published.
    pub(super) fn shared(&self) -> Option<Shared> {
        let was_published = self.published.number > 0;
        Some(Shared {
            target_secs: self.playlist.target_secs.filter(|_| was_published)?,
            has_dates: self.playlist.config.date.is_some(),
            discontinuities: self.playlist.discontinuities(),
        })
    }

    fn refuse(&self, kind: PublishErrorKind, reason: &'static str) -> PublishError {
        let cause = SinkError::permanent(reason).with_path(&self.playlist.config.path);
        PublishError::refused(kind, cause)
    }

    fn publish(&mut self, mut notices: Vec<Notice>) -> Result<Pushed, PublishError> {
        self.playlist.settle();
        self.playlist.slide();
        self.remove_old_state(&mut notices);
        match self.write() {
            Ok(()) => {}
            Err(cause) => {
                self.notice_log.tell(&notices);
                return Err(PublishError::new(cause, notices));
            }
        }
        self.is_unpublished = false;
        self.published = Published {
            number: self.next_sequence(),
            longest: self.playlist.longest_published,
        };
        let since = Moment {
            media: self.playlist.media_time,
            clock: (self.clock)(),
        };
        let retired = std::mem::take(&mut self.playlist.retired);
        if let Some(retention) = &mut self.retention {
            retention.add(retired, since);
            // A name that is used again must not be deleted for what it was.
            retention.spare(|file| self.playlist.names(file));
        }
        self.delete(&mut notices);
        Ok(self.pushed(notices))
    }

    /// Before the first publication.
    fn remove_old_state(&mut self, notices: &mut Vec<Notice>) {
        if !self.may_have_old_state {
            return;
        }
        let path = self.playlist.config.state_path();
        match remove(&mut self.sink, &path, ObjectKind::State) {
            Ok(()) => self.may_have_old_state = false,
            // Then it was hardly this sink that wrote one.
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                self.may_have_old_state = false;
            }
            // No reason not to publish.
            Err(error) => notices.push(Notice::NotDeleted(error)),
        }
    }

    /// The side file first: a crash between the two then leaves a file noted twice, and none forgotten.
    fn write(&mut self) -> Result<(), SinkError> {
        let text = render(&self.playlist)?;
        self.texts.add(&text);
        self.write_state()?;
        // Even if it fails, somebody may have seen it.
        self.playlist.was_published();
        let path = self.playlist.config.path.clone();
        let published = Texts::only(&text);
        write(&mut self.sink, path, text, ObjectKind::Manifest)?;
        self.texts = published;
        Ok(())
    }

    fn write_state(&mut self) -> Result<(), SinkError> {
        let playlist = &mut self.playlist;
        let Some(retention) = &mut self.retention else {
            return Ok(());
        };
        // The one that is to be published counts already.
        let longest = playlist.longest_published.max(playlist.total());
        let published = Published {
            longest,
            ..self.published
        };
        let state = retention.render(published, &self.texts, &playlist.retired);
        if state != self.written_state {
            let path = playlist.config.state_path();
            write(&mut self.sink, path, state.clone(), ObjectKind::State)?;
            self.written_state = state;
        }
        Ok(())
    }

    fn delete(&mut self, notices: &mut Vec<Notice>) {
        let now = self.now();
        let Some(retention) = &mut self.retention else {
            return;
        };
        let mut due = retention.due(now);
        // A name that was used again, and one that a playlist may still name which is not replaced yet.
        let may_be_named = |file: &PathBuf| {
            let retired = &self.playlist.retired;
            self.playlist.names(file) || retired.iter().any(|it| it.file == *file)
        };
        due.retain(|file| !may_be_named(file));
        for file in due.into_iter().take(DELETIONS_A_PUSH) {
            match remove(&mut self.sink, &file, ObjectKind::MediaSegment) {
                Ok(()) => retention.done(&file),
                Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                    notices.push(Notice::CannotDelete(error));
                    return retention.give_up();
                }
                Err(error) => {
                    notices.push(Notice::NotDeleted(error));
                    // The others get their turn first.
                    retention.postpone(&file);
                }
            }
            let so_far = (self.clock)().saturating_sub(now.clock);
            if so_far > DELETING_A_PUSH {
                break;
            }
        }
        let is_done = retention.files().next().is_none() && !retention.has_given_up();
        if self.playlist.has_ended && !self.is_unpublished && is_done {
            let path = self.playlist.config.state_path();
            match remove(&mut self.sink, &path, ObjectKind::State) {
                Ok(()) => self.retention = None,
                Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                    notices.push(Notice::CannotDelete(error));
                    retention.give_up();
                }
                Err(error) => notices.push(Notice::NotDeleted(error)),
            }
        }
    }

    fn pushed(&mut self, notices: Vec<Notice>) -> Pushed {
        self.notice_log.tell(&notices);
        Pushed { notices }
    }

    /// How far the two clocks have come, for what waits to be deleted.
    fn now(&self) -> Moment {
        let media = if self.playlist.has_ended {
            // No media comes any more, and none needs to be waited for.
            u64::MAX
        } else {
            self.playlist.media_time
        };
        Moment {
            media,
            clock: (self.clock)(),
        }
    }
}

impl<S: SegmentSink> Drop for MediaPlaylistPublisher<S> {
    fn drop(&mut self) {
        if self.is_unpublished {
            let path = &self.playlist.config.path;
            let missing = self.playlist.total_secs();
            tell(
                Level::Error,
                format_args!(
                    "the playlist {} was dropped with changes unpublished; it would list {missing:.3} s",
                    path.display()
                ),
            );
        }
    }
}

impl<S: SegmentSink> fmt::Debug for MediaPlaylistPublisher<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaPlaylistPublisher")
            .field("path", &self.playlist.config.path)
            .field("next_sequence", &self.next_sequence())
            .field("is_unpublished", &self.is_unpublished)
            .finish_non_exhaustive()
    }
}

pub(super) fn write(
    sink: &mut impl SegmentSink,
    path: PathBuf,
    data: Vec<u8>,
    object: ObjectKind,
) -> Result<(), SinkError> {
    let file = ProducedSegment::media(0, data, 0.0).with_path(path);
    sink.write(&file, &WriteContext::default().for_object(object))
        .map_err(|error| error.or_during("write", file.path_hint.as_deref()))
}

fn remove(sink: &mut impl SegmentSink, path: &Path, object: ObjectKind) -> Result<(), SinkError> {
    sink.remove(path, &WriteContext::default().for_object(object))
        .map_err(|error| error.or_during("remove", Some(path)))
}
