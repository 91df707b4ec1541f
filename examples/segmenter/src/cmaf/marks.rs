//! Where in what is held the things are that a cut has to go by.

use super::kind::Kind;

/// Positions in what is held.
#[derive(Default)]
pub(crate) struct Marks {
    /// Where what belongs to the next fragment begins.
    pub(crate) lead: Option<usize>,
    /// Where what may turn out to be another initialisation segment begins.
    pub(crate) renewal: Option<usize>,
    /// Up to here all fragments are there with their data.
    pub(crate) whole: usize,
    /// The end of the last media data behind a fragment. 0 without any.
    pub(crate) media: usize,
    /// The first fragment behind that.
    pub(crate) incomplete: Option<Incomplete>,
}

/// A fragment whose media data has not come yet.
#[derive(Clone, Copy)]
pub(crate) struct Incomplete {
    pub(crate) offset: u64,
    /// How long the segment lasts without it.
    pub(crate) lasted: u64,
}

impl Marks {
    /// Takes note of a box, from `at` to `end`.
    pub(crate) fn note(&mut self, kind: Kind, at: usize, end: usize) {
        if kind == Kind::MDAT {
            *self = Self {
                whole: end,
                media: if self.incomplete.is_some() || self.media > 0 {
                    end
                } else {
                    0
                },
                ..Self::default()
            };
        } else if kind.leads_fragment() {
            self.lead.get_or_insert(at);
            self.renewal = None;
        } else if kind == Kind::FTYP {
            self.renewal = Some(at);
        } else if self.lead.is_none() && self.renewal.is_none() && self.incomplete.is_none() {
            self.whole = end;
        }
    }

    /// Takes note of a fragment. Returns where that begins, with what belongs to it.
    pub(crate) fn begin_fragment(&mut self, at: usize, incomplete: Incomplete) -> usize {
        self.renewal = None;
        self.incomplete.get_or_insert(incomplete);
        self.lead.take().unwrap_or(at)
    }

    /// What is held begins so many bytes later from now on.
    pub(crate) fn shift(&mut self, by: usize) {
        let moved = |at: Option<usize>| at?.checked_sub(by);
        (self.lead, self.renewal) = (moved(self.lead), moved(self.renewal));
        self.whole = self.whole.saturating_sub(by);
        self.media = self.media.saturating_sub(by);
    }
}
