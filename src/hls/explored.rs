//! The orders in which a publisher and the thread of its origin may run, explored
//! (`.ci/schedules`).

#[path = "../../tests/schedules/explore.rs"]
mod explore;
#[path = "../../tests/schedules/gate.rs"]
mod gate;

use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::thread;

use self::gate::Gate;
use super::{
    MediaPlaylist, MediaPlaylistPublisher, MultivariantPlaylist, Origin, Presentation,
    PublishErrorKind, Variant,
};
use crate::error::SinkError;
use crate::segment::ProducedSegment;
use crate::sink::{SegmentSink, WriteContext};

/// A test for each scenario, and how many of them there are.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        const SCENARIOS: usize = [$(stringify!($name)),+].len();

        mod run {
            $(
                #[test]
                fn $name() {
                    super::explore::explore(stringify!($name), super::SCENARIOS, super::$name);
                }
            )+
        }
    };
}

scenarios! {
    pushes_against_a_finish,
    every_version_in_order_against_a_finish,
    deletions_against_pushes,
    a_drop_against_the_thread,
    a_panic_against_a_finish,
    a_stuck_put_against_a_finish_within_a_time,
    two_renditions_on_two_threads,
}

/// So long that no wait for it ends, and a wake-up that is lost deadlocks.
const FOREVER: Duration = Duration::from_secs(2_000_000_000);

/// What the origin holds. It is under a lock that shuttle does not know, and so adds no schedules.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    puts: Vec<(String, String)>,
    deleted: Vec<String>,
    is_gone: bool,
}

impl Server {
    fn sink(&self, put: impl FnMut(&str) + Send + 'static) -> Connection {
        Connection(self.clone(), Box::new(put))
    }

    fn texts(&self, path: &str) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let puts = state.puts.iter().filter(|(of, _)| of == path);
        puts.map(|(_, text)| text.clone()).collect()
    }

    fn is_gone(&self) -> bool {
        self.0.lock().unwrap().is_gone
    }
}

struct Connection(Server, Box<dyn FnMut(&str) + Send>);

impl SegmentSink for Connection {
    fn write(&mut self, file: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        let path = file.path_hint.as_deref().and_then(Path::to_str).unwrap();
        (self.1)(path);
        let text = String::from_utf8(file.data.clone()).unwrap();
        let mut state = self.0.0.lock().unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(!state.deleted.iter().any(|it| it == line), "{line} is gone");
        }
        state.puts.push((path.to_owned(), text));
        Ok(())
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        thread::yield_now();
        let path = path.to_str().unwrap().to_owned();
        let mut state = self.0.0.lock().unwrap();
        if let Some((_, standing)) = state.puts.iter().rfind(|(of, _)| of == "live.m3u8") {
            let is_listed = standing.lines().any(|line| line == path);
            assert!(!is_listed, "{path} is listed");
        }
        state.deleted.push(path);
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().is_gone = true;
    }
}

fn yielding(_: &str) {
    thread::yield_now();
}

fn media(number: u64) -> Result<ProducedSegment, crate::error::WriteError> {
    Ok(ProducedSegment::media(number, vec![1], 2.0).with_path(format!("{number}.ts")))
}

fn event() -> MediaPlaylist {
    MediaPlaylist::event("live.m3u8").target_duration(FOREVER)
}

type Publisher = MediaPlaylistPublisher<Origin<Connection>>;

fn publisher(playlist: MediaPlaylist, origin: Origin<Connection>) -> Publisher {
    MediaPlaylistPublisher::new(playlist, origin).unwrap()
}

fn pushes_against_a_finish() {
    let server = Server::default();
    let mut publisher = publisher(event(), Origin::new(server.sink(yielding)));
    (0..2).for_each(|number| drop(publisher.push(&media(number)).unwrap()));
    publisher.finish().unwrap();
    let texts = server.texts("live.m3u8");
    assert!(texts.last().unwrap().ends_with("1.ts\n#EXT-X-ENDLIST\n"));
    assert!(texts.is_sorted_by_key(String::len) && texts.len() <= 3);
    drop(publisher);
    assert!(server.is_gone());
}

fn every_version_in_order_against_a_finish() {
    let server = Server::default();
    let origin = Origin::new(server.sink(yielding)).in_order(1);
    let mut publisher = publisher(event(), origin);
    let taken = (0..3).filter(|number| publisher.push(&media(*number)).is_ok());
    let taken = taken.count();
    publisher.finish().unwrap();
    let texts = server.texts("live.m3u8");
    assert_eq!(texts.len(), taken + 1, "each that was taken, and the end");
    assert!(texts.last().unwrap().ends_with("2.ts\n#EXT-X-ENDLIST\n"));
}

/// Everything is due at once.
fn deletions_against_pushes() {
    let server = Server::default();
    let playlist =
        MediaPlaylist::live("live.m3u8", Duration::ZERO).target_duration(Duration::from_secs(2));
    let time = Arc::new(Mutex::new(0));
    let now = Arc::clone(&time);
    let mut publisher = publisher(playlist, Origin::new(server.sink(yielding)))
        .with_clock(move || Duration::from_secs(*now.lock().unwrap()));
    for number in 0..7 {
        *time.lock().unwrap() += 1_000;
        drop(publisher.push(&media(number)).unwrap());
    }
    publisher.finish().unwrap();
    *time.lock().unwrap() += 1_000;
    publisher.delete_due();
    assert_eq!(publisher.waiting_for_deletion().count(), 0);
    let deleted = server.0.lock().unwrap().deleted.clone();
    let state = ".live.m3u8.state";
    assert_eq!(deleted, ["0.ts", "1.ts", "2.ts", "3.ts", state]);
}

fn a_drop_against_the_thread() {
    let server = Server::default();
    let mut publisher = publisher(event(), Origin::new(server.sink(yielding)));
    (0..2).for_each(|number| drop(publisher.push(&media(number)).unwrap()));
    drop(publisher);
    assert!(server.is_gone(), "the thread is joined");
}

fn a_panic_against_a_finish() {
    let server = Server::default();
    let mut puts = 0;
    let sink = server.sink(move |_| {
        puts += 1;
        thread::yield_now();
        if puts == 2 {
            panic::resume_unwind(Box::new("the sink was made to panic here"));
        }
    });
    let mut publisher = publisher(event(), Origin::new(sink));
    let pushed = publisher.push(&media(0)).and(publisher.push(&media(1)));
    let finished = publisher.finish();
    let texts = server.texts("live.m3u8");
    // One put was enough if all three versions were one.
    let is_published = texts.iter().any(|it| it.ends_with("#EXT-X-ENDLIST\n"));
    assert_eq!(finished.is_ok(), is_published && pushed.is_ok());
    publisher.delete_due();
    drop(publisher);
    assert!(server.is_gone());
}

fn a_stuck_put_against_a_finish_within_a_time() {
    let (server, gate) = (Server::default(), Gate::default());
    let sink = {
        let gate = gate.clone();
        server.sink(move |_| gate.pass())
    };
    let mut publisher = publisher(event(), Origin::new(sink));
    drop(publisher.push(&media(0)).unwrap());
    gate.wait_for_arrivals(1);
    let finished = publisher.finish_timeout(Duration::from_secs(1));
    assert_eq!(finished.unwrap_err().kind(), PublishErrorKind::TimedOut);
    gate.open();
    while !server.is_gone() {
        thread::yield_now();
    }
    assert_eq!(server.texts("live.m3u8").len(), 1);
}

fn two_renditions_on_two_threads() {
    let server = Server::default();
    let shared = MediaPlaylist::event("").target_duration(FOREVER);
    let main = MultivariantPlaylist::new("main.m3u8")
        .variant(Variant::new("0.m3u8", 2))
        .variant(Variant::new("1.m3u8", 1));
    let presentation = Presentation::new(shared).unwrap();
    let presentation = presentation.multivariant(main).unwrap();
    let start = |path| {
        let origin = Origin::new(server.sink(yielding));
        presentation.rendition(path, origin).unwrap()
    };
    let run = |mut publisher: Publisher| {
        for number in 0..2 {
            drop(publisher.push(&media(number)).unwrap());
        }
        publisher.finish().unwrap();
        publisher
    };
    let (one, other) = (start("0.m3u8"), start("1.m3u8"));
    let other = thread::spawn(move || run(other));
    let publishers = [run(one), other.join().unwrap()];
    for path in ["0.m3u8", "1.m3u8"] {
        let texts = server.texts(path);
        let last = texts.last().unwrap();
        assert!(last.ends_with("1.ts\n#EXT-X-ENDLIST\n"), "{last}");
    }
    assert_eq!(server.texts("main.m3u8").len(), 1);
    drop(publishers);
}
