//! Instructions for playing the result.

use std::fs;
use std::io;
use std::path::Path;

use crate::options::Formats;
use crate::publication::LIVE;
use support::display::Display;

const PAGE: &str = "play.html";
const PORT: u16 = 8000;

/// A page that plays the playlist beside it: with hls.js, or natively if the browser can. With
/// `?dash` it plays the MPD with dash.js.
const PAGE_TEXT: &str = "\
<!doctype html>
<meta charset=\"utf-8\">
<title>live</title>
<video id=\"video\" controls muted autoplay></video>
<script src=\"https://cdn.jsdelivr.net/npm/hls.js@1\"></script>
DASH_SCRIPT<script>
  const video = document.getElementById('video');
  if (window.dashjs && location.search === '?dash') {
    const player = dashjs.MediaPlayer().create();
    // Without it the player stays behind by the length of each outage.
    player.updateSettings({streaming: {liveCatchup: {enabled: true}}});
    player.initialize(video, 'live.mpd', true);
  } else if (window.Hls && Hls.isSupported()) {
    const player = new Hls();
    player.loadSource('live.m3u8');
    player.attachMedia(video);
  } else {
    video.src = 'live.m3u8';
  }
</script>
";

const DASH_SCRIPT: &str = "\
<p><a href=\"?hls\">live.m3u8</a> <a href=\"?dash\">live.mpd</a></p>
<script src=\"https://cdn.jsdelivr.net/npm/dashjs@5/dist/modern/umd/dash.all.min.js\"></script>
";

/// Writes a page beside the manifests.
pub(crate) fn write_page(folder: &Path, formats: Formats) -> io::Result<()> {
    let script = match formats {
        Formats::Hls => "",
        Formats::HlsAndDash => DASH_SCRIPT,
    };
    fs::write(folder.join(PAGE), PAGE_TEXT.replace("DASH_SCRIPT", script))
}

/// Prints how to use the playlist and the page.
pub(crate) fn explain(folder: &Path, display: &Display) {
    let playlist = folder.join(LIVE);
    let (playlist, folder) = (playlist.display(), folder.display());
    display.say(format_args!(
        "To play it:
  ffplay {playlist}
  vlc {playlist}
  python3 -m http.server --bind 127.0.0.1 --directory {folder} {PORT}
    and then, in a browser, http://127.0.0.1:{PORT}/{PAGE} (hls.js, loaded from a CDN)"
    ));
}
