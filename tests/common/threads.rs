//! A watchdog, a look at whether a thread is really waiting, and a way to mix them.

use std::env;
use std::hint;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};

#[cfg(target_os = "linux")]
use super::linux::{thread_number, wait_until_asleep};

/// Far more than any test here needs. Only a hanging test waits this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// `SEGMENT_STREAM_PATIENCE` says it otherwise, in seconds: where the crate is broken on purpose,
/// a test that hangs is as good as one that fails, and need not take as long.
fn patience() -> Duration {
    let asked = env::var("SEGMENT_STREAM_PATIENCE").ok();
    let secs = asked.and_then(|secs| secs.parse().ok());
    secs.map_or(PATIENCE, Duration::from_secs)
}

/// Runs the test on a thread of its own and fails if it does not end.
pub fn must_end<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = bounded(1);
    let patience = patience();
    let body = thread::Builder::new()
        .name("test-body".into())
        .spawn(move || {
            let result = panic::catch_unwind(panic::AssertUnwindSafe(test));
            done.send(result).expect("the watchdog waits for this");
        })
        .expect("a thread can be started");
    match ended.recv_timeout(patience) {
        Ok(Ok(value)) => {
            body.join().expect("it has caught its panic");
            value
        }
        Ok(Err(payload)) => panic::resume_unwind(payload),
        Err(RecvTimeoutError::Timeout) => panic!("stuck: not done after {patience:?}"),
        Err(RecvTimeoutError::Disconnected) => unreachable!("the body always sends"),
    }
}

/// Tries this time and longer ones, until the case has met what it looks at: a busy machine needs
/// longer for it.
pub fn in_some_time(time: Duration, case: impl FnMut(Duration) -> bool) {
    let times = [1, 10, 100].map(|longer| time * longer);
    assert!(times.into_iter().any(case), "100 × {time:?} are too short");
}

/// Lets other threads go first, so many times over, and so mixes them. Where the machine is busy
/// with something else that takes milliseconds each time, and it mixes them itself: so all of a
/// process together stand in line for two seconds, and take no more than a moment from then on.
pub fn give_way(turns: u64) {
    static IN_LINE_MICROS: AtomicU64 = AtomicU64::new(0);
    for _ in 0..turns {
        if IN_LINE_MICROS.load(Ordering::Relaxed) > 2_000_000 {
            hint::spin_loop();
            continue;
        }
        let begun = Instant::now();
        thread::yield_now();
        let took = begun.elapsed();
        if took > Duration::from_millis(1) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            IN_LINE_MICROS.fetch_add(micros, Ordering::Relaxed);
        }
    }
}

/// Starts a thread whose call is going to block, and returns once it does. (On systems other than
/// Linux it returns once the thread has begun.)
pub fn spawn_asleep<T: Send + 'static>(
    call: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let (tell, told) = bounded(1);
    let thread = thread::spawn(move || {
        tell.send(thread_number())
            .expect("its starter waits for this");
        call()
    });
    let number = told.recv().expect("the thread says its number");
    wait_until_asleep(&number);
    thread
}

#[cfg(not(target_os = "linux"))]
fn thread_number() -> String {
    String::new()
}

#[cfg(not(target_os = "linux"))]
fn wait_until_asleep(_: &str) {
    thread::yield_now();
}
