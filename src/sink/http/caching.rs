//! Content types and caching rules, by the kind of an object.

use std::time::Duration;

use crate::sink::ObjectKind;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The time for which caches may keep each kind of object (`Cache-Control`).
///
/// | Object | `Cache-Control` | Default |
/// |---|---|---|
/// | live manifest | `max-age` of half a [target duration](HttpCaching::target_duration), rounded down to whole seconds; `no-cache` below 1 s | `no-cache` |
/// | ended manifest | `max-age` of [`ended`](HttpCaching::ended) | a day |
/// | media or initialisation segment | `max-age` of the [retention](HttpCaching::retention) | an hour |
/// | state of a publisher | `no-store` | |
///
/// A manifest has ended if its text says so: a line `#EXT-X-ENDLIST` in HLS, `type="static"` in an
/// MPD.
///
/// ```
/// use segment_stream::{HttpCaching, HttpOptions};
/// use std::time::Duration;
///
/// let caching = HttpCaching::default()
///     .target_duration(Duration::from_secs(6)) // A live playlist has `max-age=3`.
///     .retention(Duration::from_secs(120));
/// let options = HttpOptions::default().caching(caching);
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpCaching {
    target_duration: Duration,
    retention: Duration,
    ended: Duration,
}

impl Default for HttpCaching {
    fn default() -> Self {
        Self {
            target_duration: Duration::ZERO,
            // A name that a later session uses again is stale in caches for an hour at most.
            retention: HOUR,
            ended: DAY,
        }
    }
}

impl HttpCaching {
    /// Sets the target duration of live manifests. By default it is not known, and they are
    /// `no-cache`.
    pub fn target_duration(mut self, duration: Duration) -> Self {
        self.target_duration = duration;
        self
    }

    /// Sets the time for which a segment stays at the origin; the default is an hour.
    pub fn retention(mut self, duration: Duration) -> Self {
        self.retention = duration;
        self
    }

    /// Sets the time for which a manifest that has ended may be cached; the default is a day.
    pub fn ended(mut self, duration: Duration) -> Self {
        self.ended = duration;
        self
    }

    /// The value of `Cache-Control`.
    pub(in crate::sink) fn control(&self, object: ObjectKind, data: &[u8]) -> String {
        let time = match object {
            ObjectKind::State => return "no-store".to_owned(),
            ObjectKind::Manifest if has_ended(data) => self.ended,
            ObjectKind::Manifest => self.target_duration / 2,
            ObjectKind::InitialisationSegment | ObjectKind::MediaSegment => self.retention,
        };
        match time.as_secs() {
            0 => "no-cache".to_owned(),
            seconds => format!("max-age={seconds}"),
        }
    }
}

/// Whether the text of a manifest says that it will not change.
fn has_ended(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if text.starts_with(b"#EXTM3U") {
        return lines.any(|line| line == b"#EXT-X-ENDLIST");
    }
    // The attributes of the MPD element itself, up to the end of its tag.
    let Some(start) = find(text, b"<MPD") else {
        return false;
    };
    let tag = &text[start..];
    let tag = &tag[..find(tag, b">").unwrap_or(tag.len())];
    find(tag, b"type=\"static\"").is_some() || find(tag, b"type='static'").is_some()
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

/// The content type of a name, by its extension.
pub(in crate::sink) fn content_type<'a>(name: &str, given: &'a [(String, String)]) -> &'a str {
    let file = name.rsplit('/').next().unwrap_or(name);
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_it = |given: &&(String, String)| given.0.eq_ignore_ascii_case(extension);
    if let Some((_, content_type)) = given.iter().find(is_it) {
        return content_type;
    }
    match extension.to_ascii_lowercase().as_str() {
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "ts" => "video/mp2t",
        "m4s" => "video/iso.segment",
        "mp4" | "m4v" | "cmfv" => "video/mp4",
        "m4a" | "cmfa" => "audio/mp4",
        "cmft" => "application/mp4",
        "aac" => "audio/aac",
        "mp3" => "audio/mpeg",
        "vtt" => "text/vtt",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(caching: &HttpCaching, object: ObjectKind, text: &str) -> String {
        caching.control(object, text.as_bytes())
    }

    #[test]
    fn a_live_manifest_is_cached_for_at_most_half_a_target_duration_in_whole_seconds() {
        let text = "#EXTM3U\n#EXTINF:2,\n00000.ts\n";
        for (milliseconds, expected) in [
            (0, "no-cache"),
            (1_999, "no-cache"),
            (2_000, "max-age=1"),
            (5_999, "max-age=2"),
            (6_000, "max-age=3"),
        ] {
            let caching =
                HttpCaching::default().target_duration(Duration::from_millis(milliseconds));
            assert_eq!(
                control(&caching, ObjectKind::Manifest, text),
                expected,
                "{milliseconds} ms"
            );
        }
    }

    #[test]
    fn an_ended_manifest_is_cached_for_long() {
        let caching = HttpCaching::default();
        for text in [
            "#EXTM3U\n#EXTINF:2,\n0.ts\n#EXT-X-ENDLIST\n",
            "#EXTM3U\r\n#EXT-X-ENDLIST\r\n",
            "<?xml version=\"1.0\"?>\n<MPD type=\"static\" profiles=\"\">",
        ] {
            assert_eq!(
                control(&caching, ObjectKind::Manifest, text),
                "max-age=86400",
                "{text}"
            );
        }
        for text in [
            "#EXTM3U\n## #EXT-X-ENDLIST\n",
            "<MPD type=\"dynamic\"><Period><X type=\"static\"/>",
            "#EXT-X-ENDLIST",
            "",
        ] {
            assert_eq!(
                control(&caching, ObjectKind::Manifest, text),
                "no-cache",
                "{text}"
            );
        }
    }

    #[test]
    fn segments_are_cached_as_long_as_they_stay_and_state_never() {
        let caching = HttpCaching::default();
        assert_eq!(
            control(&caching, ObjectKind::MediaSegment, "x"),
            "max-age=3600"
        );
        let caching = caching.retention(Duration::from_millis(90_500));
        for object in [ObjectKind::MediaSegment, ObjectKind::InitialisationSegment] {
            assert_eq!(control(&caching, object, "#EXT-X-ENDLIST"), "max-age=90");
        }
        assert_eq!(control(&caching, ObjectKind::State, "x"), "no-store");
    }

    #[test]
    fn the_extension_decides_the_content_type() {
        for (name, expected) in [
            ("live.m3u8", "application/vnd.apple.mpegurl"),
            ("a/b.c/00001.TS", "video/mp2t"),
            ("a.ts/none", "application/octet-stream"),
            ("manifest.mpd", "application/dash+xml"),
            ("1.m4s", "video/iso.segment"),
        ] {
            assert_eq!(content_type(name, &[]), expected, "{name}");
        }
        let given = [("m4s".to_owned(), "video/mp4".to_owned())];
        assert_eq!(content_type("1.M4S", &given), "video/mp4");
    }
}
