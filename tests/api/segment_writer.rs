//! Muxers write to a `Write`, and the segment is sent whole or not at all.

use std::io::Write;
use std::thread;

use crate::common::config::depth;
use crate::common::threads::{must_end, spawn_asleep};
use segment_stream::{NoNext, ProducedSegment, SegmentStream};

fn empty(sequence: u64) -> ProducedSegment {
    ProducedSegment::media(sequence, Vec::new(), 0.0)
}

#[test]
fn what_is_written_is_sent_when_it_is_finished_and_not_before() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        let mut output = sender.writer(ProducedSegment {
            data: vec![1, 2],
            ..empty(7)
        });
        write!(output, "three").unwrap();
        output.write_all(&[4]).unwrap();
        output.flush().unwrap();
        assert_eq!(output.write(&[]).unwrap(), 0);
        assert_eq!(output.segment().data, b"\x01\x02three\x04");
        assert_eq!(stream.stats().accepted.segments, 0);
        assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);
        output.segment_mut().duration_secs = 2.5;
        output.segment_mut().path_hint = None;
        output.finish().unwrap();
        let segment = stream.next().unwrap().unwrap();
        assert_eq!(segment.data, b"\x01\x02three\x04");
        assert_eq!(
            (segment.sequence, segment.duration_secs.to_bits()),
            (7, 2.5_f64.to_bits())
        );
    });
}

#[test]
fn unfinished_it_sends_nothing_and_keeps_the_stream_open_until_it_is_gone() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        let mut output = sender.writer(empty(0));
        drop(sender);
        output.write_all(&[0; 1000]).unwrap();
        assert_eq!(stream.try_next().unwrap_err(), NoNext::NotYet);
        drop(output);
        assert!(stream.next().is_none());
        assert_eq!(stream.stats().accepted.segments, 0);
    });
}

#[test]
fn a_panic_in_the_muxer_sends_nothing() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(2)).unwrap();
        let muxer = thread::spawn(move || {
            let mut output = sender.writer(empty(0));
            output.write_all(&[0; 1000]).unwrap();
            panic!("the muxer was made to panic here");
        });
        assert!(muxer.join().is_err());
        assert!(stream.next().is_none());
    });
}

#[test]
fn it_waits_for_room_and_gives_the_segment_back_where_there_is_none() {
    must_end(|| {
        let (mut stream, sender) = SegmentStream::new(depth(1)).unwrap();
        sender.send(empty(0)).unwrap();
        let mut output = sender.writer(empty(1));
        output.write_all(b"one").unwrap();
        let error = sender.try_send(output.into_segment()).unwrap_err();
        assert!(error.is_full());

        let output = sender.writer(error.into_segment());
        let waiting = spawn_asleep(move || output.finish());
        assert_eq!(stream.next().unwrap().unwrap(), empty(0));
        assert_eq!(stream.next().unwrap().unwrap().data, b"one");
        waiting.join().unwrap().unwrap();

        let output = sender.writer(empty(2));
        stream.close();
        let error = output.finish().unwrap_err();
        assert!(error.is_closed());
        assert_eq!(error.into_segment(), empty(2));
    });
}

#[test]
fn a_boxed_writer_goes_to_another_thread() {
    must_end(|| {
        let (stream, sender) = SegmentStream::new(depth(1)).unwrap();
        let mut output: Box<dyn Write + Send + 'static> = Box::new(sender.writer(empty(0)));
        thread::spawn(move || output.write_all(b"x").unwrap())
            .join()
            .unwrap();
        drop(sender);
        assert_eq!(stream.count(), 0);
    });
}
