//! The playlist that names the others.

use segment_stream::hls::{AudioRendition, MultivariantPlaylist, Variant};

use super::*;

fn published(path: &str, config: &MediaPlaylist) -> MediaPlaylistPublisher<Folder> {
    published_after(path, config, |_| {})
}

fn published_after(
    path: &str,
    config: &MediaPlaylist,
    prepare: impl FnOnce(&mut MediaPlaylistPublisher<Folder>),
) -> MediaPlaylistPublisher<Folder> {
    let folder = Folder::new(Path::new(path), Duration::ZERO, false);
    folder.store(Path::new("0.ts"), vec![1]);
    let mut publisher =
        MediaPlaylistPublisher::new(config.rendition(path), folder).expect("a playlist");
    prepare(&mut publisher);
    let segment = media(0, 2.0).with_path("0.ts");
    let _ = publisher.push(&Ok(segment)).expect("it is published");
    publisher
}

fn main_playlist() -> MultivariantPlaylist {
    MultivariantPlaylist::new("main.m3u8")
        .independent_segments()
        .audio(
            AudioRendition::new("audio/en.m3u8", "aac", "English")
                .language("en")
                .channels(2)
                .default_of_its_group(),
        )
        .variant(
            Variant::new("video.m3u8", 4_000_000)
                .average_bandwidth(3_000_000)
                .codecs("avc1.64001f,mp4a.40.2")
                .resolution(1280, 720)
                .frame_rate(30_000.0 / 1001.0)
                .audio_group("aac"),
        )
}

#[test]
fn it_names_every_variant_and_its_audio() {
    let (video, audio) = (
        published("video.m3u8", &live()),
        published("audio/en.m3u8", &live()),
    );
    let mut folder = Folder::new(Path::new("main.m3u8"), Duration::ZERO, false);
    main_playlist()
        .publish(&mut folder, &[&video, &audio])
        .expect("it is published");
    let text = folder
        .content(Path::new("main.m3u8"))
        .expect("there is a playlist");
    assert_eq!(
        String::from_utf8(text).expect("it is UTF-8"),
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MEDIA:TYPE=AUDIO,NAME=\"English\",GROUP-ID=\"aac\",URI=\"audio/en.m3u8\",\
         LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=4000000,AVERAGE-BANDWIDTH=3000000,\
         CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.97,AUDIO=\"aac\"\n\
         video.m3u8\n"
    );
}

#[test]
fn it_waits_for_its_playlists_and_refuses_what_they_must_share_and_do_not() {
    let video = published("video.m3u8", &live());
    let unpublished = MediaPlaylistPublisher::new(
        live().rendition("audio/en.m3u8"),
        Folder::new(Path::new("audio/en.m3u8"), Duration::ZERO, false),
    )
    .expect("a playlist");
    let longer = live().target_duration(Duration::from_secs(9));
    let longer = published("audio/en.m3u8", &longer);
    let dated = live().program_date_time(std::time::SystemTime::UNIX_EPOCH);
    let dated = published("audio/en.m3u8", &dated);
    let broken = published_after(
        "audio/en.m3u8",
        &live(),
        MediaPlaylistPublisher::discontinuity,
    );
    let audio = published("audio/en.m3u8", &live());

    let mut folder = Folder::new(Path::new("main.m3u8"), Duration::ZERO, false);
    let main = main_playlist();
    let other = published("other.m3u8", &live());
    for (others, why) in [
        (None, "no publisher"),
        (Some(&other), "no publisher"),
        (Some(&unpublished), "not published yet"),
        (Some(&longer), "differ"),
        (Some(&dated), "differ"),
        (Some(&broken), "differ"),
    ] {
        let refused = match others {
            None => main.publish(&mut folder, &[&video]),
            Some(other) => main.publish(&mut folder, &[&video, other]),
        };
        let error = refused.expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    }
    for (odd, why) in [
        (
            main.clone()
                .variant(Variant::new("video.m3u8", 1).audio_group("x")),
            "group",
        ),
        (
            main.clone()
                .variant(Variant::new("video.m3u8", 1).codecs("a\"b")),
            "quote",
        ),
        (
            main.clone()
                .variant(Variant::new("video.m3u8", 1).codecs("a\nb")),
            "quote",
        ),
        (
            main.clone()
                .variant(Variant::new("video.m3u8", 1).frame_rate(f64::NAN)),
            "rate",
        ),
        (MultivariantPlaylist::new("main.m3u8"), "no variant"),
    ] {
        let error = odd.publish(&mut folder, &[&video, &audio]).expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    }
    assert!(folder.content(Path::new("main.m3u8")).is_none());
}

/// Whatever the number that it began with, and however short it is.
#[test]
fn a_playlist_that_was_published_with_the_last_number_is_published() {
    let folder = Folder::new(Path::new("video.m3u8"), Duration::ZERO, false);
    let mut video =
        MediaPlaylistPublisher::new(live().rendition("video.m3u8"), folder).expect("a playlist");
    let last = media((1 << 53) - 1, 0.0);
    let _ = video.push(&Ok(last)).expect("it is published");
    let mut folder = Folder::new(Path::new("main.m3u8"), Duration::ZERO, false);
    MultivariantPlaylist::new("main.m3u8")
        .variant(Variant::new("video.m3u8", 1))
        .publish(&mut folder, &[&video])
        .expect("it is published");
}

#[test]
fn groups_have_one_default_and_different_names() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let audio = |name| AudioRendition::new("live.m3u8", "a", name);
    let publish = |renditions: Vec<AudioRendition>| {
        let main = MultivariantPlaylist::new("main.m3u8")
            .variant(Variant::new("live.m3u8", 1).audio_group("a"));
        let main = renditions
            .into_iter()
            .fold(main, MultivariantPlaylist::audio);
        let published = main.publish(&mut bench.folder.clone(), &[&bench.publisher]);
        published.map_err(|error| error.to_string())
    };
    let english = || audio("English").default_of_its_group();
    assert_eq!(publish(vec![english(), audio("French")]), Ok(()));
    let same_name = publish(vec![english(), audio("English")]).unwrap_err();
    assert!(same_name.contains("the same name"), "{same_name}");
    let two_defaults = publish(vec![english(), audio("French").default_of_its_group()]);
    let two_defaults = two_defaults.unwrap_err();
    assert!(two_defaults.contains("its default"), "{two_defaults}");
    let elsewhere = AudioRendition::new("live.m3u8", "b", "English").default_of_its_group();
    assert_eq!(publish(vec![english(), elsewhere]), Ok(()));
}

#[test]
fn it_never_replaces_what_it_names() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let main = MultivariantPlaylist::new("./live.m3u8").variant(Variant::new("live.m3u8", 1));
    let published = main.publish(&mut bench.folder.clone(), &[&bench.publisher]);
    let refused = published.unwrap_err().to_string();
    assert!(refused.contains("would replace"), "{refused}");
}
