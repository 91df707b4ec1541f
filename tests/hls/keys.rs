//! Lines of the caller's: keys, date ranges, and what a playlist of its version may not hold.

use super::*;

const KEY: &str = "#EXT-X-KEY:METHOD=AES-128,URI=\"key\"";

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

/// RFC 8216 §4.3.2.4: a key holds until the next one of the same format, so a set of keys that replaces
/// another one has to end those whose format it lacks.
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
    let new = "#EXT-X-KEY:METHOD=AES-128,URI=\"new\"";
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

/// RFC 8216 §4.3.4 and §4.3.5: of multivariant playlists alone, or of the whole playlist and not of a
/// segment, or of a version that the playlist does not have.
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
    let new = "#EXT-X-KEY:METHOD=AES-128,URI=\"new\"";
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
    let new = "#EXT-X-KEY:METHOD=AES-128,URI=\"new\"";
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
    let other = "#EXT-X-KEY:METHOD=AES-128,URI=\"other\"";
    assert_eq!(bench.publisher.tag_next([other]), Ok(()));
    let _ = bench.push(2, 2.0);
    let text = bench.text();
    let (_, end) = text.split_once("\n1.ts\n").expect("it is listed");
    assert!(end.starts_with(other), "{text}");
}
