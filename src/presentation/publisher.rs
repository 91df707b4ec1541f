//! The publisher of a media playlist.

#[cfg(test)]
mod cost;
mod deletion;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use log::Level;

use super::error::{PublishError, PublishErrorKind, Refusal, ResumeError, ResumeErrorKind};
use super::fingerprint::Fingerprints;
use super::journal::{self, Published, State};
use super::notice::{Notice, NoticeLog};
use super::rendition::{NUMBERS_END, Playlist};
use super::resume::Previous;
use super::retention::{Moment, Retention};
use super::retired::Retired;
use super::reuse::Names;
use crate::error::{SinkError, WriteError};
use crate::hls::config::{Kind, MediaPlaylist, Retention as Policy};
use crate::hls::parse::parse;
use crate::hls::render::render;
use crate::hls::tags::TagError;
use crate::internal::log::log as tell;
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};
use crate::uri;

/// Publishes a media playlist of the segments that a [`SegmentStream`](crate::SegmentStream)
/// yields.
///
/// Push every item, `Ok` or `Err`, in the order of the iteration. Each push publishes a live or
/// EVENT playlist, whole and atomically, through a sink that belongs to the publisher alone. A VOD
/// playlist is published by [`finish`](MediaPlaylistPublisher::finish). The iteration yields a
/// segment once it is stored, so the playlist never names a missing file.
///
/// A segment that was not written, or that cannot be listed, becomes one or more gaps (EXT-X-GAP)
/// of its duration, and a [`Notice`]. After a failed publication the next push publishes
/// everything. On a full disk a push deletes due files and writes again, see
/// [`Retention::Delete`](crate::hls::Retention::Delete).
///
/// The publisher counts media sequence numbers by itself, starting at the `sequence` of the first
/// media segment.
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
pub struct MediaPlaylistPublisher<S: SegmentSink> {
    sink: S,
    playlist: Playlist,
    /// `None` if all files are kept.
    retention: Option<Retention>,
    names: Names,
    written_state: Vec<u8>,
    published: Published,
    texts: Fingerprints,
    is_unpublished: bool,
    /// If all files are kept, there is no side file, and one from an earlier session would be
    /// taken for this one's.
    may_have_old_state: bool,
    notice_log: NoticeLog,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// The properties that renditions of the same content must share (RFC 8216 §6.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    pub(crate) target_secs: u64,
    pub(crate) has_dates: bool,
    pub(crate) discontinuities: u64,
}

/// The result of a push.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pushed {
    /// The irregularities that the publisher handled. They are logged as well.
    pub notices: Vec<Notice>,
}

impl<S: SegmentSink> MediaPlaylistPublisher<S> {
    /// A publisher of a new playlist. The first push replaces an old playlist of the same name.
    ///
    /// # Errors
    ///
    /// The playlist's path or base URL is invalid, or a live or EVENT playlist has no
    /// [`target_duration`](MediaPlaylist::target_duration)
    /// ([`InvalidInput`](io::ErrorKind::InvalidInput)).
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
            names: Names::default(),
            written_state: Vec::new(),
            published: Published::default(),
            texts: Fingerprints::default(),
            is_unpublished: false,
            may_have_old_state,
            notice_log: NoticeLog::default(),
            clock: Box::new(move || start.elapsed()),
        }
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
    /// configuration; or its side file cannot be read. Nothing was changed.
    pub fn resume(
        playlist: MediaPlaylist,
        sink: S,
        previous: &Previous,
    ) -> Result<Self, ResumeError> {
        let (path, state_path) = (playlist.path.clone(), playlist.state_path());
        let refuse = |refusal: Refusal| ResumeError::new(&path, refusal);
        let parsed = parse(&previous.playlist, playlist.clone()).map_err(refuse)?;
        let state = match &previous.state {
            None => State::default(),
            Some(text) => read_state(text, &state_path)?,
        };
        let configuration = ResumeErrorKind::Configuration;
        let is_valid = playlist.validate();
        is_valid.map_err(|error| refuse(Refusal::new(configuration, error.to_string())))?;
        let mut publisher = Self::start(playlist, sink);
        let number = parsed.next_number().unwrap_or_default();
        if number < state.published.number {
            return Err(refuse(Refusal::new(
                ResumeErrorKind::Damaged,
                "it is truncated: published segments are missing",
            )));
        }
        if !state.texts.may_be(&previous.playlist) {
            return Err(refuse(Refusal::new(
                ResumeErrorKind::Damaged,
                "it is truncated, or not the playlist of its side file",
            )));
        }
        publisher.texts = Fingerprints::only(&previous.playlist);
        publisher.may_have_old_state &= previous.state.is_some();
        publisher.playlist = parsed;
        publisher.playlist.was_listed_for(state.published.longest);
        publisher.published = Published {
            number,
            longest: publisher.playlist.longest_published,
        };
        if let Some(retention) = &mut publisher.retention {
            let orphans = previous.orphans.iter();
            let orphans = orphans.map(|file| Retired::new(file.clone(), 0));
            retention.add(orphans, Moment::default());
            retention.add(state.retired, Moment::default());
            retention.spare(|file| publisher.playlist.names(file));
        }
        Ok(publisher)
    }

    /// Takes over the pending deletions of an earlier playlist of the same name that has ended or
    /// was given up. For a new playlist that replaces one that cannot be resumed.
    ///
    /// The segments that the old playlist lists are kept. If [`SegmentNames`](crate::hls::SegmentNames)
    /// named them in the same directories, a later [`Previous::with_orphans`] would take them for
    /// orphans.
    ///
    /// # Errors
    ///
    /// The side file cannot be read.
    pub fn take_over(mut self, previous: &Previous) -> Result<Self, ResumeError> {
        let state = match &previous.state {
            None => return Ok(self),
            Some(text) => read_state(text, &self.playlist.config.state_path())?,
        };
        let since = Moment {
            media: self.playlist.media_time,
            clock: (self.clock)(),
        };
        // After a crash the side file may name files that the standing, older playlist still
        // lists.
        let mut retired = state.retired;
        previous.spare_listed(&self.playlist.config, &mut retired);
        let used = retired.iter().map(Retired::file);
        let used = used.filter(|file| self.playlist.may_name(file));
        self.names.reused.extend(used.map(Path::to_path_buf));
        if let Some(retention) = &mut self.retention {
            retention.add(retired, since);
        }
        Ok(self)
    }

    /// Uses this clock for retention and for the time limit of deletions. It returns the time
    /// since some moment in the past and never goes back. For tests and simulations; the default
    /// is the system's monotonic clock.
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        if let Some(retention) = &mut self.retention {
            retention.begin_at(clock());
        }
        self.clock = Box::new(clock);
        self
    }

    /// The media sequence number of the next media segment in the playlist. After a
    /// [`resume`](MediaPlaylistPublisher::resume), continue with this `sequence`.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.playlist.next_number().unwrap_or(NUMBERS_END)
    }

    /// Enters an item of the iteration, and publishes the playlist unless it is a VOD one. Then
    /// deletes due files, also after an `Err` item or a failed publication.
    ///
    /// # Errors
    ///
    /// - The playlist or its side file was not written; the old one is unchanged. The item is
    ///   entered all the same: do not push it again.
    /// - The playlist has ended, or its numbers are used up (2^53). The item is not entered.
    pub fn push(
        &mut self,
        item: &Result<ProducedSegment, WriteError>,
    ) -> Result<Pushed, PublishError> {
        if self.playlist.has_ended {
            return Err(self.refuse(PublishErrorKind::Ended, "it has ended"));
        }
        if self.playlist.next_number().is_none() {
            let mut notices = Vec::new();
            if self.is_unpublished && self.playlist.config.kind != Kind::Vod {
                // The items before this one are not published yet.
                notices = self.publish(notices)?.notices;
            } else {
                self.delete_some(&mut notices);
                self.notice_log.tell(&notices);
            }
            return Err(self.refuse_with(
                PublishErrorKind::Ended,
                "its numbers are used up",
                notices,
            ));
        }
        let mut notices = Vec::new();
        self.check_name(item, &mut notices);
        let before = self.playlist.next_number();
        self.playlist.push(item, &mut notices);
        self.is_unpublished |= self.playlist.next_number() != before;
        if self.is_unpublished && self.playlist.config.kind != Kind::Vod {
            self.publish(notices)
        } else {
            self.delete_some(&mut notices);
            Ok(self.pushed(notices))
        }
    }

    /// Marks a discontinuity before the next segment (EXT-X-DISCONTINUITY): another encoder, other
    /// tracks, a jump of the timestamps.
    pub fn discontinuity(&mut self) {
        self.playlist.discontinuity(None);
    }

    /// Marks a discontinuity, and sets the date of the next segment in a playlist with dates.
    ///
    /// Dates never go back. A date before the end of the last segment counts as that end; before
    /// the first segment, the configured first date is the lower bound. Of several calls before
    /// one segment the last one counts.
    pub fn discontinuity_at(&mut self, date: SystemTime) {
        self.playlist.discontinuity(Some(date));
    }

    /// Adds lines before the next segment: EXT-X-DATERANGE, custom tags, comments.
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
    /// - A key is not an attribute list with a METHOD, has no URI although its METHOD is not NONE,
    ///   or has an IV of more than 128 bits.
    ///
    /// After an error none of the lines is taken.
    pub fn tag_next<'a>(
        &mut self,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), TagError> {
        self.playlist.tag_next(lines)
    }

    /// Ends the playlist (EXT-X-ENDLIST) and publishes it. After an error it may be called again.
    ///
    /// Pending deletions wait for their time, see
    /// [`delete_due`](MediaPlaylistPublisher::delete_due).
    ///
    /// # Errors
    ///
    /// The playlist was not written, or no segment was ever pushed.
    pub fn finish(&mut self) -> Result<Pushed, PublishError> {
        if self.playlist.entries.is_empty() {
            return Err(self.refuse(PublishErrorKind::Invalid, "no segment was ever pushed"));
        }
        self.playlist.end();
        self.is_unpublished = true;
        self.publish(Vec::new())
    }

    /// Publishes pending changes without ending the playlist, so that another session can
    /// [`resume`](MediaPlaylistPublisher::resume) it.
    ///
    /// # Errors
    ///
    /// The errors of [`push`](MediaPlaylistPublisher::push). A VOD playlist cannot be suspended.
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
        let mut notices = Vec::new();
        if !self.playlist.retired.is_empty()
            && let Err(cause) = self.making_room(&mut notices, Self::write_state)
        {
            return Err(self.not_published(cause, notices));
        }
        Ok(self.pushed(notices))
    }

    /// The files that no playlist names and that wait for deletion.
    pub fn waiting_for_deletion(&self) -> impl Iterator<Item = &Path> {
        let waiting = self.retention.iter().flat_map(Retention::files);
        waiting.filter(|file| !self.playlist.may_name(file))
    }

    pub(crate) fn playlist_path(&self) -> &Path {
        &self.playlist.config.path
    }

    /// The shared properties, once the playlist was published.
    pub(crate) fn shared(&self) -> Option<Shared> {
        let was_published = self.published.number > 0;
        Some(Shared {
            target_secs: self.playlist.target_secs.filter(|_| was_published)?,
            has_dates: self.playlist.config.date.is_some(),
            discontinuities: self.playlist.discontinuities(),
        })
    }

    fn refuse(&self, kind: PublishErrorKind, reason: &'static str) -> PublishError {
        self.refuse_with(kind, reason, Vec::new())
    }

    fn refuse_with(
        &self,
        kind: PublishErrorKind,
        reason: &'static str,
        notices: Vec<Notice>,
    ) -> PublishError {
        let cause = SinkError::permanent(reason).with_path(&self.playlist.config.path);
        PublishError::refused(kind, cause, notices)
    }

    fn publish(&mut self, mut notices: Vec<Notice>) -> Result<Pushed, PublishError> {
        self.playlist.settle();
        self.playlist.slide();
        self.remove_old_state(&mut notices);
        let written = self.write(&mut notices);
        if written.is_ok() {
            self.was_published();
        }
        self.delete_some(&mut notices);
        match written {
            Ok(()) => Ok(self.pushed(notices)),
            Err(cause) => Err(self.not_published(cause, notices)),
        }
    }

    /// Files that are no longer listed begin to wait.
    fn was_published(&mut self) {
        self.is_unpublished = false;
        self.published = Published {
            number: self.next_sequence(),
            longest: self.playlist.longest_published,
        };
        let since = Moment {
            media: self.playlist.media_time,
            clock: (self.clock)(),
        };
        let retired = self.playlist.retired.take();
        if let Some(retention) = &mut self.retention {
            retention.add(retired, since);
        }
        // The published playlist lists a reused name, so a later session knows it. Only the side
        // file knows an initialisation segment that no entry has needed yet.
        let listed = |file: &PathBuf| self.playlist.entries.names(file);
        for file in self.names.reused.extract_if(listed) {
            if let Some(retention) = &mut self.retention {
                retention.done(&file);
            }
        }
        self.names.reused.retain(|file| self.playlist.names(file));
    }

    /// Reports a name that another file still needs, or needed when the new one was stored.
    fn check_name(
        &mut self,
        item: &Result<ProducedSegment, WriteError>,
        notices: &mut Vec<Notice>,
    ) {
        self.names.next_push();
        let Ok(segment) = item else {
            // Nothing was stored.
            return;
        };
        let hint = segment.path_hint.as_deref();
        let Some(file) = hint.and_then(|hint| uri::plain(hint).ok()) else {
            return;
        };
        let retention = self.retention.as_ref();
        let waits = retention.is_some_and(|it| it.waits(&file)) || self.playlist.retired.has(&file);
        // An initialisation segment may do this, see `Notice::NameInUse`.
        let is_listed = !segment.is_init && self.playlist.names(&file);
        if waits {
            self.names.reused.insert(file.clone());
        }
        if waits || is_listed || self.names.may_be_gone(&file) {
            self.names.was_reused();
            notices.push(Notice::NameReused {
                sequence: segment.sequence,
                path: file,
            });
        }
    }

    /// Deletes the side file of an earlier session before the first publication.
    fn remove_old_state(&mut self, notices: &mut Vec<Notice>) {
        if !self.may_have_old_state {
            return;
        }
        let path = self.playlist.config.state_path();
        match remove(&mut self.sink, &path, ObjectKind::State) {
            Ok(()) => self.may_have_old_state = false,
            // A sink that cannot delete hardly wrote one.
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                self.may_have_old_state = false;
            }
            // A failed deletion does not prevent the publication.
            Err(error) => notices.push(Notice::NotDeleted(error)),
        }
    }

    /// Writes the side file first: a crash between the two leaves a file noted twice, and none
    /// forgotten.
    fn write(&mut self, notices: &mut Vec<Notice>) -> Result<(), SinkError> {
        let text = render(&self.playlist)?;
        let published = Fingerprints::only(&text);
        self.texts.add(&published);
        self.making_room(notices, Self::write_state)?;
        // A client may have seen the text even if the write fails.
        self.playlist.was_published();
        let file = document(&self.playlist.config.path, text);
        self.making_room(notices, |this| this.put(&file, ObjectKind::Manifest))?;
        self.texts = published;
        Ok(())
    }

    fn write_state(&mut self) -> Result<(), SinkError> {
        let playlist = &self.playlist;
        let Some(retention) = &self.retention else {
            return Ok(());
        };
        // The playlist that is about to be published counts already.
        let longest = playlist.longest_published.max(playlist.total());
        let published = Published {
            longest,
            ..self.published
        };
        let retired = retention.retired().chain(playlist.retired.iter());
        let state = journal::render(published, &self.texts, retired);
        if state != self.written_state {
            let file = document(playlist.config.state_path(), state);
            // After a failure either of the two texts may be stored.
            self.written_state.clear();
            self.put(&file, ObjectKind::State)?;
            self.written_state = file.data;
        }
        Ok(())
    }

    fn put(&mut self, file: &ProducedSegment, object: ObjectKind) -> Result<(), SinkError> {
        put(&mut self.sink, file, object)
    }

    fn pushed(&mut self, notices: Vec<Notice>) -> Pushed {
        self.notice_log.tell(&notices);
        Pushed { notices }
    }

    fn not_published(&mut self, cause: SinkError, notices: Vec<Notice>) -> PublishError {
        self.notice_log.tell(&notices);
        PublishError::new(cause, notices)
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

pub(crate) fn write(
    sink: &mut impl SegmentSink,
    path: PathBuf,
    data: Vec<u8>,
    object: ObjectKind,
) -> Result<(), SinkError> {
    put(sink, &document(path, data), object)
}

fn read_state(text: &[u8], path: &Path) -> Result<State, ResumeError> {
    let refuse = |why| ResumeError::new(path, Refusal::new(ResumeErrorKind::State, why));
    State::read(text).map_err(refuse)
}

fn document(path: impl Into<PathBuf>, data: Vec<u8>) -> ProducedSegment {
    ProducedSegment::media(0, data, 0.0).with_path(path)
}

fn put(
    sink: &mut impl SegmentSink,
    file: &ProducedSegment,
    object: ObjectKind,
) -> Result<(), SinkError> {
    sink.write(file, &WriteContext::default().for_object(object))
        .map_err(|error| error.or_during("write", file.path_hint.as_deref()))
}

pub(crate) fn remove(
    sink: &mut impl SegmentSink,
    path: &Path,
    object: ObjectKind,
) -> Result<(), SinkError> {
    sink.remove(path, &WriteContext::default().for_object(object))
        .map_err(|error| error.or_during("remove", Some(path)))
}
