//! What was written comes back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::internal::platform;

const HEADER: &str = "#state:1";

#[test]
fn the_state_comes_back_and_a_cut_one_is_refused() {
    // Windows has no such name.
    let lines = "a b\n#c.ts";
    let is_plain = platform::is_plain_name(lines.as_ref());
    let odd = if is_plain { lines } else { "a b#c.ts" };
    let mut names = vec!["live/0.ts", odd, "/srv/x.ts", "end"];
    // A drive is one on Windows only.
    let drive = "C:\\srv\\x.ts";
    names.extend(Path::new(drive).is_absolute().then_some(drive));
    let retired: Vec<_> = names
        .into_iter()
        .map(|name| Retired::new(name.into(), 3_000_000))
        .collect();
    let published = Published {
        number: 7,
        longest: 9_000_000,
    };
    let newest = Reach {
        number: 8,
        ranges: 2,
    };
    let leaving = Retired::new("next 1.ts".into(), 4_000_000).with_bytes(188);
    let head = Head {
        published,
        texts: &Fingerprints::only(b"text"),
        newest,
        leaving: vec![leaving.clone()],
    };
    let text = render(HEADER, &head, &[], &[], std::iter::empty(), retired.iter());
    let read = |text: &[u8]| State::read(HEADER, text, |_| None).map_err(|(_, why)| why);
    let state = read(&text).unwrap();
    assert_eq!(state.published, published);
    assert_eq!(state.texts, Fingerprints::only(b"text"));
    assert_eq!(state.newest, Some(newest));
    assert_eq!(state.leaving, [leaving]);
    assert_eq!(state.retired, retired);
    let text = String::from_utf8(text).unwrap();
    for (line, odd) in [
        ("published 7 ", "published x "),
        ("texts ", "texts x"),
        ("newest 8 ", "newest x "),
        ("next 4000000 ", "next -4 "),
        ("delete 3000000 end", "delete -3 end"),
        ("delete 3000000 end", "delete 3 ../end"),
        ("delete 3000000 end", "remove 3 end"),
    ] {
        let error = read(text.replace(line, odd).as_bytes()).unwrap_err();
        assert!(error.contains(&format!("invalid line: \"{odd}")), "{error}");
    }
    let text = text.into_bytes();
    for length in 0..text.len() - 1 {
        assert!(read(&text[..length]).is_err(), "cut after {length}");
    }
}

#[test]
fn parts_come_back_with_their_live_lines_and_a_missing_one_is_refused() {
    let mut waiting = Parts::new(Log::Waiting, 2);
    let mut sizes = Parts::new(Log::Sizes, 2);
    for parts in [&mut waiting, &mut sizes] {
        parts.announce(2);
        parts.landed();
    }
    let files = ["0.ts", "1.ts", "2.ts"].map(|name| Retired::new(name.into(), 3).with_bytes(7));
    let lines = || (0..).zip(&files);
    let seal = waiting.due(0, 2, 2).unwrap();
    let of_files = render_waiting(HEADER, seal.name, lines().take(2));
    waiting.was_stored(&seal, 2);
    let size = Size {
        segment: 188,
        map: 40,
    };
    let seal = sizes.due(10, 2, 12).unwrap();
    let of_sizes = render_sizes(HEADER, seal.name, [(10, size), (11, size)].into_iter());
    sizes.was_stored(&seal, 2);
    let clip = Pins {
        name: "a-1".into(),
        until: Some(UNIX_EPOCH + Duration::from_secs(9)),
        stays: 5,
        files: ["0.ts", "a b.mp4"].map(PathBuf::from).into(),
        has_landed: true,
        is_gone: false,
    };
    let of_clip = render_pins(HEADER, &clip);
    let head = Head {
        published: Published::default(),
        texts: &Fingerprints::only(b"text"),
        newest: Reach::default(),
        leaving: Vec::new(),
    };
    let text = render(
        HEADER,
        &head,
        &[(&waiting, 1), (&sizes, 11)],
        std::slice::from_ref(&clip),
        [(12, size)].into_iter(),
        files[2..].iter(),
    );
    let names = objects_of(HEADER, &text).unwrap();
    assert_eq!(names, ["a0", "c0", "clip-a-1"]);
    let objects = [("a0", &of_files), ("c0", &of_sizes), ("clip-a-1", &of_clip)];
    let read = |but: &str| {
        State::read(HEADER, &text, |name| {
            let found = objects.iter().find(|it| it.0 == name && name != but);
            found.map(|it| &it.1[..])
        })
    };
    let state = read("clip-a-1").unwrap();
    assert_eq!(state.clips, [], "it was not made");
    let state = read("").unwrap();
    assert_eq!(state.clips, [clip]);
    assert_eq!(state.sealed, [(1, files[1].clone())]);
    assert_eq!(state.retired, files[2..]);
    assert_eq!(state.sizes, [(11, size), (12, size)]);
    let ends: Vec<_> = state
        .parts
        .iter()
        .map(|(_, parts)| parts.sealed())
        .collect();
    assert_eq!(ends, [2, 12]);

    let error = read("a0").unwrap_err();
    assert_eq!(error, (Some("a0".into()), "it is missing".into()));
    let cut = &of_files[..of_files.len() - 1];
    let error = State::read(HEADER, &text, |_| Some(&cut[..cut.len() - 3])).unwrap_err();
    assert_eq!(error, (Some("a0".into()), "it is truncated".into()));
}
