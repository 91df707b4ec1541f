//! A server as a publisher's sink sees it: it answers as the test says, and waits at a gate.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

use crate::common::gate::Gate;
use crate::common::sync::Mutex;

/// The answer to one put.
pub(crate) enum Answer {
    /// 503.
    Busy,
    /// 403.
    Refused,
    /// It stores the object and does not answer.
    Silent,
    /// It does not answer, and stores the object after the next put of the same URL.
    Delayed,
    Panics,
}

/// A clone is the same server.
#[derive(Clone, Default)]
pub(crate) struct Server {
    /// Passed by each put. Closed by default.
    pub(crate) gate: Gate,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, String>,
    calls: Vec<String>,
    answers: HashMap<String, VecDeque<Answer>>,
    delayed: Vec<(String, String)>,
    is_gone: bool,
    was_shutting_down: bool,
}

impl Server {
    pub(crate) fn open() -> Self {
        let server = Self::default();
        server.gate.open();
        server
    }

    /// The next puts of this path are answered so.
    pub(crate) fn answers(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut state = self.state.lock().unwrap();
        let queue = state.answers.entry(path.to_owned()).or_default();
        queue.extend(answers);
    }

    pub(crate) fn object(&self, path: &str) -> Option<String> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    /// The names of the objects that begin so.
    pub(crate) fn names(&self, beginning: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let names = state.objects.keys().filter(|it| it.starts_with(beginning));
        names.cloned().collect()
    }

    pub(crate) fn store(&self, path: &str, text: &str) {
        let mut state = self.state.lock().unwrap();
        state.objects.insert(path.to_owned(), text.to_owned());
    }

    /// `put PATH` or `delete PATH`, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls().iter().filter(|it| *it == call).count()
    }

    /// Waits until this call was made, for as long as it takes.
    pub(crate) fn wait_for(&self, call: &str, count: usize) {
        while self.count(call) < count {
            thread::yield_now();
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state.lock().unwrap().is_gone
    }

    pub(crate) fn was_shutting_down(&self) -> bool {
        self.state.lock().unwrap().was_shutting_down
    }

    /// One sink of it.
    pub(crate) fn sink(&self) -> Connection {
        Connection(self.clone())
    }
}

/// Drops once.
pub(crate) struct Connection(Server);

impl SegmentSink for Connection {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        let path = file.path_hint.clone().expect("every document has one");
        let path = path.to_str().expect("it is UTF-8").to_owned();
        let text = String::from_utf8(file.data.clone()).expect("it is UTF-8");
        self.0.gate.pass();
        let mut state = self.0.state.lock().unwrap();
        state.calls.push(format!("put {path}"));
        state.was_shutting_down |= context.is_shutting_down();
        let answer = state.answers.get_mut(&path).and_then(VecDeque::pop_front);
        let timed_out = || Err(io::Error::from(io::ErrorKind::TimedOut).into());
        match answer {
            None => {
                state.objects.insert(path.clone(), text);
                let all = std::mem::take(&mut state.delayed);
                for (of, text) in all {
                    if of == path {
                        state.objects.insert(of, text);
                    } else {
                        state.delayed.push((of, text));
                    }
                }
                Ok(())
            }
            Some(Answer::Busy) => Err(SinkError::transient("503")),
            Some(Answer::Refused) => Err(SinkError::permanent("403")),
            Some(Answer::Silent) => {
                state.objects.insert(path, text);
                timed_out()
            }
            Some(Answer::Delayed) => {
                state.delayed.push((path, text));
                timed_out()
            }
            Some(Answer::Panics) => {
                drop(state);
                std::panic::resume_unwind(Box::new("the sink was made to panic here"))
            }
        }
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        let path = path.to_str().expect("it is UTF-8").to_owned();
        let mut state = self.0.state.lock().unwrap();
        state.calls.push(format!("delete {path}"));
        state.objects.remove(&path);
        Ok(())
    }

    fn read(&mut self, path: &Path, _: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        let object = self.0.object(path.to_str().expect("it is UTF-8"));
        Ok(object.map(String::into_bytes))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().is_gone = true;
    }
}
