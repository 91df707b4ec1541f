//! What the publishers report.

use segment_stream::hls::Notice;

use support::display::Display;

/// The limit of bytes, as it was displayed last.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Kept,
    Exceeded,
}

impl Limit {
    /// The notices that are new: an exceeded limit comes with each push.
    pub(super) fn news(self, mut notices: Vec<Notice>, now: &mut Self) -> Vec<Notice> {
        if notices.iter().any(is_over_quota) {
            *now = Self::Exceeded;
        }
        if self == Self::Exceeded {
            notices.retain(|notice| !is_over_quota(notice));
        }
        notices
    }
}

pub(super) fn is_over_quota(notice: &Notice) -> bool {
    matches!(notice, Notice::OverQuota { .. })
}

/// Displays notices that were not displayed before.
pub(super) fn tell(notices: &[Notice], said: &mut Vec<String>, display: &mut Display) {
    for notice in notices {
        let text = notice.to_string();
        if said.contains(&text) {
            continue;
        }
        match notice {
            // The write error said so already, with the cause.
            Notice::Lost { .. } => {}
            Notice::Undecodable { .. }
            | Notice::UnusableDuration { .. }
            | Notice::NoName { .. } => display.failed(&text),
            _ => display.complain(&text),
        }
        said.push(text);
    }
}
