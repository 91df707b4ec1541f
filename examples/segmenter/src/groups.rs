//! The times between random access points.

/// The shortest and the longest time between two random access points, in ticks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Groups {
    last: Option<i128>,
    range: Option<(u64, u64)>,
}

impl Groups {
    /// Takes note of a random access point at this time.
    pub(crate) fn note(&mut self, time: impl Into<i128>) {
        let time = time.into();
        let step = self.last.replace(time).map(|last| time - last);
        if let Some(step) = step.and_then(|step| u64::try_from(step).ok())
            && step > 0
        {
            let (shortest, longest) = self.range.unwrap_or((step, step));
            self.range = Some((shortest.min(step), longest.max(step)));
        }
    }

    /// The time does not go on.
    pub(crate) fn restart(&mut self) {
        self.last = None;
    }

    /// The shortest and the longest time.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        self.range
    }
}
