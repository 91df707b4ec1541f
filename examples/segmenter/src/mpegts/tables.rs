//! The tables that say what a stream holds, and the program that is cut. ISO/IEC 13818-1, 2.4.4.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::packet::{PAT_PID, Packet};
use super::section::{Section, SectionReader};
use super::track::{ProgramMap, Track};

const PAT_TABLE_ID: u8 = 0;
const PMT_TABLE_ID: u8 = 2;

/// A PAT and a PMT that belong together, and what they say of the program that is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tables {
    pub(crate) pat: Vec<Section>,
    pub(crate) pmt: Section,
    pub(crate) pmt_pid: u16,
    pub(crate) map: ProgramMap,
    /// The stream that decides where to cut.
    pub(crate) track: Track,
    /// The number of the program.
    pub(crate) program: u16,
    /// How many programs the stream has, this one included.
    pub(crate) programs: usize,
    /// The PAT is not the stream's: it lists this program only.
    pub(crate) is_reduced: bool,
}

impl Tables {
    /// Whether the packets in `bytes` are this PAT and then this PMT, whole, and nothing else.
    pub(crate) fn are_in(&self, bytes: &[u8]) -> bool {
        let pat = self.pat.iter().map(|section| (PAT_PID, section));
        let mut expected = pat.chain([(self.pmt_pid, &self.pmt)]);
        let (mut pat, mut pmt) = (SectionReader::default(), SectionReader::default());
        let mut last = None;
        let mut is_expected = true;
        for packet in Packet::all_in(bytes) {
            let pid = packet.pid();
            let reader = if pid == PAT_PID { &mut pat } else { &mut pmt };
            reader.push(packet, |section| {
                is_expected &= expected.next() == Some((pid, &section));
            });
            let this = Some((pid, packet.counter()));
            is_expected &= last != this;
            last = this;
        }
        let are_whole = !pat.is_within_section() && !pmt.is_within_section();
        is_expected && are_whole && expected.next().is_none()
    }
}

/// What the PAT says of a program, and its PMT as soon as that came.
struct Program {
    number: u16,
    pmt_pid: u16,
    pmt: Option<(Section, ProgramMap)>,
}

/// The programs that the segments hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    #[default]
    All,
    One,
}

/// Follows the tables through a stream, whatever they change to.
#[derive(Default)]
pub(crate) struct TableReader {
    pat_reader: SectionReader,
    /// The sections of the PAT that came, by number, of one version.
    pat_parts: Vec<Option<Section>>,
    /// The PAT once it was complete.
    pat: Vec<Section>,
    programs: Vec<Program>,
    pmt_readers: BTreeMap<u16, SectionReader>,
    /// A PMT came a second time, so each program that is there at all has shown its own.
    came_round: bool,
    chosen: Option<u16>,
    /// The only program of interest.
    wanted: Option<u16>,
    /// Whether the PAT is to list only the program that is cut.
    scope: Scope,
    current: Option<Arc<Tables>>,
}

impl TableReader {
    /// Reads of one program only: this one, or else the first that can be cut.
    pub(crate) fn want_one(&mut self, program: Option<u16>) {
        self.wanted = program;
        self.scope = Scope::One;
    }

    /// The latest tables that belong together, of the program that is cut.
    pub(crate) fn current(&self) -> Option<&Arc<Tables>> {
        self.current.as_ref()
    }

    pub(crate) fn has_pat(&self) -> bool {
        !self.pat.is_empty()
    }

    pub(crate) fn has_pmt(&self) -> bool {
        self.programs.iter().any(|program| program.pmt.is_some())
    }

    /// The PIDs of all program map tables.
    pub(crate) fn pmt_pids(&self) -> impl Iterator<Item = u16> {
        self.pmt_readers.keys().copied()
    }

    /// Whether a program names it as that of an elementary stream.
    pub(crate) fn is_elementary(&self, pid: u16) -> bool {
        let maps = self.programs.iter().filter_map(|it| it.pmt.as_ref());
        maps.flat_map(|(_, map)| &map.streams)
            .any(|stream| stream.pid == pid)
    }

    /// Takes the next packet, of whatever PID.
    pub(crate) fn push(&mut self, packet: Packet<'_>) {
        let pid = packet.pid();
        let mut sections = Vec::new();
        if pid == PAT_PID {
            self.pat_reader
                .push(packet, |section| sections.push(section));
            for section in sections
                .drain(..)
                .filter(|section| section.table_id() == PAT_TABLE_ID)
            {
                self.take_pat_part(section);
            }
        } else if let Some(reader) = self.pmt_readers.get_mut(&pid) {
            reader.push(packet, |section| sections.push(section));
            for section in sections
                .drain(..)
                .filter(|section| section.table_id() == PMT_TABLE_ID)
            {
                self.take_pmt(pid, section);
            }
        }
    }

    fn take_pat_part(&mut self, section: Section) {
        let number = usize::from(section.number());
        let count = usize::from(section.last_number()) + 1;
        let fits = |other: &Section| {
            other.version() == section.version()
                && other.table_id_extension() == section.table_id_extension()
        };
        if self.pat_parts.len() != count || !self.pat_parts.iter().flatten().all(fits) {
            self.pat_parts = vec![None; count];
        }
        let Some(part) = self.pat_parts.get_mut(number) else {
            return;
        };
        if part.as_ref() == Some(&section) {
            return;
        }
        *part = Some(section);
        if self.pat_parts.iter().all(Option::is_some) {
            self.pat = self.pat_parts.iter().flatten().cloned().collect();
            self.list_programs();
            self.choose();
        }
    }

    /// Reads the list in the PAT. What is known of a program that stays where it was is kept.
    fn list_programs(&mut self) {
        let mut before = std::mem::take(&mut self.programs);
        for entry in self
            .pat
            .iter()
            .flat_map(|section| section.body().chunks_exact(4))
        {
            let number = u16::from_be_bytes([entry[0], entry[1]]);
            let pmt_pid = u16::from_be_bytes([entry[2] & 0x1F, entry[3]]);
            // Number 0 is the network's own table (2.4.4.5).
            if number == 0 {
                continue;
            }
            let kept = before
                .iter_mut()
                .find(|old| old.number == number && old.pmt_pid == pmt_pid)
                .and_then(|old| old.pmt.take());
            self.programs.push(Program {
                number,
                pmt_pid,
                pmt: kept,
            });
        }
        let programs = &self.programs;
        self.pmt_readers
            .retain(|pid, _| programs.iter().any(|program| program.pmt_pid == *pid));
        for program in programs {
            self.pmt_readers.entry(program.pmt_pid).or_default();
        }
        self.came_round = false;
    }

    fn take_pmt(&mut self, pid: u16, section: Section) {
        let number = section.table_id_extension();
        let same = |program: &&mut Program| program.pmt_pid == pid && program.number == number;
        let Some(program) = self.programs.iter_mut().find(same) else {
            return;
        };
        if program
            .pmt
            .as_ref()
            .is_some_and(|(known, _)| *known == section)
        {
            if !self.came_round {
                self.came_round = true;
                self.choose();
            }
            return;
        }
        let Some(map) = ProgramMap::new(section.body()) else {
            return;
        };
        program.pmt = Some((section, map));
        self.choose();
    }

    /// Stays with the program that was chosen as long as it can be cut. Else takes the first one
    /// with video, or the first one with audio once it is known that none has video.
    fn choose(&mut self) {
        let is_wanted =
            |program: &&Program| self.wanted.is_none_or(|wanted| wanted == program.number);
        let cuttable = |program: &&Program| {
            is_wanted(program) && matches!(&program.pmt, Some((_, map)) if map.track().is_some())
        };
        let with_video = |program: &&Program| {
            is_wanted(program) && matches!(&program.pmt, Some((_, map)) if map.has_video())
        };
        let waiting = |program: &Program| program.pmt.is_none();

        let chosen = self
            .programs
            .iter()
            .find(|program| self.chosen == Some(program.number));
        if chosen.is_some_and(waiting) {
            // Its PMT has moved. Until it comes, the old tables describe what is in the stream.
            return;
        }
        let chosen = chosen
            .filter(cuttable)
            .or_else(|| self.programs.iter().find(with_video))
            .or_else(|| {
                let all_known = self.came_round || !self.programs.iter().any(waiting);
                self.programs.iter().find(cuttable).filter(|_| all_known)
            });
        self.chosen = chosen.map(|program| program.number);
        self.current = chosen.and_then(|program| {
            let (pmt, map) = program.pmt.as_ref()?;
            let pat = match (self.scope, self.programs.len(), self.pat.first()) {
                (Scope::One, 2.., Some(first)) => {
                    vec![first.with_one_program(program.number, program.pmt_pid)]
                }
                _ => self.pat.clone(),
            };
            Some(Arc::new(Tables {
                pat,
                pmt: pmt.clone(),
                pmt_pid: program.pmt_pid,
                map: map.clone(),
                track: map.track()?,
                program: program.number,
                programs: self.programs.len(),
                is_reduced: self.scope == Scope::One && self.programs.len() > 1,
            }))
        });
    }
}
