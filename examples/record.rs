//! Records an MPEG transport stream, a file or standard input, as segments in a folder.
//!
//! ```text
//! cargo run --example record                          # the sample, into a temporary folder
//! cargo run --example record -- in.ts out/
//! ffmpeg … -f mpegts - | cargo run --example record -- - out/
//! ```
//!
//! One thread reads, cuts and sends; the stream's own thread writes; the main thread iterates, and so
//! reports a segment once it is stored. Ctrl-C closes the stream through its handle: what was accepted
//! is still written, and what was not comes back and is written by the main thread.

use std::env;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use segment_stream::{
    DiskSink, Existing, ProducedSegment, SegmentSink, SegmentStream, SegmentStreamConfig,
    StreamHandle, WriteContext,
};

#[path = "record/display.rs"]
mod display;
#[path = "record/folder.rs"]
mod folder;
mod mpegts;
#[path = "record/options.rs"]
mod options;
#[path = "record/producer.rs"]
mod producer;

use display::Display;
use folder::Folder;
use options::{Command, HELP, Options, Source};
use producer::Producer;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample.ts");
const KILLED_BY_CTRL_C: i32 = 130;

fn main() -> ExitCode {
    // Each failure has its own line on standard error; the log is for who asks for it with RUST_LOG.
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("off")).init();
    let options = match Command::parse(env::args_os().skip(1)) {
        Ok(Command::Record(options)) => options,
        Ok(Command::Help) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            let _ = writeln!(io::stderr(), "record: {wrong} (see record --help)");
            return ExitCode::from(2);
        }
    };
    let mut display = Display::new();
    match record(&options, &mut display) {
        Ok(()) if display.lost() == 0 => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            display.say(format_args!("record: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Records one input. Whatever goes wrong, what was stored is whole.
fn record(options: &Options, display: &mut Display) -> Result<(), Box<dyn Error>> {
    let input = open(&options.source)?;
    let mut folder = Folder::open(options.folder.as_deref())?;
    let disk = || {
        DiskSink::rooted(folder.path())
            .durability(options.durability)
            .existing(Existing::Refuse)
    };
    let config = SegmentStreamConfig {
        channel_depth: options.depth,
        ..Default::default()
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, disk())?;
    let handle = stream.handle();
    close_on_ctrl_c(handle.clone())?;

    let producer = Arc::new(Producer::new(options.target, folder.next_number()?));
    let reader = thread::Builder::new().name("reader".into()).spawn({
        let producer = Arc::clone(&producer);
        move || producer.run(input, &sender)
    })?;

    let mut programs = None;
    for item in &mut stream {
        match item {
            Ok(segment) => display.stored(&segment),
            Err(error) => display.failed(error),
        }
        if programs.is_none() {
            programs = producer.programs();
            if let Some(count @ 2..) = programs {
                display.say(format_args!(
                    "record: note: all {count} programs are recorded, cut for one"
                ));
            }
        }
        display.progress(&handle.stats());
    }
    let rest = producer.stop();
    finish(stream, display);
    store(rest.segments, disk(), display);

    folder.keep_if(display.has_stored());
    if rest.reader_has_ended && reader.join().is_err() {
        return Err("the reading thread has panicked".into());
    }
    if let Some(fault) = rest.fault {
        let recorded = display.recorded(folder.path());
        return Err(format!("{}: {fault}; recorded {recorded}", options.source).into());
    }
    display.summary(folder.path(), &handle.stats());
    Ok(())
}

/// The first Ctrl-C ends the recording, and so does a `SIGTERM`. The second one does not wait.
fn close_on_ctrl_c(handle: StreamHandle) -> Result<(), ctrlc::Error> {
    let was_asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if was_asked.swap(true, Ordering::Relaxed) {
            process::exit(KILLED_BY_CTRL_C);
        }
        handle.close();
    })
}

/// Ends the stream. All it held has been yielded, unless the writer came to a bad end.
fn finish(stream: SegmentStream, display: &mut Display) {
    let Err(error) = stream.finish() else { return };
    let report = error.into_report();
    for error in report.failed {
        display.failed(error);
    }
    if let Some(error) = report.sink_error {
        display.say(format_args!("record: {error}"));
    }
}

/// Writes what a closed stream did not take.
fn store(
    segments: impl IntoIterator<Item = ProducedSegment>,
    mut sink: DiskSink,
    display: &mut Display,
) {
    for segment in segments {
        match sink.write(&segment, &WriteContext::default()) {
            Ok(()) => display.stored(&segment),
            Err(error) => display.failed(format_args!("segment {}: {error}", segment.sequence)),
        }
    }
}

fn open(source: &Source) -> Result<Box<dyn Read + Send>, Box<dyn Error>> {
    let path = match source {
        Source::Sample => Path::new(SAMPLE),
        Source::File(path) => path,
        Source::StandardInput if io::stdin().is_terminal() => {
            return Err("standard input is a terminal, not a transport stream".into());
        }
        Source::StandardInput => return Ok(Box::new(io::stdin())),
    };
    let file = File::open(path).map_err(|error| format!("cannot open {source}: {error}"))?;
    Ok(Box::new(file))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample => write!(f, "{SAMPLE}"),
            Self::StandardInput => write!(f, "standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
