//! The addresses of the origin, resolved once for all writers.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::call::Call;
use crate::internal::sync::{self, Condvar, Mutex, now};
use crate::internal::unwind::catch;

/// The age from which addresses are resolved again, in the background. The system's resolver does
/// not say how long they hold.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The time for which a call waits for new addresses if it has old ones.
const WAIT_FOR_NEW: Duration = Duration::from_secs(1);

/// The number of addresses that are kept, as ureq takes no more.
const ADDRESSES: usize = 16;

/// Resolves a host and a port.
pub(super) type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The system's resolver.
pub(super) fn system_lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// The addresses of one host. A lookup has a thread of its own, and there is at most one of them,
/// since a lookup that hangs cannot be ended.
pub(super) struct Names {
    host: String,
    port: u16,
    lookup: Arc<Lookup>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The last ones that are known, the one that was connected to last in front.
    addresses: Vec<SocketAddr>,
    freshness: Freshness,
    running: Running,
    /// The number of lookups that have ended.
    ended: u64,
    failure: Option<String>,
}

#[derive(Default, Clone, Copy)]
enum Freshness {
    /// They have to be resolved before they are used.
    #[default]
    Stale,
    Since(Instant),
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Running {
    #[default]
    No,
    Lookup,
}

impl Names {
    pub(super) fn new(host: &str, port: u16, lookup: Arc<Lookup>) -> Self {
        Self {
            host: host.to_owned(),
            port,
            lookup,
            state: Mutex::default(),
            changed: Condvar::default(),
        }
    }

    /// Has the next call resolve the name again.
    pub(super) fn expire(&self) {
        sync::lock(&self.state).freshness = Freshness::Stale;
    }

    /// Puts the address that could be connected to in front.
    pub(super) fn prefer(&self, address: SocketAddr) {
        let mut state = sync::lock(&self.state);
        if let Some(at) = state.addresses.iter().position(|known| *known == address) {
            state.addresses[..=at].rotate_right(1);
        }
    }

    /// The addresses, at least one. If a lookup fails or hangs, the last known ones.
    pub(super) fn addresses(self: &Arc<Self>, call: &Call) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let started = now();
        let mut state = sync::lock(&self.state);
        let age = match state.freshness {
            Freshness::Stale => None,
            Freshness::Since(instant) => Some(started.saturating_duration_since(instant)),
        };
        if age.is_some_and(|age| age < MAX_AGE) {
            return Ok(state.addresses.clone());
        }
        let must_start = state.running == Running::No;
        state.running = Running::Lookup;
        let ended = state.ended;
        drop(state);
        if must_start {
            self.start_lookup();
        }
        let mut state = sync::lock(&self.state);
        // Old addresses that have not failed are good until there are new ones.
        if age.is_some() {
            return Ok(state.addresses.clone());
        }
        while state.ended == ended {
            let waited = now().saturating_duration_since(started);
            if !state.addresses.is_empty() && waited >= WAIT_FOR_NEW {
                break;
            }
            drop(state);
            call.check()?;
            let slice = call.slice();
            state = sync::lock(&self.state);
            if state.ended == ended {
                state = sync::wait(&self.state, &self.changed, state, Some(slice));
            }
        }
        if state.addresses.is_empty() {
            let reason = state.failure.as_deref().unwrap_or("it has no address");
            let message = format!("cannot resolve {:?}: {reason}", self.host);
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
        }
        Ok(state.addresses.clone())
    }

    fn start_lookup(self: &Arc<Self>) {
        let names = Arc::clone(self);
        let lookup = move || {
            let found = catch(|| (names.lookup)(&names.host, names.port))
                .unwrap_or_else(|panic| Err(io::Error::other(format!("it panicked: {panic}"))));
            names.end_lookup(found);
        };
        let thread = thread::Builder::new().name("segment-resolve".to_owned());
        if let Err(error) = thread.spawn(lookup) {
            self.end_lookup(Err(error));
        }
    }

    fn end_lookup(&self, found: io::Result<Vec<SocketAddr>>) {
        let mut state = sync::lock(&self.state);
        state.running = Running::No;
        state.ended += 1;
        match found {
            Ok(found) if !found.is_empty() => {
                let last = state.addresses.first().copied();
                state.addresses = alternating(found);
                state.freshness = Freshness::Since(now());
                if let Some(at) = state.addresses.iter().position(|at| Some(*at) == last) {
                    state.addresses[..=at].rotate_right(1);
                }
            }
            Ok(_) => state.failure = Some("it has no address".to_owned()),
            Err(error) => state.failure = Some(error.to_string()),
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// The same addresses with the families in turn, so that a family without a route costs one attempt.
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_first_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == is_first_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] || mixed.len() >= ADDRESSES {
            mixed.truncate(ADDRESSES);
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

/// ureq resolves for every request, and the cache answers.
pub(super) struct CachedResolver {
    names: Arc<Names>,
    call: Arc<Call>,
}

impl CachedResolver {
    pub(super) fn new(names: Arc<Names>, call: Arc<Call>) -> Self {
        Self { names, call }
    }
}

impl Resolver for CachedResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut resolved = self.empty();
        let addresses = self.names.addresses(&self.call)?;
        addresses
            .into_iter()
            .take(ADDRESSES)
            .for_each(|address| resolved.push(address));
        Ok(resolved)
    }
}

impl fmt::Debug for CachedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedResolver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_families_take_turns() {
        let of = |texts: &[&str]| texts.iter().map(|text| address(text)).collect::<Vec<_>>();
        let found = of(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        let expected = of(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(alternating(found), expected);
    }

    #[test]
    fn more_addresses_than_are_kept_are_no_panic() {
        let many = (1..=40).map(|port| SocketAddr::new([127, 0, 0, 1].into(), port));
        assert_eq!(alternating(many.collect()).len(), ADDRESSES);
    }

    #[test]
    fn the_address_that_answered_comes_first_also_after_a_new_lookup() {
        let known: Vec<_> = ["1.1.1.1:80", "2.2.2.2:80", "3.3.3.3:80"]
            .map(address)
            .into();
        let found = known.clone();
        let lookup = Arc::new(move |_: &str, _: u16| Ok(found.clone()));
        let names = Arc::new(Names::new("origin.invalid", 80, lookup));
        let call = Call::new();
        let patience = Duration::from_secs(60);
        call.begin(&crate::sink::WriteContext::default(), patience, patience);
        assert_eq!(names.addresses(&call).unwrap(), known);
        let expected = [known[2], known[0], known[1]];
        names.prefer(known[2]);
        assert_eq!(names.addresses(&call).unwrap(), expected);
        names.expire();
        assert_eq!(names.addresses(&call).unwrap(), expected);
    }
}
