//! The bell that schedules are explored with, which is the crate's own: it does what a crossbeam
//! channel does, step by step, and waits as it should.

#[path = "../../src/internal/sync/shuttle.rs"]
#[allow(dead_code, reason = "the crate uses more of it")]
mod explored;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{RecvError, RecvTimeoutError, TryRecvError, TrySendError};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use shuttle::Runner;
use shuttle::scheduler::RandomScheduler;
use shuttle::thread;

use explored::channel::bounded;
use explored::now;

use crate::books::join_all;

const SOON: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Step {
    TrySend,
    TryRecv,
    Recv,
    RecvInThePast,
    CloneSender,
    DropSender,
    DropReceiver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::TrySend),
        3 => Just(Step::TryRecv),
        3 => Just(Step::Recv),
        2 => Just(Step::RecvInThePast),
        1 => Just(Step::CloneSender),
        1 => Just(Step::DropSender),
        // Little is left to compare after that.
        1 => prop_oneof![4 => Just(Step::TryRecv), 1 => Just(Step::DropReceiver)],
    ]
}

#[derive(Debug, PartialEq)]
enum Answer {
    /// The step would wait, or its end is gone.
    Skipped,
    TrySent(Result<(), TrySendError<()>>),
    TryReceived(Result<(), TryRecvError>),
    Received(Result<(), RecvError>),
    ReceivedInThePast(Result<(), RecvTimeoutError>),
    Cloned,
    Dropped,
}

/// Both channels have the same methods and no trait in common.
macro_rules! channel {
    ($name:ident, $($module:ident)::+) => {
        struct $name {
            senders: Vec<$($module)::+::Sender<()>>,
            receiver: Option<$($module)::+::Receiver<()>>,
        }

        impl $name {
            fn new(capacity: usize) -> Self {
                let (sender, receiver) = $($module)::+::bounded(capacity);
                Self {
                    senders: vec![sender],
                    receiver: Some(receiver),
                }
            }

            fn take(&mut self, step: Step, may_receive: bool) -> Answer {
                match (step, self.senders.last(), &self.receiver) {
                    (Step::TrySend, Some(sender), _) => Answer::TrySent(sender.try_send(())),
                    (Step::TryRecv, _, Some(receiver)) => Answer::TryReceived(receiver.try_recv()),
                    (Step::Recv, _, Some(receiver)) if may_receive => {
                        Answer::Received(receiver.recv())
                    }
                    (Step::RecvInThePast, _, Some(receiver)) => {
                        Answer::ReceivedInThePast(receiver.recv_deadline(now()))
                    }
                    (Step::CloneSender, Some(sender), _) => {
                        let clone = sender.clone();
                        self.senders.push(clone);
                        Answer::Cloned
                    }
                    (Step::DropSender, Some(_), _) => {
                        self.senders.pop();
                        Answer::Dropped
                    }
                    (Step::DropReceiver, _, Some(_)) => {
                        self.receiver = None;
                        Answer::Dropped
                    }
                    _ => Answer::Skipped,
                }
            }
        }
    };
}

channel!(Crossbeams, crossbeam_channel);
channel!(Explored, explored::channel);

/// What differs, if anything does.
fn compare(capacity: usize, steps: &[Step]) -> Result<(), String> {
    let mut theirs = Crossbeams::new(capacity);
    let mut ours = Explored::new(capacity);
    for (at, step) in steps.iter().enumerate() {
        let queued = theirs.receiver.as_ref().map_or(0, |it| it.len());
        let may_receive = queued > 0 || theirs.senders.is_empty();
        let expected = theirs.take(*step, may_receive);
        let found = ours.take(*step, may_receive);
        if expected != found {
            return Err(format!("step {at}: {found:?} and not {expected:?}"));
        }
    }
    Ok(())
}

#[test]
fn the_explored_channel_does_what_crossbeams_does() {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 2_000;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(2190);
    }
    let cases = (1_usize..4, proptest::collection::vec(step(), 1..40));
    let result = TestRunner::new(config).run(&cases, |(capacity, steps)| {
        let differs = Arc::new(Mutex::new(None));
        let found = Arc::clone(&differs);
        // Its locks are there only while schedules are explored; there is one, as this is one
        // thread.
        Runner::new(RandomScheduler::new_from_seed(0, 1), shuttle::Config::new()).run(move || {
            *found.lock().unwrap_or_else(PoisonError::into_inner) = compare(capacity, &steps).err();
        });
        let differs = differs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        differs.map_or(Ok(()), |why| Err(TestCaseError::fail(why)))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// A receiver wakes for a message, and when the last sender is gone.
pub(crate) fn an_empty_channel_waits_for_a_message() {
    let (sender, receiver) = bounded(2);
    let senders = [(); 2].map(|()| {
        let sender = sender.clone();
        thread::spawn(move || {
            let clone = sender.clone();
            drop(sender);
            assert_eq!(clone.try_send(()), Ok(()));
        })
    });
    drop(sender);
    assert_eq!([receiver.recv(), receiver.recv()], [Ok(()), Ok(())]);
    assert_eq!(receiver.recv(), Err(RecvError));
    let late = receiver.recv_deadline(now() + SOON);
    assert_eq!(late, Err(RecvTimeoutError::Disconnected));
    join_all(senders);
}

/// It comes before the message or after it, and the clock stands at it then.
pub(crate) fn a_deadline_is_an_event() {
    wait_for_a_message_or_a_deadline();
}

/// Whether the message came in time.
fn wait_for_a_message_or_a_deadline() -> bool {
    let (sender, receiver) = bounded(1);
    let sending = thread::spawn(move || sender.try_send(()).unwrap());
    let deadline = now() + SOON;
    let in_time = match receiver.recv_deadline(deadline) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error, RecvTimeoutError::Timeout);
            assert!(now() >= deadline);
            assert_eq!(receiver.recv(), Ok(()));
            false
        }
    };
    assert_eq!(receiver.recv(), Err(RecvError));
    sending.join().unwrap();
    in_time
}

#[test]
fn a_deadline_comes_soon_and_late() {
    let counts: [Arc<AtomicUsize>; 2] = Default::default();
    let counted = counts.clone();
    let scheduler = RandomScheduler::new_from_seed(2190, 1_000);
    Runner::new(scheduler, shuttle::Config::new()).run(move || {
        let in_time = wait_for_a_message_or_a_deadline();
        counted[usize::from(in_time)].fetch_add(1, Ordering::Relaxed);
    });
    let counts = counts.map(|it| it.load(Ordering::Relaxed));
    assert!(counts.iter().all(|it| *it > 100), "{counts:?}");
}
