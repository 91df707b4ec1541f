//! Files with the expected names, contents and modes, and a clear error if there can be none.
#![cfg(unix)]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use common::again;
use common::folder::{entries, temps};
use common::segments::{segment, segment_at};
use common::threads::must_end;
use segment_stream::{
    DiskSink, Durability, Existing, ProducedSegment, SegmentSink, SegmentStream,
    SegmentStreamConfig, SinkError, SinkErrorKind, WriteContext, WriteError, pre_allocate_file,
};
use tempfile::{TempDir, tempdir};

const DURABILITIES: [Durability; 3] = [Durability::None, Durability::File, Durability::Full];

fn write(sink: &mut DiskSink, segment: &ProducedSegment) -> Result<(), SinkError> {
    sink.write(segment, &WriteContext::default())
}

#[test]
fn a_segment_lands_whole_and_missing_folders_are_made() {
    for durability in DURABILITIES {
        let folder = tempdir().unwrap();
        for sink in [
            DiskSink::rooted(folder.path()),
            DiskSink::rooted(folder.path()).pre_allocate(),
        ] {
            let mut sink = sink.durability(durability);
            for path in ["0.ts", "a/b/c/1.ts", "a/b/2.ts", "./a/./3.ts"] {
                let segment = segment_at(7, path);
                write(&mut sink, &segment).unwrap();
                assert_eq!(fs::read(folder.path().join(path)).unwrap(), segment.data);
            }
            write(
                &mut sink,
                &ProducedSegment::media(8, Vec::new(), 2.0).with_path("empty"),
            )
            .unwrap();
            assert_eq!(fs::read(folder.path().join("empty")).unwrap(), b"");
            assert!(temps(folder.path()).is_empty());
        }
    }
}

#[test]
fn a_folder_that_vanishes_between_two_segments_is_made_again() {
    for durability in DURABILITIES {
        let folder = tempdir().unwrap();
        let root = folder.path().join("root");
        let mut sink = DiskSink::rooted(&root).durability(durability);
        write(&mut sink, &segment_at(0, "a/0.ts")).unwrap();
        fs::remove_dir_all(&root).unwrap();
        write(&mut sink, &segment_at(1, "a/1.ts")).unwrap();
        assert_eq!(entries(&root), [Path::new("a"), Path::new("a/1.ts")]);
    }
}

#[test]
fn an_unrooted_sink_takes_hints_as_they_are() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x/../y/0.ts");
    fs::create_dir(folder.path().join("x")).unwrap();
    write(&mut DiskSink::new(), &segment_at(0, &path)).unwrap();
    assert_eq!(
        fs::read(folder.path().join("y/0.ts")).unwrap(),
        segment(0).data
    );
}

#[test]
fn relative_paths_start_at_the_current_folder() {
    let folder = tempdir().unwrap();
    // The current folder belongs to the whole process, so another one has to do this.
    let part = "writes_to_relative_paths";
    again::must_pass(again::again(&[], part, folder.path()).current_dir(folder.path()));
    let names: Vec<_> = entries(folder.path())
        .into_iter()
        .filter(|it| it.extension().is_some())
        .collect();
    assert_eq!(names.len(), 6, "{names:?}");
}

#[test]
#[ignore = "a part of relative_paths_start_at_the_current_folder"]
fn writes_to_relative_paths() {
    for (number, durability) in (0..).zip(DURABILITIES) {
        let mut sink = DiskSink::rooted("root").durability(durability);
        write(&mut sink, &segment_at(0, format!("a/{number}.ts"))).unwrap();
        let mut sink = DiskSink::new().durability(durability);
        write(&mut sink, &segment_at(0, format!("{number}.ts"))).unwrap();
    }
}

#[test]
fn the_mode_is_0666_less_the_umask() {
    for (umask, mode) in [
        ("022", 0o644),
        ("077", 0o600),
        ("000", 0o666),
        ("027", 0o640),
    ] {
        let folder = tempdir().unwrap();
        let under_umask = format!("umask {umask}; exec \"$@\"");
        let prefix = ["sh", "-c", &under_umask, "sh"];
        again::must_pass(&mut again::again(
            &prefix,
            "writes_one_segment",
            folder.path(),
        ));
        let written = fs::metadata(folder.path().join("new/0.ts")).unwrap();
        assert_eq!(written.permissions().mode() & 0o7777, mode);
    }
}

#[test]
#[ignore = "a part of the_mode_is_0666_less_the_umask"]
fn writes_one_segment() {
    let (stream, sender) = SegmentStream::new(SegmentStreamConfig::default()).unwrap();
    sender
        .send(segment_at(0, again::folder().join("new/0.ts")))
        .unwrap();
    stream.finish().unwrap();
}

#[test]
fn names_may_be_as_long_as_the_file_system_allows_and_no_longer() {
    let folder = tempdir().unwrap();
    let mut sink = DiskSink::rooted(folder.path());
    for length in [1, 249, 250, 251, 252, 253, 254, 255] {
        let name = "n".repeat(length);
        write(&mut sink, &segment_at(0, &name)).unwrap();
        assert!(folder.path().join(&name).exists());
    }
    let before = entries(folder.path());
    let error = write(&mut sink, &segment_at(0, "n".repeat(256))).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(36), "{error}");
    assert_eq!(entries(folder.path()), before);
}

#[test]
fn names_need_not_be_text() {
    let folder = tempdir().unwrap();
    let mut sink = DiskSink::rooted(folder.path());
    for name in [
        b"\xff\xfe.ts".as_slice(),
        b"line\nbreak",
        b"-rf",
        b" ",
        b"...",
    ] {
        write(&mut sink, &segment_at(0, OsStr::from_bytes(name))).unwrap();
        assert!(folder.path().join(OsStr::from_bytes(name)).exists());
    }
}

/// Sends to `path` through a stream and demands an error that says everything, that left no temp
/// file, and after which the next segment succeeds.
fn refused(folder: &TempDir, path: &Path) -> WriteError {
    let before = entries(folder.path());
    let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default()).unwrap();
    sender.send(segment_at(41, path)).unwrap();
    let error = stream.next().unwrap().unwrap_err();
    assert!(!error.operation().is_empty());
    assert_eq!(error.path(), Some(path));
    let message = error.to_string();
    assert!(message.starts_with("segment 41: cannot "), "{message}");
    assert!(
        message.contains(&format!("\"{}\"", path.display())),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1);
    assert!(error.sink_error().io_error().is_some());
    assert_eq!(*error.segment(), segment_at(41, path));
    assert!(temps(folder.path()).is_empty());

    sender
        .send(segment_at(42, folder.path().join("next.ts")))
        .unwrap();
    assert!(stream.next().unwrap().is_ok());
    fs::remove_file(folder.path().join("next.ts")).unwrap();
    assert_eq!(entries(folder.path()), before);
    error
}

#[test]
fn what_is_no_regular_file_is_never_replaced() {
    must_end(|| {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        let error = refused(&folder, &at("folder"));
        assert_eq!(error.io_kind(), io::ErrorKind::IsADirectory);
        assert!(
            error.to_string().contains("a directory is there"),
            "{error}"
        );

        assert!(
            Command::new("mkfifo")
                .arg(at("fifo"))
                .status()
                .unwrap()
                .success()
        );
        let error = refused(&folder, &at("fifo"));
        assert_eq!(error.io_kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("a FIFO is there"), "{error}");
        assert!(
            fs::symlink_metadata(at("fifo"))
                .unwrap()
                .file_type()
                .is_fifo()
        );

        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let error = refused(&folder, &at("socket"));
        assert_eq!(error.io_kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("a socket is there"), "{error}");

        // Links are neither followed nor replaced, be what they name there or not.
        fs::write(at("file"), b"untouched").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("missing"), at("dangling")).unwrap();
        for link in ["link", "dangling"] {
            let error = refused(&folder, &at(link));
            assert_eq!(error.io_kind(), io::ErrorKind::AlreadyExists);
            assert!(
                error.to_string().contains("a symbolic link is there"),
                "{error}"
            );
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
        }
        assert_eq!(fs::read(at("file")).unwrap(), b"untouched");
    });
}

#[test]
fn a_device_is_never_replaced() {
    let folder = tempdir().unwrap();
    let device = folder.path().join("null");
    let made = Command::new("mknod")
        .arg(&device)
        .args(["c", "1", "3"])
        .output()
        .unwrap();
    if !made.status.success() {
        common::means::skip("a_device_is_never_replaced", "making a device takes root");
        return;
    }
    let error = refused(&folder, &device);
    assert_eq!(error.io_kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("a device is there"), "{error}");
    assert!(
        fs::symlink_metadata(&device)
            .unwrap()
            .file_type()
            .is_char_device()
    );
}

#[test]
fn a_parent_that_is_a_file_or_a_loop_is_an_error() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("file"), b"untouched").unwrap();
    let error = refused(&folder, &folder.path().join("file/0.ts"));
    assert_eq!(error.io_kind(), io::ErrorKind::NotADirectory);
    assert_eq!(error.raw_os_error(), Some(20));
    let deep = folder.path().join("file/a/b/0.ts");
    let error = refused(&folder, &deep);
    assert_eq!(error.io_kind(), io::ErrorKind::NotADirectory);
    assert_eq!(error.raw_os_error(), Some(20));
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"untouched");

    symlink("loop", folder.path().join("loop")).unwrap();
    let error = refused(&folder, &folder.path().join("loop/0.ts"));
    assert_eq!(error.raw_os_error(), Some(40));
}

/// The error names what is in the way, and not what was to be put into it.
#[test]
fn what_stands_where_a_folder_should_be_is_named() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), b"untouched").unwrap();
    symlink(at("missing"), at("dangling")).unwrap();
    let refused = |durability, hint: &str| {
        let mut sink = DiskSink::new().durability(durability);
        let error = write(&mut sink, &segment_at(0, at(hint))).unwrap_err();
        assert_eq!(error.path(), at(hint).parent());
        assert_eq!(error.operation(), Some("create the directory"));
        error.io_kind()
    };
    for durability in DURABILITIES {
        let kind = refused(durability, "dangling/0.ts");
        assert_eq!(kind, io::ErrorKind::NotFound);
    }
    let kind = refused(Durability::Full, "file/0.ts");
    assert_eq!(kind, io::ErrorKind::NotADirectory);
    assert_eq!(fs::read(at("file")).unwrap(), b"untouched");
}

#[test]
fn a_current_folder_that_is_gone_is_an_error() {
    let folder = tempdir().unwrap();
    let script = "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" \"$@\"";
    let part = "writes_where_nothing_is";
    let mut part = again::again(&["sh", "-c", script], part, folder.path());
    again::must_pass(part.current_dir(folder.path()));
}

#[test]
#[ignore = "a part of a_current_folder_that_is_gone_is_an_error"]
fn writes_where_nothing_is() {
    for durability in DURABILITIES {
        let mut sink = DiskSink::new().durability(durability);
        let error = write(&mut sink, &segment_at(0, "a/b/0.ts")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot create the directory \"a\": No such file or directory (os error 2)"
        );
    }
}

/// The number of remembered directories is bounded, and those within the bound are kept.
#[test]
fn a_sink_remembers_a_thousand_folders_and_no_more() {
    let folder = common::folder::in_memory();
    let mut sink = DiskSink::rooted(folder.path()).durability(Durability::Full);
    let mut most = 0;
    // One folder, and then two at a time.
    let hints = (0..600).map(|number| format!("{number}/a/0.ts"));
    for hint in ["first/0.ts".to_owned()].into_iter().chain(hints) {
        write(&mut sink, &segment_at(0, hint)).unwrap();
        let shown = format!("{sink:?}");
        let (_, rest) = shown.split_once("Directories { durable: ").unwrap();
        let known: usize = rest.split_once(',').unwrap().0.parse().unwrap();
        assert!(known <= 1_024, "{known}");
        most = most.max(known);
    }
    assert!(most > 1_000, "{most}");
}

#[test]
fn an_existing_file_is_replaced_or_refused_as_asked() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("0.ts");
    fs::write(
        &path,
        b"the old content, longer than the new one, by far and by design",
    )
    .unwrap();
    let hard_link = folder.path().join("other name");
    fs::hard_link(&path, &hard_link).unwrap();
    let old = fs::read(&path).unwrap();

    let mut sink = DiskSink::rooted(folder.path()).existing(Existing::Refuse);
    let error = write(&mut sink, &segment_at(0, "0.ts")).unwrap_err();
    assert_eq!(error.io_kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(error.raw_os_error(), Some(17));
    assert_eq!(fs::read(&path).unwrap(), old);
    assert!(temps(folder.path()).is_empty());
    write(&mut sink, &segment_at(1, "1.ts")).unwrap();

    let mut sink = DiskSink::rooted(folder.path());
    write(&mut sink, &segment_at(0, "0.ts")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), segment(0).data);
    // It is a new file: what else had the old one's content still has it.
    assert_eq!(fs::read(&hard_link).unwrap(), old);
    assert_eq!(fs::metadata(&path).unwrap().nlink(), 1);
}

#[test]
fn remove_takes_a_regular_file_and_nothing_else() {
    let folder = tempdir().unwrap();
    let mut sink = DiskSink::rooted(folder.path());
    write(&mut sink, &segment_at(0, "a/0.ts")).unwrap();
    sink.remove(Path::new("a/0.ts"), &WriteContext::default())
        .unwrap();
    assert!(!folder.path().join("a/0.ts").exists());
    // Already gone is removed.
    sink.remove(Path::new("a/0.ts"), &WriteContext::default())
        .unwrap();
    sink.remove(Path::new("never/there.ts"), &WriteContext::default())
        .unwrap();

    symlink("/etc", folder.path().join("link")).unwrap();
    for (path, kind) in [
        ("a", io::ErrorKind::IsADirectory),
        ("link", io::ErrorKind::AlreadyExists),
        ("../0.ts", io::ErrorKind::InvalidInput),
        ("link/hostname", io::ErrorKind::InvalidInput),
    ] {
        let error = sink
            .remove(Path::new(path), &WriteContext::default())
            .unwrap_err();
        assert_eq!(error.io_kind(), kind, "{error}");
    }
}

fn read(sink: &mut DiskSink, path: &str) -> Result<Option<Vec<u8>>, SinkError> {
    sink.read(Path::new(path), &WriteContext::default())
}

#[test]
fn a_file_is_read_back_whole_and_a_missing_one_is_none() {
    let folder = tempdir().unwrap();
    let mut sink = DiskSink::rooted(folder.path());
    assert_eq!(read(&mut sink, "a/0.ts").unwrap(), None);
    write(&mut sink, &segment_at(0, "a/0.ts")).unwrap();
    let content = read(&mut sink, "a/0.ts").unwrap();
    assert_eq!(content, Some(segment(0).data));
    assert_eq!(read(&mut sink, "a/1.ts").unwrap(), None);
    let whole = folder.path().join("a/0.ts");
    let anywhere = read(&mut DiskSink::new(), whole.to_str().unwrap());
    assert_eq!(anywhere.unwrap(), content);
}

#[test]
fn only_a_regular_file_below_the_root_is_read() {
    let folder = tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("a")).unwrap();
    fs::write(folder.path().join("secret"), b"secret").unwrap();
    symlink(folder.path().join("secret"), root.join("link")).unwrap();
    symlink(folder.path(), root.join("out")).unwrap();
    let made = Command::new("mkfifo").arg(root.join("fifo")).status();
    assert!(made.unwrap().success());
    let mut sink = DiskSink::rooted(&root);
    for (path, kind) in [
        ("a", io::ErrorKind::IsADirectory),
        ("link", io::ErrorKind::AlreadyExists),
        ("fifo", io::ErrorKind::AlreadyExists),
        ("../secret", io::ErrorKind::InvalidInput),
        ("out/secret", io::ErrorKind::InvalidInput),
        ("/etc/hostname", io::ErrorKind::InvalidInput),
        ("", io::ErrorKind::InvalidInput),
    ] {
        let error = read(&mut sink, path).unwrap_err();
        assert_eq!(error.io_kind(), kind, "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    let mut sink = DiskSink::rooted(folder.path().join("gone")).root_must_exist();
    let error = read(&mut sink, "0.ts").unwrap_err();
    assert!(error.is_transient(), "the file may be there again");
}

#[test]
fn a_read_returns_as_much_as_its_limit_and_refuses_more() {
    let folder = tempdir().unwrap();
    let mut sink = DiskSink::rooted(folder.path());
    fs::write(folder.path().join("state"), b"12345").unwrap();
    let mut read = |limit| {
        let context = WriteContext::default().with_read_limit(limit);
        sink.read(Path::new("state"), &context)
    };
    for limit in [5, 6, u64::MAX] {
        assert_eq!(read(limit).unwrap().as_deref(), Some(&b"12345"[..]));
    }
    for limit in [0, 4] {
        let error = read(limit).unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::TooLarge);
        assert_eq!(
            error.to_string(),
            format!(
                "cannot read {:?}: it is longer than the limit of {limit} bytes",
                folder.path().join("state")
            )
        );
    }
    // The length of such a file is told as 0.
    #[cfg(target_os = "linux")]
    {
        let context = WriteContext::default().with_read_limit(4);
        let mut proc = DiskSink::rooted("/proc");
        let error = proc.read(Path::new("version"), &context).unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::TooLarge);
    }
}

#[test]
fn a_sink_that_cannot_remove_says_so() {
    let mut sink = segment_stream::sink::from_fn(|_| Ok(()));
    let error = sink
        .remove(Path::new("0.ts"), &WriteContext::default())
        .unwrap_err();
    assert_eq!(error.io_kind(), io::ErrorKind::Unsupported);
    assert_eq!(error.path(), Some(Path::new("0.ts")));
}

#[test]
fn pre_allocate_file_makes_parents_truncates_and_sets_the_length() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a/b/0.mp4");
    pre_allocate_file(&path, 1000).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [0; 1000]);
    fs::write(&path, [1; 2000]).unwrap();
    pre_allocate_file(&path, 10).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [0; 10]);
    let error = pre_allocate_file(folder.path(), 10).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
}

#[test]
fn pre_allocation_leaves_no_zeros_behind() {
    let folder = tempdir().unwrap();
    let config = SegmentStreamConfig {
        pre_allocate: true,
        ..Default::default()
    };
    let (stream, sender) = SegmentStream::new(config).unwrap();
    let path = folder.path().join("0.ts");
    sender.send(segment_at(3, &path)).unwrap();
    stream.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), segment(3).data);
}
