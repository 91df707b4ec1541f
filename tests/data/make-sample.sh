#!/bin/sh
# Makes sample.ts: 20 s of H.264 and AAC, with B-frames, and random access points 0.8 to 1.4 s apart.
# The file in the repository came from ffmpeg 5.1 as Debian 12 has it.
set -eu
cd "$(dirname "$0")"
ffmpeg -nostdin -hide_banner -loglevel error -y \
    -f lavfi -i testsrc2=size=320x180:rate=25:duration=20 \
    -f lavfi -i sine=frequency=440:beep_factor=4:sample_rate=48000:duration=20 \
    -c:v libx264 -preset medium -profile:v main -pix_fmt yuv420p \
    -b:v 150k -maxrate 250k -bufsize 300k -bf 2 -g 60 -sc_threshold 0 \
    -force_key_frames 0,0.8,2,3.2,4,5.4,6,7,8,9.2,10,11,12,13.4,14,15,16.2,17,18,19 \
    -c:a aac -b:a 64k \
    -fflags +bitexact -flags:v +bitexact -flags:a +bitexact \
    -f mpegts sample.ts
