//! Cases side by side.

use std::sync::{Arc, Mutex};
use std::thread;

/// Tries all of them, a few at a time, for what waits more than it works. The answers are in
/// order.
pub(crate) fn several<T, I>(
    items: I,
    attempt: impl Fn(T) -> bool + Send + Sync + 'static,
) -> Vec<bool>
where
    T: Send + 'static,
    I: Iterator<Item = T> + Send + 'static,
{
    let items = Arc::new(Mutex::new(items.enumerate()));
    let attempt = Arc::new(attempt);
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let (items, attempt) = (Arc::clone(&items), Arc::clone(&attempt));
            thread::spawn(move || {
                let mut answers = Vec::new();
                loop {
                    let next = items.lock().unwrap().next();
                    let Some((place, item)) = next else {
                        return answers;
                    };
                    answers.push((place, attempt(item)));
                }
            })
        })
        .collect();
    let answers = threads.into_iter().map(|it| it.join().unwrap());
    let mut answers: Vec<(usize, bool)> = answers.flatten().collect();
    answers.sort_unstable();
    answers.into_iter().map(|(_, answer)| answer).collect()
}
