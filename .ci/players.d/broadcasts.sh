# Broadcasts, from their first segments on.

# Plays a broadcast of a file: its name, the player, the manifest, the options of play.py, and those of live_hls.
broadcast() {
  local input=$1 player=$2 manifest=$3 options=$4
  shift 4
  rm -rf "$served/live"
  start "$live_hls" --realtime --target 1 "$@" "$input" "$served/live"
  local packager=$!
  await "$served/live/$manifest"
  # shellcheck disable=SC2086
  try "live/$manifest" "$player" 180 $options
  kill -INT "$packager" 2>/dev/null || true
  wait "$packager" || true
  say "broadcast, $manifest" "$player" "$outcome"
}
