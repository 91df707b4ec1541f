//! The multivariant playlist.

#[path = "multivariant/attributes.rs"]
mod attributes;
#[path = "multivariant/groups.rs"]
mod groups;
#[path = "multivariant/measured.rs"]
mod measured;

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
    let differ = "the media playlists \"audio/en.m3u8\" and \"video.m3u8\" differ: ";
    for (others, why) in [
        (None, "\"audio/en.m3u8\" has no publisher"),
        (Some(&other), "\"audio/en.m3u8\" has no publisher"),
        (
            Some(&unpublished),
            "\"audio/en.m3u8\" was not published yet",
        ),
        (Some(&longer), "their target durations are 9 s and 2 s"),
        (
            Some(&dated),
            "the first has dates (EXT-X-PROGRAM-DATE-TIME), the second has none",
        ),
        (
            Some(&broken),
            "their numbers of discontinuities are 1 and 0",
        ),
    ] {
        let refused = match others {
            None => main.publish(&mut folder, &[&video]),
            Some(other) => main.publish(&mut folder, &[&video, other]),
        };
        let error = refused.expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
        assert!(error.contains("main.m3u8"), "{error}");
        assert_eq!(
            error.contains(differ),
            why.contains("first") || why.contains("their")
        );
    }
    // All that differs, and whatever comes first.
    let both = live()
        .program_date_time(std::time::SystemTime::UNIX_EPOCH)
        .target_duration(Duration::from_secs(9));
    let both = published("video.m3u8", &both);
    let error = main.publish(&mut folder, &[&audio, &both]);
    let error = error.expect_err("they differ").to_string();
    let expected = "their target durations are 2 s and 9 s; the second has dates \
                    (EXT-X-PROGRAM-DATE-TIME), the first has none";
    assert!(error.ends_with(&format!("{differ}{expected}")), "{error}");
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
        published.map(drop).map_err(|error| error.to_string())
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

/// Nor where the file system ignores case, or what a name ends with.
#[test]
fn it_never_replaces_what_it_names_in_another_spelling() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    for path in ["LIVE.m3u8", "live.M3U8", "live.m3u8.", "live.m3u8 "] {
        let main = MultivariantPlaylist::new(path).variant(Variant::new("live.m3u8", 1));
        let published = main.publish(&mut bench.folder.clone(), &[&bench.publisher]);
        let refused = published.expect_err(path).to_string();
        assert!(refused.contains("would replace"), "{refused}");
        assert!(refused.contains("\"live.m3u8\""), "{refused}");
    }
}

/// Of these one would replace the other there.
#[test]
fn it_does_not_name_one_media_playlist_in_two_spellings() {
    let (lower, upper) = (published("a.m3u8", &live()), published("A.m3u8", &live()));
    let mut folder = Folder::new(Path::new("main.m3u8"), Duration::ZERO, false);
    let main = MultivariantPlaylist::new("main.m3u8").variant(Variant::new("a.m3u8", 1));
    let twice = main.clone().variant(Variant::new("./a.m3u8", 2));
    twice
        .publish(&mut folder, &[&lower, &upper])
        .expect("it is one");
    let both = main.variant(Variant::new("A.m3u8", 2));
    let refused = both.publish(&mut folder, &[&lower, &upper]);
    let refused = refused.expect_err("they may be one").to_string();
    for part in ["\"a.m3u8\"", "\"A.m3u8\"", "case"] {
        assert!(refused.contains(part), "{refused}");
    }
}

/// RFC 8216 §4.3.4.1.1: all groups have the same members, which differ in their URIs and channels
/// alone.
#[test]
fn groups_with_different_members_are_refused() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let audio = |group, name| AudioRendition::new("live.m3u8", group, name);
    let publish = |second: Vec<AudioRendition>| {
        let first = [
            audio("aac", "English")
                .language("en")
                .channels(2)
                .default_of_its_group(),
            audio("aac", "French").language("fr").channels(2),
        ];
        let main = MultivariantPlaylist::new("main.m3u8")
            .variant(Variant::new("live.m3u8", 1).audio_group("aac"))
            .variant(Variant::new("live.m3u8", 2).audio_group("surround"));
        let main = first
            .into_iter()
            .chain(second)
            .fold(main, MultivariantPlaylist::audio);
        let published = main.publish(&mut bench.folder.clone(), &[&bench.publisher]);
        published.map(drop).map_err(|error| error.to_string())
    };
    let english = || audio("surround", "English").language("en").channels(6);
    let french = || audio("surround", "French").language("fr").channels(6);
    let german = || audio("surround", "German").language("de").channels(6);
    // In whatever order.
    assert_eq!(
        publish(vec![french(), english().default_of_its_group()]),
        Ok(())
    );
    for (second, parts) in [
        (
            vec![english().default_of_its_group()],
            &["\"surround\"", "\"French\"", "\"aac\""][..],
        ),
        (
            vec![english().default_of_its_group(), french(), german()],
            &["\"surround\"", "\"German\"", "\"aac\""],
        ),
        (
            vec![english().default_of_its_group(), french().language("fr-CA")],
            &[
                "\"surround\"",
                "\"French\"",
                "\"aac\"",
                "LANGUAGE",
                "\"fr-CA\"",
                "\"fr\"",
            ],
        ),
        (
            vec![english(), french().default_of_its_group()],
            &[
                "\"surround\"",
                "\"English\"",
                "\"aac\"",
                "DEFAULT",
                "NO",
                "YES",
            ],
        ),
    ] {
        let error = publish(second).expect_err("they differ");
        let missing: Vec<_> = parts
            .iter()
            .filter(|part| !error.contains(**part))
            .collect();
        assert!(missing.is_empty(), "{missing:?}: {error}");
    }
}

#[test]
fn an_error_names_what_is_wrong() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let main = || MultivariantPlaylist::new("main.m3u8");
    let english = || AudioRendition::new("live.m3u8", "a", "English").default_of_its_group();
    for (main, parts) in [
        (
            main().variant(Variant::new("live.m3u8", 1).audio_group("x\ny")),
            &["\"live.m3u8\"", "\"x\\ny\""][..],
        ),
        (
            main().variant(Variant::new("live.m3u8", 1).codecs("a\"b")),
            &["\"live.m3u8\"", "CODECS", "\"a\\\"b\""],
        ),
        (
            main().variant(Variant::new("live.m3u8", 1).frame_rate(-1.0)),
            &["\"live.m3u8\"", "frame rate", "-1"],
        ),
        (
            main()
                .variant(Variant::new("live.m3u8", 1))
                .audio(english())
                .audio(AudioRendition::new("live.m3u8", "a", "English")),
            &["\"a\"", "the same name", "\"English\""],
        ),
        (
            main()
                .variant(Variant::new("live.m3u8", 1))
                .audio(english())
                .audio(AudioRendition::new("live.m3u8", "a", "French").default_of_its_group()),
            &["\"a\"", "its default", "\"English\"", "\"French\""],
        ),
    ] {
        let error = main.publish(&mut bench.folder.clone(), &[&bench.publisher]);
        let error = error.expect_err("it is refused").to_string();
        let missing: Vec<_> = parts
            .iter()
            .filter(|part| !error.contains(**part))
            .collect();
        assert!(missing.is_empty(), "{missing:?}: {error}");
    }
}
