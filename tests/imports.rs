//! Imports go one way: a module uses the modules above it in [`ORDER`], and none below.

use std::fs;
use std::path::{Path, PathBuf};

/// From what everything may use to what nothing else uses. A module's children that are not listed
/// count as the module.
const ORDER: &[&str] = &[
    "internal::platform",
    "internal::paths",
    "internal::unwind",
    "internal::log",
    "internal::sync",
    "internal::deadline",
    "internal::cancel",
    "internal::rate_limit",
    "internal",
    "segment::info",
    "segment",
    "segment::submission",
    "error::loss",
    "error::one_line",
    "error::recovery",
    "error::send",
    "error::sink",
    "error::write",
    "error",
    "sink::context",
    "sink::hint",
    "sink",
    "sink::disk::options",
    "sink::disk::allocate",
    "sink::disk::directory",
    "sink::disk::temp",
    "sink::disk::root",
    "sink::disk::target",
    "sink::disk::directories",
    "sink::disk::commit",
    "sink::disk::read",
    "sink::disk::sweep",
    "sink::disk",
    "sink::http::call",
    "sink::http::caching",
    "sink::http::address",
    "sink::http::classify",
    "sink::http::resolve",
    "sink::http::connect",
    "sink::http::socket",
    "sink::http::veil",
    "sink::http::options",
    "sink::http::head",
    "sink::http::tls",
    "sink::http::client",
    "sink::http",
    "sink::s3::xml",
    "sink::s3::integrity",
    "sink::s3::bucket",
    "sink::s3::credentials",
    "sink::s3::fault",
    "sink::s3::options",
    "sink::s3::exchange",
    "sink::s3::multipart",
    "sink::s3::sweep",
    "sink::s3",
    "stream::retry",
    "stream::config",
    "stream::stats",
    "stream::yielded",
    "stream::report",
    "stream::log",
    "stream::slots",
    "stream::waiters",
    "stream::shared",
    "stream::accept",
    "stream::sender",
    "stream::segment_writer",
    "stream::handle",
    "stream::extension",
    "stream::attempt",
    "stream::writer",
    "stream::iterator",
    "stream::with_info",
    "stream",
    "stream::start",
    "stream::end",
    "backfill::object",
    "backfill::options",
    "backfill::stats",
    "backfill::journal",
    "backfill::ledger",
    "backfill::shared",
    "backfill::recorder",
    "backfill::worker",
    "backfill",
    "uri",
    "presentation::bitrate",
    "presentation::clock",
    "presentation::date_range::error",
    "presentation::date_range::values",
    "presentation::date_range",
    "presentation::date_range::set",
    "presentation::date_range::listed",
    "presentation::time",
    "presentation::visits",
    "presentation::calendar",
    "presentation::config",
    "presentation::fingerprint",
    "presentation::notice",
    "presentation::error",
    "presentation::item",
    "presentation::reserved",
    "presentation::names",
    "presentation::entry",
    "presentation::timeline",
    "presentation::listings",
    "presentation::retired",
    "presentation::retiring",
    "presentation::told",
    "presentation::rendition",
    "presentation::initialisation",
    "presentation::window",
    "presentation::pins",
    "presentation::retention",
    "presentation::parts",
    "presentation::journal",
    "presentation::reuse",
    "presentation::format",
    "presentation::beside",
    "presentation::driver",
    "presentation::driver::document",
    "presentation::driver::origin::options",
    "presentation::driver::origin::report",
    "presentation::driver::origin::removals",
    "presentation::driver::origin::pending",
    "presentation::driver::origin::alarm",
    "presentation::driver::origin::lane",
    "presentation::driver::origin::health",
    "presentation::driver::origin::step",
    "presentation::driver::origin::schedule",
    "presentation::driver::origin::log",
    "presentation::driver::origin::virtual_clock",
    "presentation::driver::origin::shared",
    "presentation::driver::origin::port",
    "presentation::driver::origin::attempt",
    "presentation::driver::origin::worker",
    "presentation::driver::origin::simulated",
    "presentation::driver::origin",
    "presentation::origin",
    "presentation::deletion",
    "presentation::job",
    "presentation::submission",
    "presentation::standing",
    "presentation::publication",
    "presentation::common",
    "presentation::core",
    "presentation::deferral",
    "presentation::announce",
    "presentation::catch_up",
    "presentation::limit",
    "presentation::clip",
    "presentation::measure",
    "presentation::number",
    "presentation::enter",
    "presentation::settle",
    "presentation::room",
    "presentation::side_file",
    "presentation::work",
    "presentation::over_origin",
    "presentation::names_only",
    "presentation::driver::inline",
    "presentation::clipping",
    "presentation::driver::link",
    "presentation::outlet",
    "presentation::publisher",
    "presentation::inline_publisher",
    "presentation::origin_publisher",
    "presentation",
    "hls::attributes",
    "hls::date",
    "hls::date_range",
    "hls::start",
    "hls::key",
    "hls::tags",
    "hls::config",
    "hls::render",
    "hls::parse",
    "hls::previous",
    "hls::multivariant",
    "hls::format",
    "hls::date_ranges",
    "hls::setup",
    "hls::publisher",
    "hls::clip",
    "hls::presentation",
    "hls::cost",
    "hls::origin_model",
    "hls",
    "dash::date",
    "dash::error",
    "dash::xml",
    "dash::sets",
    "dash::template",
    "dash::config",
    "dash::period",
    "dash::model",
    "dash::render",
    "dash::parse",
    "dash::format",
    "dash::previous",
    "dash",
    "hls_with_dash",
];

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// The place of the listed module that this path is in or names something of.
fn place(path: &str) -> Option<usize> {
    let within = |module: &str| {
        path == module
            || path
                .strip_prefix(module)
                .is_some_and(|rest| rest.starts_with("::"))
    };
    (0..ORDER.len())
        .filter(|place| within(ORDER[*place]))
        .max_by_key(|place| ORDER[*place].len())
}

/// `super::{a::B, c}` as `super::a::B` and `super::c`; anything else as it is.
fn spread(import: &str) -> Vec<String> {
    match import.split_once('{') {
        None => vec![import.to_owned()],
        Some((prefix, list)) => list
            .trim_end_matches(['}', ';'])
            .split(',')
            .map(|part| format!("{prefix}{}", part.trim()))
            .collect(),
    }
}

/// The paths inside this crate that a module's text names, from the crate's root.
fn named_in(module: &str, text: &str) -> Vec<String> {
    // As rustfmt leaves them, an import that is longer than a line spans several.
    let statements = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim())
        .fold(String::new(), |text, line| {
            text + line + if line.ends_with(';') { "\n" } else { " " }
        });
    let mut named = Vec::new();
    for statement in statements.lines() {
        // The re-exports of a module's children are its interface, not its dependencies.
        if statement.contains("pub use ") || statement.contains("include_str!") {
            continue;
        }
        for start in ["crate::", "super::", "self::"] {
            for (at, _) in statement.match_indices(start) {
                let before = statement[..at].chars().next_back();
                if before.is_some_and(|before| {
                    before.is_alphanumeric() || before == ':' || before == '_'
                }) {
                    continue;
                }
                let end = |character: char| {
                    !(character.is_alphanumeric() || ":_{}, ".contains(character))
                };
                let rest = &statement[at..];
                let import = &rest[..rest.find(end).unwrap_or(rest.len())];
                let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
                for path in spread(import.trim()) {
                    let path = path.split(' ').next().unwrap_or_default().to_owned();
                    // `super::*`, as a module of tests inside the file begins.
                    if path.ends_with("::") {
                        continue;
                    }
                    named.push(match start {
                        "crate::" => path["crate::".len()..].to_owned(),
                        "self::" => format!("{module}::{}", &path["self::".len()..]),
                        _ => format!("{parent}::{}", &path["super::".len()..])
                            .trim_start_matches("::")
                            .to_owned(),
                    });
                }
            }
        }
    }
    named
}

/// The uses of modules that stand below it.
fn downward(module: &str, text: &str) -> Vec<String> {
    let own = place(module).unwrap_or_else(|| panic!("{module} has no place in ORDER"));
    named_in(module, text)
        .into_iter()
        .filter(|path| place(path).is_some_and(|named| named > own))
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn module(source: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(source).unwrap().with_extension("");
    let names: Vec<_> = relative.iter().map(|name| name.to_str().unwrap()).collect();
    names.join("::").trim_end_matches("::mod").to_owned()
}

#[test]
fn no_module_imports_from_below_itself() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for path in sources(&source) {
        let module = module(&source, &path);
        if module == "lib" {
            continue;
        }
        let found = downward(&module, &fs::read_to_string(&path).unwrap());
        assert!(
            found.is_empty(),
            "{module} uses {found:?}, which ORDER puts below it"
        );
        checked += 1;
    }
    assert!(checked >= ORDER.len(), "only {checked} modules found");
}

/// Each alone could be left out, and a module below both brings them together.
#[test]
fn no_format_imports_the_other() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (format, other) in [("hls", "dash"), ("dash", "hls")] {
        for path in sources(&source.join(format)) {
            let named = named_in(&module(&source, &path), &fs::read_to_string(&path).unwrap());
            let of_other = |path: &String| path.split("::").next() == Some(other);
            let found: Vec<_> = named.into_iter().filter(of_other).collect();
            assert!(found.is_empty(), "{} uses {found:?}", path.display());
        }
    }
}

/// The targets in the list, each with its systems.
fn listed() -> Vec<(String, String)> {
    let list = fs::read_to_string(Path::new(TESTS).join("systems.txt")).unwrap();
    let lines = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (target, systems) = line.split_once(' ').expect("two words a line");
            (target.to_owned(), systems.trim().to_owned())
        })
        .collect()
}

#[test]
fn every_test_target_says_where_it_runs() {
    let mut targets: Vec<String> = fs::read_dir(TESTS)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    targets.sort();
    let listed = listed();
    let names: Vec<_> = listed.iter().map(|(target, _)| target.clone()).collect();
    assert_eq!(names, targets, "tests/systems.txt has others");
    for (target, systems) in listed {
        let known = [
            "any", "slow", "tools", "native", "unix", "linux", "windows", "build",
        ];
        assert!(known.contains(&systems.as_str()), "{target}: {systems}");
    }
}

/// The words of single formats, in lower case.
const OF_FORMATS: &[&str] = &[
    "playlist",
    "m3u8",
    "multivariant",
    "#ext",
    "ext-x-",
    "extinf",
    "hls",
    "mpd",
    "adaptationset",
];

/// The words of formats in a module of the presentation. The examples of its documentation, the
/// targets of links and the name of a standard may have some.
fn words_of_formats(text: &str) -> Vec<String> {
    let mut is_example = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let is_documentation = line.trim().starts_with("//");
        if is_documentation && line.contains("```") {
            is_example = !is_example;
        }
        if is_documentation && is_example {
            continue;
        }
        let mut line = line
            .replace("draft-pantos-hls-rfc8216bis", "")
            .to_lowercase();
        while let Some(start) = line.find("](crate::") {
            let length = line[start..].find(')').unwrap_or(line.len() - start);
            line.replace_range(start..start + length, "");
        }
        let is_named = |word: &&&str| line.contains(**word);
        let words = OF_FORMATS.iter().filter(is_named);
        found.extend(words.map(|word| format!("{word}: {line}")));
    }
    found
}

#[test]
fn the_presentation_has_no_word_of_a_format() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/presentation");
    let files = sources(&source);
    assert!(files.len() > 50, "only {} files found", files.len());
    for path in files {
        let found = words_of_formats(&fs::read_to_string(&path).unwrap());
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
    }
}

#[test]
fn a_word_of_a_format_is_found_wherever_it_stands() {
    for text in [
        "/// The playlist.",
        "fn playlist() {}",
        "use crate::hls::Hls;",
        "// See `MediaPlaylist` in [this](crate::a).",
        "let line = \"#EXT-X-GAP\";",
        "/// ```\n/// x\n/// ```\n/// An HLS word.",
    ] {
        assert!(!words_of_formats(text).is_empty(), "{text}");
    }
    for text in [
        "/// See [`max_bytes`](crate::hls::MediaPlaylist::max_bytes) and [`a`](crate::hls::A).",
        "/// ```\n/// use segment_stream::hls::Origin;\n/// ```",
        "//! (draft-pantos-hls-rfc8216bis §6.2.1)",
        "/// The manifest.",
    ] {
        assert!(words_of_formats(text).is_empty(), "{text}");
    }
}

/// The examples that a new user copies.
#[test]
fn the_examples_of_a_camera_and_of_a_packager_are_short() {
    for name in ["nvr", "abr"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(lines <= 120, "{name} has {lines} lines");
    }
}

#[test]
fn an_import_from_below_is_found_however_it_is_written() {
    for text in [
        "use crate::stream::SegmentStream;",
        "use crate::{segment::ProducedSegment, stream::SegmentStream};",
        "use crate::{\n    segment::ProducedSegment,\n    stream::writer::Writer,\n};",
        "fn f(x: &crate::stream::shared::Shared) {}",
    ] {
        assert_eq!(downward("sink::disk::temp", text).len(), 1, "{text}");
    }
    for text in [
        "use super::target::Target;",
        "use super::{options::Existing, commit};",
    ] {
        assert_eq!(downward("sink::disk::temp", text).len(), 1, "{text}");
    }
    for text in [
        "use crate::segment::ProducedSegment; // crate::stream",
        "/// See [`crate::stream::SegmentStream`].",
        "use super::options::Existing;",
        "pub use self::target::Target;",
        "use std::sync::Arc;",
    ] {
        assert!(downward("sink::disk::temp", text).is_empty(), "{text}");
    }
}
