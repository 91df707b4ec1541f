//! Both formats over one set of segments.

use super::common::listing::Listing;
use super::*;

/// `--dash` with short segments, into a directory that keeps them all.
fn dash(options: &[&str], input: &Path, out: &Path) -> Output {
    let terms = ["--dash", "--target", "1", "--window", "600"];
    output(packager().args(terms).args(options).arg(input).arg(out))
}

fn mpd(out: &Path) -> super::check::Mpd {
    let text = fs::read_to_string(out.join("live.mpd")).expect("it is published");
    super::check::check(&text).unwrap_or_else(|why| panic!("{why}:\n{text}"))
}

#[test]
fn both_manifests_list_the_same_segments_and_the_page_plays_either() {
    let Some(input) = make("live_hls::dash", Format::Mp4, 6) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let (file, out) = (folder.path().join("in.mp4"), folder.path().join("out"));
    fs::write(&file, &input).expect("it is written");
    let packaged = dash(&[], &file, &out);
    assert!(packaged.status.success(), "{}", text(&packaged.stderr));
    let listing = Listing::of_file(&out.join(LIVE));
    let listed: Vec<_> = listing.segments.iter().map(|it| it.uri.clone()).collect();
    assert_eq!(listed.len(), 6);
    let mpd = mpd(&out);
    assert_eq!(mpd.uris("0"), listed);
    assert!(mpd.is_static);
    let manifest = fs::read_to_string(out.join("live.mpd")).expect("it is there");
    assert!(manifest.contains("mediaPresentationDuration=\"PT6S\""));
    assert!(
        manifest.contains("width=\"320\" height=\"180\""),
        "{manifest}"
    );
    assert!(manifest.contains("codecs=\"avc1."), "{manifest}");
    assert!(manifest.contains(",mp4a.40.2\""), "{manifest}");
    let page = fs::read_to_string(out.join("play.html")).expect("it is there");
    assert!(page.contains("'live.m3u8'") && page.contains("'live.mpd'"));
    // They are not overwritten.
    let again = dash(&[], &file, &out);
    assert_eq!(again.status.code(), Some(1));
}

/// Each session ends in the middle of the input.
#[test]
fn a_resumed_session_begins_a_period() {
    let Some(mut input) = make("live_hls::dash", Format::Mp4, 6) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let (file, out) = (folder.path().join("in.mp4"), folder.path().join("out"));
    input.truncate(input.len() / 2);
    fs::write(&file, &input).expect("it is written");
    let mut starts = Vec::new();
    for periods in 1..4 {
        let packaged = dash(&["--resume"], &file, &out);
        let said = text(&packaged.stderr);
        assert_eq!(packaged.status.code(), Some(1), "{said}");
        let mpd = mpd(&out);
        assert!(!mpd.is_static);
        let ids: Vec<_> = mpd.periods.iter().map(|it| it.id.clone()).collect();
        let expected: Vec<_> = (0..periods).map(|it| it.to_string()).collect();
        assert_eq!(ids, expected, "{said}");
        starts.extend(mpd.attribute("availabilityStartTime").map(str::to_owned));
        let listing = Listing::of_file(&out.join(LIVE));
        let listed: Vec<_> = listing.segments.iter().map(|it| it.uri.clone()).collect();
        assert_eq!(mpd.uris("0"), listed);
    }
    starts.dedup();
    assert_eq!(starts.len(), 1, "{starts:?}");
}

#[test]
fn a_transport_stream_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a directory");
    let refused = dash(&[], Path::new(SAMPLE), &folder.path().join("out"));
    assert_eq!(refused.status.code(), Some(1));
    let why = format!(
        "live_hls: {SAMPLE}: it is a transport stream, and an MPD (--dash) lists fragmented MP4 \
         only; packaged nothing\n"
    );
    assert_eq!(text(&refused.stderr), why);
    assert_eq!(text(&refused.stdout), "");
    let out = folder.path().join("out");
    assert!(!out.exists() || names(&out).is_empty());
}

#[test]
fn an_mpd_needs_dates() {
    for arguments in [["--dash", "--no-dates"], ["--no-dates", "--dash"]] {
        let refused = output(packager().args(arguments));
        assert_eq!(refused.status.code(), Some(2));
        let why = text(&refused.stderr);
        assert!(why.contains("--dash needs dates"), "{why}");
    }
}
