# A broadcast at nginx, with the configuration that examples/README.md starts, in a page of another origin.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
origin=http://127.0.0.1:$port/live
mkdir -p "$work/origin/root"
sed "s/127\.0\.0\.1:8080/127.0.0.1:$port/" examples/push_hls/nginx.conf >"$work/origin/nginx.conf"
start nginx -p "$work/origin" -c "$work/origin/nginx.conf"
await "$work/origin/nginx.pid"

# The header of an object at the origin.
header() {
  curl --silent --head --header "Origin: http://elsewhere.example" "$1" | tr -d '\r' | sed -n "s/^$2: //Ip"
}

encode 600 50 0 -f mpegts "$work/broadcast.ts"
encode 600 50 0 -movflags $fragmented "$work/broadcast.mp4"
for kind in ts mp4; do
  rm -rf "$work/origin/root/live"
  start "$push_hls" --realtime --target 2 --max-segment 2 --window 20 "$work/broadcast.$kind" "$origin/"
  packager=$!
  await "$work/origin/root/live/live.m3u8"
  for player in hls shaka; do
    try "$origin/live.m3u8" "$player" 180 live=60
    say "nginx, $kind" "$player" "$outcome"
  done
  object=$(grep -v '^#' "$work/origin/root/live/live.m3u8" | tail -n 1)
  types="$(header "$origin/live.m3u8" content-type), $(header "$origin/$object" content-type)"
  allowed=$(header "$origin/$object" access-control-allow-origin)
  case "$kind $types $allowed" in
    "ts application/vnd.apple.mpegurl, video/mp2t *" | "mp4 application/vnd.apple.mpegurl, video/mp4 *") outcome=fine ;;
    *) outcome="FAILED: types $types; origins '$allowed'" ;;
  esac
  say "nginx, $kind, headers" curl "$outcome"
  kill -INT "$packager" 2>/dev/null || true
  wait "$packager" || true
done
