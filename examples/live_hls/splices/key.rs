//! The names of breaks.

use std::time::{SystemTime, UNIX_EPOCH};

/// The event of a break. Different types of segmentation are breaks of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Insert(u32),
    Segmentation { event: u32, opening: u8 },
}

impl Key {
    /// The key in an [`id`](Key::id).
    pub(super) fn of(id: &str) -> Option<Self> {
        let mut parts = id.strip_prefix("splice-")?.split('-');
        let event = parts.next()?.parse().ok()?;
        match (parts.next()?, parts.next()) {
            (_, None) => Some(Self::Insert(event)),
            (opening, Some(_)) => Some(Self::Segmentation {
                event,
                opening: u8::from_str_radix(opening, 16).ok()?,
            }),
        }
    }

    /// Unique in the playlist: the numbers of events are used again.
    pub(super) fn id(self, start: SystemTime) -> String {
        let start = millis(start);
        match self {
            Self::Insert(event) => format!("splice-{event}-{start}"),
            Self::Segmentation { event, opening } => {
                format!("splice-{event}-{opening:02x}-{start}")
            }
        }
    }
}

pub(super) fn millis(date: SystemTime) -> u128 {
    date.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}
