//! A new connection, to the first of several addresses that answers.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::call::Call;
use crate::internal::sync::channel::{RecvTimeoutError, Sender, bounded};
use crate::internal::sync::now;

/// The head start of each address before the next one (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first address that answers, each tried within `timeout`. The addresses are tried
/// in order, and the next one begins if the one before has failed or has not answered for a while.
///
/// Each attempt has a thread of its own, as a connect cannot be cut short otherwise. The threads end
/// with their time-out at the latest, and a connection that comes too late is closed.
pub(super) fn connect(
    addresses: &[SocketAddr],
    timeout: Duration,
    call: &Call,
) -> io::Result<TcpStream> {
    let (attempt_ended, attempts) = bounded(addresses.len().max(1));
    let mut waiting = addresses.iter();
    let mut running = 0_usize;
    let mut last_start = now();
    let mut failure = None;
    loop {
        call.check()?;
        let is_due = running == 0 || now().saturating_duration_since(last_start) >= HEAD_START;
        if is_due && let Some(address) = waiting.next() {
            start(*address, timeout.min(call.left()), attempt_ended.clone())?;
            running += 1;
            last_start = now();
        } else if running == 0 {
            let none = || io::Error::new(io::ErrorKind::AddrNotAvailable, "there is no address");
            return Err(failure.unwrap_or_else(none));
        }
        match attempts.recv_timeout(call.slice()) {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                running -= 1;
                failure = Some(error);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

fn start(
    address: SocketAddr,
    timeout: Duration,
    ended: Sender<io::Result<TcpStream>>,
) -> io::Result<()> {
    // A time-out of zero would be an error of another kind.
    let timeout = timeout.max(Duration::from_millis(1));
    let attempt = move || {
        // Nobody listens any more if another address was quicker.
        let _ = ended.send(TcpStream::connect_timeout(&address, timeout));
    };
    let thread = thread::Builder::new().name("segment-connect".to_owned());
    thread.spawn(attempt).map(drop)
}
