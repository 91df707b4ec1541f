//! A second format, as a proof of the seam: one manifest that lists the names of all renditions.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::config::{Dates, Extent, Limits, Retention, Settings};
use super::core::Core;
use super::driver::Action;
use super::format::{Format, Manifest, ManifestKind, Text, View};
use super::job::{Request, Write};
use super::rendition::Rendition;
use crate::segment::{ProducedSegment, SegmentInfo};

struct NamesOnly;

impl Format for NamesOnly {
    fn render(&mut self, _: usize, view: &View<'_>) -> io::Result<Text> {
        let mut text = String::new();
        for rendition in view.renditions {
            for entry in &rendition.entries {
                let name = entry
                    .file()
                    .map_or("-".into(), |file| file.display().to_string());
                text = text + &name + "\n";
            }
        }
        let bytes = text.into_bytes();
        Ok(Text {
            bytes,
            ..Text::default()
        })
    }
}

fn core() -> Core<NamesOnly> {
    let settings = Settings {
        extent: Extent::Window(0),
        target_secs: Some(2),
        dates: Dates::None,
        retention: Retention::Delete {
            margin: Duration::ZERO,
        },
        limits: Limits::default(),
        lines_per_part: super::parts::PER_PART,
        max_lag: None,
        first_sequence: None,
    };
    let mut core = Core::new(NamesOnly, settings);
    core.renditions = ["a", "b"]
        .map(|name| Rendition::new(name.into(), Vec::new()))
        .into();
    core.add_manifest(Manifest {
        path: "names".into(),
        covers: vec![0, 1],
        kind: ManifestKind::Segments {
            state: "names.state".into(),
            state_header: "#names",
        },
    });
    core
}

fn enter(core: &mut Core<NamesOnly>, number: u64) {
    for (r, name) in ["a", "b"].into_iter().enumerate() {
        let segment = ProducedSegment::media(number, vec![1], 2.0);
        let segment = segment.with_path(format!("{name}{number}"));
        let pushed = core.push(r, &Ok(segment), &SegmentInfo::new(), &mut Vec::new());
        pushed.expect("it takes more");
    }
}

const REQUEST: Request = Request {
    write: Write::Manifest,
    deletion: Some(super::deletion::A_PUSH),
};

/// Pushes a number to both renditions and returns what is to be done.
fn push(core: &mut Core<NamesOnly>, number: u64) -> Vec<(PathBuf, Option<String>)> {
    let mut done = Vec::new();
    enter(core, number);
    let now = Duration::from_secs(2 * number);
    {
        assert!(core.claim(0, REQUEST));
        while let Some(action) = core.next_action(0, now) {
            done.push(match &action {
                Action::Put(it) => {
                    let text = String::from_utf8_lossy(&it.bytes).into_owned();
                    (it.path.clone(), Some(text))
                }
                Action::Delete { path, .. } => (path.clone(), None),
            });
            core.done(0, action, Ok(()), now);
        }
        assert!(core.release(0).errors.is_empty());
    }
    done
}

#[test]
fn another_format_lists_all_renditions_and_has_their_files_deleted() {
    let mut core = core();
    let done = push(&mut core, 0);
    let written: Vec<_> = done.iter().map(|it| it.0.to_str()).collect();
    assert_eq!(written, [Some("names.state"), Some("names")]);
    assert_eq!(done[1].1.as_deref(), Some("a0\nb0\n"));
    let mut deleted = Vec::new();
    for number in 1..10 {
        let done = push(&mut core, number);
        let gone = done.into_iter().filter(|it| it.1.is_none());
        deleted.extend(gone.map(|it| it.0));
    }
    let last = deleted.last().expect("some are deleted");
    assert_eq!(deleted[..2], ["a0", "b0"].map(PathBuf::from));
    assert_eq!(last, &PathBuf::from("b2"));
}

/// As another thread may push while one writes: the text at the destination still names the file.
#[test]
fn a_file_that_left_while_a_text_was_written_waits_for_the_next_text() {
    let mut core = core();
    for number in 0..3 {
        let _ = push(&mut core, number);
    }
    enter(&mut core, 3);
    assert!(core.claim(0, REQUEST));
    let now = Duration::from_secs(1_000);
    let waiting = |core: &Core<NamesOnly>| {
        let files = core.publications[0].files_waiting();
        files.map(PathBuf::from).collect::<Vec<_>>()
    };
    let mut texts = Vec::new();
    while let Some(action) = core.next_action(0, now) {
        if let Action::Put(it) = &action
            && it.path.as_os_str() == "names"
        {
            texts.push(String::from_utf8_lossy(&it.bytes).into_owned());
            if texts.len() == 1 {
                // Another thread.
                enter(&mut core, 4);
                assert!(!core.claim(0, REQUEST), "one thread is at it");
            }
        }
        core.done(0, action, Ok(()), now);
        if texts.len() == 1 {
            assert_eq!(waiting(&core), ["a0", "b0"].map(PathBuf::from));
            assert!(core.may_name(std::path::Path::new("a1")));
        }
    }
    let expected = ["a1\na2\na3\nb1\nb2\nb3\n", "a2\na3\na4\nb2\nb3\nb4\n"];
    assert_eq!(texts, expected);
    assert!(core.release(0).errors.is_empty());
    assert_eq!(waiting(&core), ["a0", "b0", "a1", "b1"].map(PathBuf::from));
}
