//! The clauses of RFC 8216, and of the draft that revises it, for a published text and for its
//! change.

use super::setup::{Kind, Setup};
use super::text::{Entry, Text};

const SECOND: u64 = 1_000_000;

macro_rules! ask {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}

/// A text by itself.
pub(crate) fn of_text(text: &Text, setup: &Setup) -> Result<(), String> {
    let kind = match setup.kind {
        Kind::Live => None,
        Kind::Event => Some("EVENT".to_owned()),
        Kind::Vod => Some("VOD".to_owned()),
    };
    ask!(
        text.kind == kind,
        "EXT-X-PLAYLIST-TYPE is {:?} (§6.2.2)",
        text.kind
    );
    ask!(
        text.is_independent == setup.is_independent,
        "EXT-X-INDEPENDENT-SEGMENTS"
    );
    if let Some(target) = setup.target {
        ask!(
            text.target == target,
            "another target duration than was asked for"
        );
    }
    ask!(text.target > 0, "a target duration of 0");
    ask!(!text.entries.is_empty(), "a playlist of nothing");
    ask!(text.end() <= 1 << 53, "a number of 2^53 or more");
    ask!(
        text.version == 3 || text.version == 6,
        "version {} (§7)",
        text.version
    );
    for entry in &text.entries {
        of_entry(entry, text, setup)?;
    }
    of_maps(text)?;
    of_dates(text)
}

fn of_entry(entry: &Entry, text: &Text, setup: &Setup) -> Result<(), String> {
    // §4.3.3.1, and §7 on the meaning before version 6.
    let counts = if text.version >= 6 {
        (entry.micros + SECOND / 2) / SECOND
    } else {
        entry.micros.div_ceil(SECOND)
    };
    ask!(
        counts <= text.target,
        "{} lasts longer than the target duration (§4.3.3.1)",
        entry.uri
    );
    ask!(
        entry.map.is_none() || text.version >= 6,
        "EXT-X-MAP below version 6 (§7)"
    );
    ask!(
        entry.date.is_some() == setup.is_dated,
        "dates on some segments only"
    );
    Ok(())
}

/// Once there is a map, there is one for all that comes; and another one is another encoding.
fn of_maps(text: &Text) -> Result<(), String> {
    let mut has_map = false;
    for entry in &text.entries {
        has_map |= entry.map.is_some();
        let needs = has_map || (text.version >= 6 && !entry.is_gap);
        ask!(
            entry.map.is_some() || !needs,
            "{} has no EXT-X-MAP (§3.3)",
            entry.uri
        );
    }
    for pair in text.entries.windows(2) {
        ask!(
            pair[0].map == pair[1].map || pair[1].starts_discontinuity,
            "another EXT-X-MAP at {} without a discontinuity (§4.3.2.3)",
            pair[1].uri
        );
    }
    Ok(())
}

fn of_dates(text: &Text) -> Result<(), String> {
    for pair in text.entries.windows(2) {
        ask!(
            pair[0].date <= pair[1].date,
            "a date goes back at {}",
            pair[1].uri
        );
    }
    Ok(())
}

/// A text and the one before it: the closed list of what may change
/// (draft-pantos-hls-rfc8216bis §6.2.1; RFC 8216 §6.2.1 and §6.2.2).
pub(crate) fn of_change(before: &Text, after: &Text, setup: &Setup) -> Result<(), String> {
    ask!(after.version == before.version, "the version changed");
    ask!(
        after.target == before.target,
        "the target duration changed (§6.2.1)"
    );
    ask!(
        after.media_sequence >= before.media_sequence,
        "the media sequence went back (§6.2.2)"
    );
    ask!(
        after.end() >= before.end(),
        "segments vanished from the end (§6.2.1)"
    );
    if before.has_ended {
        ask!(after == before, "a change after EXT-X-ENDLIST (§6.2.1)");
    }
    let removed = after.media_sequence - before.media_sequence;
    if setup.kind != Kind::Live {
        ask!(removed == 0, "segments were removed (§4.3.3.5)");
    }
    if setup.kind == Kind::Vod {
        ask!(after == before, "a VOD playlist changed (§4.3.3.5)");
    }
    for number in after.media_sequence..before.end() {
        ask!(
            after.get(number) == before.get(number),
            "number {number} changed, from {:?} to {:?} (§6.2.1)",
            before.get(number),
            after.get(number)
        );
    }
    let gone = |number: &u64| {
        before
            .get(*number)
            .is_some_and(|it| it.starts_discontinuity)
    };
    let seen = (before.media_sequence..after.media_sequence.min(before.end()))
        .filter(gone)
        .count() as u64;
    let unseen = after.media_sequence.saturating_sub(before.end());
    let increment = after
        .discontinuity_sequence
        .checked_sub(before.discontinuity_sequence);
    // Entries that came and went between the two texts may have had discontinuities.
    ask!(
        increment.is_some_and(|it| (seen..=seen + unseen).contains(&it)),
        "{seen} discontinuities were removed, and the discontinuity sequence grew by {increment:?} \
         (§6.2.2)"
    );
    of_window(Some(before), after, setup)
}

/// Never below three target durations once it had them (§6.2.2), and no longer than was asked for.
pub(crate) fn of_window(before: Option<&Text>, after: &Text, setup: &Setup) -> Result<(), String> {
    let least = 3 * after.target * SECOND;
    let has_slid =
        after.media_sequence > before.map_or(after.media_sequence, |it| it.media_sequence);
    let had_them = before.is_some_and(|before| before.total() >= least) || has_slid;
    ask!(
        !had_them || after.total() >= least,
        "{} µs, less than three target durations of {} s (§6.2.2)",
        after.total(),
        after.target
    );
    if setup.kind == Kind::Live {
        let first = after.entries.first().map_or(0, |first| first.micros);
        let asked = least.max(setup.window_secs * SECOND);
        ask!(
            after.total() - first < asked,
            "it is a segment longer than the window"
        );
    }
    Ok(())
}
