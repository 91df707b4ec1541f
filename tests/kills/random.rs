//! Kills at random moments.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::common::folder::in_memory;
use super::common::threads::must_end;
use super::{Victim, copy_of};

/// After so many a new folder is begun, so that what waits to be deleted does not add up.
const KILLS_IN_A_FOLDER: u32 = 10;

/// Starts a session and gives it its input, from a thread, as it may be killed before it has read
/// all.
pub(crate) fn feed(victim: &impl Victim, out: &Path) -> Child {
    let mut session = victim.command(&[], out).spawn().unwrap();
    give(&mut session, victim.input());
    session
}

/// Gives it this input.
pub(crate) fn give(session: &mut Child, input: &[u8]) {
    let mut stdin = session.stdin.take().unwrap();
    let input = input.to_vec();
    thread::spawn(move || stdin.write_all(&input));
}

/// Any time up to `limit`.
fn moment(limit: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let nanos = u64::try_from(limit.as_nanos()).unwrap();
    Duration::from_nanos(random % nanos)
}

pub(crate) fn kill_and_go_on<V: Victim>(what: &str, victim: &Arc<V>, kills: u32) {
    let mut limit = {
        let folder = in_memory();
        let begun = Instant::now();
        let status = feed(&**victim, &folder.path().join("out")).wait().unwrap();
        assert_eq!(status.code(), Some(victim.exit_code()));
        begun.elapsed()
    };
    let mut hits = 0;
    let mut attempts = 0;
    let mut folder = in_memory();
    while hits < kills {
        assert!(
            attempts < 10 * kills + 100,
            "most end before they are killed"
        );
        let victim = Arc::clone(victim);
        let was_killed;
        (was_killed, folder) = must_end(move || {
            let out = folder.path().join("out");
            let start = copy_of(&out);
            let mut session = feed(&*victim, &out);
            thread::sleep(moment(limit));
            session.kill().unwrap();
            if session.wait().unwrap().code().is_some() {
                return (false, in_memory());
            }
            let start = start.path().join("out");
            victim.check(&start, &out);
            victim.go_on(&start, &out);
            (true, folder)
        });
        attempts += 1;
        hits += u32::from(was_killed);
        // The first one may have been slower than the others, or faster.
        limit = if was_killed {
            limit * 21 / 20
        } else {
            limit * 9 / 10
        };
        if hits % KILLS_IN_A_FOLDER == 0 {
            folder = in_memory();
        }
    }
    println!("{what}: {hits} kills at random, {attempts} attempts, the last within {limit:.1?}");
}
