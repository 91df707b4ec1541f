//! A real origin: nginx with its DAV module, on loopback.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use segment_stream::{
    HttpCaching, HttpOptions, HttpSink, ObjectKind, ProducedSegment, RetryPolicy, SegmentSink,
    SegmentStream, SegmentStreamConfig, SinkErrorKind, WriteContext,
};
use tempfile::TempDir;

use super::common::means::have_tools;
use super::common::segments::{payload, segment_at};
use super::server::within;

/// The number of segments that the playlist lists.
const WINDOW: u64 = 5;

struct Nginx {
    directory: TempDir,
    address: SocketAddr,
    child: Child,
}

impl Nginx {
    /// Says that the test is skipped if there is no nginx.
    fn start(test: &str) -> Option<Self> {
        have_tools(test, &["nginx"]).then(|| {
            // The port is free now, and nobody else here asks for a certain one.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            drop(listener);
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("root")).unwrap();
            let child = Self::spawn(directory.path(), address);
            let mut nginx = Self {
                directory,
                address,
                child,
            };
            nginx.wait_until_it_listens();
            nginx
        })
    }

    fn spawn(directory: &Path, address: SocketAddr) -> Child {
        let path = directory.display();
        // Root is needed for `user` only; without it nginx runs as the user of the test.
        let configuration = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/error.log;
             events {{ worker_connections 64; }}
             http {{
               access_log {path}/access.log;
               client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;
               fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi;
               scgi_temp_path {path}/scgi;
               server {{
                 listen {address}; root {path}/root; client_max_body_size 1m;
                 location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
               }}
             }}"
        );
        let file = directory.join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        Command::new("nginx")
            .arg("-p")
            .arg(directory)
            .arg("-c")
            .arg(file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn wait_until_it_listens(&mut self) {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait().unwrap();
            let log = fs::read_to_string(self.directory.path().join("error.log"));
            assert!(ended.is_none(), "nginx ended: {log:?}");
            assert!(started.elapsed() < Duration::from_secs(60), "{log:?}");
            std::thread::yield_now();
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.child = Self::spawn(self.directory.path(), self.address);
        self.wait_until_it_listens();
    }

    fn sink(&self) -> HttpSink {
        self.sink_with(HttpOptions::default())
    }

    fn sink_with(&self, options: HttpOptions) -> HttpSink {
        HttpSink::with_options(&format!("http://{}/live", self.address), options).unwrap()
    }

    fn stored(&self, name: &str) -> PathBuf {
        self.directory.path().join("root/live").join(name)
    }

    /// The names in the directory of the stream, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("root/live")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn name(number: u64) -> String {
    format!("{number:05}.ts")
}

fn playlist(first: u64, last: u64) -> ProducedSegment {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
    );
    for number in first..=last {
        writeln!(text, "#EXTINF:2.0,\n{}", name(number)).unwrap();
    }
    ProducedSegment::media(last, text.into_bytes(), 0.0).with_path("live.m3u8")
}

fn manifest() -> WriteContext {
    within(30_000).for_object(ObjectKind::Manifest)
}

/// Uploads segments from `first` on, publishes each, and deletes those that slid out.
fn session(nginx: &Nginx, first: u64, count: u64) {
    let caching = HttpCaching::default().target_duration(Duration::from_secs(2));
    let sink = nginx.sink_with(HttpOptions::default().caching(caching));
    let mut publisher = sink.clone();
    let config = SegmentStreamConfig::default();
    let (mut stream, sender) = SegmentStream::with_writers(config, 4, |_| sink.clone()).unwrap();
    let producer = std::thread::spawn(move || {
        for number in first..first + count {
            let data = payload(number, 200_000);
            let segment = ProducedSegment::media(number, data, 2.0).with_path(name(number));
            sender.send(segment).unwrap();
        }
    });
    for item in &mut stream {
        let last = item.unwrap().sequence;
        assert!(nginx.stored(&name(last)).is_file());
        let first = (last + 1).saturating_sub(WINDOW);
        let playlist = playlist(first, last);
        publisher.write(&playlist, &manifest()).unwrap();
        let read = publisher.read(Path::new("live.m3u8"), &manifest()).unwrap();
        assert_eq!(read.as_deref(), Some(playlist.data.as_slice()));
        if let Some(old) = first.checked_sub(1) {
            publisher
                .remove(Path::new(&name(old)), &within(30_000))
                .unwrap();
        }
    }
    producer.join().unwrap();
    stream.finish().unwrap();
}

/// What stands at the origin after the segment `last`.
fn window(last: u64) -> Vec<String> {
    let segments = (last + 1).saturating_sub(WINDOW)..=last;
    segments.map(name).chain(["live.m3u8".to_owned()]).collect()
}

#[test]
fn a_live_session_is_stored_deleted_and_resumed() {
    let Some(nginx) = Nginx::start("a_live_session_is_stored_deleted_and_resumed") else {
        return;
    };
    session(&nginx, 0, 30);
    assert_eq!(nginx.names(), window(29));
    // The next session learns from the playlist at the origin where to go on.
    let read = nginx
        .sink()
        .read(Path::new("live.m3u8"), &manifest())
        .unwrap();
    let text = String::from_utf8(read.unwrap()).unwrap();
    let last = text.lines().last().unwrap().strip_suffix(".ts").unwrap();
    let next = last.parse::<u64>().unwrap() + 1;
    assert_eq!(next, 30);
    session(&nginx, next, 10);
    assert_eq!(nginx.names(), window(39));
    for number in 35..40 {
        let stored = fs::read(nginx.stored(&name(number))).unwrap();
        assert_eq!(stored, payload(number, 200_000));
    }
}

#[test]
fn the_refusals_of_nginx_are_told_apart() {
    let Some(nginx) = Nginx::start("the_refusals_of_nginx_are_told_apart") else {
        return;
    };
    let mut sink = nginx.sink();
    let context = within(30_000);
    assert_eq!(sink.read(Path::new("none.ts"), &context).unwrap(), None);
    sink.write(&segment_at(0, "a/b.ts"), &context).unwrap();
    // Twice: the second time it is gone.
    sink.write(&segment_at(0, "0.ts"), &context).unwrap();
    sink.remove(Path::new("0.ts"), &context).unwrap();
    sink.remove(Path::new("0.ts"), &context).unwrap();
    let on_a_directory = sink.write(&segment_at(0, "a"), &context).unwrap_err();
    assert_eq!(
        on_a_directory.kind(),
        SinkErrorKind::Permanent,
        "{on_a_directory}"
    );
    let mut large = segment_at(0, "large.ts");
    large.data = vec![0; 2_000_000];
    let too_large = sink.write(&large, &context).unwrap_err();
    assert_eq!(too_large.kind(), SinkErrorKind::TooLarge, "{too_large}");
    let mut posting = nginx.sink_with(HttpOptions::default().post());
    let refused = posting
        .write(&segment_at(0, "a/b.ts"), &context)
        .unwrap_err();
    assert_eq!(refused.kind(), SinkErrorKind::Unsupported, "{refused}");
    // Names that mean something in a URL are files.
    for hint in ["a b.ts", "100%25.ts", "q?x=1#y.ts", "plus+é.ts"] {
        sink.write(&segment_at(1, hint), &context).unwrap();
        assert!(nginx.stored(hint).is_file(), "{hint}");
        assert_eq!(
            sink.read(Path::new(hint), &context).unwrap(),
            Some(segment_at(1, hint).data)
        );
    }
}

#[test]
fn a_server_that_is_killed_and_restarted_costs_no_segment() {
    let Some(mut nginx) = Nginx::start("a_server_that_is_killed_and_restarted_costs_no_segment")
    else {
        return;
    };
    let config = SegmentStreamConfig {
        retry: RetryPolicy {
            least: Duration::from_secs(120),
            most: Duration::from_secs(120),
            longest_pause: Duration::from_millis(50),
            ..Default::default()
        },
        ..Default::default()
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, nginx.sink()).unwrap();
    for round in 0..10 {
        sender.send(segment_at(2 * round, name(2 * round))).unwrap();
        assert_eq!(stream.next().unwrap().unwrap().sequence, 2 * round);
        nginx.kill();
        sender
            .send(segment_at(2 * round + 1, name(2 * round + 1)))
            .unwrap();
        // It fails at least once, and then it succeeds.
        while stream.handle().stats().retries < round + 1 {
            std::thread::yield_now();
        }
        nginx.restart();
        assert_eq!(stream.next().unwrap().unwrap().sequence, 2 * round + 1);
    }
    drop(sender);
    assert!(stream.next().is_none());
    assert!(nginx.names().into_iter().eq((0..20).map(name)));
}
