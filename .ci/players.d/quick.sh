# A few inputs, and broadcasts of half a minute.
# The machine of CI may be slow.
stalls=slow
source .ci/players.d/inputs.sh
source .ci/players.d/broadcasts.sh

make_inputs
for name in clean.ts clean.mp4 jump.ts low_pids.ts same_moov.mp4; do
  input "$made/$name"
done
mpd "$made/same_moov.mp4"
encode 24 25 0 -f mpegts "$work/broadcast.ts"
encode 60 25 0 -movflags $fragmented "$work/broadcast.mp4"
broadcast "$work/broadcast.ts" hls live.m3u8 "" --window 8
broadcast "$work/broadcast.mp4" dash live.mpd live=30 --dash --window 20
