//! The names of boxes.

use std::fmt;

/// Four characters that tell what a box is. ISO/IEC 14496-12, 4.2.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kind(pub [u8; 4]);

impl Kind {
    pub(crate) const EDTS: Self = Self(*b"edts");
    pub(crate) const ELST: Self = Self(*b"elst");
    pub(crate) const EMSG: Self = Self(*b"emsg");
    pub(crate) const FREE: Self = Self(*b"free");
    pub(crate) const FTYP: Self = Self(*b"ftyp");
    pub(crate) const HDLR: Self = Self(*b"hdlr");
    pub(crate) const MDAT: Self = Self(*b"mdat");
    pub(crate) const MDHD: Self = Self(*b"mdhd");
    pub(crate) const MDIA: Self = Self(*b"mdia");
    pub(crate) const MFRA: Self = Self(*b"mfra");
    pub(crate) const MINF: Self = Self(*b"minf");
    pub(crate) const MOOF: Self = Self(*b"moof");
    pub(crate) const MOOV: Self = Self(*b"moov");
    pub(crate) const MVEX: Self = Self(*b"mvex");
    pub(crate) const PDIN: Self = Self(*b"pdin");
    pub(crate) const PRFT: Self = Self(*b"prft");
    pub(crate) const SIDX: Self = Self(*b"sidx");
    pub(crate) const SKIP: Self = Self(*b"skip");
    pub(crate) const SSIX: Self = Self(*b"ssix");
    pub(crate) const STBL: Self = Self(*b"stbl");
    pub(crate) const STSZ: Self = Self(*b"stsz");
    pub(crate) const STYP: Self = Self(*b"styp");
    pub(crate) const STZ2: Self = Self(*b"stz2");
    pub(crate) const TFDT: Self = Self(*b"tfdt");
    pub(crate) const TFHD: Self = Self(*b"tfhd");
    pub(crate) const TKHD: Self = Self(*b"tkhd");
    pub(crate) const TRAF: Self = Self(*b"traf");
    pub(crate) const TRAK: Self = Self(*b"trak");
    pub(crate) const TREX: Self = Self(*b"trex");
    pub(crate) const TRUN: Self = Self(*b"trun");
    pub(crate) const UUID: Self = Self(*b"uuid");
    /// Padding in front of a box that may come to need the longer header, of the format before this
    /// one.
    pub(crate) const WIDE: Self = Self(*b"wide");

    /// Whether a file, or a segment of one, may begin with it.
    pub(crate) fn begins_file(self) -> bool {
        let others = [
            Self::FREE,
            Self::FTYP,
            Self::MDAT,
            Self::MOOF,
            Self::MOOV,
            Self::PDIN,
            Self::SKIP,
            Self::UUID,
            Self::WIDE,
        ];
        self.leads_fragment() || others.contains(&self)
    }

    /// Whether it stands before the fragment that it belongs to: ISO/IEC 14496-12, 8.16.2 to
    /// 8.16.5, and for `emsg` ISO/IEC 23009-1, 5.10.3.3.
    pub(crate) fn leads_fragment(self) -> bool {
        [Self::EMSG, Self::PRFT, Self::SIDX, Self::SSIX, Self::STYP].contains(&self)
    }

    /// Whether an initialisation segment ends before it.
    pub(crate) fn begins_media(self) -> bool {
        self.leads_fragment() || [Self::MDAT, Self::MOOF].contains(&self)
    }

    /// Whether it can be a name at all.
    pub(crate) fn is_printable(self) -> bool {
        self.0.iter().all(|byte| (b' '..=b'~').contains(byte))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.escape_ascii())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
