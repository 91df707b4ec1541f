//! Splice information in a transport stream: read, and placed on the line of time.

use std::collections::BTreeMap;
use std::mem;

use super::packet::Packet;
use super::section::{SectionReader, crc32};
use super::timeline::{TICKS_PER_SECOND, Ticks, difference};
use crate::cues::{Cues, Identity, MOST_WAITING};
use crate::scte35::{SpliceInfo, TABLE_ID};
use crate::segment::Splice;

/// The splice information of a program.
pub(crate) struct CueSections {
    readers: BTreeMap<u16, SectionReader>,
    /// Sections that came before the time was known.
    early: Vec<Vec<u8>>,
    pub(crate) cues: Cues,
}

/// A place on the line, by its stamp.
pub(crate) type Reference = (u64, Ticks);

impl CueSections {
    pub(crate) fn new() -> Self {
        Self {
            readers: BTreeMap::new(),
            early: Vec::new(),
            cues: Cues::new(TICKS_PER_SECOND),
        }
    }

    /// Takes the next packet of a stream of splice information.
    pub(crate) fn push(&mut self, packet: Packet<'_>, reference: Option<Reference>) {
        let reader = self.readers.entry(packet.pid()).or_default();
        let mut sections = Vec::new();
        reader.push_bytes(packet, |section| sections.push(section.to_vec()));
        for section in sections {
            if section.first() != Some(&TABLE_ID) || crc32(&section) != 0 {
                continue;
            }
            match reference {
                Some(reference) => self.take(section, reference),
                None if self.early.len() < MOST_WAITING => self.early.push(section),
                None => {}
            }
        }
    }

    /// Places what came before the time was known.
    pub(crate) fn settle(&mut self, reference: Option<Reference>) {
        if let Some(reference) = reference {
            for section in mem::take(&mut self.early) {
                self.take(section, reference);
            }
        }
    }

    fn take(&mut self, section: Vec<u8>, (stamp, now): Reference) {
        let Some(info) = SpliceInfo::read(&section) else {
            return;
        };
        let at = info.stamp().map_or(now, |at| now + difference(at, stamp));
        let identity = Identity::Section(section.clone());
        self.cues.take(Splice { section, info, at }, identity, now);
    }
}
