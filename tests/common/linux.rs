//! Looks at this process through `/proc`, which Linux alone has.

use std::fs;
use std::thread;

use super::again::is_emulated;

/// The kernel's number of the calling thread.
pub fn thread_number() -> String {
    let link = fs::read_link("/proc/thread-self").expect("/proc is mounted");
    let number = link.file_name().expect("it ends in the thread's number");
    number.to_str().expect("it is a number").to_owned()
}

/// Waits, without sleeping, until the kernel says that the thread sleeps. A thread that is known
/// to be on its way into a blocking call has arrived there.
///
/// The threads of an emulator sleep for moments in locks of its own, so many looks must agree.
pub fn wait_until_asleep(thread_number: &str) {
    let looks = if is_emulated() { 100 } else { 1 };
    let mut asleep = 0;
    while asleep < looks {
        let stat = fs::read_to_string(format!("/proc/self/task/{thread_number}/stat"))
            .expect("the thread lives");
        // "pid (name) state …", and a name may have spaces and brackets in it.
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.trim().chars().next());
        asleep = if state == Some('S') { asleep + 1 } else { 0 };
        if asleep < looks {
            thread::yield_now();
        }
    }
}

/// Waits, without sleeping, until the kernel knows no such thread any more.
pub fn wait_until_gone(thread_number: &str) {
    let thread = format!("/proc/self/task/{thread_number}");
    while fs::exists(&thread).expect("/proc is mounted") {
        thread::yield_now();
    }
}
