//! The output of the program while it works, and at the end.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use segment_stream::{ProducedSegment, StreamStats};

use crate::producer::Input;

/// Standard output gets a line for each segment; standard error gets the progress and the errors.
///
/// If nobody reads them (`record | head -1`), the output is dropped and the program continues.
pub struct Display {
    program: &'static str,
    /// The past participle for the segments: "recorded".
    done: &'static str,
    is_live: bool,
    stored: Total,
    lost: u64,
    input: Input,
}

/// The sum of the stored segments.
#[derive(Default)]
struct Total {
    segments: u64,
    bytes: u64,
    seconds: f64,
}

const CLEAR_LINE: &str = "\r\x1b[2K";

impl Display {
    pub fn new(program: &'static str, done: &'static str) -> Self {
        Self {
            program,
            done,
            is_live: io::stderr().is_terminal(),
            stored: Total::default(),
            lost: 0,
            input: Input::Flowing,
        }
    }

    /// The number of segments that are not stored.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    pub fn has_stored(&self) -> bool {
        self.stored.segments > 0
    }

    pub fn stored(&mut self, segment: &ProducedSegment) {
        self.stored.segments += u64::from(!segment.is_init);
        self.stored.bytes += segment.byte_len() as u64;
        self.stored.seconds += segment.duration_secs;
        self.clear_progress();
        let name = segment
            .path_hint
            .as_deref()
            .unwrap_or(Path::new("-"))
            .display();
        let (seconds, bytes) = (segment.duration_secs, segment.byte_len());
        let _ = writeln!(io::stdout(), "{name}  {seconds:.3} s  {bytes} bytes");
    }

    pub fn failed(&mut self, error: impl fmt::Display) {
        self.lost += 1;
        self.complain(error);
    }

    /// Prints a line on standard error that names the program.
    pub fn complain(&self, error: impl fmt::Display) {
        self.say(format_args!("{}: {error}", self.program));
    }

    /// Prints notes on the input.
    pub fn notes(&self, notes: Vec<String>) {
        for note in notes {
            self.complain(format_args!("note: {note}"));
        }
    }

    /// Prints a line on standard error.
    pub fn say(&self, line: impl fmt::Display) {
        self.clear_progress();
        // In one write: standard error is not buffered, and a kill may come between two.
        let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
    }

    /// Takes note of the state of the input. Silence counts if it is longer than `patience`; its
    /// begin and its end are a line each.
    pub fn input(&mut self, now: Input, patience: Duration) {
        let now = match now {
            Input::Silent(silence) if silence < patience => Input::Flowing,
            now => now,
        };
        match (self.input, now) {
            (Input::Flowing, Input::Silent(silence)) => {
                self.complain(format_args!("note: no input for {} s", silence.as_secs()));
            }
            (Input::Silent(silence), Input::Flowing) => {
                let seconds = silence.as_secs();
                self.complain(format_args!("note: input again, after {seconds} s"));
            }
            _ => {}
        }
        self.input = now;
    }

    /// Rewrites the progress line, if standard error is a terminal.
    pub fn progress(&self, stats: &StreamStats) {
        if self.is_live {
            let _ = write!(io::stderr(), "{CLEAR_LINE}{}", self.progress_line(stats));
        }
    }

    fn progress_line(&self, stats: &StreamStats) -> String {
        let Total {
            segments, bytes, ..
        } = self.stored;
        let (count, bytes) = (Count(segments), Bytes(bytes));
        let (in_flight, times) = (stats.in_flight.segments, WriteTimes(stats));
        let mut line = format!("{count} · {bytes} · {in_flight} in flight · {times}");
        // The trouble comes first: the end of a long line is not seen.
        if self.lost > 0 {
            let gaps = if self.lost == 1 { "gap" } else { "gaps" };
            line = format!("{} {gaps} · {line}", self.lost);
        }
        match self.input {
            Input::Flowing => line,
            Input::Silent(silence) => format!("no input for {} s · {line}", silence.as_secs()),
            Input::Lost => format!("input lost · {line}"),
        }
    }

    fn clear_progress(&self) {
        if self.is_live {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
    }

    pub fn summary(&self, folder: &Path, stats: &StreamStats) {
        let account = self.account(folder);
        self.say(format_args!("{account}; {}", WriteTimes(stats)));
    }

    /// The number of stored and lost segments, and the directory.
    pub fn account(&self, folder: &Path) -> String {
        let done = self.done;
        let Total {
            segments,
            bytes,
            seconds,
        } = self.stored;
        let (count, bytes, folder) = (Count(segments), Bytes(bytes), folder.display());
        let stored = match segments {
            0 => format!("{done} nothing"),
            _ => format!("{done} {count}, {seconds:.3} s, {bytes} in {folder}"),
        };
        match self.lost {
            0 => stored,
            lost => format!("{stored}; {} lost", Count(lost)),
        }
    }
}

struct Count(u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} segment{}",
            self.0,
            if self.0 == 1 { "" } else { "s" }
        )
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
        let Some(power) = self.0.checked_ilog(1000).filter(|&power| power > 0) else {
            return write!(f, "{} bytes", self.0);
        };
        let tenths = self.0 / (1000_u64.pow(power) / 10);
        let unit = units[power as usize - 1];
        write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

struct WriteTimes<'a>(&'a StreamStats);

impl fmt::Display for WriteTimes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        let (mean, longest) = (self.0.mean_write, self.0.longest_write);
        write!(
            f,
            "write {:.1} ms mean, {:.1} ms longest",
            milliseconds(mean),
            milliseconds(longest)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_on_the_progress_line() {
        let mut display = Display::new("test", "done");
        let line = |display: &Display| display.progress_line(&StreamStats::default());
        let quiet = line(&display);
        assert!(quiet.starts_with("0 segments · 0 bytes · "), "{quiet}");
        display.lost = 2;
        assert_eq!(line(&display), format!("2 gaps · {quiet}"));
        display.lost = 0;
        let second = Duration::from_secs(1);
        display.input(Input::Silent(7 * second), 8 * second);
        assert_eq!(line(&display), quiet);
        display.input(Input::Silent(9 * second), 8 * second);
        assert_eq!(line(&display), format!("no input for 9 s · {quiet}"));
        display.input(Input::Flowing, 8 * second);
        assert_eq!(line(&display), quiet);
        display.input(Input::Lost, 8 * second);
        assert_eq!(line(&display), format!("input lost · {quiet}"));
    }
}
