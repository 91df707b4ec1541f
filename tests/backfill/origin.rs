//! An origin as a sink sees it, which is up or down as the test says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

use crate::common::gate::Gate;
use crate::common::sync::Mutex;

/// A clone is the same origin.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    state: Arc<Mutex<State>>,
    /// Passed by each write, if there is one.
    gate: Option<Gate>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    /// The names of what was stored, in order.
    stored: Vec<String>,
    attempts: u64,
    is_down: bool,
    refused: Option<String>,
    /// What a playlist named when it was stored, and was not there.
    missing: Vec<String>,
}

/// The names in a playlist, without those of gaps.
pub(crate) fn named(text: &str) -> Vec<String> {
    let (mut is_gap, mut names) = (false, Vec::new());
    for line in text.lines() {
        match line {
            "#EXT-X-GAP" => is_gap = true,
            "" => {}
            line if line.starts_with('#') => {}
            name => names.extend((!std::mem::take(&mut is_gap)).then(|| name.to_owned())),
        }
    }
    names
}

impl Origin {
    /// Each write waits at this gate.
    pub(crate) fn behind(gate: &Gate) -> Self {
        Self {
            gate: Some(gate.clone()),
            ..Self::default()
        }
    }

    pub(crate) fn down(self) -> Self {
        self.set_down(true);
        self
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }

    /// 403 for this name.
    pub(crate) fn refuse(&self, name: &str) {
        self.state.lock().unwrap().refused = Some(name.to_owned());
    }

    pub(crate) fn stored(&self) -> Vec<String> {
        self.state.lock().unwrap().stored.clone()
    }

    /// What a playlist named when it was stored, and was not there.
    #[cfg(feature = "hls")]
    pub(crate) fn named_and_missing(&self) -> Vec<String> {
        self.state.lock().unwrap().missing.clone()
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.state.lock().unwrap().attempts
    }

    pub(crate) fn wait_for(&self, count: usize) {
        while self.stored().len() < count {
            thread::yield_now();
        }
    }

    #[cfg(feature = "hls")]
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        let object = state.objects.get(name)?;
        Some(String::from_utf8(object.clone()).unwrap())
    }

    pub(crate) fn sink(&self) -> Self {
        self.clone()
    }
}

impl SegmentSink for Origin {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        self.state.lock().unwrap().attempts += 1;
        if let Some(gate) = &self.gate {
            gate.pass();
        }
        let name = segment
            .path_hint
            .clone()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let mut state = self.state.lock().unwrap();
        if state.refused.as_ref() == Some(&name) {
            return Err(SinkError::permanent("403"));
        }
        if state.is_down {
            return Err(SinkError::transient("503"));
        }
        if segment.data.starts_with(b"#EXTM3U") && name != "main.m3u8" {
            let mut names = named(&String::from_utf8_lossy(&segment.data));
            names.retain(|it| !state.objects.contains_key(it));
            state.missing.extend(names);
        }
        state.objects.insert(name.clone(), segment.data.clone());
        state.stored.push(name);
        Ok(())
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        self.state
            .lock()
            .unwrap()
            .objects
            .remove(path.to_str().unwrap());
        Ok(())
    }
}
