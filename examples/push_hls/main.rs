//! Packages a transport stream or fragmented MP4, a file or standard input, as live HLS at an HTTP
//! origin or in an object store.
//!
//! ```text
//! cargo run --release --features hls,http --example push_hls -- INPUT http://HOST/live/
//! ```
//!
//! One thread reads, cuts and sends; the stream's threads upload; the main thread iterates; a
//! thread of the publisher puts the playlist. A playlist therefore never names a missing object,
//! and a slow origin holds up neither the iteration nor the input, until the stream is full.
#![deny(clippy::unwrap_used)]

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use segment_stream::{
    NoNext, ProducedSegment, SegmentSink, SegmentStream, SegmentStreamConfig, Submission,
    WriteError,
};
use segmenter::Segmenter;

mod destination;
mod options;
mod packager;
mod publication;

use destination::Destination;
use options::{HELP, Options, Restart};
use packager::Packager;
use publication::{Deletion, Publication, account_name};
use support::arguments::Command;
use support::display::Display;
use support::input::Source;
use support::interrupt::Interrupt;
use support::producer::Producer;

/// The interval at which the input and the origin are looked at while no segment comes.
const LOOKING_EVERY: Duration = Duration::from_millis(500);

/// The rounds of deletions that may fail in a row at the end.
const REFUSALS: usize = 10;

fn main() -> ExitCode {
    // Each failure has its own line on standard error. The log is off unless RUST_LOG is set.
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("off")).init();
    let (options, source, url) = match Command::parse(env::args_os().skip(1), Options::default()) {
        Ok(Command::Run {
            options,
            source,
            folder: Some(url),
        }) => (options, source, url.to_string_lossy().into_owned()),
        Ok(Command::Help) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Ok(Command::Run { folder: None, .. }) => return misused("INPUT and URL are needed"),
        Err(wrong) => return misused(&wrong),
    };
    let mut display = Display::new("push_hls", "published");
    match push(&options, &source, &url, &mut display) {
        Ok(()) if display.lost() == 0 => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            display.complain(error);
            ExitCode::FAILURE
        }
    }
}

fn misused(wrong: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "push_hls: {wrong} (see push_hls --help)");
    ExitCode::from(2)
}

/// Packages one input to the destination.
fn push(
    options: &Options,
    source: &Source,
    url: &str,
    display: &mut Display,
) -> Result<(), Box<dyn Error>> {
    let input = source.open("a transport stream or an MP4")?;
    let destination = Destination::new(url, options)?;
    display.notes(destination.sweep());
    let mut publication = Publication::open(&destination, options)?;
    let config = SegmentStreamConfig::default();
    let sinks = |_| publication.segment_sink(&destination);
    let (mut stream, sender) = SegmentStream::with_writers(config, options.writers, sinks)?;
    let handle = stream.handle();

    let segmenter = Segmenter::new(options.target).for_players(None);
    let packager = Packager::new(segmenter, publication.next_sequence());
    let producer = Arc::new(Producer::new(packager, options.pace()));
    let interrupt = Interrupt::listen({
        let (handle, producer) = (handle.clone(), Arc::clone(&producer));
        move || {
            handle.close();
            producer.wake();
        }
    })?;
    let reader = thread::Builder::new().name("reader".into()).spawn({
        let producer = Arc::clone(&producer);
        move || producer.run(input, &sender)
    })?;

    let patience = options.target.saturating_mul(2);
    loop {
        let next = stream.with_info().next_timeout(LOOKING_EVERY);
        display.notes(producer.take_notices());
        display.input(producer.input(), patience);
        match next {
            Ok(item) => {
                publication.push(&item, display);
                list(&item.result, display);
                if let Ok(segment) = item.result {
                    producer.recycle(segment.data);
                }
            }
            Err(NoNext::NotYet) => {}
            Err(NoNext::Ended) => break,
        }
        publication.watch(display);
        display.progress(&handle.stats());
    }
    let rest = producer.stop();
    stream.finish()?;
    let sink = publication.segment_sink(&destination);
    push_rest(rest.segments, sink, &mut publication, display)?;
    if rest.reader_has_ended && reader.join().is_err() {
        return Err("the reading thread has panicked".into());
    }

    let is_broken_off = rest.fault.is_some() || interrupt.was_asked();
    if is_broken_off && options.restart == Restart::Resume {
        publication.suspend()?;
    } else if publication.next_sequence() > 0 && display.has_stored() {
        publication.end(display)?;
        delete_old_objects(&mut publication, &interrupt, display);
    }
    display.summary(account_name(url), &handle.stats());
    match rest.fault {
        Some(fault) => Err(format!("{source}: {fault}").into()),
        None => Ok(()),
    }
}

fn list(result: &Result<ProducedSegment, WriteError>, display: &mut Display) {
    match result {
        Ok(segment) => display.stored(segment),
        Err(error) => display.failed(error),
    }
}

/// Uploads the segments that a closed stream refused, through another stream.
fn push_rest(
    segments: impl IntoIterator<Item = Submission>,
    sink: Box<dyn SegmentSink>,
    publication: &mut Publication,
    display: &mut Display,
) -> Result<(), Box<dyn Error>> {
    let (mut stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink)?;
    for segment in segments {
        // One at a time, because this thread both sends and iterates.
        sender.send(segment)?;
        if let Some(item) = stream.with_info().next() {
            publication.push(&item, display);
            list(&item.result, display);
        }
    }
    stream.finish()?;
    Ok(())
}

/// Waits until players cannot need the old objects, and deletes them and the side file. Ctrl-C keeps
/// them, and so does an origin that refuses all deletions for some seconds.
fn delete_old_objects(publication: &mut Publication, interrupt: &Interrupt, display: &Display) {
    let mut waiting = publication.waiting_for_deletion();
    if waiting > 0 && !interrupt.was_asked() {
        display.complain(format_args!(
            "waiting to delete {waiting} old objects that players may still request (Ctrl-C keeps \
             them)"
        ));
    }
    let mut refusals = 0;
    while !interrupt.was_asked() {
        let deletion = publication.delete_due(display);
        let before = std::mem::replace(&mut waiting, publication.waiting_for_deletion());
        match deletion {
            Deletion::Fine if waiting == 0 => return,
            Deletion::Refused if waiting == before => refusals += 1,
            Deletion::Fine | Deletion::Refused => refusals = 0,
        }
        if refusals == REFUSALS {
            return display.complain("the objects that could not be deleted are kept");
        }
        interrupt.wait(LOOKING_EVERY);
    }
}
