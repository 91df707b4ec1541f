//! The formats that CODECS must name, as far as a multivariant playlist shows them.

use std::io;

use super::variant::Variant;
use super::{quoted, refuse};

/// What a format is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Video,
    Audio,
    Text,
}

/// The sample entries of ISO base media files that are in use in HLS.
const KNOWN: [(Content, &[&str]); 3] = [
    (
        Content::Video,
        &[
            "av01", "avc1", "avc2", "avc3", "avc4", "dav1", "dva1", "dvav", "dvh1", "dvhe", "hev1",
            "hvc1", "mp4v", "vp08", "vp09", "vvc1", "vvi1",
        ],
    ),
    (
        Content::Audio,
        &[
            "ac-3", "ac-4", "alac", "dtsc", "dtse", "dtsh", "dtsl", "dtsx", "ec-3", "flac", "mha1",
            "mhm1", "mp4a", "opus",
        ],
    ),
    (Content::Text, &["stpp", "wvtt"]),
];

/// The formats of a list (RFC 6381).
pub(super) fn elements(codecs: &str) -> impl Iterator<Item = &str> {
    codecs.split(',').map(str::trim)
}

/// `None` if the format is unknown here.
fn content(format: &str) -> Option<Content> {
    let entry = format.split('.').next().unwrap_or_default();
    let has = |names: &&[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(entry));
    let found = KNOWN.iter().find(|(_, names)| has(names));
    found.map(|(content, _)| *content)
}

/// A variant with a group of audio names an audio format, and one with properties of pictures names
/// a video format. A format that is unknown here may be either.
pub(super) fn check(variant: &Variant) -> io::Result<()> {
    let Some(codecs) = &variant.codecs else {
        return Ok(());
    };
    let lacks = |wanted| {
        let mut contents = elements(codecs).map(content);
        contents.all(|it| it.is_some_and(|it| it != wanted))
    };
    let shown = quoted(&variant.playlist);
    if let Some(group) = &variant.audio
        && lacks(Content::Audio)
    {
        return refuse(format!(
            "the CODECS of the variant {shown}, {codecs:?}, lack the format of its audio group \
             {group:?}"
        ));
    }
    if let Some(attribute) = variant.of_pictures()
        && lacks(Content::Video)
    {
        return refuse(format!(
            "the CODECS of the variant {shown}, {codecs:?}, lack a video format, but it has \
             {attribute}"
        ));
    }
    Ok(())
}
