//! Publishes a GStreamer pipeline as live HLS: `gstreamer-hls ts|mp4 OUT SECONDS`.
//!
//! The encoder is asked for a key unit every two seconds, and the muxer's output goes through an
//! `appsink` to the segmenter. Its thread blocks while the disk is slower than the pipeline.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{env, thread};

use gstreamer::prelude::*;
use gstreamer::{
    ClockTime, FlowError, FlowSuccess, MessageType, MessageView, Pipeline, State, Structure, event,
};
use gstreamer_app::{AppSink, AppSinkCallbacks};
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, SegmentNames};
use segment_stream::{
    DiskSink, ProducedSegment, SegmentSender, SegmentStream, SegmentStreamConfig,
};
use segmenter::{Segment, SegmentKind, Segmenter};

const TARGET: Duration = Duration::from_secs(2);
const SOURCES: &str = "\
    videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=25/1
      ! x264enc name=encoder tune=zerolatency key-int-max=1000 ! h264parse ! queue ! mux.
    audiotestsrc is-live=true ! audioconvert ! avenc_aac ! aacparse ! queue ! mux.";

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [format, out, seconds] = &arguments[..] else {
        return Err("usage: gstreamer-hls ts|mp4 OUT SECONDS".into());
    };
    let (extension, muxer) = match format.as_str() {
        "ts" => ("ts", "mpegtsmux alignment=7"),
        _ => ("m4s", "mp4mux streamable=true fragment-duration=2000"),
    };
    gstreamer::init()?;
    let sink = "name=mux ! appsink name=out sync=false";
    let pipeline = gstreamer::parse::launch(&format!("{SOURCES} {muxer} {sink}"))?;
    let pipeline = pipeline.downcast::<Pipeline>().map_err(|_| "no pipeline")?;

    let folder = Path::new(out);
    let playlist = MediaPlaylist::live("live.m3u8", 15 * TARGET)
        .target_duration(2 * TARGET)
        .program_date_time(SystemTime::now());
    let segments = playlist.reserve(DiskSink::rooted(folder));
    let mut publisher = MediaPlaylistPublisher::new(playlist, DiskSink::rooted(folder))?;
    let (mut stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), segments)?;

    let sink = pipeline.by_name("out").ok_or("no appsink")?;
    let sink = sink.downcast::<AppSink>().map_err(|_| "no appsink")?;
    let mut feed = Feed {
        segmenter: Segmenter::new(TARGET).for_players(None),
        names: SegmentNames::new("", extension),
        next: 0,
        sender,
    };
    let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
        feed.push(sink).map_err(|_| FlowError::Error)?;
        Ok(FlowSuccess::Ok)
    });
    sink.set_callbacks(callbacks.build());
    pipeline.set_state(State::Playing)?;
    let end = ClockTime::from_seconds(seconds.parse()?);
    let watch = thread::spawn(move || watch(&pipeline, end));
    for item in stream.with_info() {
        publisher.push(&item)?;
    }
    publisher.finish()?;
    watch
        .join()
        .map_err(|_| "the watching thread has panicked")?
}

/// Asks for key units, and ends the pipeline after this time, or with its error.
fn watch(pipeline: &Pipeline, end: ClockTime) -> Outcome<()> {
    let bus = pipeline.bus().ok_or("no bus")?;
    let encoder = pipeline.by_name("encoder").ok_or("no encoder")?;
    let (target, mut at) = (ClockTime::try_from(TARGET)?, ClockTime::ZERO);
    let outcome = loop {
        match bus.timed_pop_filtered(target, &[MessageType::Error, MessageType::Eos]) {
            None => at += target,
            Some(message) => match message.view() {
                MessageView::Error(error) => break Err(error.error().to_string().into()),
                _ => break Ok(()),
            },
        }
        if at >= end {
            pipeline.send_event(event::Eos::new());
            continue;
        }
        let key_unit = Structure::builder("GstForceKeyUnit")
            .field("running-time", at + target)
            .field("all-headers", true)
            .field("count", 0_u32);
        encoder.send_event(event::CustomUpstream::new(key_unit.build()));
    };
    pipeline.set_state(State::Null)?;
    // The callbacks hold the sender, so the stream ends with them.
    if let Some(sink) = pipeline.by_name("out").and_downcast::<AppSink>() {
        sink.set_callbacks(AppSinkCallbacks::builder().build());
    }
    outcome
}

/// Cuts what comes out of the muxer.
struct Feed {
    segmenter: Segmenter,
    names: SegmentNames,
    next: u64,
    sender: SegmentSender,
}

impl Feed {
    fn push(&mut self, sink: &AppSink) -> Outcome<()> {
        let sample = sink.pull_sample()?;
        let buffer = sample.buffer().ok_or("no buffer")?;
        let mut segments = Vec::new();
        self.segmenter
            .push(&buffer.map_readable()?, &mut segments)?;
        segments
            .drain(..)
            .try_for_each(|segment| self.send(segment))
    }

    fn send(&mut self, cut: Segment) -> Outcome<()> {
        if cut.kind == SegmentKind::Initialisation {
            return Ok(self
                .sender
                .send(self.names.name(ProducedSegment::init(cut.data)))?);
        }
        let length = cut.length().as_secs_f64();
        let segment = ProducedSegment::media(self.next, cut.data, length);
        self.next += 1;
        Ok(self.sender.send(self.names.name(segment))?)
    }
}

/// The pipeline has ended.
impl Drop for Feed {
    fn drop(&mut self) {
        let mut segments = Vec::new();
        let _ = self.segmenter.finish(&mut segments);
        let _ = segments
            .drain(..)
            .try_for_each(|segment| self.send(segment));
    }
}
