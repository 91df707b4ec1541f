//! Looks at this process through `/proc`, which Linux alone has.

use std::fs;
use std::thread;

/// The kernel's number of the calling thread.
pub fn thread_number() -> String {
    let link = fs::read_link("/proc/thread-self").expect("/proc is mounted");
    let number = link.file_name().expect("it ends in the thread's number");
    number.to_str().expect("it is a number").to_owned()
}

/// Waits, without sleeping, until the kernel says that the thread sleeps. A thread that is known
/// to be on its way into a blocking call has arrived there.
pub fn wait_until_asleep(thread_number: &str) {
    loop {
        let stat = fs::read_to_string(format!("/proc/self/task/{thread_number}/stat"))
            .expect("the thread lives");
        // "pid (name) state …", and a name may have spaces and brackets in it.
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.trim().chars().next());
        if state == Some('S') {
            return;
        }
        thread::yield_now();
    }
}

/// Waits, without sleeping, until the kernel knows no such thread any more.
pub fn wait_until_gone(thread_number: &str) {
    let thread = format!("/proc/self/task/{thread_number}");
    while fs::exists(&thread).expect("/proc is mounted") {
        thread::yield_now();
    }
}
