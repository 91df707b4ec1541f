//! In the place of the MPD, if the feature `dash` is off.

use std::error::Error;
use std::path::Path;

use segment_stream::DiskSink;
use segment_stream::hls::{MediaPlaylist, Previous};
use segmenter::Track;

use crate::options::Restart;
use crate::publication::Publisher;

const WITHOUT: &str = "--dash needs the feature `dash`: cargo run --features hls,dash";

pub(crate) fn check_feature() -> Result<(), String> {
    Err(WITHOUT.into())
}

pub(crate) struct Manifest;

impl Manifest {
    pub(crate) fn open(_: &Path, _: Restart) -> Result<Self, Box<dyn Error>> {
        Err(WITHOUT.into())
    }

    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) fn publisher(
        &self,
        _: &MediaPlaylist,
        _: DiskSink,
        _: Option<&Previous>,
        _: &[Track],
    ) -> Result<Publisher, Box<dyn Error>> {
        Err(WITHOUT.into())
    }
}
