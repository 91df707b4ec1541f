//! Keys, and where they come from.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusty_s3::Credentials;

use crate::error::SinkError;
use crate::internal::unwind::catch;

/// The time before their end from which keys are replaced, as Amazon's own tools do.
const RENEWAL: Duration = Duration::from_secs(5 * 60);

/// An access key and its secret, with a session token if they are temporary.
///
/// [`Debug`](fmt::Debug) prints none of them.
#[derive(Clone)]
#[must_use]
pub struct S3Keys {
    pub(super) credentials: Credentials,
    ends: Option<SystemTime>,
}

impl S3Keys {
    /// Keys that last.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            credentials: Credentials::new(access_key, secret_key),
            ends: None,
        }
    }

    /// Adds the session token of temporary keys.
    pub fn session_token(self, token: impl Into<String>) -> Self {
        let Self { credentials, ends } = self;
        let (access_key, secret_key) = (credentials.key(), credentials.secret());
        Self {
            credentials: Credentials::new_with_token(access_key, secret_key, token),
            ends,
        }
    }

    /// Sets the time at which temporary keys end. New ones are asked for five minutes before.
    pub fn until(mut self, end: SystemTime) -> Self {
        self.ends = Some(end);
        self
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.ends.is_none_or(|end| now + RENEWAL < end)
    }

    fn has_ended(&self, now: SystemTime) -> bool {
        self.ends.is_some_and(|end| end <= now)
    }

    fn check(&self) -> Result<(), SinkError> {
        let is_plain = |text: &str| !text.chars().any(|c| c.is_control() || c.is_whitespace());
        let (access_key, secret_key) = (self.credentials.key(), self.credentials.secret());
        if access_key.is_empty() || !is_plain(access_key) {
            return Err(refuse("the access key is malformed"));
        }
        if secret_key.is_empty() || !is_plain(secret_key) {
            return Err(refuse("the secret key is malformed"));
        }
        if !self.credentials.token().is_none_or(is_plain) {
            return Err(refuse("the session token is malformed"));
        }
        Ok(())
    }
}

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Keys").finish_non_exhaustive()
    }
}

/// Where an [`S3Sink`](crate::S3Sink) gets its keys.
///
/// ```no_run
/// use segment_stream::{S3Credentials, S3Keys};
///
/// # fn main() -> Result<(), segment_stream::SinkError> {
/// let given = S3Credentials::from(S3Keys::new("access key", "secret key"));
/// let environment = S3Credentials::from_env()?;
/// let profile = S3Credentials::from_profile("default")?;
/// let rotating = S3Credentials::from_fn(|| Ok(S3Keys::new("of now", "secret key")));
/// # let _ = (given, environment, profile, rotating);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct S3Credentials(Source);

#[derive(Clone)]
enum Source {
    Given(S3Keys),
    Profile { file: PathBuf, name: String },
    Callback(Arc<Callback>),
}

type Callback = dyn Fn() -> Result<S3Keys, SinkError> + Send + Sync;

impl From<S3Keys> for S3Credentials {
    fn from(keys: S3Keys) -> Self {
        Self(Source::Given(keys))
    }
}

impl S3Credentials {
    /// The keys in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if it is set,
    /// `AWS_SESSION_TOKEN`.
    ///
    /// # Errors
    ///
    /// One of the first two is not set.
    pub fn from_env() -> Result<Self, SinkError> {
        Self::from_variables(|name| env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SinkError> {
        let value = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let needed = |name: &str| value(name).ok_or_else(|| refuse(&format!("{name} is not set")));
        let keys = S3Keys::new(
            needed("AWS_ACCESS_KEY_ID")?,
            needed("AWS_SECRET_ACCESS_KEY")?,
        );
        Ok(match value("AWS_SESSION_TOKEN") {
            Some(token) => keys.session_token(token).into(),
            None => keys.into(),
        })
    }

    /// The keys of a profile in `$AWS_SHARED_CREDENTIALS_FILE`, or else in `.aws/credentials` of the
    /// home directory. If the keys are refused, the file is read once more.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has no such profile.
    pub fn from_profile(name: &str) -> Result<Self, SinkError> {
        let file = match env::var_os("AWS_SHARED_CREDENTIALS_FILE") {
            Some(file) => PathBuf::from(file),
            None => env::home_dir()
                .ok_or_else(|| refuse("the home directory is not known"))?
                .join(".aws/credentials"),
        };
        Self::from_file(file, name)
    }

    /// The keys of a profile in this file. If they are refused, the file is read once more.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has no such profile.
    pub fn from_file(file: impl Into<PathBuf>, name: &str) -> Result<Self, SinkError> {
        let file = file.into();
        let _ = read_profile(&file, name)?;
        let name = name.to_owned();
        Ok(Self(Source::Profile { file, name }))
    }

    /// The keys that `callback` returns. It is called before the first request, five minutes before
    /// [the end](S3Keys::until) of its keys, and after the store has refused them. It runs on the
    /// writer's thread, and its time is not limited. Each writer keeps the keys that it got.
    ///
    /// If it returns an error, the call fails with it; the message must not contain a secret.
    pub fn from_fn<F>(callback: F) -> Self
    where
        F: Fn() -> Result<S3Keys, SinkError> + Send + Sync + 'static,
    {
        Self(Source::Callback(Arc::new(callback)))
    }

    /// Fails if the keys cannot be used. Those of a callback are checked when they come.
    pub(super) fn check(&self) -> Result<(), SinkError> {
        match &self.0 {
            Source::Given(keys) => keys.check(),
            Source::Profile { .. } | Source::Callback(_) => Ok(()),
        }
    }

    fn ask(&self) -> Result<S3Keys, SinkError> {
        let keys = match &self.0 {
            Source::Given(keys) => keys.clone(),
            Source::Profile { file, name } => read_profile(file, name)?,
            Source::Callback(callback) => catch(|| callback()).unwrap_or_else(|panic| {
                let message = format!("the callback for keys panicked: {panic}");
                Err(SinkError::permanent(message))
            })?,
        };
        keys.check()?;
        Ok(keys)
    }
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Credentials").finish_non_exhaustive()
    }
}

/// The keys of one writer.
#[derive(Default)]
pub(super) struct KeyRing(Option<S3Keys>);

impl KeyRing {
    /// The keys to sign with now.
    pub(super) fn keys(&mut self, source: &S3Credentials) -> Result<S3Keys, SinkError> {
        let now = SystemTime::now();
        if let Some(keys) = self.0.as_ref().filter(|keys| keys.is_fresh(now)) {
            return Ok(keys.clone());
        }
        match (source.ask(), &self.0) {
            (Ok(keys), _) => {
                self.0 = Some(keys.clone());
                Ok(keys)
            }
            // There is another chance before they end.
            (Err(_), Some(keys)) if !keys.has_ended(now) => Ok(keys.clone()),
            (Err(error), _) => Err(error),
        }
    }

    /// Other keys than the refused ones, if there are any.
    pub(super) fn renew(
        &mut self,
        source: &S3Credentials,
        refused: &S3Keys,
    ) -> Result<Option<S3Keys>, SinkError> {
        self.0 = None;
        if matches!(source.0, Source::Given(_)) {
            return Ok(None);
        }
        let keys = source.ask()?;
        self.0 = Some(keys.clone());
        Ok((keys.credentials != refused.credentials).then_some(keys))
    }
}

fn read_profile(file: &Path, name: &str) -> Result<S3Keys, SinkError> {
    let failed = |cause| SinkError::during("read the credentials", file, cause);
    let text = fs::read_to_string(file).map_err(failed)?;
    profile(&text, name).map_err(|reason| {
        let cause = io::Error::new(io::ErrorKind::InvalidData, reason);
        failed(cause)
    })
}

/// The keys of a profile. The message has no line of the file.
fn profile(text: &str, name: &str) -> Result<S3Keys, String> {
    let mut lines = text.lines().map(str::trim);
    let header = |line: &str| {
        let inside = line.strip_prefix('[')?.split(']').next()?;
        Some(inside.trim() == name)
    };
    lines
        .find(|line| header(line) == Some(true))
        .ok_or_else(|| format!("there is no profile {name:?}"))?;
    let section: Vec<_> = lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    let value = |name: &str| {
        let (_, value) = section.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then(|| (*value).to_owned())
    };
    let needed = |key: &str| value(key).ok_or_else(|| format!("the profile {name:?} has no {key}"));
    let keys = S3Keys::new(
        needed("aws_access_key_id")?,
        needed("aws_secret_access_key")?,
    );
    Ok(match value("aws_session_token") {
        Some(token) => keys.session_token(token),
        None => keys,
    })
}

fn refuse(reason: &str) -> SinkError {
    let cause = io::Error::new(io::ErrorKind::InvalidInput, reason);
    SinkError::permanent(cause).with_operation("use the credentials of the sink")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn parts(keys: &S3Keys) -> [&str; 3] {
        let credentials = &keys.credentials;
        let token = credentials.token().unwrap_or_default();
        [credentials.key(), credentials.secret(), token]
    }

    #[test]
    fn a_profile_is_found_by_its_name() {
        let text = "# comment\n[default]\naws_access_key_id = a\naws_secret_access_key=b=\n\
            region = x\n\n[ live ]\nAWS_ACCESS_KEY_ID=c\naws_secret_access_key = d\n\
            aws_session_token = e==\n[half]\naws_access_key_id = f\n";
        assert_eq!(parts(&profile(text, "default").unwrap()), ["a", "b=", ""]);
        assert_eq!(parts(&profile(text, "live").unwrap()), ["c", "d", "e=="]);
        let error = profile(text, "half").unwrap_err();
        assert_eq!(error, "the profile \"half\" has no aws_secret_access_key");
        let error = profile(text, "none").unwrap_err();
        assert_eq!(error, "there is no profile \"none\"");
    }

    #[test]
    fn the_environment_has_two_keys_and_perhaps_a_token() {
        let of = |set: &[(&str, &str)]| {
            S3Credentials::from_variables(|name| {
                let found = set.iter().find(|(known, _)| *known == name)?;
                Some(found.1.to_owned())
            })
        };
        let both = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        assert_eq!(parts(&of(&both).unwrap().ask().unwrap()), ["a", "b", ""]);
        let token = [both[0], both[1], ("AWS_SESSION_TOKEN", "c")];
        assert_eq!(parts(&of(&token).unwrap().ask().unwrap()), ["a", "b", "c"]);
        let error = of(&both[..1]).unwrap_err().to_string();
        assert!(
            error.contains("AWS_SECRET_ACCESS_KEY is not set"),
            "{error}"
        );
    }

    #[test]
    fn keys_are_asked_for_again_before_they_end() {
        let count = Arc::new(AtomicU64::new(0));
        let source = S3Credentials::from_fn({
            let count = Arc::clone(&count);
            move || {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let keys = S3Keys::new(format!("key{number}"), "secret");
                let minutes = match number {
                    0 => 4, // Less than the five before which they are renewed.
                    1 => return Err(SinkError::transient("not now")),
                    _ => 60,
                };
                Ok(keys.until(SystemTime::now() + Duration::from_secs(minutes * 60)))
            }
        });
        let mut ring = KeyRing::default();
        let mut next = || {
            let keys = ring.keys(&source).unwrap();
            parts(&keys)[0].to_owned()
        };
        // The second time, the callback fails, and the keys have not ended.
        assert_eq!(
            [next(), next(), next(), next()],
            ["key0", "key0", "key2", "key2"]
        );
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn keys_that_are_the_same_again_are_no_new_ones() {
        let source = S3Credentials::from_fn(|| Ok(S3Keys::new("a", "b")));
        let mut ring = KeyRing::default();
        let keys = ring.keys(&source).unwrap();
        assert!(ring.renew(&source, &keys).unwrap().is_none());
        let older = S3Keys::new("old", "b");
        assert!(ring.renew(&source, &older).unwrap().is_some());
    }

    #[test]
    fn malformed_keys_are_refused_without_being_shown() {
        for keys in [
            S3Keys::new("", "b"),
            S3Keys::new("a", ""),
            S3Keys::new("a", "SECRET\r\n"),
            S3Keys::new("a", "b").session_token("SECRET X"),
        ] {
            let error = S3Credentials::from(keys.clone()).check().unwrap_err();
            let text = format!("{error} {error:?} {keys:?}");
            assert!(!text.contains("SECRET"), "{text}");
        }
    }
}
