//! The schema of ISO/IEC 23009-1, by `xmllint`. `DASH_MPD_XSD` names the file, with a `catalog.xml`
//! for its imports beside it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::bench::{Bench, Shape, date, mpd, playlist};
use super::means::{have_tools, skip};
use segment_stream::SegmentInfo;
use segment_stream::dash::UtcTiming;
use std::time::Duration;

fn texts() -> Vec<String> {
    let mut texts = Vec::new();
    for shape in [Shape::Live, Shape::Event, Shape::Vod] {
        let mpd = mpd()
            .base_url("https://a.example.com/")
            .utc_timing(UtcTiming::HttpXsDate("https://time.example.com/".into()))
            .utc_timing(UtcTiming::Ntp("pool.example.com".into()))
            .latency_target(Duration::from_millis(3500))
            .event_stream(
                r#"<EventStream schemeIdUri="urn:example:events" timescale="1"><Event presentationTime="1" id="1">a</Event></EventStream>"#
                    .parse()
                    .expect("it is well-formed"),
            );
        let mut bench = Bench::with(playlist(shape), mpd);
        for number in 0..12 {
            let lost: &[usize] = match number {
                3 => &[0, 1, 2],
                5 => &[1],
                _ => &[],
            };
            let mut info = SegmentInfo::new();
            if number == 8 {
                bench.zero = 8;
                info = info.discontinuity().program_date_time(date(60_000_000));
            }
            bench.push_with(lost, &info);
        }
        bench.finish();
        texts.append(&mut bench.texts);
    }
    texts
}

#[test]
fn every_text_validates() {
    let name = "dash::schema";
    let Some(schema) = env::var_os("DASH_MPD_XSD").map(PathBuf::from) else {
        // The schema is not the project's to distribute, so its absence is no failure anywhere.
        eprintln!("SKIPPED {name}: DASH_MPD_XSD does not name the schema");
        return;
    };
    if !have_tools(name, &["xmllint"]) {
        return;
    }
    if !schema.is_file() {
        let _ = skip(name, "DASH_MPD_XSD names no file");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let texts = texts();
    let files: Vec<_> = (0..texts.len())
        .map(|at| folder.path().join(format!("{at}.mpd")))
        .collect();
    for (file, text) in files.iter().zip(&texts) {
        std::fs::write(file, text).expect("it is written");
    }
    let output = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(&schema)
        .args(&files)
        .env("XML_CATALOG_FILES", schema.with_file_name("catalog.xml"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(texts.len() > 20, "{}", texts.len());
}
