//! Packages a transport stream or fragmented MP4, a file or standard input, as live HLS.
//!
//! ```text
//! alias live_hls='cargo run --features hls --example live_hls --'
//! live_hls                                   # the sample, and how to play it
//! live_hls --realtime in.mp4 out/
//! live_hls --dash in.mp4 out/                # and live.mpd, with the feature dash
//! ffmpeg … -f mpegts - | live_hls - out/
//! ffmpeg … -f mpegts - | live_hls --resume --keep 12h --keep 200GB - out/
//! ```
//!
//! One thread reads, cuts and sends; the stream's thread writes; the main thread iterates and
//! publishes. A playlist therefore never names a missing file. Ctrl-C closes the stream through
//! its handle. Accepted segments are still written and listed, and so are those that a closed
//! stream gives back.
#![deny(clippy::unwrap_used)]

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use segment_stream::hls::Item;
use segment_stream::{
    NoNext, ProducedSegment, SegmentStream, SegmentStreamConfig, Submission, WriteError,
};
use segmenter::Segmenter;

mod dates;
mod keep;
#[cfg(feature = "dash")]
mod mpd;
#[cfg(not(feature = "dash"))]
#[path = "no_mpd.rs"]
mod mpd;
mod options;
mod packager;
mod player;
mod publication;
mod splices;

use options::{HELP, Options, Restart, Speed};
use packager::{Bound, Packager};
use publication::{Deletion, Publication};
use splices::Splices;
use support::arguments::Command;
use support::display::Display;
use support::folder::Folder;
use support::input::Source;
use support::interrupt::Interrupt;
use support::pace::Pace;
use support::producer::Producer;

/// The interval at which old segments are deleted after the end of the input.
const DELETING_EVERY: Duration = Duration::from_millis(250);
/// The interval at which the input is looked at while no segment comes.
const LOOKING_EVERY: Duration = Duration::from_millis(500);

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
            let _ = writeln!(io::stderr(), "live_hls: {wrong} (see live_hls --help)");
            return ExitCode::from(2);
        }
    };
    let mut display = Display::new("live_hls", "packaged");
    match package(&options, &source, folder.as_deref(), &mut display) {
        Ok(Outcome::Complete) if display.lost() == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            display.complain(error);
            ExitCode::FAILURE
        }
    }
}

/// The outcome of an input that could be opened.
enum Outcome {
    Complete,
    /// The reason is on standard error.
    Incomplete,
}

/// Packages one input. On any error the playlist and its segments stay whole.
fn package(
    options: &Options,
    source: &Source,
    folder: Option<&Path>,
    display: &mut Display,
) -> Result<Outcome, Box<dyn Error>> {
    let input = source.open("a transport stream or an MP4")?;
    let mut folder = Folder::open(folder, "live_hls-")?;
    let bound = Bound::default();
    let mut publication = Publication::open(folder.path(), options, bound.clone())?;
    let config = SegmentStreamConfig {
        channel_depth: options.depth,
        ..Default::default()
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, publication.segment_sink())?;
    let handle = stream.handle();

    let segmenter = Segmenter::new(options.target).for_players(options.program);
    let splices = Splices::new(
        options.ad_markers,
        options.dates,
        &publication.known_ranges(),
        publication.ranges(),
    );
    let next = publication.next_sequence();
    let packager = Packager::new(segmenter, next, options, bound, splices);
    let pace = match options.speed {
        Speed::Full => Pace::Unpaced,
        Speed::Realtime => Pace::realtime(),
    };
    let producer = Arc::new(Producer::new(packager, pace));
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
    iterate(&mut stream, &producer, patience, &mut publication, display);
    let rest = producer.stop();
    display.notes(producer.take_notices());
    finish(stream, &mut publication, display);
    let stored = store_and_list(rest.segments, &mut publication, display);
    folder.keep_if(display.has_stored());
    stored?;
    if rest.reader_has_ended && reader.join().is_err() {
        return Err("the reading thread has panicked".into());
    }

    let is_broken_off = rest.fault.is_some() || interrupt.was_asked();
    let outcome = if let Some(fault) = rest.fault {
        let account = display.account(folder.path());
        display.complain(format_args!("{source}: {fault}; {account}"));
        Outcome::Incomplete
    } else {
        display.summary(folder.path(), &handle.stats());
        Outcome::Complete
    };
    if is_broken_off && options.restart == Restart::Resume {
        publication.suspend()?;
        return Ok(outcome);
    }
    publication.end()?;
    if *source == Source::Sample && display.has_stored() {
        player::write_page(folder.path(), options.formats)?;
        player::explain(folder.path(), display);
    }
    delete_old_segments(&mut publication, &interrupt, display);
    Ok(outcome)
}

/// Lists stored segments until the input ends or the stream is closed.
fn iterate(
    stream: &mut SegmentStream,
    producer: &Producer<Packager>,
    patience: Duration,
    publication: &mut Publication,
    display: &mut Display,
) {
    let handle = stream.handle();
    let mut items = stream.with_info();
    loop {
        let next = items.next_timeout(LOOKING_EVERY);
        display.notes(producer.take_notices());
        display.input(producer.input(), patience);
        match next {
            Ok(item) => {
                list(&item, &item.result, publication, display);
                if let Ok(segment) = item.result {
                    producer.recycle(segment.data);
                }
            }
            Err(NoNext::NotYet) => {}
            Err(NoNext::Ended) => return,
        }
        display.progress(&handle.stats());
    }
}

/// Enters an item of the stream into the playlists.
fn list(
    item: &impl Item,
    result: &Result<ProducedSegment, WriteError>,
    publication: &mut Publication,
    display: &mut Display,
) {
    publication.push(item, result, display);
    match result {
        Ok(segment) => display.stored(segment),
        Err(error) => display.failed(error),
    }
}

/// Ends the stream. Everything in it has been yielded, unless the writer failed.
fn finish(stream: SegmentStream, publication: &mut Publication, display: &mut Display) {
    let Err(error) = stream.finish() else { return };
    let report = error.into_report();
    for error in report.failed {
        let lost = Err(error);
        list(&lost, &lost, publication, display);
    }
    for error in report.sink_errors {
        display.complain(error);
    }
}

/// Writes the segments that a closed stream refused, through another stream.
fn store_and_list(
    segments: impl IntoIterator<Item = Submission>,
    publication: &mut Publication,
    display: &mut Display,
) -> Result<(), Box<dyn Error>> {
    let config = SegmentStreamConfig::default();
    let (mut stream, sender) = SegmentStream::with_sink(config, publication.segment_sink())?;
    for segment in segments {
        // One at a time, because this thread both sends and iterates.
        sender.send(segment)?;
        if let Some(item) = stream.with_info().next() {
            list(&item, &item.result, publication, display);
        }
    }
    stream.finish()?;
    Ok(())
}

/// Waits until players cannot need the old segments, and deletes them. Ctrl-C keeps them.
fn delete_old_segments(
    publication: &mut Publication,
    interrupt: &Interrupt,
    display: &mut Display,
) {
    let waiting = publication.waiting_for_deletion();
    if waiting > 0 && !interrupt.was_asked() {
        display.complain(format_args!(
            "waiting to delete {waiting} old files that players may still request (Ctrl-C keeps \
             them)"
        ));
    }
    let mut left = waiting;
    while left > 0 && !interrupt.was_asked() {
        let deletion = publication.delete_due(display);
        let before = std::mem::replace(&mut left, publication.waiting_for_deletion());
        if deletion == Deletion::Failed {
            break;
        }
        if left == before {
            interrupt.wait(DELETING_EVERY);
        }
    }
    if left > 0 {
        display.complain(format_args!("{left} old files are kept"));
    }
}
