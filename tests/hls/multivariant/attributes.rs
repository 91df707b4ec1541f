//! The attributes of variants and renditions, clause by clause
//! (draft-pantos-hls-rfc8216bis §4.4.6.1 and §4.4.6.2).

use m3u8_rs::{AlternativeMediaType, HDCPLevel, MasterPlaylist};
use segment_stream::hls::{ClosedCaptions, HdcpLevel, InstreamId, SubtitleRendition, VideoRange};

use super::*;

/// Publishes it over one media playlist for all its paths, and has another parser read it.
pub(super) fn publish(main: &MultivariantPlaylist) -> Result<(String, MasterPlaylist), String> {
    let paths = ["video.m3u8", "low.m3u8", "en.m3u8", "fr.m3u8", "subs.m3u8"];
    let publishers = paths.map(|path| published(path, &live()));
    let all: Vec<&dyn segment_stream::hls::Rendition> = publishers
        .iter()
        .map(|it| it as &dyn segment_stream::hls::Rendition)
        .collect();
    let mut folder = Folder::new(Path::new("main.m3u8"), Duration::ZERO, false);
    main.publish(&mut folder, &all)
        .map_err(|error| error.to_string())?;
    let text = folder.content(Path::new("main.m3u8")).expect("it is there");
    let read = m3u8_rs::parse_master_playlist_res(&text).expect("it is one");
    Ok((String::from_utf8(text).expect("it is UTF-8"), read))
}

pub(super) fn refused(main: &MultivariantPlaylist, parts: &[&str]) {
    let error = publish(main).expect_err("it is refused");
    let missing: Vec<_> = parts.iter().filter(|it| !error.contains(**it)).collect();
    assert!(missing.is_empty(), "{missing:?}: {error}");
    assert!(!error.contains('\n'), "{error}");
}

pub(super) fn main() -> MultivariantPlaylist {
    MultivariantPlaylist::new("main.m3u8")
}

pub(super) fn video() -> Variant {
    Variant::new("video.m3u8", 4_000_000)
}

#[test]
fn a_variant_has_the_attributes_that_it_was_given() {
    let variant = video()
        .codecs("hvc1.2.4.L153.b0,mp4a.40.2")
        .supplemental_codecs("dvh1.08.07/db4h")
        .score(2.5)
        .hdcp_level(HdcpLevel::Type1)
        .video_range(VideoRange::Hlg)
        .stable_id("video+/=.-_09");
    let (text, read) = publish(&main().variant(variant)).expect("it is published");
    assert!(
        text.ends_with(
            "\n#EXT-X-STREAM-INF:BANDWIDTH=4000000,SCORE=2.5,CODECS=\"hvc1.2.4.L153.b0,mp4a.40.2\",\
             SUPPLEMENTAL-CODECS=\"dvh1.08.07/db4h\",HDCP-LEVEL=TYPE-1,VIDEO-RANGE=HLG,\
             STABLE-VARIANT-ID=\"video+/=.-_09\"\nvideo.m3u8\n"
        ),
        "{text}"
    );
    assert_eq!(read.variants[0].hdcp_level, Some(HDCPLevel::Type1));
    for (level, expected) in [(HdcpLevel::None, "NONE"), (HdcpLevel::Type0, "TYPE-0")] {
        let (text, _) = publish(&main().variant(video().hdcp_level(level))).expect("it is");
        assert!(
            text.contains(&format!(",HDCP-LEVEL={expected}\n")),
            "{text}"
        );
    }
    for (range, expected) in [(VideoRange::Sdr, "SDR"), (VideoRange::Pq, "PQ")] {
        let (text, _) = publish(&main().variant(video().video_range(range))).expect("it is");
        assert!(
            text.contains(&format!(",VIDEO-RANGE={expected}\n")),
            "{text}"
        );
    }
}

/// "The value is a positive decimal-floating-point"; "all Variant Streams SHOULD have" one.
#[test]
fn a_score_is_positive_and_all_variants_have_one() {
    for score in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e16] {
        refused(
            &main().variant(video().score(score)),
            &["SCORE", "\"video.m3u8\""],
        );
    }
    let low = Variant::new("low.m3u8", 1);
    refused(
        &main().variant(video().score(1.0)).variant(low.clone()),
        &["SCORE", "\"low.m3u8\"", "\"video.m3u8\""],
    );
    let scored = main().variant(video().score(2.0)).variant(low.score(0.001));
    let (text, _) = publish(&scored).expect("it is published");
    assert!(
        text.contains("SCORE=2,") || text.contains("SCORE=2\n"),
        "{text}"
    );
    assert!(text.contains("SCORE=0.001"), "{text}");
}

/// "All characters MUST be from the set [a-z], [A-Z], [0-9], +, /, =, ., -, and _."
#[test]
fn a_stable_id_has_legal_characters() {
    for id in ["", "a b", "ä", "a\"", "a:b", "a,b"] {
        refused(
            &main().variant(video().stable_id(id)),
            &["STABLE-VARIANT-ID", "\"video.m3u8\""],
        );
        let audio = AudioRendition::new("en.m3u8", "a", "English").stable_id(id);
        refused(
            &main().variant(video()).audio(audio),
            &["STABLE-RENDITION-ID", "\"English\""],
        );
    }
}

/// SUPPLEMENTAL-CODECS extend the CODECS of a variant.
#[test]
fn a_declared_bandwidth_is_above_0_and_its_average_is_not_above_it() {
    let low = |peak| Variant::new("low.m3u8", peak);
    for (variant, parts) in [
        (low(0), &["BANDWIDTH", "\"low.m3u8\"", "is 0"][..]),
        (
            low(9).average_bandwidth(0),
            &["AVERAGE-BANDWIDTH", "\"low.m3u8\"", "is 0"],
        ),
        (
            Variant::measured("low.m3u8").average_bandwidth(0),
            &["AVERAGE-BANDWIDTH", "\"low.m3u8\"", "is 0"],
        ),
        (
            low(9).average_bandwidth(10),
            &["AVERAGE-BANDWIDTH", "\"low.m3u8\"", "10", "9"],
        ),
    ] {
        refused(&main().variant(video()).variant(variant.clone()), parts);
        let presentation = segment_stream::hls::Presentation::new(live()).expect("it is one");
        let error = presentation.multivariant(main().variant(variant));
        assert_eq!(
            error.expect_err("it is refused").kind(),
            std::io::ErrorKind::InvalidInput
        );
    }
    assert!(publish(&main().variant(low(9).average_bandwidth(9))).is_ok());
}

#[test]
fn supplemental_codecs_need_codecs() {
    refused(
        &main().variant(video().supplemental_codecs("dvh1.08.07/db4h")),
        &["SUPPLEMENTAL-CODECS", "CODECS", "\"video.m3u8\""],
    );
}

#[test]
fn an_audio_rendition_has_the_attributes_that_it_was_given() {
    let audio = AudioRendition::new("en.m3u8", "a", "English")
        .language("en")
        .associated_language("en-US")
        .stable_id("en-1")
        .channels(16)
        .spatial_audio("JOC")
        .characteristic("public.accessibility.describes-video")
        .characteristic("com.example.x")
        .on_request_only();
    let inside = AudioRendition::in_the_variant("a", "Français").default_of_its_group();
    let main = main()
        .variant(video().audio_group("a"))
        .audio(audio)
        .audio(inside);
    let (text, read) = publish(&main).expect("it is published");
    for line in [
        "#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"English\",GROUP-ID=\"a\",URI=\"en.m3u8\",LANGUAGE=\"en\",\
         ASSOC-LANGUAGE=\"en-US\",STABLE-RENDITION-ID=\"en-1\",\
         CHARACTERISTICS=\"public.accessibility.describes-video,com.example.x\",\
         CHANNELS=\"16/JOC\"\n",
        "#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"Français\",GROUP-ID=\"a\",DEFAULT=YES,AUTOSELECT=YES\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(read.alternatives[1].uri, None);
    assert_eq!(read.alternatives[0].media_type, AlternativeMediaType::Audio);
    assert!(!read.alternatives[0].autoselect);
}

/// An identifier has characters from A-Z, 0-9 and -; more of them are separated by commas. Before
/// it stands the number of channels.
#[test]
fn spatial_audio_is_an_identifier_behind_the_channels() {
    let audio = || AudioRendition::new("en.m3u8", "a", "English");
    let with = |audio| main().variant(video()).audio(audio);
    refused(
        &with(audio().spatial_audio("JOC")),
        &["CHANNELS", "\"English\""],
    );
    for identifier in ["", "joc", "A/B", "A\"", "A B"] {
        refused(
            &with(audio().channels(6).spatial_audio(identifier)),
            &["CHANNELS", "\"English\""],
        );
    }
    assert!(publish(&with(audio().channels(6).spatial_audio("3OA,JOC"))).is_ok());
}

#[test]
fn a_characteristic_is_one_tag() {
    for tag in ["", "a,b", "a\"b", "a\nb"] {
        let audio = AudioRendition::new("en.m3u8", "a", "English").characteristic(tag);
        refused(
            &main().variant(video()).audio(audio),
            &["CHARACTERISTICS", "\"English\""],
        );
    }
}

/// "REQUIRED if the media type is SUBTITLES": the type has no constructor without a playlist.
#[test]
fn subtitles_are_a_group_of_their_own() {
    let subtitles = || SubtitleRendition::new("subs.m3u8", "s", "English").language("en");
    let main = || main().variant(video().subtitle_group("s"));
    let all = main()
        .subtitles(subtitles().default_of_its_group())
        .subtitles(
            SubtitleRendition::new("fr.m3u8", "s", "Français")
                .language("fr")
                .forced(),
        );
    let (text, read) = publish(&all).expect("it is published");
    for line in [
        "#EXT-X-MEDIA:TYPE=SUBTITLES,NAME=\"English\",GROUP-ID=\"s\",URI=\"subs.m3u8\",\
         LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES\n",
        "#EXT-X-MEDIA:TYPE=SUBTITLES,NAME=\"Français\",GROUP-ID=\"s\",URI=\"fr.m3u8\",\
         LANGUAGE=\"fr\",AUTOSELECT=YES,FORCED=YES\n",
        "BANDWIDTH=4000000,SUBTITLES=\"s\"\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(read.variants[0].subtitles.as_deref(), Some("s"));
    // An audio group of this name is none.
    let audio = AudioRendition::new("en.m3u8", "s", "English");
    refused(
        &main().audio(audio),
        &["subtitle group \"s\"", "\"video.m3u8\""],
    );
    let unpublished = SubtitleRendition::new("de.m3u8", "s", "Deutsch");
    refused(
        &main().subtitles(unpublished),
        &["\"de.m3u8\" has no publisher"],
    );
}

/// "MUST have one of the values: CC1, CC2, CC3, CC4, or `SERVICEn` where n MUST be an integer between
/// 1 and 63"; and "SERVICE" needs version 7 (§8).
#[test]
fn closed_captions_name_their_channel_and_no_playlist() {
    for channel in [0, 5, 255] {
        assert_eq!(InstreamId::cea608(channel), None, "{channel}");
    }
    for service in [0, 64, 255] {
        assert_eq!(InstreamId::cea708(service), None, "{service}");
    }
    let captions = |id: Option<InstreamId>| {
        ClosedCaptions::new("cc", "English", id.expect("it is one")).language("en")
    };
    let main = |captions| {
        let main = main().variant(video().closed_captions_group("cc"));
        main.closed_captions(captions)
    };
    let (text, _) = publish(&main(captions(InstreamId::cea608(4)))).expect("it is published");
    assert!(
        text.contains(
            "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,NAME=\"English\",GROUP-ID=\"cc\",LANGUAGE=\"en\",\
             AUTOSELECT=YES,INSTREAM-ID=\"CC4\"\n"
        ),
        "{text}"
    );
    assert!(text.contains(",CLOSED-CAPTIONS=\"cc\"\n"), "{text}");
    assert!(text.contains("#EXT-X-VERSION:3\n"), "{text}");
    let (text, _) = publish(&main(captions(InstreamId::cea708(63)))).expect("it is published");
    assert!(text.contains("INSTREAM-ID=\"SERVICE63\"\n"), "{text}");
    assert!(text.contains("#EXT-X-VERSION:7\n"), "{text}");
}

/// "If the value is the enumerated-string value NONE, all EXT-X-STREAM-INF tags MUST have this
/// attribute with a value of NONE".
#[test]
fn no_closed_captions_holds_for_all_variants() {
    let none = || main().variant(video()).no_closed_captions();
    let (text, read) = publish(&none().variant(Variant::new("low.m3u8", 1))).expect("it is");
    assert_eq!(text.matches(",CLOSED-CAPTIONS=NONE\n").count(), 2, "{text}");
    let value = read.variants[1].closed_captions.as_ref();
    assert_eq!(value, Some(&m3u8_rs::ClosedCaptionGroupId::None));
    let id = InstreamId::cea608(1).expect("it is one");
    let captions = ClosedCaptions::new("cc", "English", id);
    refused(
        &none().closed_captions(captions),
        &["closed captions", "\"English\""],
    );
    let grouped = Variant::new("low.m3u8", 1).closed_captions_group("cc");
    refused(
        &none().variant(grouped),
        &["closed caption", "\"cc\"", "\"low.m3u8\""],
    );
}
