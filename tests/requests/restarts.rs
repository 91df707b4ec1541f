//! A live playlist at an origin that is killed in the middle of a request, and restarted, again and
//! again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use segment_stream::hls::{self, MediaPlaylist, MediaPlaylistPublisher, Retention};
use segment_stream::{
    ProducedSegment, SegmentSink, SegmentStream, SegmentStreamConfig, WriteContext,
};

use crate::common::listing::Listing;
use crate::common::segments::payload;
use crate::common::sync::Mutex;
use crate::common::threads::must_end;
use crate::origin::{PLAYLIST, Store, name as name_of};
use crate::server::{Exchange, Server, Then};
use crate::session::{name, quick, until_idle};
use crate::setup::{self, Setup};

const KILLS: u64 = 20;
/// The segments from a kill to the next one. The playlist lists more.
const CYCLE: u64 = 6;
const WINDOW: u64 = 20;
const SIDE_FILE: &str = ".live.m3u8.state";

/// Where a request is when the server dies.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Head,
    Body,
    /// It is carried out, and there is no reply.
    Stored,
    Reply,
}

/// The put that is the server's last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Segment,
    SideFile,
    Playlist,
}

impl Last {
    fn is(self, line: &str) -> bool {
        let object = match &*name_of(line) {
            PLAYLIST => Self::Playlist,
            SIDE_FILE => Self::SideFile,
            _ => Self::Segment,
        };
        line.starts_with("PUT ") && self == object
    }
}

/// What survives a kill, and what the test is told.
struct World {
    store: Box<dyn Store>,
    dies_at: Option<(Last, Stage)>,
    is_dead: bool,
    /// What the playlists that stood said of each number: whether it is a gap.
    gaps: BTreeMap<u64, BTreeSet<bool>>,
    wrong: Vec<String>,
}

impl World {
    /// Carries a request out, unless the server is dead, and looks at the playlist afterwards.
    fn answer(&mut self, exchange: &Exchange<'_>, body: Vec<u8>) -> Option<Vec<u8>> {
        if self.is_dead {
            return None;
        }
        let reply = self.store.answer(exchange, body);
        let line = &exchange.request.line;
        if let Some(text) = self
            .store
            .object(PLAYLIST)
            .filter(|_| !line.starts_with("GET "))
        {
            let listing = Listing::of(text);
            for name in listing.files() {
                if self.store.object(name).is_none() {
                    self.wrong.push(format!("{name} is listed and missing"));
                }
            }
            for it in listing.segments {
                self.gaps.entry(it.number).or_default().insert(it.is_gap);
            }
        }
        Some(reply)
    }
}

fn serve(world: &Mutex<World>, exchange: &mut Exchange<'_>) -> Then {
    let stage = {
        let mut world = world.lock().unwrap();
        let dies = world
            .dies_at
            .take_if(|(last, _)| last.is(&exchange.request.line));
        dies.map(|(_, stage)| stage)
    };
    let die = || world.lock().unwrap().is_dead = true;
    match stage {
        Some(Stage::Head) => {
            die();
            return Then::Close;
        }
        Some(Stage::Body) => {
            exchange.part(exchange.request.length() / 2);
            die();
            return Then::Close;
        }
        Some(Stage::Stored | Stage::Reply) | None => {}
    }
    let Some(body) = exchange.whole_body() else {
        // The client had no time left.
        world.lock().unwrap().is_dead |= stage.is_some();
        return Then::Close;
    };
    let reply = {
        let mut world = world.lock().unwrap();
        let reply = world.answer(exchange, body);
        world.is_dead |= stage.is_some();
        reply
    };
    let Some(reply) = reply else {
        return Then::Close;
    };
    match stage {
        None => {
            exchange.write(reply).unwrap_or_default();
            Then::Keep
        }
        Some(Stage::Reply) => {
            exchange.write(&reply[..12]).unwrap_or_default();
            Then::Close
        }
        Some(_) => Then::Close,
    }
}

struct Killed {
    address: SocketAddr,
    server: Option<Server>,
    world: Arc<Mutex<World>>,
    numbers: Numbers,
}

/// The same numbers in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

impl Killed {
    /// Has the server die at a put that comes soon.
    fn arm(&mut self) -> Last {
        let last = match self.numbers.below(3) {
            0 => Last::Segment,
            1 => Last::SideFile,
            _ => Last::Playlist,
        };
        let stage = match self.numbers.below(4) {
            0 => Stage::Head,
            1 => Stage::Body,
            2 => Stage::Stored,
            _ => Stage::Reply,
        };
        self.world.lock().unwrap().dies_at = Some((last, stage));
        last
    }

    fn object(&self, number: u64) -> Option<Vec<u8>> {
        let world = self.world.lock().unwrap();
        world.store.object(&name(number)).map(<[u8]>::to_vec)
    }

    fn is_dead(&self) -> bool {
        self.world.lock().unwrap().is_dead
    }

    /// Closes its port. If the put never came, the server dies now.
    fn bury(&mut self) {
        let mut world = self.world.lock().unwrap();
        world.is_dead = true;
        world.dies_at = None;
        drop(world);
        self.server = None;
    }

    fn restart(&mut self) {
        let world = Arc::clone(&self.world);
        world.lock().unwrap().is_dead = false;
        let server = Server::start_again(self.address, move |exchange| serve(&world, exchange));
        self.server = Some(server);
    }
}

fn media(number: u64) -> ProducedSegment {
    ProducedSegment::media(number, payload(number, 500), 1.0).with_path(name(number))
}

/// Reads the playlist all the time, and the ends of what it lists.
fn poll(mut origin: Box<dyn SegmentSink>, is_over: &AtomicBool) {
    let context = WriteContext::default();
    let mut read = |name: &str| origin.read(Path::new(name), &context);
    let mut count = 0_u64;
    // At the end the origin is up.
    while !is_over.load(Ordering::SeqCst) || count == 0 {
        let Ok(Some(text)) = read(PLAYLIST) else {
            thread::yield_now();
            continue;
        };
        let listing = Listing::of(&text);
        let names: Vec<_> = listing.files().collect();
        for name in names.iter().take(2).chain(names.iter().rev().take(2)) {
            // A slow reader has an old playlist. Numbers that have left never come back.
            if let Ok(None) = read(name)
                && let Ok(Some(text)) = read(PLAYLIST)
            {
                let is_listed = Listing::of(&text).files().any(|it| it == *name);
                assert!(!is_listed, "the playlist names {name}, which is missing");
            }
        }
        count += 1;
    }
}

/// Ends the reader, also if the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn run(setup: &Setup, seed: u64) {
    let world = Arc::new(Mutex::new(World {
        store: (setup.store)(),
        dies_at: None,
        is_dead: false,
        gaps: BTreeMap::new(),
        wrong: Vec::new(),
    }));
    let server = Server::start({
        let world = Arc::clone(&world);
        move |exchange| serve(&world, exchange)
    });
    let sink = || (setup.sink)(&server, setup::options(false));
    let (segments, manifests, reads) = (sink(), sink(), sink());
    let mut killed = Killed {
        address: server.address(),
        server: Some(server),
        world,
        numbers: Numbers(seed),
    };
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| poll(reads, &is_over));
        let _over = Over(&is_over);
        job(&mut killed, segments, manifests);
    });
}

/// A live session, from its first segment to the last deletion.
fn job(killed: &mut Killed, segments: Box<dyn SegmentSink>, manifests: Box<dyn SegmentSink>) {
    let window = Duration::from_secs(WINDOW);
    let playlist = MediaPlaylist::live(PLAYLIST, window)
        .target_duration(Duration::from_secs(1))
        .retention(Retention::Delete {
            margin: Duration::ZERO,
        });
    // It is always back before that.
    let destination = hls::Origin::new(manifests).retry(quick(Duration::from_secs(600)));
    let clock = Arc::new(AtomicU64::new(0));
    let now = {
        let clock = Arc::clone(&clock);
        move || Duration::from_secs(clock.load(Ordering::SeqCst))
    };
    let publisher = MediaPlaylistPublisher::new(playlist, destination).unwrap();
    let mut publisher = publisher.with_clock(now);
    let handle = publisher.handle();
    let config = SegmentStreamConfig::default().retry(quick(Duration::from_millis(10)));
    let (mut stream, sender) = SegmentStream::with_sink(config, segments).unwrap();
    let mut outcomes = BTreeMap::new();
    let mut kills = 0;
    let (mut last, mut back_at) = (None, 0);
    for number in 0..KILLS * CYCLE {
        clock.fetch_add(1, Ordering::SeqCst);
        if number % CYCLE == 1 {
            last = Some(killed.arm());
            kills += 1;
            // At once, while the segment is retried, or later.
            back_at = number + killed.numbers.below(4);
        }
        sender.send(media(number)).unwrap();
        let mut item = None;
        if last.take_if(|last| *last == Last::Segment).is_some() {
            while item.is_none() && !killed.is_dead() {
                item = stream.try_next().ok();
                thread::yield_now();
            }
            killed.bury();
            if back_at == number {
                killed.restart();
            }
        }
        let item = item.unwrap_or_else(|| stream.next().unwrap());
        if item.is_ok() {
            assert_eq!(killed.object(number), Some(media(number).data), "{number}");
        }
        outcomes.insert(number, item.is_ok());
        // A manifest that could not be put is put by a later push.
        let _ = publisher.push(&item);
        if last.take().is_some() {
            while !killed.is_dead() {
                thread::yield_now();
            }
            killed.bury();
        }
        if killed.server.is_none() && back_at <= number {
            killed.restart();
        }
        if number % CYCLE == CYCLE - 1 {
            until_idle(&handle);
        }
    }
    assert_eq!(kills, KILLS);
    drop(sender);
    assert!(stream.next().is_none());
    let _ = stream.finish();
    publisher.finish().unwrap();
    // Connections to an earlier server may be left, and each costs a deletion its attempt.
    loop {
        clock.fetch_add(1_000, Ordering::SeqCst);
        let notices = publisher.delete_due().notices;
        if notices.is_empty() && publisher.waiting_for_deletion().count() == 0 {
            break;
        }
    }
    drop(publisher);
    check(&killed.world.lock().unwrap(), &outcomes);
}

/// Each segment was stored or is a gap, as its item said, and nothing is forgotten.
fn check(world: &World, outcomes: &BTreeMap<u64, bool>) {
    assert_eq!(world.wrong, [""; 0]);
    let expected = outcomes.iter().map(|(number, is_stored)| {
        let is_gap = !is_stored;
        (*number, BTreeSet::from([is_gap]))
    });
    assert_eq!(world.gaps, expected.collect());
    let is_lost = |number: u64| !outcomes[&number];
    let lost: BTreeSet<_> = (0..KILLS * CYCLE).filter(|it| is_lost(*it)).collect();
    eprintln!("{} of {} segments lost", lost.len(), outcomes.len());
    assert!(!lost.is_empty());
    let listing = Listing::of(world.store.object(PLAYLIST).unwrap());
    assert!(listing.has_ended && listing.end() == KILLS * CYCLE);
    let listed: BTreeSet<_> = listing.files().map(str::to_owned).collect();
    for segment in listing.segments.iter().filter(|it| !it.is_gap) {
        let object = world.store.object(&segment.uri);
        assert_eq!(object, Some(&*media(segment.number).data));
    }
    let lost: BTreeSet<_> = lost.into_iter().map(name).collect();
    for name in world.store.names() {
        let is_known = name == PLAYLIST || listed.contains(&name) || lost.contains(&name);
        assert!(is_known, "{name} stays at the origin");
    }
}

#[test]
fn an_origin_that_is_killed_twenty_times_has_each_segment_or_a_gap_in_its_place() {
    // Large objects take long.
    let setups = Setup::all().into_iter().filter(|it| it.own.is_none());
    let runs = setups
        .zip(7..)
        .map(|(setup, seed)| thread::spawn(move || must_end(move || run(&setup, seed))));
    let runs: Vec<_> = runs.collect();
    assert!(!runs.is_empty());
    for run in runs {
        run.join().unwrap();
    }
}
