//! A stream that is ended inside its own sink: nothing there waits for itself.

use segment_stream::{SegmentSink, SegmentStream, StreamHandle};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread;

use crate::books::{Books, Ending, depth, join_all, segment, segment_at};

/// Where the stream is put for the sink, and where the sink may put it back.
#[derive(Clone, Default)]
pub(crate) struct Place(Arc<(Mutex<Option<SegmentStream>>, Condvar)>);

impl Place {
    pub(crate) fn put(&self, stream: SegmentStream) {
        *self.0.0.lock().unwrap() = Some(stream);
        self.0.1.notify_all();
    }

    pub(crate) fn take(&self) -> SegmentStream {
        let mut place = self.0.0.lock().unwrap();
        loop {
            match place.take() {
                Some(stream) => return stream,
                None => place = self.0.1.wait(place).unwrap(),
            }
        }
    }
}

/// Calls `end` on the first segment, with the stream.
fn ending(
    books: &Books,
    writer: usize,
    place: &Place,
    end: fn(&Books, &Place, SegmentStream),
) -> impl SegmentSink + use<> {
    let (own, place) = (books.clone(), place.clone());
    books.sink(writer, move |segment, _| {
        if segment.sequence == 0 {
            end(&own, &place, place.take());
        }
        Ok(())
    })
}

/// Starts it all; the rest is up to the sink.
fn run(writers: usize, end: fn(&Books, &Place, SegmentStream)) -> (Books, Place, StreamHandle) {
    let books = Books::default();
    let place = Place::default();
    let (stream, sender) = SegmentStream::with_writers(depth(3), writers, |number| {
        ending(&books, number, &place, end)
    })
    .unwrap();
    let handle = stream.handle();
    let producers = [
        books.producer(sender.clone(), [segment_at(0, "a"), segment_at(1, "a")]),
        books.producer(sender, [segment(10), segment(11)]),
    ];
    place.put(stream);
    join_all(producers);
    (books, place, handle)
}

/// Once with one writer, and once with two of which the other goes on.
fn ended_for_good(end: fn(&Books, &Place, SegmentStream)) {
    for writers in [1, 2] {
        let (books, _, handle) = run(writers, end);
        books.wait_until_gone();
        books.audit(&handle, Ending::Dropped);
        assert_eq!(books.written().len(), books.accepted().len());
    }
}

pub(crate) fn dropped_inside_its_own_sink() {
    ended_for_good(|_, _, stream| drop(stream));
}

pub(crate) fn finished_inside_its_own_sink() {
    ended_for_good(|books, _, stream| {
        let error = stream.finish().expect_err("it cannot wait for itself");
        books.reported(Err(error));
    });
}

/// What it could not report is written, and not handed out.
pub(crate) fn drained_and_dropped_inside_its_own_sink() {
    for writers in [1, 2] {
        let (books, _, handle) = run(writers, |books, _, mut stream| {
            let error = stream.drain().expect_err("it cannot wait for itself");
            books.reported(Err(error));
        });
        books.wait_until_gone();
        books.audit(&handle, Ending::Dropped);
    }
}

/// What it could not report is yielded to whoever has the stream next.
pub(crate) fn drained_inside_its_own_sink() {
    let (books, place, handle) = run(1, |books, place, mut stream| {
        let error = stream.drain().expect_err("it cannot wait for itself");
        books.reported(Err(error));
        place.put(stream);
    });
    let mut stream = place.take();
    books.iterate(&mut stream);
    assert_eq!(books.reported(stream.finish()), 0);
    books.audit(&handle, Ending::HandedOut);
}

/// While another thread iterates.
pub(crate) fn closed_inside_its_own_sink() {
    let books = Books::default();
    let closer: Arc<Mutex<Option<StreamHandle>>> = Arc::default();
    let sink = {
        let closer = Arc::clone(&closer);
        books.sink(0, move |_, _| {
            let handle = closer.lock().unwrap().take();
            handle.iter().for_each(StreamHandle::close);
            thread::yield_now();
            Ok(())
        })
    };
    let (mut stream, sender) = SegmentStream::with_sink(depth(1), sink).unwrap();
    let handle = stream.handle();
    *closer.lock().unwrap() = Some(handle.clone());
    let producers = [
        books.producer(sender.clone(), [segment(0), segment(1)]),
        books.producer(sender, [segment(10)]),
    ];
    books.iterate(&mut stream);
    join_all(producers);
    drop(stream);
    books.audit(&handle, Ending::HandedOut);
}
