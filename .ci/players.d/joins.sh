# Joins of a broadcast in hls.js while the machine is busy. A join hangs if 15 s pass without a picture and without a first
# playlist, segment, parsed segment or buffered segment.
joins=16 loops=6

encode 1200 50 0 -f mpegts "$work/broadcast.ts"
mkdir "$served/live"
case ${1:-ours} in
  ours) start "$live_hls" --realtime --target 2 --window 20 "$work/broadcast.ts" "$served/live" ;;
  ffmpeg)
    start ffmpeg -nostdin -v error -re -i "$work/broadcast.ts" -c copy -f hls -hls_time 2 -hls_list_size 10 \
      -hls_flags delete_segments "$served/live/live.m3u8"
    ;;
  *) exit 2 ;;
esac
await "$served/live/live.m3u8"
for _ in $(seq $loops); do
  bash -c 'while :; do :; done' &
  started+=("$!")
done
# The window fills.
sleep 20
hung=0
for number in $(seq $joins); do
  if said=$(play live/live.m3u8 hls 300 join=15); then
    outcome="a picture after $(printf %s "$said" | sed 's/.*"picture": \([0-9]*\.[0-9]\).*/\1/') s"
  else
    hung=$((hung + 1))
    outcome="FAILED: $said"
  fi
  say "join $number" hls "$outcome"
done
echo "$hung of $joins joins hang"
