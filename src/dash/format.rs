//! DASH as a format of a presentation.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::config::Mpd;
use super::model::{Model, check};
use super::parse::parse;
use super::render::{Head, Kind, render};
use super::sets::refuse;
use crate::presentation::config::{Dates, Extent, Settings};
use crate::presentation::error::Refusal;
use crate::presentation::format::{Format, Stored, Text, Unlistable, View};
use crate::presentation::rendition::Rendition;
use crate::presentation::time::SECOND;

/// An MPD of a presentation.
#[derive(Debug)]
pub(crate) struct Dash {
    mpd: Mpd,
    model: Model,
    /// When the last text was made.
    published: Option<SystemTime>,
}

impl Dash {
    pub(crate) fn new(mpd: Mpd) -> Self {
        Self {
            mpd,
            model: Model::default(),
            published: None,
        }
    }

    /// Continues the MPD of an earlier session.
    pub(crate) fn resume(mpd: Mpd, text: &[u8]) -> Result<Self, Refusal> {
        let parsed = parse(text, &mpd)?;
        Ok(Self {
            model: parsed.model,
            published: parsed.published,
            ..Self::new(mpd)
        })
    }

    fn renditions<'a>(&self, view: &View<'a>) -> io::Result<Vec<&'a Rendition>> {
        let find = |path: &Path| {
            let found = view.renditions.iter().find(|it| it.path == path);
            found.ok_or_else(|| {
                let why = format!(
                    "the presentation has no rendition {:?}",
                    path.display().to_string()
                );
                io::Error::new(io::ErrorKind::InvalidInput, why)
            })
        };
        let representations = self.mpd.representations();
        representations.map(|(_, it)| find(&it.rendition)).collect()
    }

    fn kind(&self, settings: &Settings, renditions: &[&Rendition]) -> Kind {
        let has_ended =
            renditions.iter().all(|it| it.is_over()) && renditions.iter().any(|it| it.has_ended());
        let target = settings.target_secs.unwrap_or_default();
        match settings.extent {
            Extent::AtTheEnd => Kind::Static,
            _ if has_ended && self.model.begins_at_zero() => Kind::Static,
            _ if has_ended => Kind::Ended,
            Extent::Growing | Extent::Recording => Kind::Dynamic(None),
            Extent::Window(window) => {
                let depth = window.max(target.saturating_mul(3 * SECOND));
                Kind::Dynamic(Some(depth))
            }
        }
    }
}

impl Format for Dash {
    fn render(&mut self, _: usize, view: &View<'_>) -> io::Result<Text> {
        let renditions = self.renditions(view)?;
        let now = view.today;
        // It never goes back, as the clock may.
        let published = self.published.map_or(now, |last| last.max(now));
        let head = Head {
            kind: self.kind(view.settings, &renditions),
            published: Some(published),
            target_secs: view.settings.target_secs.unwrap_or(1),
        };
        let bytes = render(&self.mpd, head, &self.model)?;
        self.published = Some(published);
        Ok(Text {
            bytes,
            ..Text::default()
        })
    }

    fn follow(&mut self, view: &View<'_>) {
        self.model.follow(&self.mpd, view);
    }

    fn is_ready(&self, _: usize, _: &View<'_>) -> bool {
        !self.model.periods.is_empty()
    }

    fn unlistable(&self, rendition: &Path, segment: &Stored<'_>) -> Option<Unlistable> {
        let mut all = self.mpd.representations();
        all.find(|(_, it)| it.rendition == rendition)?;
        let result = match segment.time {
            Some(time) => {
                let sequence = segment.sequence;
                check(
                    &self.mpd,
                    segment.file,
                    sequence,
                    time,
                    segment.has_initialisation,
                )
            }
            None if segment.has_initialisation => Err("it has no media time"),
            None => Err(super::model::NO_INITIALISATION),
        };
        result.err().map(|why| Unlistable {
            manifest: self.mpd.path.clone(),
            why,
        })
    }
}

/// What an MPD asks of its presentation.
pub(crate) fn check_settings(mpd: &Mpd, settings: &Settings) -> io::Result<()> {
    mpd.check()?;
    if settings.extent != Extent::AtTheEnd && settings.dates == Dates::None {
        return refuse(
            "a dynamic MPD needs dates: set `program_date_time` or `program_date_time_in_band`, \
             because players find the live edge by the clock",
        );
    }
    Ok(())
}
