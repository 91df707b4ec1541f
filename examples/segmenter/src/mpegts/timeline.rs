//! Time: the stamps of one elementary stream, which count modulo 2^33, laid out on a line.

use super::units::{Mark, Unit};

/// A place on the line, or a length of it: 90 kHz.
pub(crate) type Ticks = i64;

pub(crate) const TICKS_PER_SECOND: u32 = 90_000;
pub(crate) const SECOND: Ticks = TICKS_PER_SECOND as Ticks;
/// Stamps count modulo 2^33 (ISO/IEC 13818-1, 2.4.3.7), that is 26.5 hours.
const WRAP: u64 = 1 << 33;
/// A step of more than this is time that passed only if something else says so.
const LONGEST_STEP: Ticks = 10 * SECOND;
/// The same, for a stream whose rate is unknown.
const LONGEST_FIRST_STEP: Ticks = 60 * SECOND;
/// How far another clock may be off when it confirms a step.
const CONFIRMATION: Ticks = 2 * SECOND;
/// Pictures that have presentation times only step back a little.
const LONGEST_STEP_BACK: Ticks = SECOND;
/// The duration of a picture before the stream has shown it.
const DEFAULT_FRAME: Ticks = SECOND / 25;
/// The number of units that wait for the one that tells a jump from a wrong stamp.
const MOST_HELD: usize = 8;
/// The number of other clocks that can confirm a step.
pub(crate) const OTHERS: usize = 4;

/// A unit and its time.
pub(crate) struct Placed {
    pub(crate) unit: Unit,
    /// The presentation time.
    pub(crate) time: Ticks,
    pub(crate) jump: Option<Jump>,
}

/// The stamps of a unit do not continue those before.
#[derive(Clone, Copy)]
pub(crate) struct Jump {
    /// The presentation time of the first unit since the jump before, on the old line.
    pub(crate) start: Ticks,
    /// The end of the last unit before, on the old line.
    pub(crate) end: Ticks,
    /// The step that is none.
    pub(crate) by: Ticks,
}

/// Lays the units of one elementary stream out in time.
#[derive(Default)]
pub(crate) struct Timeline {
    last: Option<Last>,
    /// What came since the last stamp that was another one, before the latest unit: pictures, or
    /// any measure of audio.
    before: Ticks,
    rate: Option<Rate>,
    /// The latest step, for streams whose pictures are far apart.
    step: Option<Ticks>,
    /// The presentation times of the first unit and the last one, in order of presentation.
    shown: Option<(Ticks, Ticks)>,
    /// Units from the first one with an implausible stamp on.
    held: Vec<Unit>,
}

/// The duration of a measure.
#[derive(Clone, Copy)]
struct Rate {
    ticks: Ticks,
    measure: Ticks,
}

/// The latest stamp, and its place on the line.
#[derive(Clone, Copy)]
struct Last {
    stamp: Stamp,
    time: Ticks,
    others: [Ticks; OTHERS],
}

/// The decoding time of a unit, or the program clock in its place.
#[derive(Clone, Copy)]
struct Stamp {
    value: u64,
    is_clock: bool,
}

impl Timeline {
    /// A line on which the stamp `value` stands at `time`, if it stands anywhere.
    pub(crate) fn beside(reference: Option<(u64, Ticks)>) -> Self {
        let last = reference.map(|(value, time)| Last {
            stamp: Stamp {
                value,
                is_clock: true,
            },
            time,
            others: [0; OTHERS],
        });
        Self {
            last,
            ..Self::default()
        }
    }

    /// The latest stamp and its place.
    pub(crate) fn reference(&self) -> Option<(u64, Ticks)> {
        self.last.map(|last| (last.stamp.value, last.time))
    }

    /// The first packet of the units that wait.
    pub(crate) fn oldest_mark(&self) -> Option<Mark> {
        self.held
            .first()
            .map(|unit| unit.before.unwrap_or(unit.mark))
    }

    /// The latest place on the line.
    pub(crate) fn now(&self) -> Option<Ticks> {
        self.last.map(|last| last.time)
    }

    /// Units in a second.
    pub(crate) fn rate(&self) -> Option<f64> {
        let rate = self.rate.filter(|rate| rate.ticks > 0)?;
        // Both are small enough to be exact.
        let [measure, ticks] = [rate.measure, rate.ticks].map(|it| i32::try_from(it).ok());
        Some(f64::from(measure?) * f64::from(TICKS_PER_SECOND) / f64::from(ticks?))
    }

    /// The latest step.
    pub(crate) fn step(&self) -> Option<Ticks> {
        self.step
    }

    /// The presentation time of the first unit.
    pub(crate) fn start(&self) -> Ticks {
        self.shown.map_or(0, |(first, _)| first)
    }

    /// The end of the last unit, which has this measure.
    pub(crate) fn end(&self, measure: Ticks) -> Ticks {
        self.shown
            .map_or(0, |(_, last)| last + self.length(measure))
    }

    /// Places the next unit, and those that waited for it.
    pub(crate) fn push(&mut self, unit: Unit, out: &mut Vec<Placed>) {
        if self.held.is_empty() {
            if self.is_plausible(&unit) {
                out.push(self.place(unit, None));
            } else if unit.is_announced {
                self.jump(unit, out);
            } else {
                self.held.push(unit);
            }
            return;
        }
        let is_stamped = self.stamp(&unit).is_some();
        if !is_stamped && self.held.len() < MOST_HELD {
            self.held.push(unit);
            return;
        }
        let mut held = std::mem::take(&mut self.held).into_iter();
        if is_stamped && self.is_plausible(&unit) {
            // One wrong stamp among right ones.
            for wrong in held {
                out.push(self.place(wrong.without_stamps(), None));
            }
        } else if let Some(first) = held.next() {
            self.jump(first, out);
            for later in held {
                out.push(self.place(later, None));
            }
        }
        self.push(unit, out);
    }

    /// Places the units that wait, as there is none that could tell.
    pub(crate) fn flush(&mut self, out: &mut Vec<Placed>) {
        for unit in std::mem::take(&mut self.held) {
            out.push(self.place(unit.without_stamps(), None));
        }
    }

    fn jump(&mut self, unit: Unit, out: &mut Vec<Placed>) {
        let by = match (self.stamp(&unit), self.last) {
            (Some(stamp), Some(last)) => difference(stamp.value, last.stamp.value),
            _ => 0,
        };
        let (start, end) = (self.start(), self.end(unit.measure_before));
        self.last = None;
        self.shown = None;
        out.push(self.place(unit, Some(Jump { start, end, by })));
    }

    /// What tells the time of a unit.
    fn stamp(&self, unit: &Unit) -> Option<Stamp> {
        let had_stamps = self.last.is_some_and(|last| !last.stamp.is_clock);
        match (unit.stamps, unit.clock) {
            (Some(stamps), _) => Some(Stamp {
                value: stamps.decoded,
                is_clock: false,
            }),
            (None, Some(value)) if !had_stamps => Some(Stamp {
                value,
                is_clock: true,
            }),
            _ => None,
        }
    }

    /// Whether a unit may come after the last one.
    fn is_plausible(&self, unit: &Unit) -> bool {
        let (Some(stamp), Some(last)) = (self.stamp(unit), self.last) else {
            return true;
        };
        if stamp.is_clock != last.stamp.is_clock {
            return true;
        }
        let step = difference(stamp.value, last.stamp.value);
        if unit.is_announced {
            return (0..=LONGEST_STEP_BACK).contains(&step);
        }
        let longest = match self.step {
            None => LONGEST_FIRST_STEP,
            Some(usual) => LONGEST_STEP.max(2 * usual),
        };
        let confirms = |(now, then): (&Ticks, &Ticks)| (now - then - step).abs() <= CONFIRMATION;
        (-LONGEST_STEP_BACK..=longest).contains(&step)
            || step > 0 && unit.others.iter().zip(&last.others).any(confirms)
    }

    fn place(&mut self, unit: Unit, jump: Option<Jump>) -> Placed {
        self.before += unit.measure_before;
        let decoded = match self.stamp(&unit) {
            Some(stamp) => self.step_to(stamp, unit.others),
            None => self.last.map_or(0, |last| last.time) + self.length(self.before),
        };
        let delay = unit
            .stamps
            .map(|stamps| difference(stamps.presented, stamps.decoded))
            .filter(|delay| (0..=LONGEST_STEP).contains(delay));
        let time = decoded + delay.unwrap_or(0);
        let (first, last) = self.shown.unwrap_or((time, time));
        self.shown = Some((first.min(time), last.max(time)));
        Placed { unit, time, jump }
    }

    /// Moves on to a stamp that is plausible, or the first one.
    fn step_to(&mut self, stamp: Stamp, others: [Ticks; OTHERS]) -> Ticks {
        let Some(last) = self.last else {
            self.before = 0;
            return self.settle(stamp, stamp.value.cast_signed(), others);
        };
        let step = difference(stamp.value, last.stamp.value);
        if stamp.is_clock != last.stamp.is_clock {
            // What came before was timed by another clock, or was another stream.
            let passed = match (self.shown, self.rate) {
                (None, _) => step,
                _ => self.length(self.before),
            };
            self.before = 0;
            return self.settle(stamp, last.time + passed, others);
        }
        if step == 0 {
            // Of several units at one time, as between two PCRs, all count.
            return last.time;
        }
        if step > 0 {
            self.step = Some(step);
            self.rate = Some(Rate {
                ticks: step,
                measure: self.before.max(1),
            });
        }
        self.before = 0;
        self.settle(stamp, last.time + step, others)
    }

    fn settle(&mut self, stamp: Stamp, time: Ticks, others: [Ticks; OTHERS]) -> Ticks {
        self.last = Some(Last {
            stamp,
            time,
            others,
        });
        time
    }

    /// The duration of a measure, by that of what came before it.
    fn length(&self, measure: Ticks) -> Ticks {
        self.rate.map_or(DEFAULT_FRAME, |rate| {
            measure.saturating_mul(rate.ticks) / rate.measure
        })
    }
}

/// The way from `from` to `to`, the shorter way round.
pub(crate) fn difference(to: u64, from: u64) -> Ticks {
    let forward = to.wrapping_sub(from) % WRAP;
    if forward < WRAP / 2 {
        forward.cast_signed()
    } else {
        forward.cast_signed() - WRAP.cast_signed()
    }
}

/// The stamp of a place on the line.
pub(crate) fn to_stamp(time: Ticks) -> u64 {
    time.rem_euclid(WRAP.cast_signed()).cast_unsigned()
}

/// The ticks in a duration, rounded up: what has lasted them has lasted it.
pub(crate) fn to_ticks(duration: std::time::Duration) -> Ticks {
    let ticks = (duration.as_nanos() * u128::from(TICKS_PER_SECOND)).div_ceil(1_000_000_000);
    Ticks::try_from(ticks).unwrap_or(Ticks::MAX)
}
