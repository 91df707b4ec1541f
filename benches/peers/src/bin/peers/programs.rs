//! Other programs, and what they use.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// What a program took from its start to its end.
pub(crate) struct Used {
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
    /// Bytes.
    pub(crate) peak: u64,
    pub(crate) output: String,
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> io::Result<Used> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::inherit());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let output = io::read_to_string(child.stdout.take().expect("it is piped"))?;
    let ended = child.wait4()?;
    let wall = start.elapsed();
    if !ended.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", ended.status)));
    }
    Ok(Used {
        wall,
        processor: ended.rusage.utime + ended.rusage.stime,
        peak: ended.rusage.maxrss,
        output,
    })
}

/// A program that runs until it is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).spawn().map(Self)
    }

    /// The processor time of all threads that have not ended, to the nanosecond.
    pub(crate) fn processor(&self) -> io::Result<Duration> {
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            // A thread may end meanwhile.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let first = text.split(' ').next().and_then(|it| it.parse::<u64>().ok());
            nanos += first.ok_or_else(|| io::Error::other("no processor time"))?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// The resident memory in bytes, what is shared with other processes divided among them.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib << 10)
            .ok_or_else(|| io::Error::other("no Pss"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `benches/run` built or made, by the name of its variable.
pub(crate) fn made(variable: &str) -> io::Result<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    path.ok_or_else(|| io::Error::other(format!("{variable} is not set: start benches/run")))
}

/// Whether there are these elements to package with; if not, says so.
pub(crate) fn has_gstreamer(elements: &[&str]) -> bool {
    for element in elements {
        let found = Command::new("gst-inspect-1.0")
            .args(["--exists", element])
            .status();
        if !found.is_ok_and(|status| status.success()) {
            println!("GStreamer is left out: it has no {element} here");
            return false;
        }
    }
    true
}
