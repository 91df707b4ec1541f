//! Lines of the caller: keys, date ranges, and lines that the version of the playlist does not
//! allow.

use super::*;

const KEY: &str = "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x01";
/// Its IV is the number of each segment.
const BARE: &str = "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"";

#[test]
fn a_key_is_said_again_when_the_segment_that_said_it_slid_out() {
    let mut bench = Bench::new(live());
    bench.publisher.tag_next([KEY, "#x-own:0"]).expect("lines");
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    assert!(
        bench
            .text()
            .contains(&format!("SEQUENCE:1\n{KEY}\n#EXTINF"))
    );
    assert!(!bench.text().contains("#x-own"));
}

/// RFC 8216 §4.3.2.4: a key holds for every initialisation segment that is declared after it, too.
#[test]
fn an_initialisation_segment_in_the_clear_is_not_under_a_key() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "0.mp4"));
    bench.publisher.tag_next([KEY]).expect("a key");
    let _ = bench.push(0, 2.0);
    let _ = bench.push_segment(init(1, "1.mp4"));
    let _ = bench.push(1, 2.0);
    let text = bench.text();
    let (before, after) = text
        .split_once("#EXT-X-MAP:URI=\"1.mp4\"")
        .expect("the map");
    let last = before.lines().rfind(|line| line.starts_with("#EXT-X-KEY"));
    assert_eq!(last, Some("#EXT-X-KEY:METHOD=NONE"), "{text}");
    assert!(after.contains(KEY), "{text}");
}

/// RFC 8216 §7: KEYFORMAT takes version 5.
#[test]
fn a_key_with_a_format_takes_version_5() {
    let mut bench = Bench::new(event());
    let line = format!("{KEY},KEYFORMAT=\"com.example\",KEYFORMATVERSIONS=\"1\"");
    bench.publisher.tag_next([line.as_str()]).expect("a key");
    let _ = bench.push(0, 2.0);
    assert!(
        bench.text().contains("#EXT-X-VERSION:5\n"),
        "{}",
        bench.text()
    );
}

/// The same, where the version is settled and does not allow for it.
#[test]
fn a_key_with_a_format_is_refused_when_the_version_is_below_5() {
    let mut bench = Bench::new(event());
    let _ = bench.push(0, 2.0);
    let line = format!("{KEY},KEYFORMAT=\"com.example\",KEYFORMATVERSIONS=\"1\"");
    assert!(bench.publisher.tag_next([line.as_str()]).is_err());
}

/// RFC 8216 §4.3.2.4: a key holds until the next one of the same format, so a set of keys that
/// replaces another one has to end those whose format it lacks.
#[test]
fn keys_of_a_format_that_is_not_given_again_are_ended() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let other = format!("{KEY},KEYFORMAT=\"com.example\",KEYFORMATVERSIONS=\"1\"");
    bench
        .publisher
        .tag_next([KEY, other.as_str()])
        .expect("two keys");
    let _ = bench.push(0, 2.0);
    let new = "#EXT-X-KEY:METHOD=AES-128,URI=\"new\",IV=0x02";
    bench.publisher.tag_next([new]).expect("a key");
    let _ = bench.push(1, 2.0);
    let text = bench.text();
    let (_, after) = text.split_once("0.ts\n").expect("the first segment");
    assert!(after.starts_with("#EXT-X-KEY:METHOD=NONE\n"), "{text}");
}

/// RFC 8216 §4.3.2.7: a playlist with EXT-X-DATERANGE has EXT-X-PROGRAM-DATE-TIME.
#[test]
fn a_date_range_is_refused_where_there_are_no_dates() {
    let mut bench = Bench::new(event());
    let line = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-11-22T17:00:00Z\"";
    assert!(bench.publisher.tag_next([line]).is_err());
}

/// RFC 8216 §4.3.4 and §4.3.5: of multivariant playlists alone, or of the whole playlist and not
/// of a segment, or of a version that the playlist does not have.
#[test]
fn tags_that_are_not_of_a_segment_are_refused() {
    let mut bench = Bench::new(event());
    let mut lines = vec![
        "#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\"",
        "#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"key\"",
        "#EXT-X-CONTENT-STEERING:SERVER-URI=\"steer\"",
        "#EXT-X-START:TIME-OFFSET=0",
        "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES",
        "#EXT-X-ENDLIST ",
        "#EXT-X-GAP\u{a0}",
    ];
    lines.retain(|line| bench.publisher.tag_next([*line]).is_ok());
    assert!(lines.is_empty(), "taken: {lines:#?}");
}

/// One of the same format takes its place, and no segment in between is in the clear.
#[test]
fn a_key_that_another_one_replaces_is_not_ended_besides() {
    let mut bench = Bench::new(event());
    bench.publisher.tag_next([KEY]).expect("a key");
    let _ = bench.push(0, 2.0);
    let new = "#EXT-X-KEY:METHOD=AES-128,URI=\"new\",IV=0x02";
    bench.publisher.tag_next([new]).expect("a key");
    let _ = bench.push(1, 2.0);
    let text = bench.text();
    assert!(
        text.ends_with(&format!("0.ts\n{new}\n#EXTINF:2.000000,\n1.ts\n")),
        "{text}"
    );
}

/// The same for a set of several: a line in it that ends what was before would say nothing.
#[test]
fn a_set_of_keys_has_no_line_that_ends_the_one_before() {
    let mut bench = Bench::new(event());
    bench.publisher.tag_next([KEY]).expect("a key");
    let _ = bench.push(0, 2.0);
    let new = "#EXT-X-KEY:METHOD=AES-128,URI=\"new\",IV=0x02";
    let none = "#EXT-X-KEY:METHOD=NONE";
    bench.publisher.tag_next([none, new]).expect("keys");
    let _ = bench.push(1, 2.0);
    bench.publisher.tag_next([none]).expect("an end");
    let _ = bench.push(2, 2.0);
    let listed = |number| format!("#EXTINF:2.000000,\n{number}.ts\n");
    let expected = [&listed(0), new, "\n", &listed(1), none, "\n", &listed(2)].concat();
    let text = bench.text();
    assert!(text.ends_with(&expected), "{text}");
    // Another session reads the same.
    let mut bench = bench.restart();
    let _ = bench.push(3, 2.0);
    assert!(bench.text().starts_with(&text), "{}", bench.text());
}

#[test]
fn a_word_in_a_uri_is_no_attribute() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let line = "#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/?KEYFORMAT=\"";
    assert_eq!(bench.publisher.tag_next([line]), Ok(()));
    let _ = bench.push(1, 2.0);
    // And the key is of the usual format, so that this one replaces it.
    let other = "#EXT-X-KEY:METHOD=AES-128,URI=\"other\",IV=0x03";
    assert_eq!(bench.publisher.tag_next([other]), Ok(()));
    let _ = bench.push(2, 2.0);
    let text = bench.text();
    let (_, end) = text.split_once("\n1.ts\n").expect("it is listed");
    assert!(end.starts_with(other), "{text}");
}

/// The attribute that a number implies (RFC 8216 §5.2).
fn iv(number: u64) -> String {
    format!("IV=0x{number:032X}")
}

/// [`BARE`] with the IV of the segment of this number.
fn key_of(number: u64) -> String {
    format!("#EXT-X-KEY:METHOD=AES-128,{},URI=\"key\"", iv(number))
}

/// RFC 8216 §5.2: without an IV the media sequence number is taken, and the playlist counts by
/// itself. So each segment says the number that its producer encrypted it with.
#[test]
fn a_split_gap_and_a_missing_number_leave_each_segment_its_iv() {
    let mut bench = Bench::new(event());
    bench.publisher.tag_next([BARE]).expect("a key");
    let _ = bench.push(7, 2.0);
    let _ = bench.lose(media(8, 5.0));
    let _ = bench.push(9, 2.0);
    let _ = bench.push(11, 2.0);
    let listed = |number| format!("{}\n#EXTINF:2.000000,\n{number}.ts\n", key_of(number));
    let gap = |secs| format!("#EXT-X-GAP\n#EXTINF:{secs}.000000,\n8.ts\n");
    let gaps = format!("{}\n{}{}{}", key_of(8), gap(2), gap(2), gap(1));
    // Number 10 is missing.
    let missing = "#EXT-X-GAP\n#EXTINF:2.000000,\ngap\n";
    let expected = format!("{}{gaps}{}{missing}{}", listed(7), listed(9), listed(11));
    let text = bench.text();
    assert!(text.ends_with(&expected), "{text}");
}

/// Whatever number it has in the playlist then, and however it was cut.
#[test]
fn the_iv_of_a_segment_stays_when_the_playlist_slides_and_when_it_is_resumed() {
    let mut bench = Bench::new(live());
    bench.publisher.tag_next([BARE]).expect("a key");
    let _ = bench.push(7, 2.0);
    let _ = bench.lose(media(8, 4.0));
    for number in [9, 10] {
        let _ = bench.push(number, 2.0);
    }
    let listed = |number| format!("{}\n#EXTINF:2.000000,\n{number}.ts\n", key_of(number));
    let mut bench = bench.restart();
    let _ = bench.push(100, 2.0);
    // Segment 8 took two numbers, so segment 9 is the one of number 10.
    let expected = format!(
        "#EXT-X-MEDIA-SEQUENCE:10\n{}{}#EXT-X-DISCONTINUITY\n{}",
        listed(9),
        listed(10),
        listed(100)
    );
    assert!(bench.text().ends_with(&expected), "{}", bench.text());
    let _ = bench.push(101, 2.0);
    assert!(bench.text().ends_with(&listed(101)), "{}", bench.text());
}

/// One that the caller gives is for all segments, wherever it stands in the line.
#[test]
fn an_iv_that_is_given_is_said_once_and_holds_on_after_a_restart() {
    for (given, said) in [
        (
            "METHOD=AES-128,URI=\"k\",IV=0x0a",
            "METHOD=AES-128,URI=\"k\",IV=0x0a",
        ),
        (
            "IV=0X0A,METHOD=AES-128,URI=\"k\"",
            "IV=0X0A,METHOD=AES-128,URI=\"k\"",
        ),
        (
            "METHOD=AES-128,IV=0x0a,URI=\"k\"",
            "METHOD=AES-128,URI=\"k\",IV=0x0a",
        ),
        (
            "URI=\"k\",METHOD=AES-128,IV=0x0a",
            "METHOD=AES-128,URI=\"k\",IV=0x0a",
        ),
    ] {
        let mut bench = Bench::new(event());
        let line = format!("#EXT-X-KEY:{given}");
        bench.publisher.tag_next([line.as_str()]).expect(given);
        let _ = bench.push(0, 2.0);
        let _ = bench.push(1, 2.0);
        let mut bench = bench.restart();
        let _ = bench.push(2, 2.0);
        let _ = bench.push(3, 2.0);
        let text = bench.text();
        let keys: Vec<_> = text.lines().filter(|it| it.contains("-KEY")).collect();
        assert_eq!(keys, [format!("#EXT-X-KEY:{said}")], "{text}");
    }
}

/// RFC 8216 §5.2 says so of the format `identity`; of AES-128 in other formats players hold the
/// same. What SAMPLE-AES takes in another format is up to that format.
#[test]
fn the_number_implies_the_iv_of_the_usual_format_and_of_aes_128() {
    for (attributes, is_implied) in [
        ("METHOD=SAMPLE-AES,URI=\"k\"", true),
        ("METHOD=SAMPLE-AES,URI=\"k\",KEYFORMAT=\"identity\"", true),
        ("METHOD=SAMPLE-AES-CTR,URI=\"k\"", true),
        ("METHOD=AES-128,URI=\"k\",KEYFORMAT=\"com.example\"", true),
        (
            "METHOD=SAMPLE-AES,URI=\"k\",KEYFORMAT=\"com.example\"",
            false,
        ),
        (
            "METHOD=SAMPLE-AES,URI=\"k,IV=0x1\",KEYFORMAT=\"identity\"",
            true,
        ),
    ] {
        let mut bench = Bench::new(event());
        let line = format!("#EXT-X-KEY:{attributes}");
        bench.publisher.tag_next([line.as_str()]).expect(attributes);
        let _ = bench.push(10, 2.0);
        let text = bench.text();
        let expected = if is_implied {
            let (method, rest) = line.split_once(',').expect("an URI");
            format!("{method},{},{rest}", iv(10))
        } else {
            line
        };
        assert!(text.contains(&format!("\n{expected}\n")), "{text}");
    }
}

/// Keys of several formats are given together, and said together.
#[test]
fn a_key_with_an_iv_of_its_own_is_said_beside_one_without() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let other = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\",KEYFORMAT=\"com.example\"";
    bench.publisher.tag_next([BARE, other]).expect("two keys");
    let _ = bench.push(0, 2.0);
    let _ = bench.push(1, 2.0);
    let keys = |number| {
        format!(
            "{}\n{other}\n#EXTINF:2.000000,\n{number}.ts\n",
            key_of(number)
        )
    };
    let text = bench.text();
    assert!(text.ends_with(&[keys(0), keys(1)].concat()), "{text}");
}

/// RFC 8216 §4.3.2.4 and §4.2.
#[test]
fn a_key_that_cannot_be_one_is_refused() {
    let mut bench = Bench::new(event());
    let mut lines = vec![
        "#EXT-X-KEY",
        "#EXT-X-KEY:",
        "#EXT-X-KEY:AES-128",
        "#EXT-X-KEY :METHOD=NONE",
        "#EXT-X-KEY:URI=\"key\"",
        "#EXT-X-KEY:METHOD=\"AES-128\",URI=\"key\"",
        "#EXT-X-KEY:METHOD=,URI=\"key\"",
        "#EXT-X-KEY:METHOD=AES-128",
        "#EXT-X-KEY:METHOD=SAMPLE-AES,IV=0x00",
        "#EXT-X-KEY:METHOD=AES-128,URI=key",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"\"",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"x",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",",
        "#EXT-X-KEY:METHOD=AES-128, URI=\"key\"",
        "#EXT-X-KEY:METHOD=AES-128 ,URI=\"key\"",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",URI=\"other\"",
        "#EXT-X-KEY:METHOD=AES-128,METHOD=NONE,URI=\"key\"",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=7",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0xg",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=\"0x00\"",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x000000000000000000000000000000000",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",KEYFORMAT=identity",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",KEYFORMATVERSIONS=1",
        "#EXT-X-KEY:METHOD=NONE,URI=\"key\"",
        "#EXT-X-KEY:METHOD=NONE,IV=0x00",
    ];
    lines.retain(|line| bench.publisher.tag_next([*line]).is_ok());
    assert!(lines.is_empty(), "taken: {lines:#?}");
    let error = bench.publisher.tag_next(["#EXT-X-KEY:METHOD=AES-128"]);
    let error = error.expect_err("it is refused").to_string();
    assert!(error.contains("URI"), "{error}");
}

fn resumed(bench: &Bench, text: &str) -> Result<(), String> {
    let previous = Previous {
        playlist: text.into(),
        ..Previous::default()
    };
    let playlist = bench.playlist.clone();
    let resumed = MediaPlaylistPublisher::resume(playlist, bench.folder.clone(), &previous);
    resumed.map(drop).map_err(|error| error.to_string())
}

/// A standing playlist whose keys have no IV keeps its text, and what is new says its IV.
#[test]
fn a_standing_key_without_an_iv_stays_as_it_is() {
    let mut bench = Bench::new(event());
    bench.publisher.tag_next([BARE]).expect("a key");
    let _ = bench.push(0, 2.0);
    let standing = bench.text().replace(&key_of(0), BARE);
    bench
        .folder
        .store(Path::new("live.m3u8"), standing.clone().into());
    let mut bench = bench.restart();
    let _ = bench.push(5, 2.0);
    let new = format!(
        "#EXT-X-DISCONTINUITY\n{}\n#EXTINF:2.000000,\n5.ts\n",
        key_of(5)
    );
    assert_eq!(bench.text(), format!("{standing}{new}"));
}

/// RFC 8216 §4.3.2.5: of an encrypted initialisation segment the IV is required. Here all are in
/// the clear.
#[test]
fn a_playlist_with_an_encrypted_initialisation_segment_is_refused() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 2.0);
    let text = bench.text();
    assert_eq!(resumed(&bench, &text), Ok(()));
    let map = "#EXT-X-MAP:URI=\"0.mp4\"";
    for key in [BARE, "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x00"] {
        let encrypted = text.replace(map, &format!("{key}\n{map}"));
        assert_ne!(encrypted, text);
        assert!(resumed(&bench, &encrypted).is_err(), "{encrypted}");
    }
}

/// An IV behind METHOD is the number that a segment had, as this publisher prints it, or not of
/// this one.
#[test]
fn a_standing_iv_that_no_number_implies_is_refused() {
    let mut bench = Bench::new(event());
    bench.publisher.tag_next([BARE]).expect("a key");
    let _ = bench.push(10, 2.0);
    let text = bench.text();
    assert_eq!(resumed(&bench, &text), Ok(()));
    for other in [
        "IV=0x0A",
        "IV=0x0000000000000000000000000000000a",
        "IV=0x00000000000000010000000000000000",
    ] {
        let changed = text.replace(&iv(10), other);
        assert_ne!(changed, text);
        assert!(resumed(&bench, &changed).is_err(), "{changed}");
    }
}
