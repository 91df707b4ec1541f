//! The sink of a recording whose objects an origin should get.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use log::Level;

use super::ledger::Hold;
use super::object::{Object, quoted};
use super::shared::Shared;
use crate::error::SinkError;
use crate::internal::log::log;
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};

/// A sink that notes in the journal of a [`Backfill`](crate::Backfill) what it writes.
///
/// It never waits for the origin. Each segment is noted before it is written, so that none is on
/// disk which the journal does not know. If the journal cannot be written, that is logged, and the
/// segment is recorded all the same.
///
/// A [`remove`](SegmentSink::remove) of an object that the origin does not have succeeds without
/// effect. The file is deleted once the origin has it, by this process or a later one, or once
/// the [limit](crate::BackfillOptions::holding) is exceeded. So the retention of a publisher on this
/// sink waits for the backfill.
///
/// Manifests and state files pass through, see [`with_manifests`](Recorder::with_manifests). A
/// segment without a path hint, or whose path is not UTF-8, is never uploaded from disk.
#[derive(Clone)]
pub struct Recorder<S> {
    sink: S,
    shared: Arc<Shared>,
    takes_manifests: bool,
}

impl<S: SegmentSink> Recorder<S> {
    pub(super) fn new(sink: S, shared: Arc<Shared>) -> Self {
        Self {
            sink,
            shared,
            takes_manifests: false,
        }
    }

    /// Has manifests uploaded as well, for VOD and EVENT playlists on disk. Each is uploaded as it
    /// is on disk, when the origin has every segment that was recorded before it. A manifest that
    /// names a lost segment is not uploaded, which is logged as an error.
    #[must_use]
    pub fn with_manifests(mut self) -> Self {
        self.takes_manifests = true;
        self
    }

    fn object(&self, segment: &ProducedSegment, context: &WriteContext) -> Option<Object> {
        let is_taken = match context.object() {
            ObjectKind::InitialisationSegment | ObjectKind::MediaSegment => true,
            ObjectKind::Manifest => self.takes_manifests,
            ObjectKind::State => false,
        };
        is_taken.then(|| Object::of(segment, context.object()))?
    }
}

impl<S: SegmentSink> SegmentSink for Recorder<S> {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let Some(object) = self.object(segment, context) else {
            return self.sink.write(segment, context);
        };
        let id = self.shared.owe(object);
        let written = self.sink.write(segment, context);
        self.shared.recorded(id, written.is_ok());
        written
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        let Hold::Held(over) = self.shared.hold(path) else {
            return self.sink.remove(path, context);
        };
        let mut result = Ok(());
        for (id, name) in over {
            log(
                Level::Error,
                format_args!(
                    "{} is deleted before the origin has it: more than {} bytes wait for the \
                     origin",
                    quoted(&name),
                    self.shared.options.hold_bytes
                ),
            );
            match self.sink.remove(&name, context) {
                Ok(()) => {}
                Err(error) if name == path => result = Err(error),
                Err(error) => {
                    let error = error.or_during("remove", Some(&name));
                    log(Level::Error, format_args!("{error}"));
                }
            }
            self.shared.lose(id);
        }
        result
    }

    fn read(&mut self, path: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        self.sink.read(path, context)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.sink.finish()
    }
}

impl<S> fmt::Debug for Recorder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("takes_manifests", &self.takes_manifests)
            .finish_non_exhaustive()
    }
}
