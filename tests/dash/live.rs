//! A live MPD, push by push.

use segment_stream::dash::UtcTiming;
use std::time::Duration;

use super::bench::{Bench, Shape, mpd, playlist};

#[test]
fn the_text_of_a_live_mpd() {
    let mpd = mpd()
        .base_url("https://cdn.example.com/a&b/")
        .utc_timing(UtcTiming::HttpIso("https://time.example.com/?iso".into()))
        .latency_target(Duration::from_secs(5));
    let mut bench = Bench::with(playlist(Shape::Live), mpd);
    bench.push(&[]);
    let text = bench.mpd_text();
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="dynamic" availabilityStartTime="2026-11-22T17:00:00.000000Z" publishTime="2026-11-22T17:00:00.000000Z" minimumUpdatePeriod="PT2S" minBufferTime="PT2S" timeShiftBufferDepth="PT10S" suggestedPresentationDelay="PT6S" maxSegmentDuration="PT2.005333S">
  <BaseURL>https://cdn.example.com/a&amp;b/</BaseURL>
  <ServiceDescription id="0">
    <Latency target="5000"/>
  </ServiceDescription>
  <Period id="0" start="PT0S">
    <AdaptationSet id="1" contentType="video" segmentAlignment="true" startWithSAP="1">
      <Representation id="video" bandwidth="3000000" width="1280" height="720" frameRate="25" mimeType="video/mp4" codecs="avc1.64001f">
        <SegmentTemplate timescale="90000" presentationTimeOffset="0" startNumber="0" media="video-$Number$.m4s" initialization="video-init.mp4">
          <SegmentTimeline>
            <S t="0" d="180000"/>
          </SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
"#;
    assert!(text.starts_with(expected), "{text}");
    let audio = r#"    <AdaptationSet id="2" contentType="audio" lang="en">
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <Representation id="en" bandwidth="128000" audioSamplingRate="48000" mimeType="audio/mp4" codecs="mp4a.40.2">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
"#;
    assert!(text.contains(audio), "{text}");
    let end = r#"  </Period>
  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="https://time.example.com/?iso"/>
</MPD>
"#;
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn the_window_slides_and_what_is_left_stays_as_it_was() {
    let mut bench = Bench::new(Shape::Live);
    for _ in 0..20 {
        bench.push(&[]);
    }
    let mpd = bench.mpd();
    assert_eq!(mpd.shape(), [("0".into(), "de en video".into())]);
    let video = &mpd.periods[0].tracks["video"];
    assert_eq!((video.start_number, video.offset), (15, 0));
    assert_eq!(video.segments[0].time, 15 * 180_000);
    assert_eq!(video.segments.len(), 5);
    assert_eq!(mpd.periods[0].start, 0);
    let starts: Vec<_> = bench
        .texts
        .iter()
        .filter_map(|text| text.split(" availabilityStartTime=").nth(1))
        .map(|it| &it[..29])
        .collect();
    assert!(starts.windows(2).all(|pair| pair[0] == pair[1]));
    let own = r#"<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-head:2014" value="live.mpd"/>"#;
    assert!(bench.mpd_text().contains(own));
}

#[test]
fn one_rendition_alone_does_not_publish() {
    let mut bench = Bench::new(Shape::Live);
    let info = segment_stream::SegmentInfo::new().media_time(super::bench::time(0, 0));
    let segment = bench.segment(0, 0);
    bench.send(0, segment, info, true);
    assert!(!bench.memory.has("live.mpd"));
}

/// The playlists list gaps, and an MPD has nothing to say yet.
#[test]
fn an_mpd_without_a_segment_is_not_published() {
    let mut bench = Bench::new(Shape::Live);
    bench.push(&[0, 1, 2]);
    assert!(bench.memory.has("video.m3u8") && !bench.memory.has("live.mpd"));
    bench.push(&[]);
    let mpd = bench.mpd();
    assert_eq!(mpd.periods[0].start, 0);
    let start = mpd.attribute("availabilityStartTime");
    assert_eq!(start, Some("2026-11-22T17:00:02.000000Z"));
}
