"""Plays a manifest in Chromium, with hls.js, dash.js or Shaka Player, and prints the result as JSON.

play.py ROOT PLAYERS MANIFEST PLAYER SECONDS [rate=N] [live=SECONDS] [join=SECONDS]

ROOT is served, with PLAYERS (hls.js, dash.js, shaka.js) below /players. MANIFEST is a path below ROOT, or a URL of another
server. SECONDS limits the whole play. The options are those of play.html. Exits with 1 if the player did not
reach the end or had a fatal error, and with 3 if it only stalled.
"""
import functools
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.parse

root, players, manifest, player, seconds, *options = sys.argv[1:]
page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "play.html")
told = threading.Event()
result = {}


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {
        ".html": "text/html",
        ".js": "text/javascript",
        ".m3u8": "application/vnd.apple.mpegurl",
        ".ts": "video/mp2t",
        ".mpd": "application/dash+xml",
        ".m4s": "video/mp4",
        ".mp4": "video/mp4",
        "": "application/octet-stream",
    }

    def translate_path(self, path):
        path = path.split("?")[0]
        if path == "/play.html":
            return page
        if path.startswith("/players/"):
            return os.path.join(players, os.path.basename(path))
        return super().translate_path(path)

    def end_headers(self):
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        result.update(json.loads(body))
        told.set()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=root))
threading.Thread(target=server.serve_forever, daemon=True).start()
if "://" not in manifest:
    manifest = f"/{manifest}"
query = urllib.parse.urlencode({"url": manifest, "player": player, **dict(option.split("=") for option in options)})
url = f"http://127.0.0.1:{server.server_port}/play.html?{query}"
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--mute-audio", "--disable-dev-shm-usage",
             "--autoplay-policy=no-user-gesture-required", f"--user-data-dir={profile}"]
    browser = subprocess.Popen(["chromium", *flags, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not told.wait(float(seconds)):
        result.update({"errors": [f"no end after {seconds} s"], "stalls": [], "ended": False, "time": None})
    browser.terminate()
    browser.wait()
print(json.dumps(result))
sys.exit(1 if not result["ended"] else 3 if result["stalls"] else 0)
