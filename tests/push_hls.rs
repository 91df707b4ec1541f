//! `examples/push_hls`: the whole job at a real HTTP origin and in a real object store.
#![cfg(all(feature = "hls", feature = "http"))]

mod common;

#[path = "live_hls/frames.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod frames;

#[path = "push_hls/ends.rs"]
mod ends;
#[path = "push_hls/origin.rs"]
mod origin;
#[path = "push_hls/receivers.rs"]
mod receivers;
#[allow(dead_code, reason = "the tests of the sinks use the rest")]
#[path = "http/server.rs"]
mod server;
#[cfg(feature = "s3")]
#[allow(dead_code, reason = "the tests of the S3 sink use the rest")]
#[path = "s3/store.rs"]
mod store;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::example::example;
use common::listing::Listing;
use common::means::have_tools;
use common::threads::must_end;
use frames::Frames;
use tempfile::TempDir;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample.ts");
/// The configuration that `examples/README.md` starts.
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/push_hls/nginx.conf");

/// A server on loopback and its directory.
struct Served {
    directory: TempDir,
    address: SocketAddr,
    child: Child,
}

impl Served {
    fn start(command: impl FnOnce(&Path, SocketAddr) -> Command) -> Self {
        // The port is free now, and nobody else here asks for a certain one.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let directory = tempfile::tempdir().unwrap();
        let mut command = command(directory.path(), address);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().unwrap();
        let mut served = Self {
            directory,
            address,
            child,
        };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = served.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server has ended");
            assert!(started.elapsed() < Duration::from_secs(60));
            thread::yield_now();
        }
        served
    }

    fn nginx(test: &str) -> Option<Self> {
        have_tools(test, &["nginx"]).then(|| {
            Self::start(|directory, address| {
                let written = fs::read_to_string(CONFIGURATION).unwrap();
                assert_eq!(written.matches("listen 127.0.0.1:8080;").count(), 1);
                let here = written.replace("127.0.0.1:8080", &address.to_string());
                let file = directory.join("nginx.conf");
                fs::write(&file, here).unwrap();
                fs::create_dir(directory.join("root")).unwrap();
                let mut nginx = Command::new("nginx");
                nginx.arg("-p").arg(directory).arg("-c").arg(file);
                nginx
            })
        })
    }

    #[cfg(feature = "s3")]
    fn store(test: &str) -> Option<Self> {
        have_tools(test, &["s3s-fs"]).then(|| {
            Self::start(|directory, address| {
                fs::create_dir(directory.join("media")).unwrap();
                let mut store = Command::new("s3s-fs");
                let port = address.port().to_string();
                store.args(["--host", "127.0.0.1", "--port", &port]);
                store.args(["--access-key", "key", "--secret-key", "secret"]);
                store.arg(directory);
                store
            })
        })
    }

    fn url(&self) -> String {
        format!("http://{}/live/", self.address)
    }

    /// The objects in a directory of the server, in order.
    fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join(directory)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.ends_with("json")).collect();
        names.sort();
        names
    }

    fn playlist(&self, directory: &str) -> PathBuf {
        self.directory.path().join(directory).join("live.m3u8")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pusher() -> Command {
    let mut command = Command::new(example("push_hls"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("it can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Pushes with these arguments, and returns the complaints.
fn push(command: &mut Command) -> String {
    let pushed = output(command);
    let said = text(&pushed.stderr);
    assert!(pushed.status.success(), "{said}");
    said
}

/// The sample as fragmented MP4.
fn fragmented(directory: &Path) -> PathBuf {
    let file = directory.join("input.mp4");
    let made = output(
        Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i", SAMPLE, "-c", "copy"])
            .args(["-bsf:a", "aac_adtstoasc"])
            .args(["-movflags", "+frag_keyframe+empty_moov+default_base_moof"])
            .arg(&file),
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    file
}

/// A decoder gets from the origin's URL what it gets from the input.
#[test]
fn both_formats_arrive_at_an_origin_whole() {
    must_end(|| {
        let test = "both_formats_arrive_at_an_origin_whole";
        let Some(origin) = Served::nginx(test) else {
            return;
        };
        if !have_tools(test, &["ffmpeg"]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        for input in [PathBuf::from(SAMPLE), fragmented(folder.path())] {
            let options = ["--target", "2", "--window", "3600"];
            push(pusher().args(options).arg(&input).arg(origin.url()));
            let url = format!("{}live.m3u8", origin.url());
            assert_eq!(Frames::of(url), Frames::of(&input), "{}", input.display());
        }
    });
}

/// What no playlist names goes, and no side file stays.
#[test]
fn old_objects_are_deleted_at_the_origin() {
    must_end(|| {
        let Some(origin) = Served::nginx("old_objects_are_deleted_at_the_origin") else {
            return;
        };
        let options = ["--target", "0.4", "--max-segment", "1", "--window", "3"];
        let said = push(pusher().args(options).args([SAMPLE, &origin.url()]));
        assert!(said.contains("waiting to delete"), "{said}");
        let listing = Listing::of_file(&origin.playlist("root/live"));
        assert!(listing.has_ended && listing.segments.len() < 5);
        let mut expected: Vec<_> = listing.files().map(str::to_owned).collect();
        expected.push("live.m3u8".into());
        assert_eq!(origin.names("root/live"), expected);
    });
}

/// Killed after its first segments, with half of the input still to come.
#[test]
fn a_killed_job_is_resumed_from_the_origin() {
    must_end(|| {
        let Some(origin) = Served::nginx("a_killed_job_is_resumed_from_the_origin") else {
            return;
        };
        let options = ["--target", "1", "--window", "3600", "--resume", "-"];
        let mut command = pusher();
        command.args(options).arg(origin.url());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut first = command.stderr(Stdio::null()).spawn().unwrap();
        let bytes = fs::read(SAMPLE).unwrap();
        let (early, late) = bytes.split_at(bytes.len() / 2 / 188 * 188);
        let mut input = first.stdin.take().unwrap();
        input.write_all(early).unwrap();
        let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
        let stored: Vec<_> = lines.by_ref().take(2).map(Result::unwrap).collect();
        first.kill().unwrap();
        first.wait().unwrap();
        drop(input);
        assert_eq!(stored.len(), 2);

        let rest = tempfile::NamedTempFile::new().unwrap();
        fs::write(rest.path(), late).unwrap();
        let mut command = pusher();
        command.args(["--target", "1", "--window", "3600", "--resume"]);
        push(command.arg(rest.path()).arg(origin.url()));
        let listing = Listing::of_file(&origin.playlist("root/live"));
        assert!(listing.has_ended);
        let here = origin.names("root/live");
        assert!(
            listing
                .files()
                .all(|file| here.iter().any(|name| name == file))
        );
        let sessions: std::collections::BTreeSet<_> = listing
            .files()
            .map(|file| file.rsplit_once('-').unwrap().0)
            .collect();
        // The first playlist may not have been put before the kill: then there is one session.
        assert!((1..=2).contains(&sessions.len()), "{sessions:?}");
    });
}

#[cfg(feature = "s3")]
#[test]
fn a_transport_stream_arrives_in_a_store_whole() {
    must_end(|| {
        let test = "a_transport_stream_arrives_in_a_store_whole";
        let Some(store) = Served::store(test) else {
            return;
        };
        if !have_tools(test, &["ffmpeg"]) {
            return;
        }
        let endpoint = format!("http://{}", store.address);
        let command = |secret: &str| {
            let mut command = pusher();
            command.args(["--target", "2", "--window", "3600", "--endpoint", &endpoint]);
            command.args([SAMPLE, "s3://media/live/7"]);
            command.env("AWS_ACCESS_KEY_ID", "key");
            command.env("AWS_SECRET_ACCESS_KEY", secret);
            command
        };
        push(&mut command("secret"));
        let playlist = store.playlist("media/live/7");
        assert_eq!(Frames::of(playlist), Frames::of(SAMPLE));

        let refused = output(&mut command("wrong"));
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("SignatureDoesNotMatch"), "{said}");
        assert!(!said.contains("wrong"), "{said}");
    });
}

#[test]
fn a_wrong_command_line_says_what_is_wrong() {
    for (arguments, expected) in [
        (&[SAMPLE][..], "INPUT and URL are needed"),
        (&["--receiver", "x", SAMPLE, "http://a/"], "--receiver is"),
        (
            &["--nothing", SAMPLE, "http://a/"],
            "unknown option --nothing",
        ),
    ] {
        let refused = output(pusher().args(arguments));
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let refused = output(pusher().args([SAMPLE, "ftp://a/"]));
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
