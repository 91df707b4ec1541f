//! Audio goes into the segment that its time belongs to.

use super::common::muxer::{DISCONTINUITY, MPEG_AUDIO};
use super::*;

const OTHER_AUDIO: u16 = 0x102;

/// Ten seconds of pictures, a random access point in each, with tables in front. `audio` gives the
/// time of the audio that comes after a picture.
fn stream(pids: &[u16], audio: impl Fn(u64, u16) -> Option<u64>) -> Vec<u8> {
    let mut muxer = Muxer::default();
    for index in 0..250 {
        if index % 25 == 0 {
            muxer.pat(0, &[(1, PMT)]);
            let audio = pids.iter().map(|pid| Stream::new(MPEG_AUDIO, *pid));
            let streams: Vec<_> = [Stream::new(H264, VIDEO)]
                .into_iter()
                .chain(audio)
                .collect();
            muxer.pmt(PMT, 1, 0, &streams);
        }
        muxer.pes(&picture(
            index,
            if index % 25 == 0 { RANDOM_ACCESS } else { 0 },
        ));
        for &pid in pids {
            if let Some(stamp) = audio(index, pid) {
                // Three packets.
                muxer.pes(&Pes {
                    pid,
                    presented: Some(stamp),
                    content: vec![1; 400],
                    ..Pes::default()
                });
            }
        }
    }
    muxer.bytes
}

/// How far the audio begins before the segment does, at most.
fn lead(cuts: &[Segment], pid: u16) -> f64 {
    let leads = cuts.iter().map(|cut| {
        let first = joined::stamps(&cut.data, pid).into_iter().min();
        first.map_or(0, |first| cut.start.saturating_sub(first))
    });
    f64::from(u32::try_from(leads.max().unwrap_or(0)).unwrap()) / 90_000.0
}

/// Up to a second and more.
#[test]
fn audio_that_comes_late_goes_into_the_segment_before() {
    for late in [0, 2, 5, 10, 24, 25, 26, 36] {
        let bytes = stream(&[AUDIO], |index, _| {
            Some(START + index.checked_sub(late)? * FRAME)
        });
        let cuts = cut(&bytes, Duration::from_secs(2));
        assert_eq!(seconds(&cuts), [2.0; 5]);
        assert!(lead(&cuts, AUDIO) <= 0.06, "{late}: {}", lead(&cuts, AUDIO));
        for cut in &cuts {
            joined::check_beginning(&cut.data, VIDEO);
        }
    }
}

/// As `ffmpeg` packs several frames into a PES packet: it comes when its last frame is there, with
/// the time of its first one.
#[test]
fn audio_of_many_frames_comes_when_its_last_one_is_there() {
    for frames in [4, 8, 10, 17, 25] {
        let bytes = stream(&[AUDIO], |index, _| {
            let is_full = (index + 1) % frames == 0;
            is_full.then(|| START + (index + 1 - frames) * FRAME)
        });
        let cuts = cut(&bytes, Duration::from_secs(2));
        assert_eq!(seconds(&cuts), [2.0; 5]);
        assert!(lead(&cuts, AUDIO) <= 0.06, "{frames}");
        // None goes further ahead than to the segment of its time.
        for pair in cuts.windows(2) {
            let last = joined::stamps(&pair[0].data, AUDIO).into_iter().max();
            assert!(last < Some(pair[1].start), "{frames}");
        }
    }
}

#[test]
fn each_of_two_audio_streams_is_waited_for() {
    for (one, other) in [(3, 20), (0, 25), (25, 25), (30, 2)] {
        let bytes = stream(&[AUDIO, OTHER_AUDIO], |index, pid| {
            let late = if pid == AUDIO { one } else { other };
            Some(START + index.checked_sub(late)? * FRAME)
        });
        let cuts = cut(&bytes, Duration::from_secs(2));
        assert_eq!(seconds(&cuts), [2.0; 5]);
        for pid in [AUDIO, OTHER_AUDIO] {
            assert!(lead(&cuts, pid) <= 0.06, "{one}, {other}: {pid:#x}");
        }
    }
}

/// The number of bytes after which a segment comes out.
fn comes_out_after(bytes: &[u8], segments: usize) -> usize {
    let mut cutter = Cutter::new(Duration::from_secs(2));
    let mut cuts = Vec::new();
    for (index, packet) in bytes.chunks(188).enumerate() {
        cutter.push(packet, &mut cuts).unwrap();
        if cuts.len() >= segments {
            return (index + 1) * 188;
        }
    }
    bytes.len()
}

/// Where the picture of this index begins.
fn picture_at(bytes: &[u8], wanted: usize) -> usize {
    let starts = bytes
        .chunks(188)
        .enumerate()
        .filter(|(_, packet)| joined::pid(packet) == VIDEO && packet[1] & 0x40 != 0);
    starts.map(|(index, _)| index * 188).nth(wanted).unwrap()
}

#[test]
fn a_segment_waits_for_audio_no_longer_than_needed() {
    // The audio of the cut comes with the picture after it.
    let bytes = stream(&[AUDIO], |index, _| {
        Some(START + index.checked_sub(1)? * FRAME)
    });
    assert!(comes_out_after(&bytes, 1) <= picture_at(&bytes, 52));
    // Without any it does not wait, and neither for a stream that has fallen silent.
    let bytes = stream(&[AUDIO], |_, _| None);
    assert!(comes_out_after(&bytes, 1) <= picture_at(&bytes, 51) + 376);
    let bytes = stream(&[AUDIO, OTHER_AUDIO], |index, pid| {
        (pid == AUDIO || index < 5).then_some(START + index * FRAME)
    });
    assert!(comes_out_after(&bytes, 1) <= picture_at(&bytes, 52));
    // One that falls silent just before the cut is waited for, 1.5 s at most.
    let bytes = stream(&[AUDIO], |index, _| {
        (index < 45).then_some(START + index * FRAME)
    });
    assert!(comes_out_after(&bytes, 1) <= picture_at(&bytes, 50 + 40));
}

#[test]
fn the_clock_and_other_streams_stay_where_they_are() {
    let mut muxer = Muxer::default();
    let data = 0x200;
    for index in 0..250_u64 {
        if index % 25 == 0 {
            muxer.pat(0, &[(1, PMT)]);
            // The clock is in the first stream.
            muxer.pmt(
                PMT,
                1,
                0,
                &[
                    Stream::new(MPEG_AUDIO, AUDIO),
                    Stream::new(H264, VIDEO),
                    Stream::new(0x06, data),
                ],
            );
        }
        muxer.pes(&picture(
            index,
            if index % 25 == 0 { RANDOM_ACCESS } else { 0 },
        ));
        for pid in [AUDIO, data] {
            muxer.pes(&Pes {
                pid,
                presented: Some(START + index.saturating_sub(5) * FRAME),
                pcr: (pid == AUDIO).then_some(index * FRAME),
                content: vec![1; 100],
                ..Pes::default()
            });
        }
    }
    let cuts = cut(&muxer.bytes, Duration::from_secs(2));
    // Byte for byte the input, as each segment has its own tables.
    let all: Vec<u8> = cuts.iter().flat_map(|cut| cut.data.clone()).collect();
    assert!(all == muxer.bytes);
    assert!(lead(&cuts, AUDIO) > 0.1);
}

/// As of an encoder that loops a short file: the time since a segment has ended never grows.
#[test]
fn segments_do_not_wait_for_audio_while_the_time_jumps_back_again_and_again() {
    let mut muxer = h264();
    muxer.pes(&Pes {
        pid: AUDIO,
        ..picture(0, 0)
    });
    for round in 0..50 {
        for half in 0..2 {
            let restart = if round > 0 && half == 0 {
                DISCONTINUITY
            } else {
                0
            };
            muxer.pes(&picture(half * 10, RANDOM_ACCESS | restart));
        }
    }
    let mut cutter = Cutter::new(10 * Duration::from_secs(1));
    let mut cuts = Vec::new();
    cutter.push(&muxer.bytes, &mut cuts).unwrap();
    // Each of them lasts 0.8 s, and at most 1.5 s of them wait.
    assert!(cuts.len() >= 45, "{} segments", cuts.len());
    cutter.finish(&mut cuts).unwrap();
    joined::check(&muxer.bytes, &data(&cuts));
}
