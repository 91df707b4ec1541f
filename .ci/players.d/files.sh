# Files, and broadcasts.
source .ci/players.d/inputs.sh
source .ci/players.d/broadcasts.sh

if [ $# -eq 0 ]; then
  make_inputs
  set -- "$made"/*.ts "$made"/*.m2ts "$made"/*.mp4
fi
for input; do
  input "$input"
done
for input; do
  case $input in *.mp4) mpd "$input" ;; esac
done

encode 24 25 0 -f mpegts "$work/broadcast.ts"
encode 90 25 0 -movflags $fragmented "$work/broadcast.mp4"
for player in hls shaka; do
  broadcast "$work/broadcast.ts" "$player" live.m3u8 "" --window 8
done
for player in dash shaka; do
  broadcast "$work/broadcast.mp4" "$player" live.mpd live=60 --dash --window 20
done
