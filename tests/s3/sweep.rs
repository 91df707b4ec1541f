//! Uploads that a killed process has left.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::store::{Instead, Rules, Store};

/// Begins an upload that is this old.
fn begin(store: &Store, key: &str, minutes: i64) {
    let begun = Timestamp::now() - SignedDuration::from_mins(minutes);
    store.with_state(|state| state.begin(key, Vec::new(), begun));
}

fn left(store: &Store) -> Vec<String> {
    store.with_state(|state| {
        state
            .uploads
            .values()
            .map(|upload| upload.key.clone())
            .collect()
    })
}

#[test]
fn old_uploads_below_the_prefix_are_aborted() {
    let store = Store::start(Rules::default());
    begin(&store, "live/old&.ts", 61);
    begin(&store, "live/young.ts", 59);
    begin(&store, "other/old.ts", 61);
    begin(&store, "lives/old.ts", 61);
    let hour = Duration::from_secs(3600);
    let swept = store.sink().sweep(hour).unwrap();
    assert_eq!(swept.aborted, [PathBuf::from("old&.ts")]);
    assert_eq!(swept.younger, [PathBuf::from("young.ts")]);
    assert!(swept.errors.is_empty());
    assert_eq!(
        left(&store),
        ["live/young.ts", "other/old.ts", "lives/old.ts"]
    );
    let swept = store.sink().sweep(Duration::ZERO).unwrap();
    assert_eq!(swept.aborted, [PathBuf::from("young.ts")]);
}

#[test]
fn the_clock_of_the_store_decides_about_the_age() {
    let store = Store::start(Rules {
        ahead: 600,
        ..Rules::default()
    });
    // Of now, which is ten minutes ago for the store.
    begin(&store, "live/0.ts", 0);
    let swept = store.sink().sweep(Duration::from_secs(500)).unwrap();
    assert_eq!(swept.aborted.len(), 1);
}

#[test]
fn more_uploads_than_a_page_has_are_aborted() {
    let store = Store::start(Rules::default());
    for number in 0..250 {
        begin(&store, &format!("live/{}.ts", number % 7), 1);
    }
    let swept = store.sink().sweep(Duration::ZERO).unwrap();
    assert_eq!(swept.aborted.len(), 250);
    assert!(left(&store).is_empty());
    assert_eq!(
        store
            .actions()
            .iter()
            .filter(|action| **action == "list")
            .count(),
        3
    );
}

#[test]
fn an_upload_that_cannot_be_aborted_does_not_end_the_sweep() {
    let store = Store::start_with(Rules::default(), |signed| {
        match (signed.action(), signed.key.as_str()) {
            ("abort", "live/0.ts") => Instead::Refuse(403, "AccessDenied"),
            _ => Instead::Nothing,
        }
    });
    begin(&store, "live/0.ts", 1);
    begin(&store, "live/1.ts", 1);
    let swept = store.sink().sweep(Duration::ZERO).unwrap();
    assert_eq!(swept.aborted, [PathBuf::from("1.ts")]);
    let [error] = &swept.errors[..] else {
        panic!("{swept:?}");
    };
    let text = error.to_string();
    assert!(
        text.contains("abort unfinished uploads at s3://media"),
        "{text}"
    );
    assert!(
        text.contains("0.ts") && text.contains("AccessDenied"),
        "{text}"
    );
}

#[test]
fn a_store_that_repeats_itself_is_not_asked_for_ever() {
    let store = Store::start_with(Rules::default(), |signed| match signed.action() {
        "list" => {
            let text = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>\
                <NextKeyMarker>live/0</NextKeyMarker></ListMultipartUploadsResult>";
            let length = text.len();
            Instead::Reply(format!(
                "HTTP/1.1 200 X\r\nContent-Length: {length}\r\n\r\n{text}"
            ))
        }
        _ => Instead::Nothing,
    });
    let swept = store.sink().sweep(Duration::ZERO).unwrap();
    assert!(swept.aborted.is_empty());
    assert_eq!(store.actions(), ["list", "list"]);
}
