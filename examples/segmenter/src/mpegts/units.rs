//! Follows an elementary stream: its pictures, or its PES packets of audio.

use super::audio::Meter;
use super::packet::Packet;
use super::pes::{Header, Stamps};
use super::scan::{Answer, Scan};
use super::sequence::Sequence;
use super::timeline::{OTHERS, Ticks};
use super::track::{Codec, Track};

/// A packet that was passed on to the output, for later.
pub(crate) type Mark = u64;

/// A picture, or a PES packet of audio.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// The packet with which it begins.
    pub(crate) mark: Mark,
    pub(crate) entry: Entry,
    pub(crate) stamps: Option<Stamps>,
    /// The program clock where it begins.
    pub(crate) clock: Option<u64>,
    /// The stream announced that its clock begins anew. ISO/IEC 13818-1, 2.4.3.5.
    pub(crate) is_announced: bool,
    /// How far other clocks have come.
    pub(crate) others: [Ticks; OTHERS],
    /// How much came since the unit before.
    pub(crate) measure_before: Ticks,
    /// The PES packet before it.
    pub(crate) before: Option<Mark>,
}

impl Unit {
    pub(crate) fn without_stamps(self) -> Self {
        Self {
            stamps: None,
            clock: None,
            ..self
        }
    }
}

/// Whether a decoder can begin with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    No,
    /// If it has the parameter sets from before.
    WithEarlierSets,
    Yes,
}

impl Entry {
    fn yes_if(enters: bool) -> Self {
        if enters { Self::Yes } else { Self::No }
    }
}

/// The surroundings of a PES packet's first packet.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) mark: Mark,
    pub(crate) clock: Option<u64>,
    pub(crate) is_announced: bool,
    pub(crate) others: [Ticks; OTHERS],
}

/// Follows one elementary stream.
pub(crate) struct Tracker {
    pub(crate) track: Track,
    last_counter: Option<u8>,
    state: State,
    /// The bytes of the picture, as far as they are looked at: of one PES packet, or of several if
    /// the first ones hold nothing but parameter sets.
    bytes: Vec<u8>,
    /// Where in them the header of the latest PES packet begins.
    header_at: usize,
    scan: Scan,
    /// The picture or PES packet that is not decided on.
    open: Option<Open>,
    /// The latest two PES packets.
    latest: Option<Mark>,
    before: Option<Mark>,
    meter: Meter,
    measure: Ticks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// What comes is of no interest.
    Idle,
    Header,
    Content,
    /// The content cannot be read.
    Opaque,
}

struct Open {
    place: Place,
    before: Option<Mark>,
    stamps: Option<Stamps>,
    is_indicated: bool,
}

impl Tracker {
    pub(crate) fn new(track: Track) -> Self {
        Self {
            track,
            last_counter: None,
            state: State::Idle,
            bytes: Vec::new(),
            header_at: 0,
            scan: Scan::new(track.codec),
            open: None,
            latest: None,
            before: None,
            meter: Meter::default(),
            measure: 0,
        }
    }

    /// The measure of the latest unit so far.
    pub(crate) fn measure(&self) -> Ticks {
        self.measure
    }

    /// Whether complete parameter sets have come at any time.
    pub(crate) fn knows_sets(&self) -> bool {
        self.scan.knows_sets()
    }

    /// The pictures, if the stream has told of them anew since the last call.
    pub(crate) fn take_sequence(&mut self) -> Option<Sequence> {
        let codec = self.track.codec;
        let sequence = self.scan.take_sequence()?;
        Sequence::read(codec, sequence)
    }

    /// The oldest packet that a unit to come may begin with.
    pub(crate) fn oldest_mark(&self) -> Option<Mark> {
        let open = self.open.as_ref().map(|open| open.place.mark);
        [open, self.before, self.latest].into_iter().flatten().min()
    }

    /// Takes the next packet of the stream. `place` is asked for if a PES packet starts in it. Adds
    /// the units that are decided on to `units`.
    pub(crate) fn push(
        &mut self,
        packet: Packet<'_>,
        place: impl FnOnce() -> Place,
        units: &mut Vec<Unit>,
    ) {
        if !packet.has_payload() || self.is_repeated(packet, units) {
            return;
        }
        if packet.starts_unit() {
            self.end_packet(units);
            self.begin(packet, place());
        }
        self.take(packet.payload(), units);
    }

    /// Decides on what is open, as nothing more comes.
    pub(crate) fn finish(&mut self, units: &mut Vec<Unit>) {
        self.end_packet(units);
        if self.open.is_some() {
            self.emit(Entry::No, units);
        }
    }

    /// Whether the packet was sent before. ISO/IEC 13818-1, 2.4.3.3.
    fn is_repeated(&mut self, packet: Packet<'_>, units: &mut Vec<Unit>) -> bool {
        let counter = packet.counter();
        let Some(last) = self.last_counter.replace(counter) else {
            return false;
        };
        if packet.is_discontinuous() {
            return false;
        }
        if counter != last && counter != (last + 1) & 0x0F && self.state != State::Idle {
            // What is lost may be what would have decided.
            self.state = State::Idle;
            self.scan.reset();
            self.emit(Entry::No, units);
        }
        counter == last
    }

    fn begin(&mut self, packet: Packet<'_>, place: Place) {
        self.before = self.latest.replace(place.mark);
        self.state = State::Header;
        if self.open.is_none() {
            self.bytes.clear();
            self.scan.begin();
        }
        self.header_at = self.bytes.len();
        let is_indicated = packet.is_random_access();
        match &mut self.open {
            // The parameter sets came in a PES packet of their own.
            Some(open) => {
                open.is_indicated |= is_indicated;
                open.place.is_announced |= place.is_announced;
                open.place.clock = place.clock;
            }
            None => {
                self.open = Some(Open {
                    place,
                    before: self.before,
                    stamps: None,
                    is_indicated,
                });
            }
        }
    }

    /// Decides on a PES packet that ends without an answer from its bitstream.
    fn end_packet(&mut self, units: &mut Vec<Unit>) {
        match (self.state, &self.open) {
            (State::Idle, _) | (_, None) => {}
            // Parameter sets in a PES packet of their own: the picture follows.
            (State::Content, Some(_)) if self.scan.has_units() => {}
            (_, Some(open)) => {
                let entry = Entry::yes_if(open.is_indicated);
                self.scan.reset();
                self.emit(entry, units);
            }
        }
        self.state = State::Idle;
    }

    fn take(&mut self, payload: &[u8], units: &mut Vec<Unit>) {
        let is_video = self.track.codec.is_video();
        match self.state {
            State::Idle | State::Opaque if is_video => {}
            State::Idle | State::Opaque => self.count(payload),
            State::Header => {
                self.bytes.extend_from_slice(payload);
                self.read_header(units);
            }
            State::Content => {
                self.bytes.extend_from_slice(payload);
                self.look(units);
            }
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        let measured = self.meter.measure(self.track.codec, bytes);
        self.measure += Ticks::try_from(measured).unwrap_or(0);
    }

    fn read_header(&mut self, units: &mut Vec<Unit>) {
        let bytes = &self.bytes[self.header_at..];
        let (stamps, len, is_readable) = match Header::read(bytes) {
            Header::Incomplete => return,
            Header::Unreadable => (None, bytes.len(), false),
            Header::Read { stamps, len } => (stamps, len, true),
        };
        if let Some(open) = &mut self.open {
            open.stamps = stamps.or(open.stamps);
        }
        if !self.track.codec.is_video() {
            self.state = State::Idle;
            self.emit(Entry::yes_if(stamps.is_some()), units);
            let bytes = std::mem::take(&mut self.bytes);
            self.count(&bytes[self.header_at + len..]);
            self.bytes = bytes;
            return;
        }
        if !is_readable || !self.track.codec.has_scan() {
            self.state = State::Opaque;
            return;
        }
        self.state = State::Content;
        self.bytes.drain(self.header_at..self.header_at + len);
        self.look(units);
    }

    /// Looks for the first slice of a picture.
    fn look(&mut self, units: &mut Vec<Unit>) {
        let is_indicated = self.open.as_ref().is_some_and(|open| open.is_indicated);
        if is_indicated && !self.scan.has_units() && !may_begin_unit(&self.bytes) {
            // Nothing that can be read, so there is nothing but the indicator.
            self.state = State::Idle;
            self.scan.reset();
            self.emit(Entry::Yes, units);
            return;
        }
        let answer = self.scan.look(&self.bytes, is_indicated);
        self.decide(answer, units);
    }

    fn decide(&mut self, answer: Answer, units: &mut Vec<Unit>) {
        match answer {
            Answer::Open => {}
            Answer::Continues => {
                self.state = State::Idle;
                self.open = None;
            }
            Answer::Unknown => {
                self.state = State::Idle;
                let is_indicated = self.open.as_ref().is_some_and(|open| open.is_indicated);
                let entry = Entry::yes_if(is_indicated && !self.scan.has_units());
                self.scan.reset();
                self.emit(entry, units);
            }
            Answer::Picture(entry) => {
                self.state = State::Idle;
                self.emit(entry, units);
            }
        }
    }

    fn emit(&mut self, entry: Entry, units: &mut Vec<Unit>) {
        let Some(open) = self.open.take() else {
            return;
        };
        let Place {
            mark,
            clock,
            is_announced,
            others,
        } = open.place;
        let next = Ticks::from(self.track.codec.is_video());
        units.push(Unit {
            mark,
            entry,
            stamps: open.stamps,
            clock,
            is_announced,
            others,
            measure_before: std::mem::replace(&mut self.measure, next),
            before: open.before,
        });
    }
}

/// Whether the first bytes may be those of a start code.
fn may_begin_unit(bytes: &[u8]) -> bool {
    match bytes {
        [] | [0] | [0, 0] => true,
        [first, second, third, ..] => *first == 0 && *second == 0 && *third <= 1,
        _ => false,
    }
}

impl Codec {
    /// Whether its pictures are looked into.
    fn has_scan(self) -> bool {
        matches!(
            self,
            Self::H264 | Self::Hevc | Self::Vvc | Self::Mpeg2 | Self::Mpeg4
        )
    }
}
