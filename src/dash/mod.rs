//! A DASH MPD of the segments that an HLS presentation lists (feature `dash`).
//!
//! One set of fragmented MP4 segments serves players of both formats. An [`Mpd`] is the
//! configuration; [`hls::Presentation::mpd`](crate::hls::Presentation::mpd) has it published
//! through the same sinks or origins, atomically and after its segments.
//!
//! ```
//! use segment_stream::dash::{AdaptationSet, Mpd, Representation};
//! use segment_stream::hls::{MediaPlaylist, Presentation};
//! use segment_stream::{DiskSink, MediaTime, ProducedSegment, SegmentInfo};
//! use segment_stream::{SegmentStream, SegmentStreamConfig};
//! use std::num::NonZeroU32;
//! use std::time::{Duration, SystemTime};
//!
//! fn main() -> std::io::Result<()> {
//!     let root = std::env::temp_dir().join("segment-stream-dash");
//!     let shared = MediaPlaylist::live("", Duration::from_secs(30))
//!         .target_duration(Duration::from_secs(2))
//!         .program_date_time(SystemTime::now());
//!     let video = Representation::new("video.m3u8", 3_000_000).codecs("avc1.64001f");
//!     let mpd = Mpd::new("live.mpd")
//!         .adaptation_set(AdaptationSet::video().representation(video));
//!     let presentation = Presentation::new(shared)?.mpd(mpd)?;
//!     let mut video = presentation.rendition("video.m3u8", DiskSink::rooted(&root))?;
//!
//!     let config = SegmentStreamConfig::default();
//!     let (mut stream, sender) = SegmentStream::with_sink(config, DiskSink::rooted(&root))?;
//!     sender.send(ProducedSegment::init(vec![0; 4]).with_path("init.mp4"))?;
//!     let timescale = NonZeroU32::new(90_000).expect("it is not 0");
//!     for number in 0..3 {
//!         let path = format!("video-{number}.m4s"); // With its number.
//!         let segment = ProducedSegment::media(number, vec![0; 4], 2.0).with_path(path);
//!         let time = MediaTime { start: 180_000 * number, duration: 180_000, timescale };
//!         sender.send((segment, SegmentInfo::new().media_time(time)))?;
//!     }
//!     drop(sender);
//!     for item in stream.with_info() {
//!         video.push(&item)?;
//!     }
//!     let text = std::fs::read_to_string(root.join("live.mpd"))?;
//!     assert!(text.contains("media=\"video-$Number$.m4s\""));
//!     assert!(text.contains("<S t=\"0\" d=\"180000\" r=\"2\"/>"));
//!     video.finish()?; // The MPD is static from now on.
//! #   std::fs::remove_dir_all(root)?;
//!     Ok(())
//! }
//! ```
//!
//! # What an MPD lists
//!
//! - A segment needs an initialisation segment, a [`MediaTime`](crate::MediaTime), and a name that
//!   contains its number (or its media time, see [`Mpd::by_time`]). Otherwise it is left out, with a
//!   [`Notice::Unlistable`](crate::hls::Notice::Unlistable).
//! - A loss, a discontinuity and a restart begin a new Period, since players stop at a hole within
//!   one. A number that some representations lack is in a Period without these. A number without any
//!   video, or without any audio, is in no Period, since players freeze in a Period without one of
//!   them, and jump to the next Period. A rendition that was finished or dropped is not waited for.
//! - A Period begins at the date of its first segment. So a live or EVENT presentation needs dates.
//! - A [clip](crate::hls::Clip) has playlists and no MPD.
//! - Less than a frame between two segments counts as part of the first one.
//!
//! # Players
//!
//! Shaka Player returns to its latency after an outage. dash.js does so only with its setting
//! `streaming.liveCatchup.enabled`; otherwise it stays behind by the length of the outage.
//!
//! # The end
//!
//! An MPD becomes static, with its duration, if its first Period begins at 0; the first segments
//! of that may have slid out of the window. If the whole Period slid out, the MPD stays dynamic,
//! with its duration and without a `minimumUpdatePeriod`. In either case the times of its Periods
//! do not change under a viewer.
//!
//! # Clauses
//!
//! Of ISO/IEC 23009-1 and of the DASH-IF interoperability points:
//!
//! | Clause | Test |
//! |---|---|
//! | a dynamic MPD has `availabilityStartTime`, which never changes, and `publishTime` | `dash`: `live`, `resuming` |
//! | `minimumUpdatePeriod` and `timeShiftBufferDepth` only while it is updated | `dash`: `live`, `ends` |
//! | a static MPD has `mediaPresentationDuration`; its first Period starts at 0 | `dash`: `ends` |
//! | `Period@start` strictly increases; `@id` is unique and stable | `dash`: `periods`, `model` |
//! | media time − `presentationTimeOffset` + `Period@start` is the date − `availabilityStartTime` | `dash`: `periods`, `model` |
//! | a timeline has no overlap; what is published does not change | `dash`: `model` |
//! | `SegmentTemplate@media` makes the name of each stored segment | `dash`: `templates`, `model` |
//! | period connectivity: the same id and initialisation segment in the Period before | `dash`: `periods` |
//! | elements and attributes of the schema | `dash`: `schema`, with `DASH_MPD_XSD` |

mod config;
mod date;
mod error;
pub(crate) mod format;
mod model;
mod parse;
mod period;
mod previous;
mod render;
mod sets;
mod template;
mod xml;

pub use config::{Mpd, UtcTiming};
pub use error::{XmlError, XmlErrorKind};
pub use previous::Previous;
pub use sets::{AdaptationSet, Representation};
pub use xml::XmlElement;
