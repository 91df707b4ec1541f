//! What a session does besides: at its start with the uploads of an earlier one, and at its end
//! with the objects that nobody needs.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::common::threads::must_end;
use super::origin::{Origin, PLAYLIST, name};
use super::{SAMPLE, push, pusher};

const SIDE_FILE: &str = ".live.m3u8.state";

/// The number of lines about it.
fn about_the_side_file(said: &str) -> usize {
    said.lines().filter(|line| line.contains(SIDE_FILE)).count()
}

/// Nothing else is deleted, as everything is listed.
#[test]
fn a_side_file_whose_deletion_is_refused_is_deleted_later() {
    must_end(|| {
        let refusals = AtomicUsize::new(0);
        let origin = Origin::start(move |exchange| {
            let line = &exchange.request.line;
            let is_it = line.starts_with("DELETE ") && name(line) == SIDE_FILE;
            if !is_it || refusals.fetch_add(1, Ordering::SeqCst) >= 2 {
                return None;
            }
            exchange.body();
            Some(exchange.reply_only(503))
        });
        let options = ["--target", "2", "--window", "3600", SAMPLE];
        let said = push(pusher().args(options).arg(origin.server.url()));
        assert_eq!(about_the_side_file(&said), 1, "{said}");
        let names = origin.names();
        assert!(names.iter().any(|name| name == PLAYLIST));
        assert!(!names.iter().any(|name| name == SIDE_FILE), "{names:?}");
    });
}

/// It would never end.
#[test]
fn a_session_ends_with_objects_that_are_never_deleted() {
    must_end(|| {
        let origin = Origin::start(|exchange| {
            if !exchange.request.line.starts_with("DELETE ") {
                return None;
            }
            exchange.body();
            Some(exchange.reply_only(403))
        });
        let options = ["--target", "2", "--window", "3600", SAMPLE];
        let said = push(pusher().args(options).arg(origin.server.url()));
        assert!(said.contains("are kept"), "{said}");
        assert_eq!(about_the_side_file(&said), 1, "{said}");
        assert!(origin.object(SIDE_FILE).is_some());
    });
}

#[cfg(feature = "s3")]
mod uploads {
    use jiff::{SignedDuration, Timestamp};

    use crate::common::threads::must_end;
    use crate::store::{BUCKET, Instead, KEY, REGION, Rules, SECRET, Store};
    use crate::{SAMPLE, push, pusher};

    /// Pushes the sample below the prefix `live`, and returns the complaints.
    fn run(store: &Store) -> String {
        let endpoint = format!("http://{}", store.server.address());
        let mut command = pusher();
        command.args(["--target", "2", "--window", "3600", "--endpoint", &endpoint]);
        command.args(["--region", REGION, SAMPLE, &format!("s3://{BUCKET}/live")]);
        command.env("AWS_ACCESS_KEY_ID", KEY);
        command.env("AWS_SECRET_ACCESS_KEY", SECRET);
        command.env_remove("AWS_SESSION_TOKEN");
        push(&mut command)
    }

    fn begin(store: &Store, key: &str, minutes: i64) {
        let begun = Timestamp::now() - SignedDuration::from_mins(minutes);
        store.with_state(|state| state.begin(key, Vec::new(), begun));
    }

    #[test]
    fn a_session_aborts_what_a_killed_one_has_left_an_hour_ago() {
        must_end(|| {
            let store = Store::start(Rules::default());
            begin(&store, "live/old.ts", 61);
            // A minute before it is old, for as long as the test may take.
            begin(&store, "live/young.ts", 50);
            begin(&store, "other/old.ts", 61);
            let said = run(&store);
            let left = store.with_state(|state| {
                let uploads = state.uploads.values();
                uploads.map(|it| it.key.clone()).collect::<Vec<_>>()
            });
            assert_eq!(left, ["live/young.ts", "other/old.ts"]);
            assert_eq!(said.matches("old.ts").count(), 1, "{said}");
            assert!(store.object("live/live.m3u8").is_some());
        });
    }

    /// Some stores lack it, and some keys are for writing alone.
    #[test]
    fn a_store_that_lists_no_uploads_costs_a_line() {
        for (status, code) in [(501, "NotImplemented"), (403, "AccessDenied")] {
            must_end(move || {
                let store =
                    Store::start_with(Rules::default(), move |signed| match signed.action() {
                        "list" => Instead::Refuse(status, code),
                        _ => Instead::Nothing,
                    });
                let said = run(&store);
                let lines: Vec<_> = said.lines().filter(|it| it.contains(code)).collect();
                assert_eq!(lines.len(), 1, "{said}");
                let is_about_it = lines[0].contains("abort unfinished uploads");
                assert!(is_about_it, "{said}");
                assert!(store.object("live/live.m3u8").is_some());
            });
        }
    }

    #[test]
    fn an_upload_that_cannot_be_aborted_costs_a_line() {
        must_end(|| {
            let store = Store::start_with(Rules::default(), |signed| match signed.action() {
                "abort" => Instead::Refuse(403, "AccessDenied"),
                _ => Instead::Nothing,
            });
            begin(&store, "live/0.ts", 61);
            begin(&store, "live/1.ts", 61);
            let said = run(&store);
            assert_eq!(said.matches("AccessDenied").count(), 1, "{said}");
            assert!(said.contains("2 unfinished uploads"), "{said}");
            assert!(store.object("live/live.m3u8").is_some());
        });
    }
}
