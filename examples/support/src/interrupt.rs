//! Handles Ctrl-C and `SIGTERM`.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

const KILLED_BY_CTRL_C: i32 = 130;

/// Whether the program was asked to end.
#[derive(Default)]
pub struct Interrupt {
    was_asked: Mutex<bool>,
    changed: Condvar,
}

impl Interrupt {
    /// Calls `end` at the first Ctrl-C or `SIGTERM`. The second one exits at once.
    pub fn listen(end: impl Fn() + Send + 'static) -> Result<Arc<Self>, ctrlc::Error> {
        let interrupt = Arc::new(Self::default());
        let raised = Arc::clone(&interrupt);
        let was_asked = AtomicBool::new(false);
        ctrlc::set_handler(move || {
            if was_asked.swap(true, Ordering::Relaxed) {
                process::exit(KILLED_BY_CTRL_C);
            }
            raised.raise();
            end();
        })?;
        Ok(interrupt)
    }

    fn raise(&self) {
        *self
            .was_asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    pub fn was_asked(&self) -> bool {
        *self
            .was_asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for this long, or until the program is asked to end.
    pub fn wait(&self, duration: Duration) {
        let was_asked = self
            .was_asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The caller looks at `was_asked` itself.
        drop(
            self.changed
                .wait_timeout_while(was_asked, duration, |asked| !*asked),
        );
    }
}
