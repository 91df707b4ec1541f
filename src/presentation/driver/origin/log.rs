//! What the driver logs. Of each kind the first message is logged at once, and then one in ten
//! seconds with the number of those held back.

use std::time::Duration;

use log::Level;

use super::health::OriginHealth;
use super::step::Note;
use crate::error::SinkError;
use crate::internal::log::log as tell;
use crate::internal::rate_limit::{RateLimit, and_more};
use crate::internal::sync::{self, Mutex, now};
use crate::internal::unwind::{dispose, message_of};

/// The kinds of messages that may repeat.
#[derive(Debug, Clone, Copy)]
enum Kind {
    NotPut,
    Retrying,
    NotRepeated,
    Overdue,
    Recovered,
}

const KINDS: usize = 5;

#[derive(Debug, Default)]
pub(super) struct OriginLog {
    limits: Mutex<[RateLimit; KINDS]>,
}

impl OriginLog {
    pub(super) fn note(&self, note: Note) {
        let (kind, level) = match &note {
            Note::NotPut { .. } | Note::Late { .. } => (Kind::NotPut, Level::Error),
            Note::Retrying { .. } => (Kind::Retrying, Level::Warn),
            Note::NotRepeated { .. } => (Kind::NotRepeated, Level::Error),
            Note::Recovered { .. } => (Kind::Recovered, Level::Info),
        };
        if let Some(held_back) = self.pass(kind) {
            tell(
                level,
                format_args!("{}{}", text(&note), and_more(held_back)),
            );
        }
        dispose(note);
    }

    /// No manifest was published for this time.
    pub(super) fn overdue(&self, time: Duration, health: &OriginHealth) {
        let Some(held_back) = self.pass(Kind::Overdue) else {
            return;
        };
        let why = why(health);
        let (time, more) = (seconds(time), and_more(held_back));
        tell(
            Level::Error,
            format_args!("no manifest was published for {time}: {why}{more}"),
        );
    }

    /// The handle was dropped before all was put, or before it was certain what was put.
    pub(super) fn dropped((waiting, unsettled): (usize, usize)) {
        if (waiting, unsettled) != (0, 0) {
            tell(
                Level::Error,
                format_args!(
                    "the publisher of an origin was dropped; documents not put: {waiting}; URLs at \
                     which an earlier version may appear: {unsettled}"
                ),
            );
        }
    }

    /// How the sink ended, if nobody is left to be told.
    pub(super) fn sink_error(error: SinkError) {
        let message = message_of(&error);
        tell(
            Level::Error,
            format_args!("the sink of an origin did not end well: {message}"),
        );
        dispose(error);
    }

    fn pass(&self, kind: Kind) -> Option<u64> {
        sync::lock(&self.limits)[kind as usize].pass(now())
    }
}

/// A duration in a message.
fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Why nothing was published.
fn why(health: &OriginHealth) -> String {
    match (health.in_flight_for, &health.last_error) {
        (_, Some(error)) => error.clone(),
        (Some(time), None) => format!("the sink has been in one call for {}", seconds(time)),
        (None, None) if health.waiting == 0 => "no newer version was submitted".to_owned(),
        (None, None) => "the next version waits for its turn".to_owned(),
    }
}

#[expect(
    clippy::unnecessary_debug_formatting,
    reason = "a name with a line break in it must not forge a line"
)]
fn text(note: &Note) -> String {
    match note {
        Note::Recovered { path, after } => {
            let after = seconds(*after);
            format!("{path:?} is published, the first manifest after {after}")
        }
        Note::Retrying { attempts, error } => {
            let message = message_of(error);
            format!("{message}; it is put again after {attempts} attempts")
        }
        Note::NotPut { version, error } => {
            format!("version {version} was not published: {}", message_of(error))
        }
        Note::NotRepeated { error } => format!(
            "a put of unknown outcome could not be replaced, so an older version may appear: {}",
            message_of(error)
        ),
        Note::Late { error } => format!(
            "the last put failed after its publisher had stopped: {}",
            message_of(error)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_says_why_nothing_was_published() {
        let idle = OriginHealth {
            is_running: true,
            is_overdue: true,
            unpublished_for: None,
            waiting: 0,
            in_flight_for: None,
            in_doubt: 0,
            failures: 0,
            last_error: None,
        };
        assert_eq!(why(&idle), "no newer version was submitted");
        let waiting = OriginHealth {
            waiting: 1,
            ..idle.clone()
        };
        assert_eq!(why(&waiting), "the next version waits for its turn");
        let hanging = OriginHealth {
            in_flight_for: Some(Duration::from_millis(5_250)),
            ..idle.clone()
        };
        assert_eq!(why(&hanging), "the sink has been in one call for 5.2 s");
        let failing = OriginHealth {
            last_error: Some("cannot write \"live\": 503".to_owned()),
            ..hanging
        };
        assert_eq!(why(&failing), "cannot write \"live\": 503");
    }

    #[test]
    fn every_message_names_the_error_on_one_line() {
        let error = || SinkError::transient("50\n3").with_operation("write");
        let notes = [
            Note::Retrying {
                attempts: 2,
                error: error(),
            },
            Note::NotPut {
                version: 7,
                error: error(),
            },
            Note::NotRepeated { error: error() },
            Note::Late { error: error() },
        ];
        for note in &notes {
            let text = text(note);
            assert!(text.contains("cannot write: 50\\n3"), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
        let recovered = Note::Recovered {
            path: "a\nb".into(),
            after: Duration::from_secs(9),
        };
        let text = text(&recovered);
        assert_eq!(
            text,
            "\"a\\nb\" is published, the first manifest after 9.0 s"
        );
    }
}
