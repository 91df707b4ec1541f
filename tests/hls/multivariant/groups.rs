//! What members of a group share, and the formats that a variant names
//! (draft-pantos-hls-rfc8216bis §4.4.6.1.1).

use segment_stream::hls::{
    ClosedCaptions, InstreamId, Presentation, SubtitleRendition, VideoRange,
};

use super::attributes::{main, publish, refused, video};
use super::*;

fn audio(group: &str, name: &str) -> AudioRendition {
    AudioRendition::new("en.m3u8", group, name)
}

fn captions(group: &str, name: &str) -> ClosedCaptions {
    let id = InstreamId::cea608(1).expect("it is one");
    ClosedCaptions::new(group, name, id)
}

fn subtitles(group: &str, name: &str) -> SubtitleRendition {
    SubtitleRendition::new("subs.m3u8", group, name)
}

/// A group is one of a type and an id: audio and subtitles of one id are two.
#[test]
fn groups_of_two_types_may_share_an_id() {
    let main = main().variant(video().audio_group("g").subtitle_group("g"));
    let main = main
        .audio(audio("g", "English").default_of_its_group())
        .subtitles(subtitles("g", "English").default_of_its_group())
        .subtitles(subtitles("g", "Français"));
    assert!(publish(&main).is_ok());
}

/// "All EXT-X-MEDIA tags in the same Group MUST have different NAME attributes"; "MUST NOT have more
/// than one member with a DEFAULT attribute of YES".
#[test]
fn the_rules_of_a_group_hold_for_every_type() {
    let main = || main().variant(video());
    let same = "have the same name, \"English\"";
    let two = || (subtitles("g", "English"), captions("g", "English"));
    let (one, other) = (two(), two());
    refused(
        &main().subtitles(one.0).subtitles(other.0),
        &["subtitle group \"g\"", same],
    );
    refused(
        &main().closed_captions(one.1).closed_captions(other.1),
        &["closed caption group \"g\"", same],
    );
    let default = |name| subtitles("g", name).default_of_its_group();
    refused(
        &main().subtitles(default("A")).subtitles(default("B")),
        &["subtitle group \"g\"", "both its default", "\"A\"", "\"B\""],
    );
    let default = |name| captions("g", name).default_of_its_group();
    refused(
        &main()
            .closed_captions(default("A"))
            .closed_captions(default("B")),
        &[
            "closed caption group \"g\"",
            "both its default",
            "\"A\"",
            "\"B\"",
        ],
    );
}

/// "Each Group of the same TYPE MUST have the same set of members, and each corresponding member
/// MUST have identical attributes with the exception of the URI, CHANNELS, BIT-DEPTH,
/// STABLE-RENDITION-ID, INSTREAM-ID, and SAMPLE-RATE".
#[test]
fn members_of_one_name_share_all_but_a_few_attributes() {
    let english = |group| audio(group, "English").language("en");
    let both = |second| main().variant(video()).audio(english("1")).audio(second);
    let may_differ = AudioRendition::new("fr.m3u8", "2", "English")
        .language("en")
        .channels(6)
        .stable_id("x")
        .codecs("ac-3");
    assert!(publish(&both(may_differ)).is_ok());
    for (second, attribute) in [
        (english("2").language("fr"), "LANGUAGE"),
        (english("2").associated_language("fr"), "ASSOC-LANGUAGE"),
        (english("2").default_of_its_group(), "DEFAULT"),
        (english("2").on_request_only(), "AUTOSELECT"),
        (english("2").characteristic("a.b"), "CHARACTERISTICS"),
    ] {
        let parts = [attribute, "audio group \"2\"", "\"English\"", "\"1\""];
        refused(&both(second), &parts);
    }
    let forced = subtitles("2", "English").forced();
    let main = || main().variant(video()).subtitles(subtitles("1", "English"));
    refused(
        &main().subtitles(forced),
        &["FORCED", "subtitle group \"2\""],
    );
    refused(
        &main().subtitles(subtitles("2", "Français")),
        &["subtitle group \"1\" lacks", "\"Français\""],
    );
}

/// A variant "MUST have a CODECS attribute that lists every sample format present in any Rendition
/// in the Group".
#[test]
fn a_variant_names_the_formats_of_its_groups() {
    let main = |variant: Variant| {
        main()
            .variant(variant.audio_group("a").subtitle_group("s"))
            .audio(audio("a", "English").codecs("mp4a.40.2"))
            .audio(audio("a", "Français").codecs("ac-3"))
            .subtitles(subtitles("s", "English").codecs("stpp.ttml.im1t"))
    };
    for codecs in [
        "avc1.64001f,mp4a.40.2,ac-3,stpp.ttml.im1t",
        "stpp.ttml.im1t, AC-3, mp4a.40.2",
    ] {
        assert!(publish(&main(video().codecs(codecs))).is_ok(), "{codecs}");
    }
    for (codecs, missing, group) in [
        (
            "avc1.64001f,mp4a.40.2,stpp.ttml.im1t",
            "\"ac-3\"",
            "audio group \"a\"",
        ),
        (
            "avc1.64001f,ac-3,stpp.ttml.im1t",
            "\"mp4a.40.2\"",
            "audio group \"a\"",
        ),
        (
            "avc1.64001f,ac-3,mp4a.40.2",
            "\"stpp.ttml.im1t\"",
            "subtitle group \"s\"",
        ),
        (
            "avc1.64001f,ac-30,mp4a.40.2,stpp.ttml.im1t",
            "\"ac-3\"",
            "audio group \"a\"",
        ),
    ] {
        let parts = ["CODECS", missing, group, "\"video.m3u8\""];
        refused(&main(video().codecs(codecs)), &parts);
    }
    refused(
        &main(video()),
        &["no CODECS", "audio group \"a\"", "\"video.m3u8\""],
    );
    // Of a group that it does not use it names nothing.
    let other = Variant::new("low.m3u8", 1).codecs("avc1.64001f");
    let all = "avc1.64001f,mp4a.40.2,ac-3,stpp.ttml.im1t";
    assert!(publish(&main(video().codecs(all)).variant(other)).is_ok());
}

/// "If the Variant Stream … contains … CODECS … MUST include every media format" (bis §4.4.6.2). The
/// rest of a variant shows that there is audio or video.
#[test]
fn a_variant_with_audio_or_pictures_names_a_format_of_them() {
    let with_audio = |codecs: &str| {
        main()
            .variant(video().codecs(codecs).audio_group("a"))
            .audio(audio("a", "English"))
    };
    let pictures: [fn(Variant) -> Variant; 3] = [
        |it| it.resolution(1280, 720),
        |it| it.frame_rate(25.0),
        |it| it.video_range(VideoRange::Sdr),
    ];
    for codecs in ["avc1.64001f", "hvc1.2.4.L153.b0,wvtt", "HEV1.2"] {
        let parts = ["CODECS", "audio group \"a\"", "\"video.m3u8\""];
        refused(&with_audio(codecs), &parts);
        for of in pictures {
            assert!(publish(&main().variant(of(video().codecs(codecs)))).is_ok());
        }
    }
    for codecs in ["mp4a.40.2", "ec-3, stpp.ttml.im1t", "Opus"] {
        assert!(publish(&with_audio(codecs)).is_ok(), "{codecs}");
        for (of, attribute) in pictures
            .into_iter()
            .zip(["RESOLUTION", "FRAME-RATE", "RANGE"])
        {
            let parts = ["CODECS", "video format", attribute, "\"video.m3u8\""];
            refused(&main().variant(of(video().codecs(codecs))), &parts);
        }
    }
    // A format that is unknown here may be of either.
    let main = with_audio("new1.2,avc1.64001f");
    assert!(publish(&main).is_ok());
    let unknown = video().codecs("new1.2").resolution(1280, 720);
    assert!(publish(&main.variant(unknown)).is_ok());
}

#[test]
fn a_format_is_not_empty() {
    for codecs in ["", "mp4a.40.2,", ",", "a,,b"] {
        refused(
            &main().variant(video().codecs(codecs)),
            &["CODECS", "\"video.m3u8\""],
        );
        refused(
            &main()
                .variant(video())
                .audio(audio("a", "English").codecs(codecs)),
            &["CODECS", "\"English\""],
        );
    }
}

/// "The attribute value MUST include every media format … in any of the Renditions" (bis §6.2.4).
/// A presentation says so before anything is published.
#[test]
fn a_presentation_refuses_a_playlist_that_contradicts_itself() {
    let presentation = || Presentation::new(live()).expect("a presentation");
    let main = |codecs: &str| {
        let variant = Variant::new("video.m3u8", 1)
            .codecs(codecs)
            .audio_group("a");
        let english = audio("a", "English").codecs("ac-3");
        main().variant(variant).audio(english)
    };
    assert!(
        presentation()
            .multivariant(main("avc1.64001f,ac-3"))
            .is_ok()
    );
    let refused = presentation().multivariant(main("avc1.64001f"));
    let refused = refused.map(drop).expect_err("a format is missing");
    for part in ["CODECS", "\"video.m3u8\"", "\"ac-3\""] {
        assert!(refused.to_string().contains(part), "{refused}");
    }
    let empty = MultivariantPlaylist::new("main.m3u8");
    assert!(presentation().multivariant(empty).is_err());
}
