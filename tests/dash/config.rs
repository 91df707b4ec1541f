//! What a configuration may say.

use segment_stream::dash::{AdaptationSet, Mpd, Representation, UtcTiming, XmlElement};
use segment_stream::hls::{MediaPlaylist, MultivariantPlaylist, Presentation, Variant};

use super::bench::{Bench, Shape, mpd, playlist};

fn refused(mpd: Mpd) -> String {
    let presentation = Presentation::new(playlist(Shape::Live)).expect("it is valid");
    let error = presentation.mpd(mpd).expect_err("it is refused");
    error.to_string()
}

fn element(text: &str) -> XmlElement {
    text.parse().expect("it is well-formed")
}

fn video() -> Representation {
    Representation::new("video.m3u8", 1)
}

fn with(set: AdaptationSet) -> Mpd {
    Mpd::new("live.mpd").adaptation_set(set)
}

#[test]
fn a_contradiction_and_a_control_character_are_refused() {
    let of = |it: Representation| with(AdaptationSet::video().representation(it));
    let set = || AdaptationSet::video().representation(video());
    let cases = [
        (Mpd::new("live.mpd"), "no adaptation set"),
        (Mpd::new("../live.mpd").adaptation_set(set()), ".."),
        (with(AdaptationSet::video()), "no representation"),
        (of(Representation::new("video.m3u8", 0)), "no bandwidth"),
        (of(video().id("a b")), "space"),
        (of(video().id("")), "empty"),
        (of(video().id("a\u{1}")), "control character"),
        (of(video().codecs("a\"b")), "codecs"),
        (of(video().mime_type("video/mp2t")), "fragmented MP4"),
        (with(set().language("en_GB")), "language"),
        (with(set().language("")), "language"),
        (with(set().label("a\nb")), "control character"),
        (with(set().role("\u{85}")), "control character"),
        (with(set()).base_url("\u{7}"), "control character"),
        (
            with(set()).utc_timing(UtcTiming::Ntp("\t".into())),
            "control character",
        ),
        (with(set()).adaptation_set(set()), "two representations"),
        (
            with(set().representation(Representation::new("b.m3u8", 1).id("0"))),
            "id \"0\"",
        ),
        (
            with(set().content_protection(element("<a/>"))),
            "ContentProtection",
        ),
        (
            with(set().inband_event_stream(element("<a/>"))),
            "InbandEventStream",
        ),
        (with(set()).event_stream(element("<a/>")), "EventStream"),
    ];
    for (mpd, why) in cases {
        let error = refused(mpd);
        assert!(error.contains(why), "{error} for {why}");
    }
}

#[test]
fn a_dynamic_mpd_needs_dates() {
    let playlist = MediaPlaylist::live("", std::time::Duration::from_secs(10));
    let playlist = playlist.target_duration(std::time::Duration::from_secs(2));
    let presentation = Presentation::new(playlist).expect("it is valid");
    let error = presentation.mpd(mpd()).expect_err("it has none");
    assert!(error.to_string().contains("program_date_time"));
}

#[test]
fn its_path_is_its_own_and_it_comes_before_the_renditions() {
    let new = || Presentation::new(playlist(Shape::Live)).expect("it is valid");
    let variant = Variant::new("video.m3u8", 3_000_000);
    let main = MultivariantPlaylist::new("live.mpd").variant(variant);
    let presentation = new().multivariant(main).expect("it is valid");
    assert!(presentation.mpd(mpd()).is_err());
    let presentation = new().mpd(mpd()).expect("it is valid");
    let memory = super::memory::Memory::default();
    assert!(presentation.rendition("LIVE.mpd", memory.clone()).is_err());
    let late = new();
    let _video = late.rendition("video.m3u8", memory).expect("it is valid");
    assert!(late.mpd(mpd()).is_err());
}

/// No segment can overwrite it either.
#[test]
fn a_segment_of_its_name_is_refused() {
    let presentation = Presentation::new(playlist(Shape::Live)).expect("it is valid");
    let presentation = presentation.mpd(mpd()).expect("it is valid");
    let mut sink = presentation.reserve(super::memory::Memory::default());
    let segment = segment_stream::ProducedSegment::media(0, vec![1], 2.0).with_path("live.mpd");
    let written = segment_stream::SegmentSink::write(
        &mut sink,
        &segment,
        &segment_stream::WriteContext::default(),
    );
    assert!(written.is_err());
}

#[test]
fn a_rendition_that_is_not_there_is_an_error_of_each_push_and_the_playlists_go_on() {
    let more = AdaptationSet::audio().representation(Representation::new("fr.m3u8", 1));
    let bench = Bench::with(playlist(Shape::Live), mpd().adaptation_set(more));
    let mut bench = bench;
    bench.push(&[]);
    assert!(!bench.memory.has("live.mpd"));
    assert!(bench.text("video.m3u8").contains("video-0.m4s"));
    let item = super::lost::stored((
        bench.segment(0, 1),
        segment_stream::SegmentInfo::new().media_time(super::bench::time(0, 1)),
    ));
    drop(bench.publishers[0].push(&item));
    bench.publishers.truncate(1);
    let error = bench.publishers[0].finish();
    let text = format!("{error:?}");
    assert!(text.contains("fr.m3u8"), "{text}");
}

#[test]
fn elements_are_passed_through_in_their_places() {
    let protection = r#"<ContentProtection xmlns:cenc="urn:mpeg:cenc:2013" schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc" cenc:default_KID="34e5db32-8625-47cd-ba06-68fca0655a72"><cenc:pssh>AAAA</cenc:pssh></ContentProtection>"#;
    let inband = r#"<InbandEventStream schemeIdUri="urn:scte:scte35:2013:bin" value="1"/>"#;
    let events = r#"<EventStream schemeIdUri="urn:example:events" timescale="1"/>"#;
    let set = AdaptationSet::video()
        .content_protection(element(protection))
        .inband_event_stream(element(inband))
        .label("Câmera <1>")
        .representation(video().id("video"));
    let mpd = with(set).event_stream(element(events));
    let mut bench = Bench::with(playlist(Shape::Event), mpd);
    (0..2).for_each(|_| bench.push(&[]));
    let text = bench.mpd_text();
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} in {text}"))
    };
    assert!(at(events) < at("<AdaptationSet"));
    assert!(at(protection) < at(inband) && at(inband) < at("<Label>C\u{e2}mera &lt;1&gt;"));
    assert!(at("</Label>") < at("<Representation"));
}
