//! The parts that PIDs play.

use super::output::Role;
use super::packet::PAT_PID;
use super::tables::{TableReader, Tables};

/// The number of PIDs.
const COUNT: usize = 1 << 13;

/// What is done with a packet.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) role: Role,
    /// Its stream is followed beside the main one, under this index.
    pub(crate) lane: Option<u8>,
    flags: u8,
}

const TABLE: u8 = 1;
const CLOCK: u8 = 2;
const MAIN: u8 = 4;
const FOREIGN: u8 = 8;
const CUE: u8 = 16;

const PLAIN: Part = Part {
    role: Role::Plain,
    lane: None,
    flags: 0,
};

impl Part {
    /// Whether it may be one of a PAT or a PMT.
    pub(crate) fn is_table(self) -> bool {
        self.flags & TABLE != 0
    }

    /// Whether it may have the program's clock.
    pub(crate) fn is_clock(self) -> bool {
        self.flags & CLOCK != 0
    }

    /// Whether it is of the stream that decides where to cut.
    pub(crate) fn is_main(self) -> bool {
        self.flags & MAIN != 0
    }

    /// Whether it is splice information.
    pub(crate) fn is_cue(self) -> bool {
        self.flags & CUE != 0
    }

    /// Whether it is not of the program that is kept.
    pub(crate) fn is_foreign(self) -> bool {
        self.flags & FOREIGN != 0
    }
}

/// The part of each PID.
pub(crate) struct Pids(Box<[Part]>);

impl Default for Pids {
    fn default() -> Self {
        Self(vec![PLAIN; COUNT].into())
    }
}

impl Pids {
    pub(crate) fn part(&self, pid: u16) -> Part {
        self.0[usize::from(pid) % COUNT]
    }

    fn part_mut(&mut self, pid: u16) -> &mut Part {
        &mut self.0[usize::from(pid) % COUNT]
    }

    /// The PAT may list program map tables that it did not list before.
    pub(crate) fn renew(&mut self, reader: &TableReader, pid: u16) {
        if pid != PAT_PID {
            return;
        }
        for pid in reader.pmt_pids() {
            let part = self.part_mut(pid);
            if !part.is_main() && part.lane.is_none() {
                part.flags |= TABLE;
                part.role = Role::Counted;
            }
        }
    }

    /// Gives out the parts. `lanes` are the streams beside the main one, `fallback` is the one that
    /// decides in its place, and of `counted` packets were inserted.
    pub(crate) fn assign(
        &mut self,
        reader: &TableReader,
        tables: &Tables,
        lanes: impl Iterator<Item = u16>,
        fallback: Option<u16>,
        counted: Option<u16>,
    ) {
        let map = &tables.map;
        let foreign = Part {
            flags: if tables.is_reduced { FOREIGN } else { 0 },
            ..PLAIN
        };
        self.0.fill(foreign);
        let own = map.streams.iter().map(|stream| stream.pid);
        let own = own.chain(map.access_pids.iter().copied());
        for pid in own.chain([map.pcr_pid, tables.pmt_pid, PAT_PID]) {
            self.part_mut(pid).flags &= !FOREIGN;
        }
        for pid in reader.pmt_pids().chain([PAT_PID]) {
            let part = self.part_mut(pid);
            part.flags |= TABLE;
            part.role = Role::Counted;
        }
        self.part_mut(map.pcr_pid).flags |= CLOCK;
        for stream in map.streams.iter().filter(|stream| stream.is_cueing) {
            self.part_mut(stream.pid).flags |= CUE;
        }
        for (index, pid) in lanes.enumerate() {
            let part = self.part_mut(pid);
            if part.is_table() {
                continue;
            }
            let Ok(index) = u8::try_from(index) else {
                break;
            };
            part.lane = Some(index);
            // The clock has to stay where it is.
            if !part.is_clock() && fallback != Some(pid) {
                part.role = Role::Lane(index);
            }
        }
        self.part_mut(tables.track.pid).flags |= MAIN;
        if let Some(pid) = counted {
            self.part_mut(pid).role = Role::Counted;
        }
    }
}
