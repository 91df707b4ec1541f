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
    /// Before the first fragment of another track that has jumped, since the last one of the track
    /// that decides where to cut.
    pub(crate) early: Option<Border>,
}

/// A place between fragments.
#[derive(Clone, Copy)]
pub(crate) struct Border {
    /// Where the fragment behind it begins, with what belongs to it.
    pub(crate) at: usize,
    /// No fragment before it lacks its data.
    pub(crate) is_behind_whole: bool,
    /// The segment that grows has media before it.
    pub(crate) has_media_before: bool,
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
                early: self.early,
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

    /// Takes note of a fragment. Returns the place before it.
    pub(crate) fn begin_fragment(&mut self, at: usize, incomplete: Incomplete) -> Border {
        let border = Border {
            at: self.lead.take().unwrap_or(at),
            // The data of the one before may come after this one.
            is_behind_whole: self.incomplete.is_none(),
            has_media_before: self.media > 0,
        };
        self.renewal = None;
        self.incomplete.get_or_insert(incomplete);
        border
    }

    /// What is held begins so many bytes later from now on.
    pub(crate) fn shift(&mut self, by: usize) {
        let moved = |at: Option<usize>| at?.checked_sub(by);
        (self.lead, self.renewal) = (moved(self.lead), moved(self.renewal));
        self.early = self.early.and_then(|border| {
            let at = border.at.checked_sub(by)?;
            Some(Border { at, ..border })
        });
        self.whole = self.whole.saturating_sub(by);
        self.media = self.media.saturating_sub(by);
    }
}
