//! Time: stamps of 33 bits laid out on one line that never jumps.

use std::time::Duration;

use super::audio::Meter;
use super::packet::Packet;
use super::pes::Stamps;
use super::track::Codec;

/// A place on the line, or a length of it: 90 kHz.
pub(crate) type Ticks = i64;

const TICKS_PER_SECOND: u32 = 90_000;
/// Stamps count modulo 2^33 (ISO/IEC 13818-1, 2.4.3.7), that is 26.5 hours.
const WRAP: u64 = 1 << 33;
/// A step of more than this is not time that passed.
const LONGEST_STEP: Ticks = 10 * TICKS_PER_SECOND as Ticks;
/// Where a stream stamps its pictures with presentation times alone, they step back a little.
const LONGEST_STEP_BACK: Ticks = TICKS_PER_SECOND as Ticks;
/// What a picture lasts until the stream has shown it.
const DEFAULT_FRAME: Ticks = TICKS_PER_SECOND as Ticks / 25;

/// What the stamps come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Pes,
    Pcr,
}

/// The time of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) time: Ticks,
    /// It follows from a stamp, not from the number of units since the last stamp.
    pub(crate) is_stamped: bool,
}

/// Lays the units of one elementary stream out in time.
pub(crate) struct Timeline {
    pcr: Option<u64>,
    /// Announced by the stream: the next stamp may be anything.
    is_broken: bool,
    last: Option<Last>,
    /// What came since the last stamp that was another one, before the latest unit: pictures, or
    /// any measure of audio.
    before: Ticks,
    /// The latest unit by that measure.
    unit: Ticks,
    rate: Option<Rate>,
    meter: Meter,
    /// When the first unit is shown, and the last one: not necessarily in the order they come in.
    shown: Option<(Ticks, Ticks)>,
}

/// How long something by some measure lasts.
#[derive(Clone, Copy)]
struct Rate {
    ticks: Ticks,
    measure: Ticks,
}

/// The latest stamp, and its place on the line.
#[derive(Clone, Copy)]
struct Last {
    source: Source,
    stamp: u64,
    time: Ticks,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self {
            pcr: None,
            is_broken: false,
            last: None,
            before: 0,
            unit: 0,
            rate: None,
            meter: Meter::default(),
            shown: None,
        }
    }

    /// Takes note of the program's clock, for streams without stamps of their own, and of the
    /// announcement that it starts anew (ISO/IEC 13818-1, 2.4.3.5).
    pub(crate) fn note_clock(&mut self, packet: Packet<'_>) {
        self.is_broken |= packet.is_discontinuous();
        self.pcr = packet.pcr().or(self.pcr);
    }

    /// The units to come are another stream's: what was measured says nothing of them.
    pub(crate) fn change_track(&mut self) {
        (self.before, self.unit, self.rate) = (0, 0, None);
        self.meter = Meter::default();
    }

    /// Places the next unit.
    pub(crate) fn push(&mut self, stamps: Option<Stamps>) -> Placed {
        let had_stamps = self.last.is_some_and(|last| last.source == Source::Pes);
        let stamp = match (stamps, self.pcr) {
            (Some(stamps), _) => Some((Source::Pes, stamps.decoded)),
            (None, Some(pcr)) if !had_stamps => Some((Source::Pcr, pcr)),
            _ => None,
        };
        self.before += std::mem::take(&mut self.unit);
        let decoded = match stamp {
            Some((source, stamp)) => self.step_to(source, stamp),
            None => self.last.map_or(0, |last| last.time) + self.length(self.before),
        };
        let delay = stamps
            .map(|stamps| difference(stamps.presented, stamps.decoded))
            .filter(|delay| (0..=LONGEST_STEP).contains(delay));
        let time = decoded + delay.unwrap_or(0);
        let (first, last) = self.shown.unwrap_or((time, time));
        self.shown = Some((first.min(time), last.max(time)));
        Placed {
            time,
            is_stamped: stamp.is_some(),
        }
    }

    /// The latest unit holds these bytes too.
    pub(crate) fn extend(&mut self, codec: Codec, bytes: &[u8]) {
        if codec.is_video() {
            self.unit = 1;
        } else {
            self.unit += Ticks::try_from(self.meter.measure(codec, bytes)).unwrap_or(0);
        }
    }

    /// Moves on to a stamp. Where the stamps jump, time goes on as it did.
    fn step_to(&mut self, source: Source, stamp: u64) -> Ticks {
        let is_broken = std::mem::take(&mut self.is_broken);
        let mut time = 0;
        if let Some(last) = self.last {
            let step = difference(stamp, last.stamp);
            let plausible = if is_broken {
                0..=LONGEST_STEP_BACK
            } else {
                -LONGEST_STEP_BACK..=LONGEST_STEP
            };
            let is_step = last.source == source && plausible.contains(&step);
            if is_step && step > 0 {
                self.rate = Some(Rate {
                    ticks: step,
                    measure: self.before.max(1),
                });
            }
            let passed = if is_step {
                step
            } else {
                self.length(self.before)
            };
            time = last.time + passed;
            if is_step && step == 0 {
                // Of several units at one time, as between two PCRs, all count.
                return time;
            }
        }
        self.last = Some(Last {
            source,
            stamp,
            time,
        });
        self.before = 0;
        time
    }

    /// When the first unit is shown.
    pub(crate) fn start(&self) -> Ticks {
        self.shown.map_or(0, |(first, _)| first)
    }

    /// When the last unit has been shown.
    pub(crate) fn end(&self) -> Ticks {
        self.shown
            .map_or(0, |(_, last)| last + self.length(self.unit))
    }

    /// How long so much lasts, going by how long what came before it lasted.
    fn length(&self, measure: Ticks) -> Ticks {
        self.rate
            .map_or(DEFAULT_FRAME, |rate| measure * rate.ticks / rate.measure)
    }
}

/// The way from `from` to `to`, the shorter way round.
fn difference(to: u64, from: u64) -> Ticks {
    let forward = to.wrapping_sub(from) % WRAP;
    if forward < WRAP / 2 {
        forward.cast_signed()
    } else {
        forward.cast_signed() - WRAP.cast_signed()
    }
}

/// A length of the line. Negative ones are none.
pub(crate) fn to_duration(ticks: Ticks) -> Duration {
    let rate = u64::from(TICKS_PER_SECOND);
    let ticks = u64::try_from(ticks).unwrap_or(0);
    Duration::from_secs(ticks / rate) + Duration::from_nanos(ticks % rate * 100_000 / 9)
}

/// The ticks in a duration, rounded up: what has lasted them has lasted it.
pub(crate) fn to_ticks(duration: Duration) -> Ticks {
    let ticks = (duration.as_nanos() * u128::from(TICKS_PER_SECOND)).div_ceil(1_000_000_000);
    Ticks::try_from(ticks).unwrap_or(Ticks::MAX)
}
