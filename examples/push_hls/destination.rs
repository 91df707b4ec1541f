//! The sink of a URL.

use std::env;
use std::error::Error;

use segment_stream::{HttpOptions, HttpSink, SegmentSink};

use crate::options::{Options, Receiver};

/// The age from which an unfinished upload counts as one of a killed session. That of a running one
/// ends within minutes.
#[cfg(feature = "s3")]
const LEFT: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Makes sinks of one destination. All of them share its connections.
pub(crate) enum Destination {
    Http(HttpSink),
    #[cfg(feature = "s3")]
    S3(segment_stream::S3Sink),
}

impl Destination {
    /// # Errors
    ///
    /// The URL, a key or an option cannot be used. No request is sent.
    pub(crate) fn new(url: &str, options: &Options) -> Result<Self, Box<dyn Error>> {
        match url.strip_prefix("s3://") {
            Some(place) => Self::s3(place, options),
            None => Ok(Self::Http(HttpSink::with_options(url, http(options))?)),
        }
    }

    #[cfg(feature = "s3")]
    fn s3(place: &str, options: &Options) -> Result<Self, Box<dyn Error>> {
        use segment_stream::{S3Bucket, S3Credentials, S3Options, S3Sink};

        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let region = &options.region;
        let amazon = || format!("https://s3.{region}.amazonaws.com");
        let endpoint = options.endpoint.clone().unwrap_or_else(amazon);
        let bucket = S3Bucket::new(endpoint, region, bucket).prefix(prefix.trim_end_matches('/'));
        // The keys of the command line's `Authorization` are for HTTP alone.
        let options = S3Options::default();
        let sink = S3Sink::with_options(&bucket, S3Credentials::from_env()?, options)?;
        Ok(Self::S3(sink))
    }

    #[cfg(not(feature = "s3"))]
    fn s3(_: &str, _: &Options) -> Result<Self, Box<dyn Error>> {
        Err("s3:// needs the feature `s3`: cargo run --features hls,s3,tls …".into())
    }

    /// Aborts the uploads that a killed session has left in a store. Returns what there is to say.
    /// No failure ends the session: some stores cannot list uploads, and some keys must not.
    pub(crate) fn sweep(&self) -> Vec<String> {
        match self {
            Self::Http(_) => Vec::new(),
            #[cfg(feature = "s3")]
            Self::S3(sink) => sweep(sink.clone()),
        }
    }

    pub(crate) fn sink(&self) -> Box<dyn SegmentSink> {
        match self {
            Self::Http(sink) => Box::new(sink.clone()),
            #[cfg(feature = "s3")]
            Self::S3(sink) => Box::new(sink.clone()),
        }
    }
}

#[cfg(feature = "s3")]
fn sweep(mut sink: segment_stream::S3Sink) -> Vec<String> {
    let swept = match sink.sweep(LEFT) {
        Ok(swept) => swept,
        Err(error) => return vec![error.to_string()],
    };
    let aborted = swept.aborted.first().map(|first| {
        let (count, first) = (swept.aborted.len(), first.display());
        format!("aborted {count} unfinished uploads of earlier sessions, the first of {first}")
    });
    let kept = swept.errors.first().map(|first| {
        let count = swept.errors.len();
        format!("{count} unfinished uploads of earlier sessions are left: {first}")
    });
    aborted.into_iter().chain(kept).collect()
}

fn http(options: &Options) -> HttpOptions {
    let mut http = HttpOptions::default();
    if let Ok(authorization) = env::var("PUSH_AUTHORIZATION") {
        http = http.header("Authorization", authorization);
    }
    match options.receiver {
        Receiver::YouTube | Receiver::NoDeletion => http.without_deletion(),
        Receiver::Origin | Receiver::OneASecond => http,
    }
}
