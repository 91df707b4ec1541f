//! The S3 sink: objects in a bucket, by the connections of the HTTP sink.
//!
//! A [`bucket`] makes a key of a name, and an [`exchange`] signs a request with [`credentials`] and
//! sends it. [`fault`] says what a refusal means, [`multipart`] uploads large objects, and
//! [`sweep`] aborts uploads that were left. `rusty-s3` makes the signatures.

mod bucket;
mod credentials;
mod exchange;
mod fault;
mod integrity;
mod multipart;
mod options;
mod sweep;
mod xml;

pub use bucket::S3Bucket;
pub use credentials::{S3Credentials, S3Keys};
pub use integrity::S3Integrity;
pub use options::S3Options;
pub use sweep::S3Swept;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::exchange::{Ask, Exchange, Shared};
use self::multipart::Upload;
use crate::error::SinkError;
use crate::internal::sync::{self, Mutex};
use crate::segment::ProducedSegment;
use crate::sink::http::call::Wanted;
use crate::sink::http::client::Origin;
use crate::sink::http::options::{Deletion, Method};
use crate::sink::http::{caching, head};
use crate::sink::{SegmentSink, WriteContext};

/// A sink that uploads each segment to a bucket of an object store with the interface of Amazon S3.
///
/// **Stored.** A write is `Ok` only if the store replied with success after it had the whole
/// object. An object is visible as a whole or not at all.
///
/// **Integrity.** Each upload has a digest of its payload, which the store compares
/// ([`S3Integrity`]). The digest, the content type and the caching rules are part of the signature.
///
/// **Large objects**, of more than 64 MiB by default, go in [parts](S3Options::part_size). If a
/// part fails, the upload is aborted, at the latest by [`finish`](SegmentSink::finish). If the
/// reply to the last request was lost, the sink looks at the object: it carries its digest. A
/// process that is killed leaves its upload, which [`sweep`](S3Sink::sweep) aborts.
///
/// **Names** are those of [`HttpSink`](crate::HttpSink), below the prefix of the bucket. A key has
/// at most 1,024 bytes.
///
/// **Errors.** The sink makes one attempt, and the stream retries as its
/// [`RetryPolicy`](crate::RetryPolicy) says. An error has the status, the code of the store, and a
/// reason:
///
/// | Reply | Meaning |
/// |---|---|
/// | 2xx | success; an error in the text of a completed upload counts as that error |
/// | 400 `RequestTimeout`, 503 `SlowDown`, 408, 425, 429, 5xx (not 501, 505), a failed connection, a time-out | transient; `Retry-After` counts; the next attempt resolves the name again and has a new connection |
/// | 401, 403, 400 `ExpiredToken` and the like | other keys, once, if [the source](S3Credentials) has some; then permanent |
/// | 404 `NoSuchKey` | to `read` no object, to `remove` a success |
/// | 301, 307, 400 with another region | permanent; the error names the endpoint or the region |
/// | `EntityTooLarge`, 413 | permanent: [`TooLarge`](crate::SinkErrorKind::TooLarge) |
/// | 405, 415, 501 | permanent: [`Unsupported`](crate::SinkErrorKind::Unsupported) |
/// | any other | permanent |
///
/// If the clock of the machine and the `Date` of a refusal differ by five minutes, the error says
/// so. In a bucket with versions, a removed object leaves its old versions.
///
/// **Time, size, clones** are those of [`HttpSink`](crate::HttpSink). Each part is a request with a
/// time-out of its own, and all end by the [deadline](WriteContext::deadline).
///
/// **Secrets.** Errors, log lines and [`Debug`](fmt::Debug) have the endpoint's scheme, host and
/// port, the bucket, path hints, statuses and codes. They never have a key, a token, a signature or
/// other text of the store. This includes ureq's own log lines.
///
/// ```no_run
/// use segment_stream::{
///     ProducedSegment, S3Bucket, S3Credentials, S3Sink, SegmentStream, SegmentStreamConfig,
/// };
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let bucket = S3Bucket::new("https://s3.eu-central-1.amazonaws.com", "eu-central-1", "media")
///     .prefix("live/7");
/// let mut sink = S3Sink::new(&bucket, S3Credentials::from_env()?)?;
/// sink.sweep(Duration::from_secs(60 * 60))?;
/// let config = SegmentStreamConfig::default();
/// let (stream, sender) = SegmentStream::with_writers(config, 4, |_| sink.clone())?;
/// sender.send(ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path("00000.ts"))?;
/// stream.finish()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct S3Sink {
    exchange: Exchange,
    left: Arc<Mutex<Vec<Upload>>>,
}

impl S3Sink {
    /// A sink that uploads to `bucket`, with the keys of `credentials`.
    ///
    /// # Errors
    ///
    /// The bucket or the keys cannot be used. No request is sent.
    pub fn new(
        bucket: &S3Bucket,
        credentials: impl Into<S3Credentials>,
    ) -> Result<Self, SinkError> {
        Self::with_options(bucket, credentials, S3Options::default())
    }

    /// A sink with options.
    ///
    /// # Errors
    ///
    /// The bucket, the keys, an option or a certificate cannot be used. No request is sent.
    pub fn with_options(
        bucket: &S3Bucket,
        credentials: impl Into<S3Credentials>,
        options: S3Options,
    ) -> Result<Self, SinkError> {
        let place = bucket.place()?;
        let credentials = credentials.into();
        credentials.check()?;
        options.check()?;
        let origin = Origin::new(place.address.clone(), &options.http)?;
        let shared = Arc::new(Shared {
            place,
            origin,
            credentials,
            options,
        });
        Ok(Self {
            exchange: Exchange::new(shared),
            left: Arc::default(),
        })
    }

    /// Aborts the unfinished uploads below the prefix that began at least `age` ago. Most stores
    /// charge for them. The uploads of running processes must be younger; `Duration::ZERO` is right
    /// if no process runs.
    ///
    /// # Errors
    ///
    /// The uploads could not be listed. Those that could not be aborted are in [`S3Swept::errors`].
    pub fn sweep(&mut self, age: Duration) -> Result<S3Swept, SinkError> {
        let what = format!("abort unfinished uploads at {}", self.place());
        let failed =
            |error: SinkError, path: PathBuf| error.with_operation(what.clone()).with_path(path);
        let swept = self.exchange.sweep(age, &WriteContext::default(), failed);
        swept.map_err(|fault| fault.error.with_operation(what.clone()))
    }

    /// The bucket and its endpoint, for messages.
    fn place(&self) -> String {
        let place = &self.exchange.shared.place;
        format!("s3://{} of {}", place.bucket.name(), place.address.origin())
    }

    fn failed(&self, error: SinkError, method: Method, hint: &Path) -> SinkError {
        error
            .with_operation(format!("{} {}", head::verb(method), self.place()))
            .with_path(hint)
    }

    /// The headers of an object, with names in lower case.
    fn headers(&self, key: &str, segment: &ProducedSegment, context: &WriteContext) -> Headers {
        let http = &self.exchange.shared.options.http;
        let control = http.caching.control(context.object(), &segment.data);
        let content_type = caching::content_type(key, &http.content_types);
        let mut headers = vec![
            ("cache-control".to_owned(), control),
            ("content-type".to_owned(), content_type.to_owned()),
        ];
        for (name, value) in &http.headers {
            let name = name.to_ascii_lowercase();
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value.clone()));
        }
        headers
    }

    fn put(
        &mut self,
        key: &str,
        mut headers: Headers,
        data: &[u8],
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let integrity = self.exchange.shared.options.integrity;
        headers.push((integrity.header().to_owned(), integrity.of(data)));
        let ask = Ask {
            headers,
            body: Some(data),
            ..Ask::new(Method::Put, key)
        };
        let reply = self.exchange.send(&ask, context);
        let reply = reply.map_err(|fault| fault.error)?;
        self.exchange.drain(reply);
        Ok(())
    }

    fn put_parts(
        &mut self,
        key: &str,
        headers: Headers,
        data: &[u8],
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let exchange = &mut self.exchange;
        // Without an upload there is no object, whatever became of the request.
        let upload = exchange
            .begin_upload(key, headers, data, context)
            .map_err(|fault| fault.error.with_known_outcome())?;
        let uploaded = exchange.upload_parts(&upload, data, context);
        uploaded.map_err(|fault| {
            let aborted =
                multipart::has_time(context).then(|| self.exchange.abort(&upload, context));
            if !matches!(aborted, Some(Ok(()))) {
                sync::lock(&self.left).push(upload);
            }
            fault.error
        })
    }
}

type Headers = Vec<(String, String)>;

impl SegmentSink for S3Sink {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let Some(hint) = &segment.path_hint else {
            context.no_destination();
            return Ok(());
        };
        let key = self.exchange.shared.place.key(hint)?;
        let headers = self.headers(&key, segment, context);
        let part_size = self.exchange.shared.options.part_size;
        let stored = if segment.data.len() > part_size {
            self.put_parts(&key, headers, &segment.data, context)
        } else {
            self.put(&key, headers, &segment.data, context)
        };
        stored.map_err(|error| self.failed(error, Method::Put, hint))
    }

    /// Sends DELETE. An object that is not there is a success.
    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        let key = self.exchange.shared.place.key(path)?;
        if self.exchange.shared.options.http.deletion == Deletion::Off {
            let message = "deletion is switched off";
            let cause = io::Error::new(io::ErrorKind::Unsupported, message);
            return Err(self.failed(SinkError::permanent(cause), Method::Delete, path));
        }
        match self.exchange.send(&Ask::new(Method::Delete, &key), context) {
            Ok(reply) => {
                self.exchange.drain(reply);
                Ok(())
            }
            Err(fault) if fault.has_code(&["NoSuchKey"]) => Ok(()),
            Err(fault) => Err(self.failed(fault.error, Method::Delete, path)),
        }
    }

    fn read(&mut self, path: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        let key = self.exchange.shared.place.key(path)?;
        let ask = Ask {
            wanted: Wanted::ObjectOrText,
            ..Ask::new(Method::Get, &key)
        };
        let read = match self.exchange.send(&ask, context) {
            Ok(reply) if reply.status == 200 => {
                let limit = context.read_limit();
                self.exchange.object(reply, limit).map(Some)
            }
            Ok(reply) => {
                let message = format!("the server replied {} and no object", reply.status);
                Err(SinkError::permanent(message))
            }
            Err(fault) if fault.has_code(&["NoSuchKey"]) => Ok(None),
            Err(fault) => Err(fault.error),
        };
        read.map_err(|error| self.failed(error, Method::Get, path))
    }

    /// Aborts the uploads that failed and could not be aborted then.
    fn finish(&mut self) -> Result<(), SinkError> {
        let mut result = Ok(());
        loop {
            let next = sync::lock(&self.left).pop();
            let Some(upload) = next else { return result };
            let aborted = self.exchange.abort(&upload, &WriteContext::default());
            if let Err(fault) = aborted
                && result.is_ok()
            {
                let what = format!("abort an unfinished upload at {}", self.place());
                let error = fault.error.with_operation(what);
                result = Err(error.with_path(upload.key));
            }
        }
    }
}

impl Clone for S3Sink {
    /// The clone has a connection of its own, and asks for keys of its own.
    fn clone(&self) -> Self {
        Self {
            exchange: Exchange::new(Arc::clone(&self.exchange.shared)),
            left: Arc::clone(&self.left),
        }
    }
}

impl fmt::Debug for S3Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.exchange.shared;
        f.debug_struct("S3Sink")
            .field("bucket", &self.place())
            .field("prefix", &shared.place.prefix)
            .field("options", &shared.options)
            .finish_non_exhaustive()
    }
}
