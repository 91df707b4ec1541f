//! Formats beside the one that keeps the segments: each has one manifest.

use std::io;
use std::path::Path;

use super::format::{Format, Stored, Text, Unlistable, View};

/// The formats beside another one, with the numbers of their manifests.
#[derive(Default)]
pub(crate) struct Beside(Vec<(usize, Box<dyn Format>)>);

impl Beside {
    pub(crate) fn add(&mut self, manifest: usize, format: Box<dyn Format>) {
        self.0.push((manifest, format));
    }

    /// The number of manifests.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The text of a manifest; `None` if it is not one of these.
    pub(crate) fn render(&mut self, manifest: usize, view: &View<'_>) -> Option<io::Result<Text>> {
        let found = self.0.iter_mut().find(|it| it.0 == manifest);
        found.map(|(_, format)| format.render(0, view))
    }

    pub(crate) fn follow(&mut self, view: &View<'_>) {
        self.0
            .iter_mut()
            .for_each(|(_, format)| format.follow(view));
    }

    pub(crate) fn has(&self, manifest: usize) -> bool {
        self.0.iter().any(|it| it.0 == manifest)
    }

    pub(crate) fn is_ready(&self, manifest: usize, view: &View<'_>) -> bool {
        let mut found = self.0.iter().filter(|it| it.0 == manifest);
        found.all(|(_, format)| format.is_ready(0, view))
    }

    pub(crate) fn unlistable(&self, rendition: &Path, segment: &Stored<'_>) -> Option<Unlistable> {
        let mut formats = self.0.iter();
        formats.find_map(|(_, format)| format.unlistable(rendition, segment))
    }
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let manifests = self.0.iter().map(|it| it.0);
        f.debug_list().entries(manifests).finish()
    }
}
