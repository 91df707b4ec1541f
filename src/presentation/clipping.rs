//! Makes and releases clips through a sink.

use std::ops::Range;
use std::path::PathBuf;
use std::time::SystemTime;

use super::clip::{NoClip, Section};
use super::deletion::A_PUSH;
use super::driver::inline::{Busy, Shared, Sinks};
use super::driver::{Action, Document};
use super::format::Format;
use super::job::{Outcome, Request, Write};
use super::pins::Cut;
use crate::error::SinkError;
use crate::internal::sync::lock;
use crate::sink::{ObjectKind, SegmentSink};

/// What a clip was made of.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) numbers: Range<u64>,
}

/// Why a clip was not made.
#[derive(Debug)]
pub(crate) enum NotMade {
    Refused(NoClip),
    Sink(SinkError),
}

impl<F: Format> Shared<F> {
    /// Writes the side files of a clip, the lists of its files, and then its manifests. Before the
    /// first manifest is there, a later session knows all files that it names. After an error
    /// of the sink the files stay pinned, because a manifest may be there.
    pub(crate) fn clip<S: SegmentSink>(
        &self,
        r: usize,
        section: &Section,
        name: &str,
        until: Option<SystemTime>,
        sinks: &mut Sinks<'_, S>,
    ) -> Result<Made, NotMade> {
        let planned = lock(&self.core).clip(r, section, name, until);
        let (Cut { numbers, .. }, planned) = planned.map_err(NotMade::Refused)?;
        let request = Request {
            write: Write::State,
            deletion: None,
        };
        for it in &planned {
            let outcome = self.drive(it.publication, request, Busy::Wait, sinks);
            let errors = outcome.map(|outcome| outcome.errors).unwrap_or_default();
            if let Some(error) = errors.into_iter().next() {
                return Err(NotMade::Sink(error));
            }
        }
        for it in &planned {
            let list = lock(&self.core).publications[it.publication].list_of(name);
            if let Some(list) = list {
                sinks
                    .perform(&mut Action::Put(list))
                    .map_err(NotMade::Sink)?;
            }
        }
        let mut paths = Vec::new();
        for it in planned {
            let mut action = Action::Put(Document {
                path: it.path.clone(),
                bytes: it.bytes,
                object: ObjectKind::Manifest,
                version: 1,
                attempt: 1,
            });
            sinks.perform(&mut action).map_err(NotMade::Sink)?;
            lock(&self.core).publications[it.publication].clip_landed(name);
            paths.push(it.path);
        }
        Ok(Made { paths, numbers })
    }

    /// Deletes the manifests of a clip; `None` if there is none of this name. Its files are deleted
    /// in due time.
    pub(crate) fn release_clip<S: SegmentSink>(
        &self,
        name: &str,
        sinks: &mut Sinks<'_, S>,
    ) -> Option<Outcome> {
        let mut outcome = Outcome::default();
        let mut core = lock(&self.core);
        if !core.release_clip(name) {
            return None;
        }
        let publications = 0..core.publications.len();
        drop(core);
        for write in [Write::Nothing, Write::State] {
            let request = Request {
                write,
                deletion: (write == Write::Nothing).then_some(A_PUSH),
            };
            // The manifest that names the others goes first.
            for p in publications.clone() {
                let done = self.drive(p, request, Busy::Wait, sinks);
                done.into_iter().for_each(|done| outcome.append(done));
            }
        }
        Some(outcome)
    }
}
