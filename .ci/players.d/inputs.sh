# Inputs of several kinds.

make_inputs() {
  encode 12 50 0 "$made/clean.ts"
  encode 12 50 0 -movflags $fragmented "$made/clean.mp4"
  encode 6 50 5000 -f mpegts "$made/later.part"
  head -c $((188 * ($(stat -c %s "$made/clean.ts") / 376))) "$made/clean.ts" | cat - "$made/later.part" >"$made/jump.ts"
  cat "$made/clean.mp4" "$made/clean.mp4" >"$made/same_moov.mp4"
  encode 12 50 0 -f mpegts -mpegts_m2ts_mode 1 "$made/packets_192.m2ts"
  tail -c +101 "$made/clean.ts" >"$made/inside_a_packet.ts"
  encode 30 625 0 "$made/long_groups.ts"
  python3 .ci/players.d/low_pids.py "$made/clean.ts" "$made/low_pids.ts"
}

# Plays what live_hls makes of an input.
input() {
  local input=$1 name player said new
  name=$(basename "$input")
  local ours=$served/ours-$name theirs=$served/theirs-$name
  mkdir "$theirs"
  "$live_hls" --target 2 --window 600 "$input" "$ours" >/dev/null 2>"$work/said" || {
    say "$name" "" "FAILED: live_hls: $(tail -n 1 "$work/said")"
    return
  }
  ffmpeg -nostdin -v error -i "$input" -map 0 -c copy -f hls -hls_time 2 -hls_list_size 0 \
    $(case $name in *.mp4) echo -hls_segment_type fmp4 ;; esac) "$theirs/live.m3u8" 2>/dev/null || true
  for player in hls shaka; do
    try "ours-$name/live.m3u8" "$player" 90 rate=4
    if [ "${outcome%%:*}" = FAILED ]; then
      said=${outcome#*: }
      # Without trouble on the other output, it is ours, unless it does not come again.
      try "theirs-$name/live.m3u8" "$player" 90 rate=4
      if [ "${outcome%%:*}" = FAILED ]; then
        outcome="as on FFmpeg's output: $said"
      else
        try "ours-$name/live.m3u8" "$player" 90 rate=4
      fi
    fi
    say "$name" "$player" "$outcome"
  done
  decode "$input" >"$work/of_input"
  new=$(decode "$ours/live.m3u8" | comm -13 "$work/of_input" -)
  say "$name" ffmpeg "${new:-fine}"
}

# Plays the MPD of a fragmented MP4, after its end.
mpd() {
  local input=$1 name player new
  name=$(basename "$input")
  local ours=$served/dash-$name
  "$live_hls" --dash --target 2 --window 600 "$input" "$ours" >/dev/null 2>&1
  for player in dash shaka; do
    try "dash-$name/live.mpd" "$player" 90 rate=2
    say "$name, MPD" "$player" "$outcome"
  done
  # FFmpeg plays a single Period only.
  if [ "$(grep -c '<Period' "$ours/live.mpd")" -eq 1 ]; then
    decode "$input" >"$work/of_input"
    new=$(decode "$ours/live.mpd" | comm -13 "$work/of_input" -)
    say "$name, MPD" ffmpeg "${new:-fine}"
  fi
}
