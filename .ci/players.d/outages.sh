# A packager that is killed (SIGKILL) and resumed later, with players that watch all the time.

# The seconds that players watch before the outage, and after it.
before=20 after=60

# Waits until a playlist lists so many segments.
await_segments() {
  await "$1"
  until [ "$(grep -c '^#EXTINF' "$1")" -ge "$2" ]; do sleep 0.5; done
}

# One outage: its seconds, the input, the players as manifest:player, and the options of live_hls.
outage() {
  local seconds=$1 input=$2 viewers=$3 viewer outcome said
  shift 3
  rm -rf "$served/live"
  local packager=("$live_hls" --realtime --resume --target 2 --window 60 "$@" "$input" "$served/live")
  start "${packager[@]}"
  local process=$! watching=()
  # Shaka Player takes the length of the first playlist that it sees for that of the window.
  await_segments "$served/live/live.m3u8" 14
  for viewer in $viewers; do
    play "live/${viewer%:*}" "${viewer#*:}" $((before + seconds + after + 60)) live=$((before + seconds + after)) \
      >"$work/${viewer/:/-}.json" &
    watching+=("$!")
  done
  sleep "$before"
  local killed=$EPOCHREALTIME
  kill -KILL "$process"
  wait "$process" 2>/dev/null || true
  sleep "$seconds"
  local resumed=$EPOCHREALTIME
  start "${packager[@]}"
  process=$!
  wait "${watching[@]}" || true
  for viewer in $viewers; do
    said=$(python3 .ci/players.d/outage.py "$work/${viewer/:/-}.json" "$killed" "$resumed") && outcome=$said ||
      outcome="FAILED: $said"
    say "$seconds s, ${input##*.}, ${viewer%:*}" "${viewer#*:}" "$outcome"
  done
  kill -KILL "$process"
  wait "$process" 2>/dev/null || true
}

encode 240 50 0 -f mpegts "$work/camera.ts"
encode 240 50 0 -movflags $fragmented "$work/camera.mp4"
for seconds in 5 20; do
  outage $seconds "$work/camera.ts" "live.m3u8:hls live.m3u8:shaka"
  outage $seconds "$work/camera.mp4" "live.m3u8:hls live.m3u8:shaka live.mpd:dash live.mpd:shaka" --dash
done
