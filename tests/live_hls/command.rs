//! The command as its user meets it.

use super::common::listing::Listing;
use super::common::muxer::{H264, Muxer, Pes, RANDOM_ACCESS, Stream};
#[cfg(unix)]
use super::common::unprivileged::{Unprivileged, Unreadable};
use super::*;

/// One line on standard error, and nothing else.
fn assert_fails(command: &mut Command, code: i32, line: &str) {
    let output = output(command);
    assert_eq!(text(&output.stderr), format!("live_hls: {line}\n"));
    assert_eq!(output.status.code(), Some(code));
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn wrong_command_lines() {
    for (arguments, why) in [
        (&["--bogus"][..], "unknown option --bogus"),
        (&["--window"], "--window needs a value"),
        (
            &["--window", "0"],
            "--window needs seconds, more than 0, not \"0\"",
        ),
        (
            &["--target=NaN"],
            "--target needs seconds, more than 0, not \"NaN\"",
        ),
        (
            &["--max-segment", "0"],
            "--max-segment needs seconds, more than 0, not \"0\"",
        ),
        (
            &["--ad-markers=all"],
            "--ad-markers is daterange, cue or both, not \"all\"",
        ),
        (
            &["--keep", "20"],
            "--keep needs a size (500MB, 20GB) or a time (90s, 30min, 12h, 7d), not \"20\"",
        ),
        (
            &["--keep=0GB"],
            "--keep needs a size (500MB, 20GB) or a time (90s, 30min, 12h, 7d), not \"0GB\"",
        ),
        (
            &["--record", "--keep=1d"],
            "--record keeps everything, so --keep cannot limit it",
        ),
        (&["--no-dates=1"], "--no-dates takes no value"),
        (&["--independent=1"], "--independent takes no value"),
        (
            &["--program", "0"],
            "--program needs a program number, 1 to 65535, not \"0\"",
        ),
        (&["--realtime=yes"], "--realtime takes no value"),
        (&["--resume=1"], "--resume takes no value"),
        (&["--record=1"], "--record takes no value"),
        (
            &["--depth", "0"],
            "--depth needs a number from 1, not \"0\"",
        ),
        (
            &["--durability=hope"],
            "--durability is none, file or full, not \"hope\"",
        ),
        (&["a", "b", "c"], "one argument too many: c"),
    ] {
        let line = format!("{why} (see live_hls --help)");
        assert_fails(packager().args(arguments), 2, &line);
    }
}

#[test]
fn help_is_printed_to_standard_output() {
    let output = output(packager().args(["in.ts", "--help"]));
    assert!(output.status.success());
    let help = text(&output.stdout);
    assert!(help.contains("Usage: live_hls [OPTIONS] [INPUT] [OUT]"));
    assert!(
        help.lines().all(|line| line.chars().count() <= 110),
        "{help}"
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn without_arguments_the_sample_is_packaged_and_it_says_how_to_play_it() {
    let temporary = tempfile::tempdir().unwrap();
    let packaged = output(packager().env(TEMPORARY, temporary.path()));
    assert!(packaged.status.success());
    let folder = temporary.path().join(&names(temporary.path())[0]);
    let said = text(&packaged.stderr);
    let summary = format!(
        "packaged 5 segments, 20.000 s, 702.9 kB in {}; write ",
        folder.display()
    );
    assert!(said.starts_with(&summary), "{said}");
    assert!(
        said.contains(&format!("ffplay {}", folder.join(LIVE).display())),
        "{said}"
    );
    assert!(said.contains("/play.html"), "{said}");
    assert!(
        fs::read_to_string(folder.join("play.html"))
            .unwrap()
            .contains(LIVE)
    );
    let listing = Listing::of_file(&folder.join(LIVE));
    assert!(listing.has_ended && listing.micros() == 20_000_000);
    assert_eq!(listing.target_secs, 8, "twice the target");
}

#[test]
fn bad_input_gets_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("input"), folder.path().join("out"));
    for (bytes, why) in [
        (&b""[..], "the input is empty"),
        (
            b"\0\0\0\x1cf",
            "neither a transport stream nor an MP4: it begins with 00 00 00 1c 66",
        ),
        (
            b"#EXTM3U\n#EXT",
            "neither a transport stream nor an MP4: it begins with 23 45 58 54 4d 33 55 0a",
        ),
        (
            &[0x47; 188 * 6],
            "no program association table (PAT) in 1128 bytes",
        ),
    ] {
        fs::write(&input, bytes).unwrap();
        let line = format!("{}: {why}; packaged nothing", input.display());
        assert_fails(packager().args([&input, &out]), 1, &line);
        assert_eq!(names(&out), [""; 0]);
    }
    let missing = fs::File::open("no/such").unwrap_err();
    let line = format!("cannot open no/such: {missing}");
    assert_fails(packager().arg("no/such"), 1, &line);
}

#[test]
fn a_broken_input_ends_the_playlist_or_leaves_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    fs::write(&input, &fs::read(SAMPLE).unwrap()[..376_100]).unwrap();
    for (option, ends) in [("--depth=8", true), ("--resume", false)] {
        let out = folder.path().join(option);
        let packaged = output(packager().arg(option).args([&input, &out]));
        assert_eq!(packaged.status.code(), Some(1));
        let said = text(&packaged.stderr);
        assert!(
            said.contains(": the input is cut short: ") && said.lines().count() == 1,
            "{said}"
        );
        let listing = Listing::of_file(&out.join(LIVE));
        assert_eq!((listing.has_ended, listing.segments.len()), (ends, 3));
    }
}

/// Pictures with a random access point every 25 s.
#[test]
fn a_long_first_segment_sets_the_target_duration() {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, 0x1000)]);
    muxer.pmt(0x1000, 1, 0, &[Stream::new(H264, 0x100)]);
    for index in 0..60 {
        muxer.pes(&Pes {
            pid: 0x100,
            presented: Some(index * 90_000),
            flags: if index % 25 == 0 { RANDOM_ACCESS } else { 0 },
            content: vec![0xAB; 300],
            ..Pes::default()
        });
    }
    // A fragment for each group of pictures.
    let mut mp4 = fragments::initialisation();
    for (at, count) in [(0, 625), (25_000, 625), (50_000, 250)] {
        let part = fragments::Part::video(at, count, fragments::SYNC);
        mp4.extend(fragments::fragment(&[part]));
    }
    for bytes in [muxer.bytes, mp4] {
        let folder = tempfile::tempdir().unwrap();
        let (input, out) = (folder.path().join("input"), folder.path().join("out"));
        fs::write(&input, bytes).unwrap();
        let packaged = output(packager().args(["--target", "2"]).args([&input, &out]));
        assert!(packaged.status.success(), "{}", text(&packaged.stderr));
        assert!(!text(&packaged.stderr).contains("longer than"));
        let listing = Listing::of_file(&out.join(LIVE));
        assert_eq!(listing.target_secs, 25);
        assert_eq!(listing.micros(), 60_000_000);
    }
}

/// RFC 8216, 4.3.2.3.
#[test]
fn a_jump_of_the_timestamps_is_listed_as_a_discontinuity() {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, 0x1000)]);
    muxer.pmt(0x1000, 1, 0, &[Stream::new(H264, 0x100)]);
    for index in 0..60 {
        let jump = if index < 30 { 0 } else { 5_000 * 90_000 };
        muxer.pes(&Pes {
            pid: 0x100,
            presented: Some(index * 9_000 + jump),
            flags: if index % 20 == 0 { RANDOM_ACCESS } else { 0 },
            content: vec![0xAB; 300],
            ..Pes::default()
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("input"), folder.path().join("out"));
    fs::write(&input, &muxer.bytes).unwrap();
    let packaged = output(packager().args(["--target", "2"]).args([&input, &out]));
    assert!(packaged.status.success());
    let said = text(&packaged.stderr);
    assert!(
        said.contains("note: the timestamps jump by 5000.100 s"),
        "{said}"
    );
    assert!(said.contains("note: dropped "), "{said}");
    let listing = Listing::of_file(&out.join(LIVE));
    let breaks: Vec<_> = listing
        .segments
        .iter()
        .map(|segment| segment.starts_discontinuity)
        .collect();
    assert_eq!(breaks, [false, false, true]);
    assert_eq!(listing.micros(), 5_000_000);
}

#[test]
fn what_is_there_is_gone_on_with_or_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let path = out.join(LIVE);
    let broken = out.join("broken");
    fs::write(&broken, &fs::read(SAMPLE).unwrap()[..376_100]).unwrap();
    let session = |arguments: &[&str], input: &Path| {
        let packaged = output(packager().args(arguments).arg(input).arg(out));
        (packaged.status.code(), text(&packaged.stderr))
    };
    let sample = Path::new(SAMPLE);
    assert_eq!(session(&["--resume"], &broken).0, Some(1));
    let before = fs::read(&path).unwrap();
    let (playlist, folder) = (path.display(), out.display());
    for (arguments, line) in [
        (
            &[][..],
            format!("{playlist} exists already; --resume continues it"),
        ),
        (
            &["--resume", "--target=9"],
            format!(
                "{folder}: cannot resume \"live.m3u8\": its target duration is 8 s, but 9 s is \
                 configured"
            ),
        ),
        (
            &["--resume", "--record"],
            format!("{playlist} was started without --record; resume it without --record"),
        ),
    ] {
        assert_eq!(
            session(arguments, sample),
            (Some(1), format!("live_hls: {line}\n"))
        );
        assert!(fs::read(&path).unwrap() == before, "it was touched");
    }
    assert_eq!(session(&["--resume"], sample).0, Some(0));
    let ended = session(&["--resume"], sample);
    assert!(
        ended.0 == Some(1) && ended.1.contains("it has ended"),
        "{ended:?}"
    );
}

/// As at the top of a disk (`lost+found`), or of a NAS (`.snapshot`).
#[cfg(unix)]
#[test]
fn a_folder_in_the_output_that_cannot_be_read_is_no_obstacle() {
    let test = "a_folder_in_the_output_that_cannot_be_read_is_no_obstacle";
    let sample = fs::read(SAMPLE).unwrap();
    for options in [&["--resume"][..], &["--resume", "--record"]] {
        let Some(user) = Unprivileged::new(test, &example("live_hls")) else {
            return;
        };
        let out = user.folder();
        fs::create_dir(&out).unwrap();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&out, everybody).unwrap();
        let _unreadable = Unreadable::make(out.join("lost+found"));
        let input = out.join("input");
        for (bytes, code) in [(&sample[..376_100], 1), (&sample, 0)] {
            fs::write(&input, bytes).unwrap();
            let mut command = user.command();
            command.stdin(fs::File::open(&input).unwrap());
            command.args(options).arg("-").arg(&out);
            let packaged = output(command.env_remove("RUST_LOG"));
            let said = text(&packaged.stderr);
            assert_eq!(packaged.status.code(), Some(code), "{options:?}: {said}");
            assert!(!said.contains("lost+found"), "{said}");
        }
        let listing = Listing::of_file(&out.join(LIVE));
        assert!(listing.has_ended);
    }
}

#[test]
fn a_recording_is_not_gone_on_without() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("input"), folder.path().join("out"));
    fs::write(&input, &fs::read(SAMPLE).unwrap()[..376_100]).unwrap();
    let packaged = output(
        packager()
            .args(["--resume", "--record"])
            .args([&input, &out]),
    );
    assert_eq!(packaged.status.code(), Some(1));
    let line = format!(
        "{} exists, so --record is needed: without it, its segments would be deleted",
        out.join(RECORDING).display()
    );
    assert_fails(packager().arg("--resume").args([&input, &out]), 1, &line);
    let packaged = output(packager().args(["--resume", "--record", SAMPLE]).arg(&out));
    assert!(packaged.status.success(), "{}", text(&packaged.stderr));
    assert_eq!(Listing::of_file(&out.join(RECORDING)).segments.len(), 8);
}
