//! The one way to the log.

use std::fmt;

use log::Level;
use log::kv::Value;

use super::unwind::catch;

/// The target of every message.
const TARGET: &str = "segment_stream";

/// Logs a message without key-value pairs.
pub(crate) fn log(level: Level, message: fmt::Arguments<'_>) {
    log_with(level, message, &[]);
}

/// Logs a message. Never called under a lock: a logger may block for as long as it likes.
pub(crate) fn log_with(level: Level, message: fmt::Arguments<'_>, pairs: &[(&str, Value<'_>)]) {
    // There is nobody left to be told that logging failed.
    let _ = catch(|| {
        if level <= log::STATIC_MAX_LEVEL && level <= log::max_level() {
            let mut record = log::Record::builder();
            record
                .level(level)
                .target(TARGET)
                .module_path_static(Some(module_path!()))
                .key_values(&pairs)
                .args(message);
            log::logger().log(&record.build());
        }
    });
}
