//! Records an MPEG transport stream, a file or standard input, as segments in a directory.
//!
//! ```text
//! cargo run --example record                          # the sample, into a temporary directory
//! cargo run --example record -- in.ts out/
//! ffmpeg … -f mpegts - | cargo run --example record -- - out/
//! ```
//!
//! One thread reads, cuts and sends; the stream's thread writes; the main thread iterates, and so
//! reports a segment once it is stored. Ctrl-C closes the stream through its handle. Accepted
//! segments are still written; the others come back, and the main thread writes them.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use segment_stream::{
    DiskSink, Existing, ProducedSegment, SegmentSink, SegmentStream, SegmentStreamConfig,
    WriteContext,
};

mod names;
mod options;
mod recorder;

use options::{HELP, Options};
use recorder::Recorder;
use support::arguments::Command;
use support::display::Display;
use support::folder::Folder;
use support::input::Source;
use support::interrupt::Interrupt;
use support::pace::Pace;
use support::producer::Producer;

fn main() -> ExitCode {
    // Each failure has its own line on standard error. The log is off unless RUST_LOG is set.
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("off")).init();
    let (options, source, folder) = match Command::parse(env::args_os().skip(1), Options::default())
    {
        Ok(Command::Run {
            options,
            source,
            folder,
        }) => (options, source, folder),
        Ok(Command::Help) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            let _ = writeln!(io::stderr(), "record: {wrong} (see record --help)");
            return ExitCode::from(2);
        }
    };
    let mut display = Display::new("record", "recorded");
    match record(&options, &source, folder.as_deref(), &mut display) {
        Ok(()) if display.lost() == 0 => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            display.complain(error);
            ExitCode::FAILURE
        }
    }
}

/// Records one input. On any error the stored segments stay whole.
fn record(
    options: &Options,
    source: &Source,
    folder: Option<&Path>,
    display: &mut Display,
) -> Result<(), Box<dyn Error>> {
    let input = source.open("a transport stream")?;
    let mut folder = Folder::open(folder, "record-")?;
    let disk = DiskSink::rooted(folder.path())
        .durability(options.durability)
        .existing(Existing::Refuse)
        // An unmounted disk leaves an empty directory, or none, on the system disk.
        .root_must_exist();
    #[cfg(unix)]
    let disk = disk.same_device();
    let config = SegmentStreamConfig {
        channel_depth: options.depth,
        ..Default::default()
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, disk.clone())?;
    let handle = stream.handle();
    let closing = handle.clone();
    Interrupt::listen(move || closing.close())?;

    let first_number = names::next_number(folder.path())?;
    let recorder = Recorder::new(options.target, first_number);
    let producer = Arc::new(Producer::new(recorder, Pace::Unpaced));
    let reader = thread::Builder::new().name("reader".into()).spawn({
        let producer = Arc::clone(&producer);
        move || producer.run(input, &sender)
    })?;

    for item in &mut stream {
        match item {
            Ok(segment) => {
                display.stored(&segment);
                producer.recycle(segment.data);
            }
            Err(error) => display.failed(error),
        }
        display.notes(producer.take_notices());
        display.progress(&handle.stats());
    }
    let rest = producer.stop();
    display.notes(producer.take_notices());
    finish(stream, display);
    let segments = rest.segments.into_iter().map(|it| it.segment);
    store(segments, disk, display);

    folder.keep_if(display.has_stored());
    if rest.reader_has_ended && reader.join().is_err() {
        return Err("the reading thread has panicked".into());
    }
    if let Some(fault) = rest.fault {
        let account = display.account(folder.path());
        return Err(format!("{source}: {fault}; {account}").into());
    }
    display.summary(folder.path(), &handle.stats());
    Ok(())
}

/// Ends the stream. Everything in it has been yielded, unless the writer failed.
fn finish(stream: SegmentStream, display: &mut Display) {
    let Err(error) = stream.finish() else { return };
    let report = error.into_report();
    for error in report.failed {
        display.failed(error);
    }
    for error in report.sink_errors {
        display.complain(error);
    }
}

/// Writes the segments that a closed stream refused.
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
