//! An MPD beside the playlists of an HLS presentation.

use std::io;
use std::path::PathBuf;

use crate::dash::format::{Dash, check_settings};
use crate::dash::{Mpd, Previous};
use crate::hls::{Presentation, ResumeError, ResumeErrorKind};
use crate::presentation::error::Refusal;

impl Presentation {
    /// Publishes this MPD as well, over the same segments, whenever what it lists changes.
    ///
    /// Its representations are the renditions of these paths. The playlists keep the files: a
    /// segment is deleted only when an MPD without it has landed.
    ///
    /// # Errors
    ///
    /// - A rendition was added before it.
    /// - The path is invalid, or that of another manifest.
    /// - The configuration contradicts itself, or has a control character in it.
    /// - A live or EVENT presentation has no dates.
    pub fn mpd(self, mpd: Mpd) -> io::Result<Self> {
        check_settings(&mpd, &self.settings())?;
        let path = mpd.path().to_path_buf();
        self.beside(path, Box::new(Dash::new(mpd)))
    }

    /// The same, with the MPD of an earlier session: its `availabilityStartTime` and its Periods
    /// stay. The next segment begins a new Period.
    ///
    /// Resume the renditions as well. Segments that their playlists do not list leave the MPD.
    ///
    /// # Errors
    ///
    /// The MPD is empty, truncated, has ended, is of another publisher or of another
    /// configuration; or as [`mpd`](Presentation::mpd). Nothing was changed.
    pub fn resume_mpd(self, mpd: Mpd, previous: &Previous) -> Result<Self, ResumeError> {
        let path = mpd.path().to_path_buf();
        let invalid = |error: io::Error| {
            let refusal = Refusal::new(ResumeErrorKind::Configuration, error.to_string());
            ResumeError::new(&path, refusal)
        };
        check_settings(&mpd, &self.settings()).map_err(invalid)?;
        let dash = Dash::resume(mpd, &previous.mpd);
        let dash = dash.map_err(|refusal| ResumeError::new(&path, refusal))?;
        let path: PathBuf = path.clone();
        self.beside(path, Box::new(dash)).map_err(invalid)
    }
}
