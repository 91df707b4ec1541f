//! The publisher thread, held at gates.

use std::collections::BTreeMap;
use std::env;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::world::{document, manifest};
use crate::error::SinkError;
use crate::presentation::driver::document::Role;
use crate::presentation::driver::origin::options::OriginOptions;
use crate::presentation::driver::origin::{Fate, Finished, OriginDriver, Refused, Removal, Report};
use crate::segment::ProducedSegment;
use crate::sink::{Pause, SegmentSink, WriteContext, from_fn, from_fn_with_context};
use crate::stream::{SegmentStream, SegmentStreamConfig};

/// Far more than any test needs. Only a hanging test waits this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// `SEGMENT_STREAM_PATIENCE` says it otherwise, in seconds.
fn patience() -> Duration {
    let asked = env::var("SEGMENT_STREAM_PATIENCE").ok();
    let secs = asked.and_then(|secs| secs.parse().ok());
    secs.map_or(PATIENCE, Duration::from_secs)
}

/// Runs the test on a thread of its own and fails if it does not end.
fn must_end(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = bounded::<()>(1);
    let body = thread::spawn(move || {
        test();
        drop(done);
    });
    if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(patience()) {
        panic!("stuck");
    }
    body.join()
        .unwrap_or_else(|panic| panic::resume_unwind(panic));
}

/// A driver whose timers never come.
fn endless() -> OriginOptions {
    OriginOptions::new(Duration::MAX)
}

/// Callers of [`pass`](Gate::pass) wait until the test admits them.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(u64, u64)>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        let ticket = state.0;
        changed.notify_all();
        while state.1 < ticket {
            state = changed.wait(state).unwrap();
        }
    }

    fn wait_for_arrivals(&self, count: u64) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap();
        let waited = changed.wait_timeout_while(state, patience(), |state| state.0 < count);
        assert!(!waited.unwrap().1.timed_out(), "stuck");
    }

    fn admit(&self, count: u64) {
        self.0.0.lock().unwrap().1 += count;
        self.0.1.notify_all();
    }

    fn open(&self) {
        self.0.0.lock().unwrap().1 = u64::MAX;
        self.0.1.notify_all();
    }
}

#[derive(Clone, Default)]
struct Stored(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Stored {
    fn add(&self, segment: &ProducedSegment) {
        let path = segment.path_hint.as_deref().map(Path::display);
        let path = path.map(|it| it.to_string()).unwrap_or_default();
        let text = String::from_utf8_lossy(&segment.data).into_owned();
        self.0.lock().unwrap().entry(path).or_default().push(text);
    }

    fn texts(&self, path: &str) -> Vec<String> {
        let stored = self.0.lock().unwrap();
        stored.get(path).cloned().unwrap_or_default()
    }
}

fn gated(gate: &Gate, stored: &Stored) -> impl SegmentSink + use<> {
    let (gate, stored) = (gate.clone(), stored.clone());
    from_fn(move |segment| {
        gate.pass();
        stored.add(segment);
        Ok(())
    })
}

/// The fates of versions, by name.
type Fates = Vec<(u64, String)>;

fn fates(reports: &[Report]) -> Fates {
    let mut fates: Vec<_> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Document { version, fate, .. } => {
                let fate = format!("{fate:?}");
                let end = fate.find(['(', ' ']).unwrap_or(fate.len());
                Some((*version, fate[..end].to_owned()))
            }
            Report::Removal { .. } | Report::Settled { .. } | Report::Unreplaced { .. } => None,
        })
        .collect();
    fates.sort();
    fates
}

/// Iterates while the first manifest is being put, for as long as anybody likes.
#[test]
fn a_slow_put_never_holds_up_the_iteration() {
    must_end(|| {
        let (gate, stored) = (Gate::default(), Stored::default());
        let driver = OriginDriver::start(endless(), gated(&gate, &stored), ()).unwrap();
        let config = SegmentStreamConfig::default();
        let (stream, sender) = SegmentStream::with_sink(config, from_fn(|_| Ok(()))).unwrap();
        let producer = thread::spawn(move || {
            for number in 0..100 {
                let segment = ProducedSegment::media(number, vec![0; 8], 2.0);
                sender.send(segment).unwrap();
            }
        });
        let mut reports = Vec::new();
        for item in stream {
            let version = item.unwrap().sequence;
            driver.port.submit(version, manifest(version)).unwrap();
            reports.extend(driver.port.take_reports());
            driver
                .port
                .remove(Removal::segment(format!("old{version}")));
            // The put of the first version is under way.
            gate.wait_for_arrivals(1);
        }
        producer.join().unwrap();
        assert_eq!(stored.texts("live"), [""; 0]);
        let health = driver.port.health();
        assert!(health.is_running && health.in_flight_for.is_some() && health.waiting == 1);
        gate.open();
        let finished = driver.finish(PATIENCE);
        assert!(!finished.is_timeout && finished.sink_error.is_none());
        assert_eq!(stored.texts("live"), ["0", "99"]);
        reports.extend(finished.reports);
        let removals = reports.iter();
        let removals = removals.filter(|it| matches!(it, Report::Removal { .. }));
        assert_eq!(removals.count(), 100);
        let fates = fates(&reports);
        assert_eq!(fates.len(), 100);
        for (version, fate) in fates {
            let landed = version == 0 || version == 99;
            assert_eq!(fate == "Landed", landed, "{version}: {fate}");
        }
    });
}

#[test]
fn reports_come_with_the_next_call() {
    must_end(|| {
        let (gate, stored) = (Gate::default(), Stored::default());
        let driver = OriginDriver::start(endless(), gated(&gate, &stored), ()).unwrap();
        driver.port.submit(0, manifest(0)).unwrap();
        gate.admit(1);
        let mut reports = Vec::new();
        while reports.is_empty() {
            reports = driver.port.take_reports();
            thread::yield_now();
        }
        assert_eq!(fates(&reports), [(0, "Landed".to_owned())]);
        assert!(matches!(
            reports[..],
            [_, Report::Settled { version: 0, .. }]
        ));
        driver.port.submit(1, manifest(1)).unwrap();
        gate.open();
        drop(driver);
    });
}

/// Notes its finish and its drop.
struct Ending<S>(S, Arc<Mutex<Vec<&'static str>>>, Result<(), SinkError>);

impl<S: SegmentSink> SegmentSink for Ending<S> {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        self.0.write(segment, context)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.1.lock().unwrap().push("finish");
        self.2.clone()
    }
}

impl<S> Drop for Ending<S> {
    fn drop(&mut self) {
        self.1.lock().unwrap().push("drop");
    }
}

#[test]
fn a_finish_puts_the_last_version_and_ends_the_sink() {
    must_end(|| {
        let (stored, calls) = (Stored::default(), Arc::default());
        let into = stored.clone();
        let sink = from_fn(move |segment| {
            into.add(segment);
            Ok(())
        });
        let result = Err(SinkError::permanent("it did not end well"));
        let sink = Ending(sink, Arc::clone(&calls), result);
        let driver = OriginDriver::start(endless(), sink, ()).unwrap();
        let documents = vec![
            document("live", 7, Role::Rendition),
            document("state", 7, Role::State),
        ];
        driver.port.submit(7, documents).unwrap();
        let port = driver.port.clone();
        let Finished {
            reports,
            sink_error,
            is_timeout,
        } = driver.finish(PATIENCE);
        assert_eq!(*calls.lock().unwrap(), ["finish", "drop"]);
        assert_eq!(stored.texts("live"), ["7"]);
        assert_eq!(fates(&reports).len(), 2);
        let error = sink_error.unwrap().to_string();
        assert_eq!(error, "cannot finish: it did not end well");
        assert!(!is_timeout && port.health().in_doubt == 0);
    });
}

/// The thread is left behind and ends later, and nobody waits for it.
#[test]
fn a_sink_that_hangs_does_not_outlast_the_timeout() {
    must_end(|| {
        let (gate, stored, calls) = (Gate::default(), Stored::default(), Arc::default());
        let sink = Ending(gated(&gate, &stored), Arc::clone(&calls), Ok(()));
        let driver = OriginDriver::start(endless(), sink, ()).unwrap();
        driver.port.submit(0, manifest(0)).unwrap();
        gate.wait_for_arrivals(1);
        driver.port.submit(1, manifest(1)).unwrap();
        let finished = driver.finish(Duration::from_millis(20));
        assert!(finished.is_timeout);
        let expected = [(0, "InDoubt".to_owned()), (1, "Failed".to_owned())];
        assert_eq!(fates(&finished.reports), expected);
        assert!(calls.lock().unwrap().is_empty());
        gate.open();
        while *calls.lock().unwrap() != ["finish", "drop"] {
            thread::yield_now();
        }
        assert_eq!(stored.texts("live"), ["0"]);
    });
}

#[test]
fn a_drop_cuts_a_sleeping_sink_short_and_discards_what_waits() {
    must_end(|| {
        let gate = Gate::default();
        let calls: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let at = gate.clone();
        let sink = from_fn_with_context(move |segment, context| {
            seen.lock().unwrap().push(if segment.data == b"0" {
                "first"
            } else {
                "another"
            });
            at.pass();
            assert_eq!(context.sleep(Duration::MAX), Pause::CutShort);
            assert!(context.is_shutting_down());
            Err(SinkError::transient("cut short"))
        });
        let driver =
            OriginDriver::start(endless(), Ending(sink, Arc::clone(&calls), Ok(())), ()).unwrap();
        driver.port.submit(0, manifest(0)).unwrap();
        gate.wait_for_arrivals(1);
        driver.port.submit(1, manifest(1)).unwrap();
        gate.open();
        drop(driver);
        assert_eq!(*calls.lock().unwrap(), ["first", "finish", "drop"]);
    });
}

#[test]
fn a_sink_that_panics_is_reported_and_ends_the_thread() {
    must_end(|| {
        let (gate, calls) = (Gate::default(), Arc::default());
        let at = gate.clone();
        let sink = from_fn(move |_| {
            at.pass();
            panic::resume_unwind(Box::new("the sink was made to panic here"));
        });
        let driver =
            OriginDriver::start(endless(), Ending(sink, Arc::clone(&calls), Ok(())), ()).unwrap();
        driver.port.submit(0, manifest(0)).unwrap();
        gate.wait_for_arrivals(1);
        driver.port.submit(1, manifest(1)).unwrap();
        driver.port.remove(Removal::segment("old"));
        gate.open();
        while driver.port.health().is_running {
            thread::yield_now();
        }
        let refused = driver.port.submit(2, manifest(2)).unwrap_err();
        assert_eq!(refused, Refused::Ended);
        assert!(!driver.port.remove(Removal::segment("old")));
        let finished = driver.finish(PATIENCE);
        let error = finished.sink_error.unwrap().to_string();
        let expected = "cannot write \"live\": the sink panicked: the sink was made to panic here";
        assert_eq!(error, expected);
        assert!(!finished.is_timeout);
        assert_eq!(*calls.lock().unwrap(), ["drop"], "no call after a panic");
        assert_eq!(finished.reports.len(), 3);
        let failed = finished.reports.iter().filter(|it| {
            matches!(
                it,
                Report::Document {
                    fate: Fate::Failed(_),
                    ..
                } | Report::Removal { result: Err(_), .. }
            )
        });
        assert_eq!(failed.count(), 3);
    });
}

/// Removals panic as well.
struct PanickingRemoval;

impl SegmentSink for PanickingRemoval {
    fn write(&mut self, _: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        Ok(())
    }

    fn remove(&mut self, _: &Path, _: &WriteContext) -> Result<(), SinkError> {
        panic::resume_unwind(Box::new("the removal was made to panic here"));
    }
}

#[test]
fn a_removal_that_panics_ends_the_thread() {
    must_end(|| {
        let driver = OriginDriver::start(endless(), PanickingRemoval, ()).unwrap();
        driver.port.remove(Removal::segment("old"));
        let finished = driver.finish(PATIENCE);
        let error = finished.sink_error.unwrap().to_string();
        assert!(error.starts_with("cannot remove \"old\": the sink panicked"));
        assert_eq!(finished.reports.len(), 1);
    });
}

/// Finished from inside its own sink it cannot wait for itself.
#[test]
fn a_driver_that_is_finished_inside_its_own_sink_does_not_deadlock() {
    must_end(|| {
        let place: Arc<Mutex<Option<OriginDriver>>> = Arc::default();
        let gate = Gate::default();
        let results: Arc<Mutex<Option<(bool, Fates)>>> = Arc::default();
        let sink = {
            let (place, results, gate) = (Arc::clone(&place), Arc::clone(&results), gate.clone());
            from_fn(move |_| {
                gate.pass();
                let driver = place.lock().unwrap().take();
                let finished = driver.unwrap().finish(PATIENCE);
                *results.lock().unwrap() = Some((finished.is_timeout, fates(&finished.reports)));
                Ok(())
            })
        };
        let calls = Arc::default();
        let driver =
            OriginDriver::start(endless(), Ending(sink, Arc::clone(&calls), Ok(())), ()).unwrap();
        driver.port.submit(0, manifest(0)).unwrap();
        *place.lock().unwrap() = Some(driver);
        gate.open();
        while *calls.lock().unwrap() != ["finish", "drop"] {
            thread::yield_now();
        }
        assert_eq!(
            results.lock().unwrap().take(),
            Some((true, vec![(0, "InDoubt".to_owned())]))
        );
    });
}
