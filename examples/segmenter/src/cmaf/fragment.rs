//! What a `moof` says of one track: when it is decoded, how long it lasts, and how it begins.

use super::boxes::WholeBox;
use super::description::Totals;
use super::error::CutError;
use super::kind::Kind;
use super::movie::{Defaults, Movie};

/// Flags of a `tfhd`: which fields there are, the defaults for its samples among them. ISO/IEC
/// 14496-12, 8.8.7.
mod header {
    pub(super) const BASE_DATA_OFFSET: u32 = 0x01;
    pub(super) const SAMPLE_DESCRIPTION_INDEX: u32 = 0x02;
    pub(super) const SAMPLE_DURATION: u32 = 0x08;
    pub(super) const SAMPLE_SIZE: u32 = 0x10;
    pub(super) const SAMPLE_FLAGS: u32 = 0x20;
}

/// Flags of a `trun`. ISO/IEC 14496-12, 8.8.8.
mod run {
    pub(super) const DATA_OFFSET: u32 = 0x0001;
    pub(super) const FIRST_SAMPLE_FLAGS: u32 = 0x0004;
    pub(super) const SAMPLE_DURATION: u32 = 0x0100;
    pub(super) const SAMPLE_SIZE: u32 = 0x0200;
    pub(super) const SAMPLE_FLAGS: u32 = 0x0400;
    pub(super) const SAMPLE_COMPOSITION_TIME_OFFSET: u32 = 0x0800;
    /// What each sample has an entry of.
    pub(super) const OF_EACH_SAMPLE: u32 =
        SAMPLE_DURATION | SAMPLE_SIZE | SAMPLE_FLAGS | SAMPLE_COMPOSITION_TIME_OFFSET;
}

/// `sample_is_non_sync_sample` in the flags of a sample. ISO/IEC 14496-12, 8.8.3.1.
const IS_NON_SYNC_SAMPLE: u32 = 0x0001_0000;
const WORD_LEN: usize = 4;

/// The samples of one track in one `moof`. There is at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// `baseMediaDecodeTime`.
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) begins_with: Beginning,
    pub(crate) samples: u64,
    /// How many of them are sync samples.
    pub(crate) syncs: u64,
    pub(crate) presentation: Presentation,
}

/// The fragments in one `moof`.
pub(crate) struct Fragments {
    /// Of the track that decides where to cut.
    pub(crate) deciding: Option<Fragment>,
    /// Of the other tracks, by number.
    pub(crate) others: Vec<(u32, Fragment)>,
}

/// When samples are presented, in ticks behind the decode time of the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presentation {
    pub(crate) first: i64,
    pub(crate) earliest: i64,
}

/// What kind of sample the first one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    Sync,
    NonSync,
}

impl Fragment {
    /// Reads a `moof`, and counts its samples.
    pub(crate) fn read(
        moof: WholeBox<'_>,
        movie: &Movie,
        totals: &mut Totals,
    ) -> Result<Fragments, CutError> {
        let mut whole: Option<Self> = None;
        let mut others = Vec::new();
        for child in moof.children() {
            let child = child?;
            if child.kind != Kind::TRAF {
                continue;
            }
            let (track, part) = Self::read_part(moof, child, movie, totals)?;
            let Some(part) = part else { continue };
            if track != movie.track.id {
                others.push((track, part));
                continue;
            }
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => {
                    let later = part.presentation.earliest_behind(whole.duration);
                    let presentation = &mut whole.presentation;
                    presentation.earliest = presentation.earliest.min(later);
                    whole.duration = whole
                        .duration
                        .checked_add(part.duration)
                        .ok_or_else(|| child.unreadable())?;
                    whole.samples = whole.samples.saturating_add(part.samples);
                    whole.syncs = whole.syncs.saturating_add(part.syncs);
                }
            }
        }
        Ok(Fragments {
            deciding: whole,
            others,
        })
    }

    /// Reads a `traf`: the track, and its samples if there are any.
    fn read_part(
        moof: WholeBox<'_>,
        traf: WholeBox<'_>,
        movie: &Movie,
        totals: &mut Totals,
    ) -> Result<(u32, Option<Self>), CutError> {
        let offset = moof.offset;
        let tfhd = traf.required(Kind::TFHD)?;
        let head = TrackHeader::read(tfhd, movie).ok_or_else(|| tfhd.unreadable())?;
        let defaults = match head.samples {
            Samples::FromStartOfFile => return Err(CutError::AbsoluteOffset { offset }),
            Samples::FromFragment(defaults) => defaults,
        };
        let tfdt = traf.child(Kind::TFDT)?;
        let tfdt = tfdt.ok_or(CutError::NoDecodeTime { offset })?;
        let start = decode_time(tfdt).ok_or_else(|| tfdt.unreadable())?;

        let mut part: Option<Self> = None;
        for trun in traf.children() {
            let trun = trun?;
            if trun.kind != Kind::TRUN {
                continue;
            }
            let run = Run::read(trun, defaults).ok_or_else(|| trun.unreadable())?;
            if run.data_offset < 0 {
                return Err(CutError::DataInFront { offset });
            }
            let total = totals.entry(head.track).or_default();
            total.samples = total.samples.saturating_add(run.samples);
            total.bytes = total.bytes.saturating_add(run.bytes);
            total.ticks = total.ticks.saturating_add(run.duration);
            let Some(first_flags) = run.first_flags else {
                continue;
            };
            let before = part.map_or(0, |part| part.duration);
            let duration = before.checked_add(run.duration);
            let later = run.presentation.earliest_behind(before);
            part = Some(Self {
                start,
                duration: duration.ok_or_else(|| trun.unreadable())?,
                begins_with: part.map_or(Beginning::of(first_flags), |part| part.begins_with),
                samples: part
                    .map_or(0, |part| part.samples)
                    .saturating_add(run.samples),
                syncs: part.map_or(0, |part| part.syncs).saturating_add(run.syncs),
                presentation: part.map_or(run.presentation, |part| Presentation {
                    earliest: part.presentation.earliest.min(later),
                    ..part.presentation
                }),
            });
        }
        Ok((head.track, part))
    }
}

impl Presentation {
    /// The composition time offsets of a run: one word of each entry, behind its duration if it
    /// has one.
    fn of_run(entries: impl Iterator<Item = Option<(u32, u32)>>, version: u8) -> Self {
        let mut elapsed = 0_i64;
        let times = entries.flatten().map(|(duration, offset)| {
            let offset = match version {
                0 => i64::from(offset),
                _ => i64::from(offset.cast_signed()),
            };
            let time = elapsed.saturating_add(offset);
            elapsed = elapsed.saturating_add(duration.into());
            time
        });
        let mut first = None;
        let earliest = times.inspect(|time| {
            first.get_or_insert(*time);
        });
        let earliest = earliest.min().unwrap_or_default();
        Self {
            first: first.unwrap_or_default(),
            earliest,
        }
    }

    /// The earliest time, counted from so many ticks before.
    fn earliest_behind(self, ticks: u64) -> i64 {
        let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
        self.earliest.saturating_add(ticks)
    }
}

impl Beginning {
    fn of(sample_flags: u32) -> Self {
        if sample_flags & IS_NON_SYNC_SAMPLE == 0 {
            Self::Sync
        } else {
            Self::NonSync
        }
    }
}

/// A `tfhd`.
struct TrackHeader {
    track: u32,
    samples: Samples,
}

/// Where the samples are counted from.
enum Samples {
    FromStartOfFile,
    /// From there, and this is what they are like by default.
    FromFragment(Defaults),
}

impl TrackHeader {
    /// None also where no `trex` has announced the track.
    fn read(tfhd: WholeBox<'_>, movie: &Movie) -> Option<Self> {
        let mut fields = tfhd.fields();
        let (_, flags) = fields.version_and_flags()?;
        let track = fields.u32()?;
        let samples = if flags & header::BASE_DATA_OFFSET != 0 {
            Samples::FromStartOfFile
        } else {
            let of_movie = *movie.defaults.get(&track)?;
            let _index = fields.u32_if(flags, header::SAMPLE_DESCRIPTION_INDEX, 0)?;
            let duration = fields.u32_if(flags, header::SAMPLE_DURATION, of_movie.duration)?;
            let size = fields.u32_if(flags, header::SAMPLE_SIZE, of_movie.size)?;
            let flags = fields.u32_if(flags, header::SAMPLE_FLAGS, of_movie.flags)?;
            Samples::FromFragment(Defaults {
                duration,
                size,
                flags,
            })
        };
        Some(Self { track, samples })
    }
}

/// `baseMediaDecodeTime`. ISO/IEC 14496-12, 8.8.12.
fn decode_time(tfdt: WholeBox<'_>) -> Option<u64> {
    let mut fields = tfdt.fields();
    let (version, _) = fields.version_and_flags()?;
    fields.by_version(version)
}

/// A `trun`.
struct Run {
    data_offset: i32,
    duration: u64,
    samples: u64,
    bytes: u64,
    syncs: u64,
    presentation: Presentation,
    /// Of its first sample. None if it has no samples.
    first_flags: Option<u32>,
}

impl Run {
    fn read(trun: WholeBox<'_>, defaults: Defaults) -> Option<Self> {
        let mut fields = trun.fields();
        let (version, flags) = fields.version_and_flags()?;
        let count = fields.u32()?;
        let data_offset = fields.u32_if(flags, run::DATA_OFFSET, 0)?.cast_signed();
        let flags_of_first = fields.u32_if(flags, run::FIRST_SAMPLE_FLAGS, defaults.flags)?;

        let len_of_each = len_of(flags & run::OF_EACH_SAMPLE);
        let len = usize::try_from(count).ok()?.checked_mul(len_of_each)?;
        let samples = fields.bytes(len)?;
        let duration = if flags & run::SAMPLE_DURATION == 0 {
            u64::from(count) * u64::from(defaults.duration)
        } else {
            // Fewer than 2^32 durations, each of them less than that.
            let durations = samples.chunks_exact(len_of_each).filter_map(first_word);
            durations.map(u64::from).sum()
        };
        let bytes = if flags & run::SAMPLE_SIZE == 0 {
            u64::from(count) * u64::from(defaults.size)
        } else {
            let before = len_of(flags & run::SAMPLE_DURATION);
            let entries = samples.chunks_exact(len_of_each);
            let sizes = entries.filter_map(|entry| entry.get(before..).and_then(first_word));
            sizes.map(u64::from).sum()
        };
        let flags_of_first =
            if flags & (run::SAMPLE_FLAGS | run::FIRST_SAMPLE_FLAGS) == run::SAMPLE_FLAGS {
                let before = len_of(flags & (run::SAMPLE_DURATION | run::SAMPLE_SIZE));
                samples.get(before..).and_then(first_word)
            } else {
                Some(flags_of_first)
            };
        let presentation = if flags & run::SAMPLE_COMPOSITION_TIME_OFFSET == 0 {
            Presentation::default()
        } else {
            let before = len_of(flags & run::OF_EACH_SAMPLE) - WORD_LEN;
            let entries = samples.chunks_exact(len_of_each).map(|entry| {
                let duration = match flags & run::SAMPLE_DURATION {
                    0 => defaults.duration,
                    _ => first_word(entry)?,
                };
                Some((duration, first_word(entry.get(before..)?)?))
            });
            Presentation::of_run(entries, version)
        };
        let first_flags = flags_of_first.filter(|_| count > 0);
        let is_sync = |flags: u32| Beginning::of(flags) == Beginning::Sync;
        let later_syncs = if flags & run::SAMPLE_FLAGS != 0 {
            let before = len_of(flags & (run::SAMPLE_DURATION | run::SAMPLE_SIZE));
            let entries = samples.chunks_exact(len_of_each).skip(1);
            let flags = entries.filter_map(|entry| entry.get(before..).and_then(first_word));
            flags.filter(|flags| is_sync(*flags)).count() as u64
        } else if is_sync(defaults.flags) {
            u64::from(count.saturating_sub(1))
        } else {
            0
        };
        Some(Self {
            data_offset,
            duration,
            samples: count.into(),
            bytes,
            syncs: later_syncs + u64::from(first_flags.is_some_and(is_sync)),
            presentation,
            first_flags,
        })
    }
}

/// How long the entry of one sample is that has these fields, each of them a word.
fn len_of(fields: u32) -> usize {
    fields.count_ones() as usize * WORD_LEN
}

fn first_word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_be_bytes)
}
