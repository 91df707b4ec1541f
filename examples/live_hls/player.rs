//! Instructions for playing the result.

use std::fs;
use std::io;
use std::path::Path;

use crate::publication::LIVE;
use support::display::Display;

const PAGE: &str = "play.html";
const PORT: u16 = 8000;

/// A page that plays the playlist beside it: with hls.js, or natively if the browser can.
const PAGE_TEXT: &str = "\
<!doctype html>
<meta charset=\"utf-8\">
<title>live.m3u8</title>
<video id=\"video\" controls muted autoplay></video>
<script src=\"https://cdn.jsdelivr.net/npm/hls.js@1\"></script>
<script>
  const video = document.getElementById('video');
  if (window.Hls && Hls.isSupported()) {
    const player = new Hls();
    player.loadSource('live.m3u8');
    player.attachMedia(video);
  } else {
    video.src = 'live.m3u8';
  }
</script>
";

/// Writes a page beside the playlist, and prints how to use both.
pub(crate) fn explain(folder: &Path, display: &Display) -> io::Result<()> {
    fs::write(folder.join(PAGE), PAGE_TEXT)?;
    let playlist = folder.join(LIVE);
    let (playlist, folder) = (playlist.display(), folder.display());
    display.say(format_args!(
        "To play it:
  ffplay {playlist}
  vlc {playlist}
  python3 -m http.server --bind 127.0.0.1 --directory {folder} {PORT}
    and then, in a browser, http://127.0.0.1:{PORT}/{PAGE} (hls.js, loaded from a CDN)"
    ));
    Ok(())
}
