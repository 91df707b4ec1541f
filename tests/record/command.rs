//! The command as its user meets it.

use std::io::{BufRead, BufReader, Write};

use super::common::joined;
#[cfg(unix)]
use super::common::unprivileged::{Unprivileged, Unreadable};
use super::*;

fn record(arguments: &[&str]) -> Output {
    output(recorder().args(arguments))
}

/// The command line is wrong: one line says how, and nothing else happens.
fn assert_refused(arguments: &[&str], why: &str) {
    let output = record(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert_eq!(
        text(&output.stderr),
        format!("record: {why} (see record --help)\n")
    );
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn wrong_command_lines() {
    assert_refused(&["--bogus"], "unknown option --bogus");
    assert_refused(&["-x", "in.ts"], "unknown option -x");
    assert_refused(&["in.ts", "--target"], "--target needs a value");
    for wrong in ["0", "-1", "two", "", "inf", "NaN", "1e300"] {
        let why = format!("--target needs seconds, more than 0, not {wrong:?}");
        assert_refused(&["--target", wrong], &why);
    }
    for wrong in ["0", "-1", "many", ""] {
        let why = format!("--depth needs a number from 1, not {wrong:?}");
        assert_refused(&[&format!("--depth={wrong}")], &why);
    }
    assert_refused(
        &["--durability", "hope"],
        "--durability is none, file or full, not \"hope\"",
    );
    assert_refused(&["in.ts", "out", "more"], "one argument too many: more");
}

#[test]
fn help_is_printed_to_standard_output() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["in.ts", "--target", "3", "--help"],
    ] {
        let output = record(arguments);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("Usage: record [OPTIONS] [INPUT] [OUT]"));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn without_arguments_the_sample_goes_into_a_temporary_folder_that_is_kept() {
    let temporary = tempfile::tempdir().unwrap();
    let output = output(recorder().env(TEMPORARY, temporary.path()));
    assert!(output.status.success());
    let folder = fs::read_dir(temporary.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    joined::check(&fs::read(SAMPLE).unwrap(), &segments(&folder));
    let summary = text(&output.stderr);
    let expected = format!(
        "recorded 4 segments, 20.000 s, 702.9 kB in {}; write ",
        folder.display()
    );
    assert!(
        summary.starts_with(&expected) && summary.lines().count() == 1,
        "{summary}"
    );
    let first = text(&output.stdout).lines().next().unwrap().to_owned();
    let len = fs::metadata(folder.join("segment-00000.ts")).unwrap().len();
    assert_eq!(first, format!("segment-00000.ts  6.000 s  {len} bytes"));
}

#[test]
fn options_may_come_anywhere_and_after_two_dashes_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(SAMPLE, folder.path().join("--in")).unwrap();
    // Windows has no full one.
    let durabilities = ["none", "file", "full"].into_iter();
    for durability in durabilities.take(if cfg!(windows) { 2 } else { 3 }) {
        let arguments = [
            "--depth=1",
            "--durability",
            durability,
            "--target=2",
            "--",
            "--in",
            durability,
        ];
        let output = output(recorder().current_dir(folder.path()).args(arguments));
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(names(&folder.path().join(durability)).len(), 10);
    }
}

#[test]
fn a_recording_goes_on_where_an_earlier_one_ended_and_sweeps_up_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    fs::write(folder.path().join("segment-00041.ts"), "somebody's").unwrap();
    fs::write(folder.path().join("segment-777.ts"), "not a number of ours").unwrap();
    let left_over = folder.path().join(".segment-0123456789ab.tmp");
    fs::write(&left_over, "half a segm").unwrap();
    for first in [42, 46] {
        let output = record(&[SAMPLE, out]);
        assert!(output.status.success());
        let expected = format!("segment-000{first}.ts");
        assert!(
            text(&output.stdout).starts_with(&expected),
            "{}",
            text(&output.stdout)
        );
    }
    assert_eq!(
        fs::read(folder.path().join("segment-00041.ts")).unwrap(),
        b"somebody's"
    );
    assert_eq!(names(folder.path()).len(), 10);
}

/// As at the top of a disk (`lost+found`), or of a NAS (`.snapshot`).
#[cfg(unix)]
#[test]
fn a_folder_in_the_output_that_cannot_be_read_is_no_obstacle() {
    let test = "a_folder_in_the_output_that_cannot_be_read_is_no_obstacle";
    let Some(user) = Unprivileged::new(test, &example("record")) else {
        return;
    };
    let out = user.folder();
    fs::create_dir(&out).unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&out, everybody).unwrap();
    let _unreadable = Unreadable::make(out.join("lost+found"));
    fs::write(out.join(".segment-0123456789ab.tmp"), "half a segm").unwrap();
    let mut command = user.command();
    command.stdin(fs::File::open(SAMPLE).unwrap());
    let output = output(command.arg("-").arg(&out).env_remove("RUST_LOG"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let there = fs::read_dir(&out).unwrap();
    let mut there: Vec<String> = there
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.retain(|name| name != "lost+found");
    there.sort();
    let expected: Vec<_> = (0..4).map(|it| format!("segment-{it:05}.ts")).collect();
    assert_eq!(there, expected);
}

#[test]
fn nobody_has_to_read_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = recorder();
    command.args(["--target", "1", SAMPLE]).arg(folder.path());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    joined::check(&fs::read(SAMPLE).unwrap(), &segments(folder.path()));
}

/// Bad input: an exit code, one line that says why, and nothing in the way.
fn assert_bad(input: &str, why: &str) {
    let temporary = tempfile::tempdir().unwrap();
    let output = output(recorder().arg(input).env(TEMPORARY, temporary.path()));
    assert_eq!(output.status.code(), Some(1), "{input}");
    assert_eq!(text(&output.stderr), format!("record: {why}\n"));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        fs::read_dir(temporary.path()).unwrap().count(),
        0,
        "an empty folder is left"
    );
}

#[test]
fn bad_input_gets_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let sample = fs::read(SAMPLE).unwrap();
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("empty", Vec::new(), "the input is empty"),
        (
            "text",
            b"#EXTM3U\n".repeat(100),
            "not an MPEG transport stream: it begins with 0x23, and no packets begin with 0x47",
        ),
        (
            "one-packet",
            sample[..188].to_vec(),
            "no program association table (PAT) in 188 bytes",
        ),
        (
            "no-access",
            sample[..3 * 188].to_vec(),
            "no random access point in 564 bytes (PID 0x100)",
        ),
    ];
    for (name, bytes, why) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap();
        assert_bad(path, &format!("{path}: {why}; recorded nothing"));
    }
    // A folder can be opened on Unix only.
    let path = folder.path().to_str().unwrap();
    let why = match fs::File::open(path) {
        Ok(_) => format!("{path}: cannot read: Is a directory (os error 21); recorded nothing"),
        Err(refused) => format!("cannot open {path}: {refused}"),
    };
    assert_bad(path, &why);
    let missing = fs::File::open("no/such").unwrap_err();
    assert_bad("no/such", &format!("cannot open no/such: {missing}"));
}

#[test]
fn what_came_before_a_fault_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let sample = fs::read(SAMPLE).unwrap();
    let packets = 2000;
    let good = &sample[..packets * 188];
    let why = "the input is cut short: of the packet that begins at byte 376000 only 100 of 188 bytes are there";
    let (path, out) = (folder.path().join("short"), folder.path().join("out"));
    fs::write(&path, &sample[..packets * 188 + 100]).unwrap();
    let output = output(recorder().args(["--target", "2"]).args([&path, &out]));
    assert_eq!(output.status.code(), Some(1));
    let line = text(&output.stderr);
    assert!(
        line.starts_with(&format!(
            "record: {}: {why}; recorded 6 segments, ",
            path.display()
        )),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
    joined::check(good, &segments(&out));
}

#[test]
fn damage_is_reported_and_the_recording_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = fs::read(SAMPLE).unwrap();
    let at = 2000 * 188;
    damaged[at] = 0;
    let (path, out) = (folder.path().join("damaged"), folder.path().join("out"));
    fs::write(&path, &damaged).unwrap();
    let output = output(recorder().args(["--target", "2"]).args([&path, &out]));
    assert!(output.status.success());
    let said = text(&output.stderr);
    let note = "record: note: skipped 188 bytes at byte 376000: no packets\n";
    assert!(said.starts_with(note), "{said}");
    damaged.drain(at..at + 188);
    joined::check(&damaged, &segments(&out));
}

#[test]
fn a_segment_that_cannot_be_written_is_counted_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let sample = fs::read(SAMPLE).unwrap();
    let mut command = recorder();
    command.args(["--target", "2", "-"]).arg(folder.path());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // The folder is read by the time that the first segment is stored.
    stdin.write_all(&sample[..100_000]).unwrap();
    stdout.read_line(&mut line).unwrap();
    let in_the_way = folder.path().join("segment-00003.ts");
    fs::write(&in_the_way, "somebody's").unwrap();
    stdin.write_all(&sample[100_000..]).unwrap();
    drop(stdin);
    let rest = stdout.lines().count();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(rest, 8, "one was stored before, and one is lost");
    assert_eq!(fs::read(&in_the_way).unwrap(), b"somebody's");
    let stderr = text(&output.stderr);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("record: segment 3: "), "{stderr}");
    assert!(lines[0].contains(&format!("{in_the_way:?}")), "{stderr}");
    assert!(
        lines[1].starts_with("recorded 9 segments, 18.000 s, "),
        "{stderr}"
    );
    assert!(lines[1].contains("; 1 segment lost; write "), "{stderr}");
}
