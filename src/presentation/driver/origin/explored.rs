//! The orders in which the caller and the publisher thread may run, explored (`.ci/schedules`).

#[path = "../../../../tests/schedules/explore.rs"]
mod explore;
#[path = "../../../../tests/schedules/gate.rs"]
mod gate;

use std::collections::BTreeMap;
use std::panic;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::thread;

use self::gate::Gate;
use super::{Fate, Finished, OriginDriver, OriginOptions, Refused, Report};
use crate::error::SinkError;
use crate::presentation::driver::document::{Document, Role};
use crate::segment::ProducedSegment;
use crate::sink::{Pause, SegmentSink, WriteContext};
use crate::stream::RetryPolicy;

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
    versions_against_a_finish,
    every_version_in_order,
    a_finish_against_its_deadline,
    a_stuck_put_against_a_finish,
    a_sleeping_sink_is_cut_short_by_a_finish,
    a_drop_against_the_thread,
    a_panic_against_submissions,
    two_callers,
    a_pause_ends_and_a_doubt_is_settled,
}

/// What an observer sees. It is under a lock that shuttle does not know, and so adds no schedules.
#[derive(Clone, Default)]
struct Books(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    /// The texts that the sink stored, in order.
    stored: Vec<u64>,
    submitted: Vec<u64>,
    fates: BTreeMap<u64, Vec<Fate>>,
    is_sink_gone: bool,
}

impl Books {
    fn with<T>(&self, f: impl FnOnce(&mut Entries) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    fn sink<F>(&self, write: F) -> Observed<F>
    where
        F: FnMut(u64, &WriteContext) -> Result<(), SinkError> + Send,
    {
        Observed(self.clone(), write)
    }

    /// Returns whether it was accepted. It may be refused for this reason only.
    fn submit_unless(&self, driver: &OriginDriver, version: u64, reason: Refused) -> bool {
        self.with(|books| books.submitted.push(version));
        let document = Document::new(
            "live",
            vec![u8::try_from(version).unwrap()],
            Role::Rendition,
        );
        match driver.port.submit(version, vec![document]) {
            Ok(()) => {
                self.reported(driver.port.take_reports());
                true
            }
            Err(refused) => {
                assert_eq!(refused, reason);
                self.with(|books| books.submitted.retain(|it| *it != version));
                false
            }
        }
    }

    fn submit(&self, driver: &OriginDriver, version: u64) {
        assert!(self.submit_unless(driver, version, Refused::Ended));
    }

    fn reported(&self, reports: Vec<Report>) {
        for report in reports {
            match report {
                Report::Document { version, fate, .. } => {
                    self.with(|books| books.fates.entry(version).or_default().push(fate));
                }
                Report::Settled { .. } => {}
                Report::Unreplaced { .. } | Report::Removal { .. } => {
                    panic!("nothing was removed or refused")
                }
            }
        }
    }

    fn finish(&self, driver: OriginDriver, timeout: Duration) -> Finished {
        let mut finished = driver.finish(timeout);
        self.reported(std::mem::take(&mut finished.reports));
        if !finished.is_timeout {
            assert!(
                self.with(|books| books.is_sink_gone),
                "the sink comes first"
            );
        }
        finished
    }

    /// Each version has one report, and landed if it is stored.
    fn audit(&self) {
        self.with(|books| {
            for version in &books.submitted {
                let fates = &books.fates[version];
                assert_eq!(fates.len(), 1, "{version}: {fates:?}");
                let is_stored = books.stored.contains(version);
                match &fates[0] {
                    Fate::Landed => assert!(is_stored),
                    Fate::InDoubt => {}
                    _ => assert!(!is_stored, "{version}: {fates:?}"),
                }
            }
            assert_eq!(books.fates.len(), books.submitted.len());
            assert!(books.stored.is_sorted());
        });
    }

    fn wait_until_gone(&self) {
        while !self.with(|books| books.is_sink_gone) {
            thread::yield_now();
        }
    }
}

struct Observed<F>(Books, F);

impl<F> SegmentSink for Observed<F>
where
    F: FnMut(u64, &WriteContext) -> Result<(), SinkError> + Send,
{
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let version = u64::from(segment.data[0]);
        (self.1)(version, context)?;
        self.0.with(|books| books.stored.push(version));
        Ok(())
    }
}

impl<F> Drop for Observed<F> {
    fn drop(&mut self) {
        self.0.with(|books| books.is_sink_gone = true);
    }
}

/// Without timers, so that a wake-up that is lost deadlocks.
fn endless() -> OriginOptions {
    OriginOptions::new(Duration::MAX)
}

fn yielding(_: u64, _: &WriteContext) -> Result<(), SinkError> {
    thread::yield_now();
    Ok(())
}

fn versions_against_a_finish() {
    let books = Books::default();
    let driver = OriginDriver::start(endless(), books.sink(yielding), ()).unwrap();
    (0..3).for_each(|version| books.submit(&driver, version));
    let finished = books.finish(driver, Duration::MAX);
    assert!(!finished.is_timeout && finished.sink_error.is_none());
    books.audit();
    assert_eq!(books.with(|books| books.stored.last().copied()), Some(2));
}

fn every_version_in_order() {
    let books = Books::default();
    let driver = OriginDriver::start(endless().in_order(2), books.sink(yielding), ()).unwrap();
    let mut version = 0;
    while version < 4 {
        if books.submit_unless(&driver, version, Refused::Full) {
            version += 1;
        } else {
            thread::yield_now();
        }
    }
    let finished = books.finish(driver, Duration::MAX);
    assert!(!finished.is_timeout);
    books.audit();
    assert_eq!(books.with(|books| books.stored.clone()), [0, 1, 2, 3]);
}

fn a_finish_against_its_deadline() {
    let books = Books::default();
    let driver = OriginDriver::start(endless(), books.sink(yielding), ()).unwrap();
    (0..3).for_each(|version| books.submit(&driver, version));
    let _ = books.finish(driver, Duration::from_secs(1));
    books.wait_until_gone();
    books.audit();
}

fn a_stuck_put_against_a_finish() {
    let (books, gate) = (Books::default(), Gate::default());
    let sink = {
        let gate = gate.clone();
        books.sink(move |_, _| {
            gate.pass();
            Ok(())
        })
    };
    let driver = OriginDriver::start(endless(), sink, ()).unwrap();
    books.submit(&driver, 0);
    gate.wait_for_arrivals(1);
    books.submit(&driver, 1);
    let finished = books.finish(driver, Duration::from_secs(1));
    assert!(finished.is_timeout);
    gate.open();
    books.wait_until_gone();
    books.audit();
    books.with(|books| {
        assert!(matches!(books.fates[&0][..], [Fate::InDoubt]));
        assert_eq!(books.stored, [0]);
    });
}

/// It sleeps for ever, and the end of the timeout is near.
fn a_sleeping_sink_is_cut_short_by_a_finish() {
    let books = Books::default();
    let sink = books.sink(|_, context| {
        assert_eq!(context.sleep(Duration::MAX), Pause::CutShort);
        Err(SinkError::transient("cut short"))
    });
    let driver = OriginDriver::start(endless(), sink, ()).unwrap();
    books.submit(&driver, 0);
    let _ = books.finish(driver, Duration::from_secs(1));
    books.wait_until_gone();
    books.audit();
}

fn a_drop_against_the_thread() {
    let books = Books::default();
    let sink = books.sink(|_, context| {
        // Cut short by nothing but the drop.
        assert_eq!(context.sleep(Duration::MAX), Pause::CutShort);
        Ok(())
    });
    let driver = OriginDriver::start(endless(), sink, ()).unwrap();
    (0..2).for_each(|version| books.submit(&driver, version));
    drop(driver);
    assert!(books.with(|books| books.is_sink_gone), "it is joined");
    assert!(books.with(|books| books.stored.len()) <= 1);
}

fn a_panic_against_submissions() {
    let books = Books::default();
    let sink = books.sink(|version, _| {
        // The first one may be superseded, and the last one may not.
        if version > 0 {
            panic::resume_unwind(Box::new("the sink was made to panic here"));
        }
        Ok(())
    });
    let driver = OriginDriver::start(endless(), sink, ()).unwrap();
    let ended = Refused::Ended;
    let accepted = (0..4).filter(|version| books.submit_unless(&driver, *version, ended));
    let accepted = accepted.count();
    assert!(accepted >= 2);
    let finished = books.finish(driver, Duration::MAX);
    assert!(!finished.is_timeout && finished.sink_error.is_some());
    books.audit();
}

fn two_callers() {
    let books = Books::default();
    let driver = OriginDriver::start(endless(), books.sink(yielding), ()).unwrap();
    let driver = Arc::new(driver);
    let other = {
        let (books, driver) = (books.clone(), Arc::clone(&driver));
        thread::spawn(move || {
            books.submit(&driver, 1);
            assert!(driver.port.health().is_running);
        })
    };
    books.submit(&driver, 0);
    books.submit(&driver, 2);
    other.join().unwrap();
    let driver = Arc::into_inner(driver).unwrap();
    let finished = books.finish(driver, Duration::MAX);
    assert!(!finished.is_timeout);
    books.audit();
    assert_eq!(books.with(|books| books.stored.last().copied()), Some(2));
}

/// Timers of the thread: a pause, and the time after which a text is put again.
fn a_pause_ends_and_a_doubt_is_settled() {
    let books = Books::default();
    let puts = Arc::new(Mutex::new(0));
    let sink = {
        let puts = Arc::clone(&puts);
        books.sink(move |_, _| {
            let mut puts = puts.lock().unwrap();
            *puts += 1;
            match *puts {
                1 => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
                _ => Ok(()),
            }
        })
    };
    let patient = RetryPolicy {
        most: Duration::from_secs(1_000_000),
        fallback: Duration::from_secs(1_000_000),
        ..RetryPolicy::default()
    };
    let options = OriginOptions::new(Duration::from_secs(2)).retry(patient);
    let driver = OriginDriver::start(options, sink, ()).unwrap();
    books.submit(&driver, 0);
    let port = driver.port.clone();
    let finished = books.finish(driver, Duration::MAX);
    assert!(!finished.is_timeout && port.health().in_doubt == 0);
    books.audit();
    assert!(*puts.lock().unwrap() >= 3);
}
