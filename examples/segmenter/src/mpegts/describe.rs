//! Describes the tracks.

use super::packet::Packet;
use super::passing::Passing;
use super::pes::Header;
use super::sound::Sound;
use super::timeline::TICKS_PER_SECOND;
use super::track::Track;
use crate::track::TrackKind;

impl Passing {
    /// Looks into audio that was not looked into.
    pub(super) fn listen(&mut self, packet: Packet<'_>) {
        let pid = packet.pid();
        if self.sounds.contains_key(&pid) {
            return;
        }
        let mut tracks = self.current.map.tracks();
        let track = tracks.find(|track| track.pid == pid && !track.codec.is_video());
        if let (Some(track), Header::Read { len, .. }) = (track, Header::read(packet.payload()))
            && let Some(sound) = Sound::read(track.codec, &packet.payload()[len..])
        {
            self.sounds.insert(pid, sound);
        }
    }

    pub(super) fn tracks(&self) -> Vec<crate::Track> {
        let described = |track: Track| {
            let is_main = track.pid == self.current.track.pid;
            let lane = self.output.lanes.iter().find(|lane| lane.pid == track.pid);
            let measured = match lane {
                _ if is_main => Some((self.main_bytes, self.main_clock)),
                Some(lane) => Some((lane.bytes, lane.clock)),
                None => None,
            };
            let kind = if track.codec.is_video() {
                TrackKind::Video
            } else {
                TrackKind::Audio
            };
            let mut described = crate::Track::new(track.pid.into(), kind);
            if let Some(sequence) = self.sequence.as_ref().filter(|_| is_main) {
                described.codec = Some(sequence.codec.clone());
                described.size = Some(sequence.size);
                described.rate = sequence.rate.or_else(|| self.main.timeline.rate());
            }
            if let Some(sound) = self.sounds.get(&track.pid) {
                described.codec = Some(sound.codec.clone());
                described.rate = Some(sound.rate.into());
                described.channels = sound.channels;
            }
            described.bandwidth = measured.and_then(|(bytes, clock)| {
                let passed = u64::try_from(clock.passed).ok().filter(|it| *it > 0)?;
                let bits = bytes.saturating_mul(8);
                Some(bits.saturating_mul(TICKS_PER_SECOND.into()) / passed)
            });
            let mut streams = self.current.map.streams.iter();
            let language = streams.find(|it| it.pid == track.pid)?.language;
            described.language = language.and_then(|code| String::from_utf8(code.to_vec()).ok());
            Some(described)
        };
        self.current.map.tracks().filter_map(described).collect()
    }
}
