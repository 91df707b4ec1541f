//! The bandwidths of a variant: measured from what was stored, or checked against it
//! (draft-pantos-hls-rfc8216bis §4.4.6.2).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::groups::groups_of;
use super::media::{Kind, Media};
use super::variant::Variant;
use super::{quoted, refuse};
use crate::presentation::bitrate::Bitrate;
use crate::presentation::notice::Notice;
use crate::uri;

/// BANDWIDTH and AVERAGE-BANDWIDTH in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bandwidths {
    pub(super) peak: u64,
    pub(super) average: Option<u64>,
}

/// The bit rates of a media playlist's stored segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    peak: u64,
    average: u64,
}

impl Measured {
    /// `None` before the first segment that lasts.
    pub(crate) fn of(bitrate: &Bitrate) -> Option<Self> {
        Some(Self {
            peak: bitrate.peak()?,
            average: bitrate.average()?,
        })
    }
}

/// A declared bandwidth that is lower than that of the stored segments.
///
/// Players choose variants by their bandwidths, so they stall if one is too low.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BandwidthNotice {
    /// The path hint of the variant's media playlist.
    pub playlist: PathBuf,
    /// `BANDWIDTH` or `AVERAGE-BANDWIDTH`.
    pub attribute: &'static str,
    /// What was declared, in bits per second.
    pub declared: u64,
    /// What the stored segments take, with those of the variant's groups, in bits per second.
    pub measured: u64,
}

impl Bandwidths {
    /// Whether one of the two has moved by more than a twentieth.
    pub(crate) fn has_moved(self, since: Self) -> bool {
        let moved = |now: u64, then: u64| now.abs_diff(then) > then / 20;
        let averages = self.average.zip(since.average);
        moved(self.peak, since.peak) || averages.is_some_and(|(now, then)| moved(now, then))
    }
}

impl BandwidthNotice {
    pub(crate) fn into_notice(self) -> Notice {
        Notice::BandwidthTooLow {
            rendition: self.playlist,
            attribute: self.attribute,
            declared: self.declared,
            measured: self.measured,
        }
    }
}

impl fmt::Display for BandwidthNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the {} of the variant {} is {} bit/s, which is {} bit/s less than its stored segments take",
            self.attribute,
            quoted(&self.playlist),
            self.declared,
            self.measured.saturating_sub(self.declared)
        )
    }
}

/// The bandwidths to write, and notices of those that are too low.
pub(super) fn bandwidths(
    variant: &Variant,
    media: &[Media],
    measured: &dyn Fn(&Path) -> Option<Measured>,
    notices: &mut Vec<BandwidthNotice>,
) -> io::Result<Bandwidths> {
    let found = of_combination(variant, media, measured);
    let Some(declared) = variant.bandwidth else {
        let found = found.or_else(|playlist| {
            refuse(format!(
                "the bandwidth of the variant {} cannot be measured: no segment of {} is stored",
                quoted(&variant.playlist),
                quoted(playlist)
            ))
        })?;
        let average = Some(variant.average_bandwidth.unwrap_or(found.average));
        let bandwidths = Bandwidths {
            peak: found.peak,
            average,
        };
        notices.extend(too_low(variant, bandwidths, found));
        return Ok(bandwidths);
    };
    let bandwidths = Bandwidths {
        peak: declared,
        average: variant.average_bandwidth,
    };
    if let Ok(found) = found {
        notices.extend(too_low(variant, bandwidths, found));
    }
    Ok(bandwidths)
}

fn too_low(
    variant: &Variant,
    declared: Bandwidths,
    found: Measured,
) -> impl Iterator<Item = BandwidthNotice> {
    let both = [
        ("BANDWIDTH", Some(declared.peak), found.peak),
        ("AVERAGE-BANDWIDTH", declared.average, found.average),
    ];
    both.into_iter()
        .filter_map(|(attribute, declared, measured)| {
            let declared = declared.filter(|declared| *declared < measured)?;
            Some(BandwidthNotice {
                playlist: variant.playlist.clone(),
                attribute,
                declared,
                measured,
            })
        })
}

/// "The largest sum … that is produced by any playable combination of Renditions": the variant's
/// own playlist and one member of each group. The error is a playlist that nothing is known of.
fn of_combination<'a>(
    variant: &'a Variant,
    media: &'a [Media],
    measured: &dyn Fn(&Path) -> Option<Measured>,
) -> Result<Measured, &'a Path> {
    let of = |playlist: &'a Path| measured(playlist).ok_or(playlist);
    let mut sum = of(&variant.playlist)?;
    for (kind, group) in groups_of(variant) {
        let members = media
            .iter()
            .filter(|it| it.kind == kind && it.group == group);
        let playlists: Vec<_> = members.filter_map(|it| it.playlist.as_deref()).collect();
        let mut largest = Measured {
            peak: 0,
            average: 0,
        };
        for playlist in &playlists {
            let found = of(playlist)?;
            largest.peak = largest.peak.max(found.peak);
            largest.average = largest.average.max(found.average);
        }
        // A variant of audio only plays another rendition in place of its own.
        let is_one = playlists.iter().any(|it| is_same(it, &variant.playlist));
        if kind == Kind::Audio && is_one {
            sum = Measured {
                peak: 0,
                average: 0,
            };
        }
        sum.peak = sum.peak.saturating_add(largest.peak);
        sum.average = sum.average.saturating_add(largest.average);
    }
    Ok(sum)
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((uri::plain(one), uri::plain(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::super::{AudioRendition, SubtitleRendition};
    use super::*;
    use std::time::Duration;

    fn measured(path: &Path) -> Option<Measured> {
        let (peak, average) = match path.to_str()? {
            "video.m3u8" => (4_000_000, 3_000_000),
            "low.m3u8" => (900_000, 800_000),
            "en.m3u8" => (128_000, 120_000),
            "fr.m3u8" => (96_000, 125_000),
            "subs.m3u8" => (2_000, 500),
            _ => return None,
        };
        Some(Measured { peak, average })
    }

    fn media() -> Vec<Media> {
        let audio = |path: &str| AudioRendition::new(path, "a", path).0;
        let inside = AudioRendition::in_the_variant("a", "inside").0;
        let subtitles = SubtitleRendition::new("subs.m3u8", "s", "s").0;
        let other = AudioRendition::new("video.m3u8", "other", "x").0;
        vec![audio("en.m3u8"), audio("fr.m3u8"), inside, subtitles, other]
    }

    fn found(variant: &Variant) -> (Bandwidths, Vec<BandwidthNotice>) {
        let mut notices = Vec::new();
        let found = bandwidths(variant, &media(), &measured, &mut notices).unwrap();
        (found, notices)
    }

    #[test]
    fn a_measured_bandwidth_is_that_of_the_largest_combination() {
        for (variant, peak, average) in [
            (Variant::measured("video.m3u8"), 4_000_000, 3_000_000),
            (
                Variant::measured("video.m3u8").audio_group("a"),
                4_128_000,
                3_125_000,
            ),
            (
                Variant::measured("low.m3u8")
                    .audio_group("a")
                    .subtitle_group("s"),
                1_030_000,
                925_500,
            ),
            // Audio only: one rendition plays, in place of the variant's own.
            (
                Variant::measured("fr.m3u8").audio_group("a"),
                128_000,
                125_000,
            ),
        ] {
            let average = Some(average);
            assert_eq!(found(&variant), (Bandwidths { peak, average }, vec![]));
        }
        let given = Variant::measured("video.m3u8").average_bandwidth(3_500_000);
        assert_eq!(found(&given).0.average, Some(3_500_000));
    }

    #[test]
    fn nothing_can_be_measured_of_what_is_not_stored() {
        let unknown = AudioRendition::new("de.m3u8", "a", "Deutsch").0;
        let variant = Variant::measured("video.m3u8").audio_group("a");
        let error = bandwidths(
            &variant,
            std::slice::from_ref(&unknown),
            &measured,
            &mut Vec::new(),
        );
        let error = error.unwrap_err().to_string();
        for part in ["\"video.m3u8\"", "\"de.m3u8\"", "measured"] {
            assert!(error.contains(part), "{error}");
        }
        // A declared one needs no measurement.
        let variant = Variant::new("video.m3u8", 5).audio_group("a");
        let mut notices = Vec::new();
        let found = bandwidths(
            &variant,
            std::slice::from_ref(&unknown),
            &measured,
            &mut notices,
        )
        .unwrap();
        assert_eq!((found.peak, found.average, notices.len()), (5, None, 0));
    }

    #[test]
    fn a_declared_bandwidth_that_is_too_low_is_told_with_its_difference() {
        let right = Variant::new("video.m3u8", 4_000_000).average_bandwidth(3_000_000);
        assert_eq!(found(&right).1, []);
        let low = Variant::new("video.m3u8", 4_000_000).average_bandwidth(3_000_000);
        let (written, notices) = found(&low.audio_group("a"));
        assert_eq!(
            (written.peak, written.average),
            (4_000_000, Some(3_000_000))
        );
        let texts: Vec<_> = notices.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "the BANDWIDTH of the variant \"video.m3u8\" is 4000000 bit/s, which is 128000 bit/s \
                 less than its stored segments take",
                "the AVERAGE-BANDWIDTH of the variant \"video.m3u8\" is 3000000 bit/s, which is \
                 125000 bit/s less than its stored segments take"
            ]
        );
    }

    #[test]
    fn what_is_measured_comes_from_the_accumulator() {
        let mut bitrate = Bitrate::new(Duration::from_secs(4));
        assert_eq!(Measured::of(&bitrate), None);
        bitrate.push(500_000, Duration::from_secs(4));
        bitrate.push(250_000, Duration::from_secs(4));
        let (peak, average) = (1_000_000, 750_000);
        assert_eq!(Measured::of(&bitrate), Some(Measured { peak, average }));
    }
}
