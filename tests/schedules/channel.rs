//! The channel that schedules are explored with, which is the crate's own: it does what crossbeam's does,
//! step by step, and waits as it should.

#[path = "../../src/sync/explored.rs"]
#[allow(dead_code, reason = "the crate uses more of it")]
mod explored;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
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
    Send,
    TryRecv,
    Recv,
    RecvInThePast,
    CloneSender,
    DropSender,
    DropReceiver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::TrySend),
        3 => Just(Step::Send),
        3 => Just(Step::TryRecv),
        3 => Just(Step::Recv),
        2 => Just(Step::RecvInThePast),
        1 => Just(Step::CloneSender),
        1 => Just(Step::DropSender),
        // Little is left to compare after that.
        1 => prop_oneof![4 => Just(Step::TryRecv), 1 => Just(Step::DropReceiver)],
    ]
}

/// One message, and what counts it as long as it lives.
type Message = (usize, Arc<()>);

#[derive(Debug, PartialEq)]
enum Answer {
    /// The step would wait, or its end is gone.
    Skipped,
    TrySent(Result<(), TrySendError<Message>>),
    Sent(Result<(), SendError<Message>>),
    TryReceived(Result<Message, TryRecvError>),
    Received(Result<Message, RecvError>),
    ReceivedInThePast(Result<Message, RecvTimeoutError>),
    Cloned,
    Dropped,
}

/// Both channels have the same methods and no trait in common.
macro_rules! channel {
    ($name:ident, $($module:ident)::+) => {
        struct $name {
            senders: Vec<$($module)::+::Sender<Message>>,
            receiver: Option<$($module)::+::Receiver<Message>>,
            alive: Arc<()>,
            next: usize,
        }

        impl $name {
            fn new(capacity: Option<usize>) -> Self {
                let (sender, receiver) = match capacity {
                    Some(capacity) => $($module)::+::bounded(capacity),
                    None => $($module)::+::unbounded(),
                };
                Self {
                    senders: vec![sender],
                    receiver: Some(receiver),
                    alive: Arc::new(()),
                    next: 0,
                }
            }

            fn take(&mut self, step: Step, may_send: bool, may_receive: bool) -> Answer {
                self.next += 1;
                let message = (self.next, Arc::clone(&self.alive));
                match (step, self.senders.last(), &self.receiver) {
                    (Step::TrySend, Some(sender), _) => Answer::TrySent(sender.try_send(message)),
                    (Step::Send, Some(sender), _) if may_send => Answer::Sent(sender.send(message)),
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

            /// How many messages are alive; no answer may be, meanwhile.
            fn alive(&self) -> usize {
                Arc::strong_count(&self.alive) - 1
            }
        }
    };
}

channel!(Crossbeams, crossbeam_channel);
channel!(Explored, explored::channel);

/// What differs, if anything does.
fn compare(capacity: Option<usize>, steps: &[Step]) -> Result<(), String> {
    let mut theirs = Crossbeams::new(capacity);
    let mut ours = Explored::new(capacity);
    for (at, step) in steps.iter().enumerate() {
        // As long as the receiver lives, what is alive is queued, and nothing else.
        let queued = theirs.alive();
        let may_send = theirs.receiver.is_none() || capacity.is_none_or(|most| queued < most);
        let may_receive = queued > 0 || theirs.senders.is_empty();
        let expected = theirs.take(*step, may_send, may_receive);
        let found = ours.take(*step, may_send, may_receive);
        if expected != found {
            return Err(format!("step {at}: {found:?} and not {expected:?}"));
        }
        drop((expected, found));
        let (expected, found) = (theirs.alive(), ours.alive());
        if expected != found {
            return Err(format!("after step {at}: {found} alive and not {expected}"));
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
    let cases = (
        proptest::option::weighted(0.8, 1_usize..4),
        proptest::collection::vec(step(), 1..40),
    );
    let result = TestRunner::new(config).run(&cases, |(capacity, steps)| {
        let differs = Arc::new(Mutex::new(None));
        let found = Arc::clone(&differs);
        // Its locks are there only while schedules are explored; there is one, as this is one thread.
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

/// What is too many waits for room, or for the end of the receiver; what comes is in the order of each
/// sender.
pub(crate) fn a_full_channel_waits_for_room() {
    let (sender, receiver) = bounded(1);
    let senders = [10, 20].map(|first| {
        let sender = sender.clone();
        thread::spawn(move || {
            let accepted = |message: &usize| match sender.send(*message) {
                Ok(()) => true,
                Err(SendError(refused)) => {
                    assert_eq!(refused, *message);
                    false
                }
            };
            (first..first + 3).take_while(accepted).count()
        })
    });
    drop(sender);
    let came = [(); 3].map(|()| receiver.recv().unwrap());
    for first in [10, 20] {
        let of = came.iter().copied().filter(|it| it / 10 == first / 10);
        let length = of.clone().count();
        assert!(of.eq(first..first + length), "{came:?}");
    }
    drop(receiver);
    let accepted: usize = senders.map(|it| it.join().unwrap()).iter().sum();
    assert!(accepted == 3 || accepted == 4, "{accepted}");
}

/// A receiver wakes for a message, and when the last sender is gone.
pub(crate) fn an_empty_channel_waits_for_a_message() {
    let (sender, receiver) = bounded(2);
    let senders = [1, 2].map(|message| {
        let sender = sender.clone();
        thread::spawn(move || {
            let clone = sender.clone();
            drop(sender);
            assert_eq!(clone.try_send(message), Ok(()));
        })
    });
    drop(sender);
    let mut came = [receiver.recv().unwrap(), receiver.recv().unwrap()];
    came.sort_unstable();
    assert_eq!(came, [1, 2]);
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
    let sending = thread::spawn(move || sender.send(1).unwrap());
    let deadline = now() + SOON;
    let in_time = match receiver.recv_deadline(deadline) {
        Ok(message) => {
            assert_eq!(message, 1);
            true
        }
        Err(error) => {
            assert_eq!(error, RecvTimeoutError::Timeout);
            assert!(now() >= deadline);
            assert_eq!(receiver.recv(), Ok(1));
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
