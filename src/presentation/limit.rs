//! Limits by age and by bytes: one decision for all renditions.

use std::path::Path;

use super::config::{Quota, Retention as Policy};
use super::core::Core;
use super::format::Format;
use super::notice::Notice;
use super::rendition::Rendition;
use super::retention::Retention;
use super::retired::Retired;
use super::time::{Micros, SECOND, from_duration};

/// The bytes that the manifests of a presentation have at their destination. Only those count
/// that [`max_bytes`](crate::hls::MediaPlaylist::max_bytes) counts, and only if there is such a
/// limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The bytes of the listed segments.
    pub listed_bytes: u64,
    /// The bytes of the segments that no manifest lists, and that wait for their deletion.
    pub waiting_bytes: u64,
    /// Of the waiting bytes, those that clips pin: they stay until the clips are released.
    pub pinned_bytes: u64,
    /// The limit.
    pub max_bytes: Option<u64>,
}

impl Usage {
    /// The bytes that count against the limit.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.listed_bytes.saturating_add(self.waiting_bytes)
    }
}

impl<F: Format> Core<F> {
    /// Lets the oldest numbers slide out, of all renditions, as long as a limit is exceeded and
    /// three target durations stay (RFC 8216 §6.2.2).
    pub(super) fn limit(&mut self, longest: Micros) {
        while let Some(number) = self.oldest()
            && self.may_leave(number)
            && (self.is_too_old(number) || self.are_too_many_bytes(number))
        {
            for it in &mut self.renditions {
                if it.media_sequence == number {
                    it.first_leaves(longest);
                }
            }
        }
    }

    fn oldest(&self) -> Option<u64> {
        let limits = self.settings.limits;
        if limits.age.is_none() && limits.bytes.is_none() {
            return None;
        }
        let listed = self.renditions.iter().filter(|it| !it.entries.is_empty());
        listed.map(|it| it.media_sequence).min()
    }

    /// The renditions that list this number as their first one, and its duration.
    fn first_of(&self, number: u64) -> impl Iterator<Item = (&Rendition, Micros)> {
        let first = move |it: &&Rendition| it.media_sequence == number;
        let listing = self.renditions.iter().filter(first);
        listing.filter_map(|it| Some((it, it.entries.front()?.micros)))
    }

    fn may_leave(&self, number: u64) -> bool {
        let Some(target) = self.settings.target_secs else {
            return false;
        };
        let least = target.saturating_mul(3 * SECOND);
        let mut first = self.first_of(number);
        first.all(|(it, _)| it.may_do_without_the_first(least))
    }

    /// The age of a segment is the media behind it, or the time for which this session knows it if
    /// that is longer, as in an outage.
    fn is_too_old(&self, number: u64) -> bool {
        let Some(most) = self.settings.limits.age else {
            return false;
        };
        let mut first = self.first_of(number);
        first.all(|(it, micros)| {
            let since = it.entries.front().map_or(self.now, |first| first.since);
            let by_clock = from_duration(self.now.saturating_sub(since));
            (it.total() - micros).max(by_clock) >= most
        })
    }

    fn are_too_many_bytes(&self, number: u64) -> bool {
        let Some(most) = self.settings.limits.bytes else {
            return false;
        };
        let usage = self.usage();
        let listed = usage.listed_bytes;
        let more = match self.settings.limits.quota {
            // The others are deleted as soon as the manifest is published.
            Quota::Hard => self.of_the_next_segment(),
            Quota::Standard => self.will_wait(number, listed),
        };
        listed
            .saturating_add(more)
            .saturating_add(usage.pinned_bytes)
            > most
    }

    /// The next segments are expected to be as long as the last ones.
    fn of_the_next_segment(&self) -> u64 {
        let last = self.renditions.iter().filter_map(|it| it.entries.back());
        last.map(|it| it.bytes).sum()
    }

    /// The bytes that wait for their deletion in the long run: a file waits for its own duration,
    /// that of the longest manifest and the margin, and so many bytes leave in this time. The
    /// duration counts twice, because a segment is stored before the next one is deleted.
    fn will_wait(&self, number: u64, listed: u64) -> u64 {
        let durations = self
            .first_of(number)
            .map(|(it, micros)| (it.total(), micros));
        let Some((total, first)) = durations.max() else {
            return 0;
        };
        let margin = match self.settings.retention {
            Policy::Delete { margin } => from_duration(margin),
            Policy::Keep => 0,
        };
        let wait = total.saturating_add(2 * first).saturating_add(margin);
        let bytes = u128::from(listed) * u128::from(wait) / u128::from(total.max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// The bytes of all renditions together.
    pub(crate) fn usage(&self) -> Usage {
        let max_bytes = self.settings.limits.bytes;
        let mut usage = Usage {
            max_bytes,
            ..Usage::default()
        };
        if max_bytes.is_none() {
            return usage;
        }
        for it in &self.renditions {
            usage.listed_bytes += it.entries.bytes();
            usage.waiting_bytes += it.retired.bytes() + it.retiring.bytes();
        }
        for it in &self.publications {
            let retention = it.retention.as_ref();
            usage.waiting_bytes += retention.map_or(0, Retention::bytes);
            usage.pinned_bytes += retention.map_or(0, Retention::pinned_bytes);
            let pins = retention.filter(|_| !it.clips.is_empty());
            if let Some(pins) = pins {
                // Those that are about to wait.
                let covered = it.manifest.covers.iter().map(|r| &self.renditions[*r]);
                let retired = covered.flat_map(|it| it.retired.iter().chain(it.retiring.iter()));
                let pinned = retired.filter(|it| pins.is_pinned(it.file()));
                usage.pinned_bytes += pinned.map(Retired::bytes).sum::<u64>();
            }
        }
        usage
    }

    /// Reports that the limit is exceeded, with the first manifest that has segments.
    pub(super) fn over_quota(&self, p: usize) -> Option<Notice> {
        let usage = self.usage();
        let most = usage.max_bytes.filter(|most| usage.total_bytes() > *most)?;
        (p == self.publication_of(0)).then_some(Notice::OverQuota {
            bytes: usage.total_bytes(),
            max_bytes: most,
            pinned_bytes: usage.pinned_bytes,
        })
    }

    /// With a hard quota the oldest files that wait are due if the limit is exceeded.
    pub(super) fn exceed(&mut self, p: usize) {
        let limits = self.settings.limits;
        let (Some(most), Quota::Hard) = (limits.bytes, limits.quota) else {
            return;
        };
        let over = self.usage().total_bytes().saturating_sub(most);
        self.make_due(p, |bytes, _| bytes < over);
    }

    /// With a hard quota the oldest files that wait are due if there is no space. Returns whether
    /// any is.
    pub(super) fn make_some_due(&mut self, p: usize, most: usize) -> bool {
        self.settings.limits.quota == Quota::Hard && self.make_due(p, |_, files| files < most) > 0
    }

    /// Makes waiting files due, oldest first, while this holds for their bytes and their number.
    fn make_due(&mut self, p: usize, is_needed: impl Fn(u64, usize) -> bool) -> usize {
        let Some(mut retention) = self.publications[p].retention.take() else {
            return 0;
        };
        let may = |file: &Path| !self.may_name(file);
        let push = self.publications[p].names.pushes();
        let made = retention.make_due(push, may, is_needed);
        self.publications[p].retention = Some(retention);
        made
    }
}
