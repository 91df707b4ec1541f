//! The guarantees of the API at compile time, and the texts of its errors.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::io::{self, ErrorKind};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::segments::segment;
use crate::common::threads::must_end;
use segment_stream::{
    DiskSink, FinishError, FinishErrorKind, NoNext, ObjectKind, Pause, ProducedSegment, Recovery,
    Report, SegmentSender, SegmentSink, SegmentStream, SegmentStreamConfig, SendError, SinkError,
    SinkErrorKind, StreamHandle, StreamStats, Swept, WriteContext, WriteError, sink,
};

#[test]
fn everything_may_cross_threads() {
    fn everywhere<T: Send + Sync + Debug + 'static>() {}
    fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}
    fn only_sent<T: Send>() {}
    everywhere::<ProducedSegment>();
    everywhere::<SegmentStreamConfig>();
    everywhere::<SegmentSender>();
    everywhere::<SegmentStream>();
    everywhere::<StreamHandle>();
    everywhere::<StreamStats>();
    everywhere::<Report>();
    everywhere::<Swept>();
    everywhere::<DiskSink>();
    everywhere::<WriteContext>();
    survives_panics::<SegmentSender>();
    survives_panics::<StreamHandle>();
    only_sent::<Box<dyn SegmentSink>>();
}

#[test]
fn errors_are_errors_and_small() {
    fn error<T: Error + Display + Send + Sync + 'static>() -> usize {
        size_of::<T>()
    }
    // Clippy's `result_large_err` would fire in users' code from 128 bytes on.
    assert!(error::<SendError>() < 128);
    assert_eq!(error::<WriteError>(), size_of::<usize>());
    assert_eq!(error::<SinkError>(), size_of::<usize>());
    assert_eq!(error::<FinishError>(), size_of::<usize>());
    assert_eq!(error::<NoNext>(), 1);
}

#[test]
fn a_boxed_sink_is_a_sink() {
    must_end(|| {
        let folder = tempfile::tempdir().unwrap();
        let sinks: [Box<dyn SegmentSink>; 2] = [
            Box::new(DiskSink::rooted(folder.path())),
            Box::new(sink::from_fn(|_| Ok(()))),
        ];
        for sink in sinks {
            let (stream, sender) =
                SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
            sender.send(segment(0).with_path("0.ts")).unwrap();
            assert_eq!(stream.finish().unwrap().written.len(), 1);
        }
        let mut sink: Box<dyn SegmentSink> = Box::new(DiskSink::rooted(folder.path()));
        sink.remove(Path::new("0.ts"), &WriteContext::default())
            .unwrap();
        sink.finish().unwrap();
        assert!(!folder.path().join("0.ts").exists());
    });
}

#[test]
fn the_original_api_is_here_under_its_names() {
    let config = SegmentStreamConfig {
        auto_write: false,
        ..Default::default()
    };
    assert_eq!(
        (config.channel_depth, config.auto_write, config.pre_allocate),
        (8, false, false)
    );
    assert!(SegmentStreamConfig::default().auto_write);

    let media = ProducedSegment::media(7, vec![1, 2, 3], 2.5);
    assert_eq!(
        (media.sequence, media.duration_secs, media.is_init),
        (7, 2.5, false)
    );
    assert_eq!((media.byte_len(), &media.path_hint), (3, &None));
    let init = ProducedSegment::init(vec![9]).with_path(PathBuf::from("init.mp4"));
    assert_eq!(
        (init.sequence, init.duration_secs, init.is_init),
        (0, 0.0, true)
    );
    assert_eq!(init.path_hint.as_deref(), Some(Path::new("init.mp4")));
    let literal = ProducedSegment {
        sequence: 1,
        data: Vec::new(),
        duration_secs: 0.0,
        is_init: false,
        path_hint: None,
    };
    assert_eq!(literal.clone(), literal);
}

#[test]
fn debug_never_prints_a_payload() {
    must_end(|| {
        let payload = b"SECRET PAYLOAD".to_vec();
        let secret = || ProducedSegment::media(3, payload.clone(), 2.0).with_path("3.ts");
        let listed = format!("{payload:?}");
        let (mut stream, sender) = SegmentStream::with_sink(
            SegmentStreamConfig::default(),
            crate::common::sinks::failing(|_| true),
        )
        .unwrap();
        sender.send(secret()).unwrap();
        let write_error = stream.next().unwrap().unwrap_err();
        sender.send(secret()).unwrap();
        let texts = [
            format!("{:?}", secret()),
            format!("{write_error:?} {write_error}"),
            format!("{stream:?} {sender:?} {:?}", stream.handle()),
            format!("{:?}", stream.finish().unwrap_err()),
            format!("{:?}", sender.send(secret()).unwrap_err()),
        ];
        for text in texts {
            assert!(
                !text.contains("SECRET") && !text.contains(&listed),
                "{text}"
            );
        }
    });
}

#[test]
fn a_sink_error_survives_the_way_through_io_error() {
    let bare = SinkError::from(io::Error::from_raw_os_error(28));
    assert_eq!(
        (bare.raw_os_error(), bare.recovery()),
        (Some(28), Recovery::Unknown)
    );
    assert_eq!(io::Error::from(bare).raw_os_error(), Some(28));

    let told = SinkError::transient(io::Error::from_raw_os_error(5))
        .with_operation("upload")
        .with_path("a\nb.ts");
    let through = io::Error::from(told);
    assert_eq!(through.kind(), io::Error::from_raw_os_error(5).kind());
    let back = SinkError::from(through);
    assert_eq!(back.recovery(), Recovery::Transient);
    assert_eq!(
        (back.operation(), back.path()),
        (Some("upload"), Some(Path::new("a\nb.ts")))
    );
    assert_eq!(back.raw_os_error(), Some(5));
    // One line, whatever the name.
    assert!(
        back.to_string().starts_with("cannot upload \"a\\nb.ts\": "),
        "{back}"
    );

    let plain = SinkError::permanent("the token has expired");
    assert_eq!(plain.to_string(), "the token has expired");
    assert_eq!(
        (plain.io_kind(), plain.raw_os_error()),
        (io::ErrorKind::Other, None)
    );
    assert!(plain.io_error().is_none());
    // The message has the cause, so only a cause of the cause would be a source.
    assert!(plain.source().is_none());
    assert_eq!(plain.cause().to_string(), "the token has expired");
}

/// An error with another one behind it.
#[derive(Debug)]
struct Outer(io::Error);
impl Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("outer")
    }
}
impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_sink_error_that_is_told_again_keeps_what_it_said() {
    let told = SinkError::from(io::Error::from_raw_os_error(28))
        .with_operation("upload")
        .with_path("7.ts");
    let again = SinkError::permanent(told);
    assert_eq!(
        (again.recovery(), again.raw_os_error()),
        (Recovery::Permanent, Some(28))
    );
    assert_eq!(
        (again.operation(), again.path()),
        (Some("upload"), Some(Path::new("7.ts")))
    );

    // However deep the cause is.
    let deep = SinkError::transient(Outer(io::Error::from_raw_os_error(5)));
    assert_eq!(deep.raw_os_error(), Some(5));
    let deeper = SinkError::from(io::Error::other(Outer(io::Error::from_raw_os_error(5))));
    assert_eq!(deeper.raw_os_error(), Some(5));
}

#[test]
fn a_message_is_one_line_whatever_is_in_it() {
    let error = SinkError::permanent("left: 1\n right: 2\r\u{1b}[31m")
        .with_operation("do\nthis")
        .with_path("a\nb");
    let message = "cannot do\\nthis \"a\\nb\": left: 1\\n right: 2\\r\\u{1b}[31m";
    assert_eq!(error.to_string(), message);

    let whole = "nothing is changed of \"caf\u{e9}\", C:\\ and \u{e9}";
    assert_eq!(SinkError::permanent(whole).to_string(), whole);
}

#[test]
fn every_error_becomes_an_io_error_and_takes_its_segment_along() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::with_sink(
            SegmentStreamConfig::default(),
            crate::common::sinks::failing(|_| true),
        )
        .unwrap();
        sender.send(segment(1).with_path("1.ts")).unwrap();
        let error = stream.next().unwrap().unwrap_err();
        let cause = error.sink_error().io_error().unwrap();
        assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
        assert_eq!(
            (error.operation(), error.path()),
            ("write", Some(Path::new("1.ts")))
        );
        let shown = format!("{error:?}");
        for part in [
            "WriteError { segment: ProducedSegment { sequence: 1",
            "kind: Failed, cause: SinkError { operation: Some(\"write\"), path: Some(\"1.ts\")",
            "attempts: 1, segments: 1",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let message = error.to_string();
        let error = io::Error::from(error);
        assert_eq!(
            (error.kind(), error.to_string()),
            (io::ErrorKind::StorageFull, message)
        );
        let error = error.downcast::<WriteError>().unwrap();
        assert_eq!(error.into_segment().sequence, 1);

        sender.send(segment(2)).unwrap();
        let error = io::Error::from(stream.finish().unwrap_err());
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let error = error.downcast::<FinishError>().unwrap();
        let message = "1 segment not written, the first: segment 2: cannot write: no storage space";
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), FinishErrorKind::Write);
        assert_eq!(
            error.into_report().failed.remove(0).into_segment(),
            segment(2)
        );

        let error = sender.send(segment(3)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "segment 3 was not accepted: the stream is closed"
        );
        assert!(error.is_closed() && !error.is_own_writer());
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(
            error.downcast::<SendError>().unwrap().into_segment(),
            segment(3)
        );
    });
}

/// What a reporter prints that walks the chain of sources.
fn reported(error: &dyn Error) -> String {
    let mut report = format!("{error}\n");
    let mut next = error.source();
    while let Some(cause) = next {
        report.push_str(&cause.to_string());
        report.push('\n');
        next = cause.source();
    }
    report
}

/// A failure with two causes, each behind the other.
fn layered() -> io::Error {
    let lowest = Outer(io::Error::other("the lowest cause"));
    io::Error::other(Middle(io::Error::other(lowest)))
}

/// What [`layered`] says, from the top.
const LAYERS: [&str; 3] = ["middle", "outer", "the lowest cause"];

#[derive(Debug)]
struct Middle(io::Error);
impl Display for Middle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("middle")
    }
}
impl Error for Middle {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[track_caller]
fn assert_prints_each_once(error: &dyn Error, parts: &[&str]) {
    let report = reported(error);
    for part in parts {
        assert_eq!(report.matches(part).count(), 1, "{part} in {report}");
    }
}

#[test]
fn a_reporter_that_walks_the_chain_prints_each_cause_once() {
    must_end(|| {
        let told = || {
            SinkError::permanent(layered())
                .with_operation("upload")
                .with_path("7.ts")
        };
        let named = ["cannot upload \"7.ts\"", LAYERS[0], LAYERS[1], LAYERS[2]];
        assert_prints_each_once(&SinkError::from(layered()), &LAYERS);
        assert_prints_each_once(&told(), &named);
        assert_prints_each_once(&io::Error::from(told()), &named);
        // Inside the error of another sink.
        assert_prints_each_once(&SinkError::transient(io::Error::from(told())), &named);

        let sink = sink::from_fn_with_context(move |_, _| Err(told()));
        let config = SegmentStreamConfig::default();
        let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(segment(7)).unwrap();
        let error = stream.next().unwrap().unwrap_err();
        assert_prints_each_once(&error, &named);
        assert_prints_each_once(&io::Error::from(error), &named);

        sender.send(segment(7)).unwrap();
        let error = stream.finish().unwrap_err();
        assert_eq!(error.kind(), FinishErrorKind::Write);
        assert_prints_each_once(&error, &named);
        assert_prints_each_once(&error, &["1 segment not written", "segment 7: "]);
        assert_prints_each_once(&io::Error::from(error), &named);

        let (mut recording, _) = crate::common::sinks::Recording::new();
        recording.finish = Some(layered());
        let config = SegmentStreamConfig::default();
        let (stream, _sender) = SegmentStream::with_sink(config, recording).unwrap();
        let error = stream.finish().unwrap_err();
        assert_eq!(error.kind(), FinishErrorKind::Sink);
        assert_prints_each_once(&error, &LAYERS);
        assert_prints_each_once(&error, &["the sink did not end well: cannot finish: "]);
    });
}

#[test]
fn the_code_of_the_system_is_found_through_a_sink_error_inside() {
    let told = || SinkError::from(io::Error::from_raw_os_error(5)).with_path("7.ts");
    let inside = SinkError::permanent(io::Error::from(told()));
    assert_eq!(inside.raw_os_error(), Some(5));
    assert!(SinkError::from(io::Error::other(told())).is_transient());
}

#[test]
fn the_kind_of_a_sink_error_says_what_a_caller_can_do() {
    let of = |kind| SinkError::from(io::Error::from(kind)).kind();
    assert_eq!(of(io::ErrorKind::TimedOut), SinkErrorKind::Transient);
    assert_eq!(of(io::ErrorKind::Unsupported), SinkErrorKind::Unsupported);
    assert_eq!(of(io::ErrorKind::FileTooLarge), SinkErrorKind::TooLarge);
    assert_eq!(of(io::ErrorKind::NotFound), SinkErrorKind::Permanent);
    let told = SinkError::transient(io::Error::from(io::ErrorKind::Unsupported));
    assert_eq!(told.kind(), SinkErrorKind::Transient);
    assert_eq!(SinkError::permanent("no").kind(), SinkErrorKind::Permanent);
}

#[test]
fn the_outcome_of_a_failed_write_is_what_the_sink_says_or_else_the_table() {
    let of = |kind| SinkError::from(io::Error::from(kind));
    let text = include_str!("../../src/error/sink.rs");
    let (_, list) = text.split_once("outcome is unknown after `").unwrap();
    let (list, _) = list.split_once("After every other").unwrap();
    let listed = |kind| list.contains(&format!("{kind:?}`"));
    let mut unknown = 0;
    for kind in [
        ErrorKind::TimedOut,
        ErrorKind::WouldBlock,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::NotConnected,
        ErrorKind::BrokenPipe,
        ErrorKind::UnexpectedEof,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkUnreachable,
        ErrorKind::NetworkDown,
        ErrorKind::ConnectionRefused,
        ErrorKind::AddrNotAvailable,
        ErrorKind::StorageFull,
        ErrorKind::PermissionDenied,
        ErrorKind::InvalidData,
        ErrorKind::Other,
    ] {
        assert_eq!(of(kind).has_unknown_outcome(), listed(kind), "{kind:?}");
        assert!(of(kind).with_unknown_outcome().has_unknown_outcome());
        assert!(!of(kind).with_known_outcome().has_unknown_outcome());
        unknown += usize::from(listed(kind));
    }
    assert_eq!(unknown, 10);
    assert!(!SinkError::transient("503").has_unknown_outcome());

    // It survives the way through an `io::Error`, a new recovery, and a clone.
    let said = of(ErrorKind::TimedOut).with_known_outcome();
    let back = SinkError::from(io::Error::from(said.clone()));
    assert!(!back.has_unknown_outcome());
    assert!(!SinkError::permanent(said).has_unknown_outcome());
}

#[test]
fn clones_of_a_sink_error_are_one_error_until_one_is_changed() {
    let first = SinkError::permanent(layered()).with_path("7.ts");
    let second = first.clone().with_path("8.ts");
    assert_eq!(first.path(), Some(Path::new("7.ts")));
    assert_eq!(second.path(), Some(Path::new("8.ts")));
    assert!(std::ptr::addr_eq(first.cause(), second.cause()));

    // A shared error of the system is given back as it was; another one is inside, whole.
    let system = SinkError::from(io::Error::from_raw_os_error(28));
    let shared = system.clone();
    assert_eq!(io::Error::from(shared).raw_os_error(), Some(28));
    let bare = SinkError::from(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
    let shared = bare.clone();
    let through = io::Error::from(shared);
    assert_eq!(through.kind(), io::ErrorKind::TimedOut);
    assert_eq!(through.to_string(), "no answer");
    assert!(through.get_ref().unwrap().is::<SinkError>());
    // The last owner has the cause back.
    drop(through);
    let through = io::Error::from(bare);
    assert!(!through.get_ref().unwrap().is::<SinkError>());
    assert_eq!(through.to_string(), "no answer");
}

#[test]
fn a_context_is_what_its_setters_say() {
    let plain = WriteContext::default();
    assert_eq!(plain.object(), ObjectKind::MediaSegment);
    assert_eq!((plain.attempt(), plain.deadline()), (1, None));
    assert_eq!(plain.read_limit(), 64 * 1024 * 1024);
    assert!(!plain.is_shutting_down());

    let deadline = Instant::now();
    let context = plain
        .clone()
        .for_object(ObjectKind::Manifest)
        .with_attempt(3)
        .with_deadline(deadline)
        .with_read_limit(5)
        .during_shutdown();
    assert_eq!(context.object(), ObjectKind::Manifest);
    assert_eq!((context.attempt(), context.deadline()), (3, Some(deadline)));
    assert_eq!(context.read_limit(), 5);
    assert!(context.is_shutting_down());
    assert_eq!(context.sleep(Duration::MAX), Pause::CutShort);
    assert!(!plain.is_shutting_down(), "a clone is another context");
}

#[test]
fn the_context_of_a_stream_says_which_object_it_is_and_whether_it_ends() {
    must_end(|| {
        let gate = crate::common::gate::Gate::default();
        let (tell, told) = crossbeam_channel::unbounded();
        let sink = {
            let gate = gate.clone();
            sink::from_fn_with_context(move |_, context| {
                let before = context.is_shutting_down();
                gate.pass();
                let after = context.clone().is_shutting_down();
                tell.send((context.object(), before, after))
                    .map_err(SinkError::permanent)
            })
        };
        let config = SegmentStreamConfig::default();
        let (stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        sender.send(ProducedSegment::init(vec![1])).unwrap();
        sender.send(segment(0)).unwrap();
        gate.wait_for_arrivals(1);
        stream.close();
        gate.open();
        stream.finish().unwrap();
        let told: Vec<_> = told.iter().collect();
        let init = ObjectKind::InitialisationSegment;
        let media = ObjectKind::MediaSegment;
        assert_eq!(told, [(init, false, true), (media, true, true)]);
    });
}

/// Remembers each call with the kind of its object.
struct Kinds(Vec<(&'static str, ObjectKind)>);

impl SegmentSink for &mut Kinds {
    fn write(&mut self, _: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        self.0.push(("write", context.object()));
        Ok(())
    }

    fn remove(&mut self, _: &Path, context: &WriteContext) -> Result<(), SinkError> {
        self.0.push(("remove", context.object()));
        Ok(())
    }

    fn read(&mut self, _: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        self.0.push(("read", context.object()));
        Ok(Some(vec![7]))
    }
}

#[test]
fn a_boxed_sink_forwards_every_call_with_its_context() {
    let mut kinds = Kinds(Vec::new());
    {
        let mut sink: Box<dyn SegmentSink + '_> = Box::new(&mut kinds);
        let state = WriteContext::default().for_object(ObjectKind::State);
        sink.write(&segment(0), &state).unwrap();
        sink.remove(Path::new("0.ts"), &state).unwrap();
        assert_eq!(sink.read(Path::new("0.ts"), &state).unwrap(), Some(vec![7]));
    }
    let state = ObjectKind::State;
    assert_eq!(
        kinds.0,
        [("write", state), ("remove", state), ("read", state)]
    );
}

#[test]
fn a_sink_that_cannot_read_says_so() {
    let context = WriteContext::default();
    let path = Path::new("a/0.ts");
    let mut plain = sink::from_fn(|_| Ok(()));
    let mut with_context = sink::from_fn_with_context(|_, _| Ok(()));
    for error in [
        plain.read(path, &context).unwrap_err(),
        with_context.read(path, &context).unwrap_err(),
    ] {
        assert_eq!(error.kind(), SinkErrorKind::Unsupported);
        assert_eq!(
            (error.operation(), error.path()),
            (Some("read"), Some(path))
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_writer_thread_has_a_name() {
    must_end(|| {
        let (tell, told) = crossbeam_channel::bounded(1);
        let sink = sink::from_fn(move |_| {
            tell.send(std::fs::read_to_string("/proc/thread-self/comm")?)
                .map_err(io::Error::other)
        });
        let (_stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        sender.send(segment(0)).unwrap();
        assert_eq!(told.recv().unwrap(), "segment-writer\n");
    });
}

#[test]
fn a_handle_and_the_lack_of_a_segment_say_what_they_are() {
    let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default()).unwrap();
    let handle = stream.handle();
    assert!(!handle.is_closed() && !stream.is_closed() && !sender.is_closed());
    let shown = format!("{handle:?}");
    assert!(
        shown.starts_with("StreamHandle { closed: false, stats: "),
        "{shown}"
    );
    let not_yet = stream.try_next().unwrap_err();
    assert_eq!(not_yet.to_string(), "no segment is done yet");
    let shown = format!("{stream:?}");
    assert!(
        shown.starts_with("SegmentStream { closed: false, stats: "),
        "{shown}"
    );
    let shown = format!("{sender:?}");
    assert!(
        shown.starts_with("SegmentSender { closed: false"),
        "{shown}"
    );
    let writer = sender.writer(crate::common::segments::segment(12));
    let shown = format!("{writer:?} {:?}", crate::common::segments::segment(13));
    for part in [
        "SegmentWriter { segment: ",
        "sequence: 12",
        "ProducedSegment { sequence: 13",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    drop(writer.into_segment());
    handle.close();
    assert!(handle.is_closed() && stream.is_closed() && sender.is_closed());
    assert!(stream.next().is_none());
    let ended = stream.try_next().unwrap_err();
    assert_eq!(ended.to_string(), "the stream has ended");
}
