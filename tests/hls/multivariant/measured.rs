//! Bandwidths measured from what was stored, or checked against it (bis §4.4.6.2).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use segment_stream::hls::{Notice, Presentation, Previous};
use segment_stream::{SegmentSink, SinkError, WriteContext};

use super::*;

/// A root in memory that notes every text of the multivariant playlist.
#[derive(Debug, Clone, Default)]
struct Root(Arc<Mutex<Stored>>);

#[derive(Debug, Default)]
struct Stored {
    files: BTreeMap<String, Vec<u8>>,
    mains: Vec<String>,
    refuses_main: bool,
}

impl SegmentSink for Root {
    fn write(&mut self, file: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        let path = file
            .path_hint
            .as_ref()
            .and_then(|it| it.to_str())
            .expect("a path");
        let mut stored = self.0.lock().expect("no call panics");
        if path == "main.m3u8" {
            if stored.refuses_main {
                return Err(SinkError::transient("it is refused"));
            }
            let text = String::from_utf8(file.data.clone()).expect("text");
            stored.mains.push(text);
        }
        stored.files.insert(path.to_owned(), file.data.clone());
        Ok(())
    }

    fn read(&mut self, path: &Path, _: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        let stored = self.0.lock().expect("no call panics");
        Ok(stored.files.get(path.to_str().expect("text")).cloned())
    }
}

impl Root {
    /// What each text said of the variants: BANDWIDTH and AVERAGE-BANDWIDTH.
    fn bandwidths(&self) -> Vec<Vec<(u64, Option<u64>)>> {
        let number = |line: &str, name: &str| {
            let (_, rest) = line.split_once(name)?;
            rest.split(',').next()?.parse::<u64>().ok()
        };
        let of = |line: &str| {
            let line = line.strip_prefix("#EXT-X-STREAM-INF:")?;
            let line = format!(",{line}");
            Some((
                number(&line, ",BANDWIDTH=")?,
                number(&line, ",AVERAGE-BANDWIDTH="),
            ))
        };
        let stored = self.0.lock().expect("no call panics");
        let mains = stored.mains.iter();
        mains
            .map(|text| text.lines().filter_map(of).collect())
            .collect()
    }
}

/// Two seconds of so many bits a second.
fn at_rate(number: u64, bits_a_second: usize, name: &str) -> ProducedSegment {
    let bytes = vec![0; bits_a_second / 4];
    ProducedSegment::media(number, bytes, 2.0).with_path(format!("{name}-{number}.ts"))
}

fn presentation(main: MultivariantPlaylist) -> Presentation {
    let presentation = Presentation::new(event()).expect("a presentation");
    presentation.multivariant(main).expect("a playlist")
}

fn measured() -> MultivariantPlaylist {
    MultivariantPlaylist::new("main.m3u8")
        .variant(Variant::measured("a.m3u8"))
        .variant(Variant::measured("b.m3u8"))
}

#[test]
fn a_measured_bandwidth_is_published_again_when_it_has_moved_and_at_the_end() {
    let root = Root::default();
    let presentation = presentation(measured());
    let [mut a, mut b] =
        ["a.m3u8", "b.m3u8"].map(|path| presentation.rendition(path, root.clone()).expect("one"));
    let push = |publisher: &mut MediaPlaylistPublisher<Root>, number, rate, name| {
        let pushed = publisher.push(&Ok(at_rate(number, rate, name)));
        assert!(pushed.expect("published").notices.is_empty());
    };
    // Of 1,000 and 500 bit/s; the fourth is a peak, and the fifth within a twentieth of it.
    for (number, rate) in [1_000, 1_000, 1_020, 2_000, 2_080].into_iter().enumerate() {
        push(&mut a, number as u64, rate, "a");
        push(&mut b, number as u64, 500, "b");
    }
    let b_is = (500, Some(500));
    let first = [
        vec![(1_000, Some(1_000)), b_is],
        vec![(2_000, Some(1_255)), b_is],
    ];
    assert_eq!(root.bandwidths()[..2], first);
    // The average moved by more than a twentieth with the fifth one.
    assert_eq!(root.bandwidths()[2..], [vec![(2_080, Some(1_420)), b_is]]);
    push(&mut a, 5, 1_440, "a");
    push(&mut b, 5, 500, "b");
    assert_eq!(root.bandwidths().len(), 3, "1,423.3 is near");
    let _ = a.finish().expect("it ends");
    assert_eq!(root.bandwidths().len(), 3);
    let _ = b.finish().expect("it ends");
    assert_eq!(root.bandwidths()[3..], [vec![(2_080, Some(1_424)), b_is]]);
}

#[test]
fn it_waits_until_each_playlist_has_stored_a_segment() {
    let root = Root::default();
    let start = || {
        let presentation = presentation(measured());
        ["a.m3u8", "b.m3u8"].map(|path| {
            let previous = Previous::read_through(&mut root.clone(), &event().rendition(path));
            match previous.expect("it can be read") {
                None => presentation.rendition(path, root.clone()).expect("new"),
                Some(previous) => presentation
                    .resume(path, root.clone(), &previous)
                    .expect("it goes on"),
            }
        })
    };
    let [mut a, mut b] = start();
    let _ = a.push(&Ok(at_rate(0, 1_000, "a"))).expect("entered");
    let _ = b.push(&lost(at_rate(0, 900, "b"))).expect("published");
    assert_eq!(root.bandwidths().len(), 0);
    let _ = a.push(&Ok(at_rate(1, 1_000, "a"))).expect("entered");
    let _ = b.push(&Ok(at_rate(1, 900, "b"))).expect("published");
    let expected = vec![(1_000, Some(1_000)), (900, Some(900))];
    assert_eq!(root.bandwidths(), std::slice::from_ref(&expected));
    drop((a, b));
    // The playlist of the session before stands until there is a new measurement.
    let [mut a, mut b] = start();
    let _ = a.push(&lost(at_rate(2, 1_000, "a"))).expect("entered");
    let _ = b.push(&Ok(at_rate(2, 700, "b"))).expect("published");
    assert_eq!(root.bandwidths(), std::slice::from_ref(&expected));
    let _ = a.push(&Ok(at_rate(3, 800, "a"))).expect("entered");
    let _ = b.push(&Ok(at_rate(3, 700, "b"))).expect("published");
    let again = vec![(800, Some(800)), (700, Some(700))];
    assert_eq!(root.bandwidths(), [expected, again]);
}

#[test]
fn at_the_end_a_bandwidth_that_nothing_was_stored_of_is_an_error() {
    let root = Root::default();
    let presentation = presentation(measured());
    let [mut a, mut b] =
        ["a.m3u8", "b.m3u8"].map(|path| presentation.rendition(path, root.clone()).expect("one"));
    let _ = a.push(&Ok(at_rate(0, 1_000, "a"))).expect("entered");
    let _ = b.push(&lost(at_rate(0, 900, "b"))).expect("published");
    let _ = a.finish().expect("it ends");
    let refused = b.finish().expect_err("nothing is known").to_string();
    for part in ["main.m3u8", "\"b.m3u8\" cannot be measured"] {
        assert!(refused.contains(part), "{refused}");
    }
    assert!(root.bandwidths().is_empty());
}

#[test]
fn a_declared_bandwidth_that_becomes_too_low_is_noticed_once() {
    let root = Root::default();
    // The other one has the text made again.
    let main = MultivariantPlaylist::new("main.m3u8")
        .variant(Variant::new("a.m3u8", 1_500))
        .variant(Variant::measured("a.m3u8"));
    let presentation = presentation(main);
    let mut a = presentation.rendition("a.m3u8", root.clone()).expect("one");
    let mut found = Vec::new();
    for (number, rate) in [1_000, 1_400, 2_000, 3_000].into_iter().enumerate() {
        let pushed = a.push(&Ok(at_rate(number as u64, rate, "a")));
        found.push(pushed.expect("published").notices);
    }
    assert!(found[0].is_empty() && found[1].is_empty() && found[3].is_empty());
    let [
        notice @ Notice::BandwidthTooLow {
            rendition,
            declared: 1_500,
            measured: 2_000,
            ..
        },
    ] = &found[2][..]
    else {
        panic!("{found:?}");
    };
    assert_eq!(rendition, Path::new("a.m3u8"));
    assert_eq!(
        notice.to_string(),
        "the BANDWIDTH of \"a.m3u8\" is 1500 bit/s, which is 500 bit/s less than its stored \
         segments take"
    );
    let found: Vec<_> = root
        .bandwidths()
        .iter()
        .map(|it| (it[0], it[1].0))
        .collect();
    let expected = [1_000, 1_400, 2_000, 3_000].map(|peak| ((1_500, None), peak));
    assert_eq!(found, expected);
}

#[test]
fn a_multivariant_playlist_that_failed_is_written_again_with_the_next_push() {
    let root = Root::default();
    let presentation =
        presentation(MultivariantPlaylist::new("main.m3u8").variant(Variant::new("a.m3u8", 1_500)));
    let mut a = presentation.rendition("a.m3u8", root.clone()).expect("one");
    root.0.lock().expect("no call panics").refuses_main = true;
    for number in 0..2 {
        let refused = a.push(&Ok(at_rate(number, 1_000, "a")));
        let refused = refused.expect_err("it is refused").to_string();
        assert!(refused.contains("main.m3u8"), "{refused}");
    }
    root.0.lock().expect("no call panics").refuses_main = false;
    let _ = a.push(&Ok(at_rate(2, 1_000, "a"))).expect("published");
    let _ = a.push(&Ok(at_rate(3, 1_000, "a"))).expect("published");
    assert_eq!(root.bandwidths(), [[(1_500, None)]]);
}

/// By hand, after the end of a VOD playlist, whose target duration is known then only.
#[test]
fn a_publisher_says_what_it_has_stored() {
    let root = Root::default();
    for playlist in [event(), MediaPlaylist::vod("live.m3u8")] {
        let publisher = MediaPlaylistPublisher::new(playlist.rendition("a.m3u8"), root.clone());
        let mut a = publisher.expect("a playlist");
        for (number, rate) in [1_000, 3_000].into_iter().enumerate() {
            let _ = a
                .push(&Ok(at_rate(number as u64, rate, "a")))
                .expect("published");
        }
        let _ = a.finish().expect("it ends");
        let main = MultivariantPlaylist::new("main.m3u8");
        let main = main.variant(Variant::measured("a.m3u8"));
        let too_low = main.clone().variant(Variant::new("a.m3u8", 2_999));
        let notices = main.publish(&mut root.clone(), &[&a]).expect("published");
        assert!(notices.is_empty());
        assert_eq!(root.bandwidths().pop(), Some(vec![(3_000, Some(2_000))]));
        let notices = too_low
            .publish(&mut root.clone(), &[&a])
            .expect("published");
        assert_eq!((notices[0].declared, notices[0].measured), (2_999, 3_000));
    }
}

/// Texts of independent publishers, which nothing kept in step.
#[test]
fn renditions_with_other_discontinuities_are_refused() {
    let root = Root::default();
    for path in ["a.m3u8", "b.m3u8"] {
        let publisher = MediaPlaylistPublisher::new(event().rendition(path), root.clone());
        let mut publisher = publisher.expect("a playlist");
        if path == "b.m3u8" {
            publisher.discontinuity();
        }
        let _ = publisher
            .push(&Ok(at_rate(0, 1_000, "x")))
            .expect("published");
    }
    let main = MultivariantPlaylist::new("main.m3u8");
    let main = ["a.m3u8", "b.m3u8"]
        .into_iter()
        .fold(main, |main, path| main.variant(Variant::new(path, 1_500)));
    let presentation = presentation(main);
    let [mut a, _b] = ["a.m3u8", "b.m3u8"].map(|path| {
        let previous = Previous::read_through(&mut root.clone(), &event().rendition(path));
        let previous = previous.expect("it can be read").expect("it is there");
        presentation
            .resume(path, root.clone(), &previous)
            .expect("it goes on")
    });
    let refused = a
        .push(&Ok(at_rate(1, 1_000, "a")))
        .expect_err("they differ");
    let refused = refused.to_string();
    assert!(
        refused.contains("numbers of discontinuities are 1 and 0"),
        "{refused}"
    );
    // Another attempt would end in the same way.
    let _ = a.push(&Ok(at_rate(2, 1_000, "a"))).expect("entered");
}
