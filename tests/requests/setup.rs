//! The sinks that upload. A new one is one more line of [`Setup::all`].

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use segment_stream::{HttpOptions, SegmentSink};

use crate::origin::{Store, name};
use crate::server::{Exchange, Server};

/// A sink, and a server for it.
#[derive(Clone)]
pub(crate) struct Setup {
    label: &'static str,
    pub(crate) store: fn() -> Box<dyn Store>,
    pub(crate) sink: fn(&Server, HttpOptions) -> Box<dyn SegmentSink>,
    /// The bytes of one of the segments.
    pub(crate) large: usize,
    /// The requests that differ from those of another line.
    pub(crate) own: Option<RangeInclusive<usize>>,
}

impl Setup {
    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::of("HttpSink", objects, put, 500),
            #[cfg(feature = "s3")]
            Self::of("S3Sink", s3::bucket, s3::whole, 500),
            #[cfg(feature = "s3")]
            Self {
                own: Some(7..=12),
                ..Self::of("S3Sink, parts", s3::bucket, s3::parts, s3::PART + 100)
            },
        ]
    }

    fn of(
        label: &'static str,
        store: fn() -> Box<dyn Store>,
        sink: fn(&Server, HttpOptions) -> Box<dyn SegmentSink>,
        large: usize,
    ) -> Self {
        Self {
            label,
            store,
            sink,
            large,
            own: None,
        }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label)
    }
}

/// An HTTP origin.
#[derive(Default)]
struct Objects(BTreeMap<String, Vec<u8>>);

fn objects() -> Box<dyn Store> {
    Box::new(Objects::default())
}

fn put(server: &Server, options: HttpOptions) -> Box<dyn SegmentSink> {
    Box::new(server.sink_with(options))
}

impl Store for Objects {
    fn answer(&mut self, exchange: &Exchange<'_>, body: Vec<u8>) -> Vec<u8> {
        let line = &exchange.request.line;
        let (method, name) = (line.split(' ').next().unwrap(), name(line));
        let (status, body) = match method {
            "PUT" => match self.0.insert(name, body) {
                Some(_) => (204, Vec::new()),
                None => (201, Vec::new()),
            },
            "DELETE" => match self.0.remove(&name) {
                Some(_) => (204, Vec::new()),
                None => (404, Vec::new()),
            },
            "GET" => match self.0.get(&name) {
                Some(object) => (200, object.clone()),
                None => (404, Vec::new()),
            },
            _ => panic!("{line}"),
        };
        let length = match status {
            204 => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        [
            format!("HTTP/1.1 {status} X\r\n{length}\r\n").into_bytes(),
            body,
        ]
        .concat()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn object(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    fn unfinished(&self) -> usize {
        0
    }
}

/// More than any request takes, and as long as a request of a slow server is waited for.
pub(crate) fn options(is_slow: bool) -> HttpOptions {
    let milliseconds = if is_slow { 150 } else { 30_000 };
    HttpOptions::default().timeout(Duration::from_millis(milliseconds))
}

#[cfg(feature = "s3")]
mod s3 {
    use segment_stream::{HttpOptions, S3Bucket, S3Integrity, S3Options, S3Sink, SegmentSink};

    use crate::origin::Store;
    use crate::server::{Exchange, Server};
    use crate::store::{BUCKET, REGION, Rules, State, keys, reply};

    pub(super) const PART: usize = 5 * 1024 * 1024;

    #[derive(Default)]
    struct Bucket {
        rules: Rules,
        state: State,
    }

    pub(super) fn bucket() -> Box<dyn Store> {
        Box::new(Bucket::default())
    }

    fn sink(server: &Server, options: S3Options) -> Box<dyn SegmentSink> {
        let endpoint = format!("http://{}", server.address());
        let bucket = S3Bucket::new(endpoint, REGION, BUCKET).prefix("live");
        Box::new(S3Sink::with_options(&bucket, keys(), options).unwrap())
    }

    pub(super) fn whole(server: &Server, options: HttpOptions) -> Box<dyn SegmentSink> {
        sink(server, S3Options::default().http(options))
    }

    pub(super) fn parts(server: &Server, options: HttpOptions) -> Box<dyn SegmentSink> {
        let options = S3Options::default().http(options).part_size(PART);
        // The fastest of them in a build for debugging.
        sink(server, options.integrity(S3Integrity::Crc32c))
    }

    impl Store for Bucket {
        fn answer(&mut self, exchange: &Exchange<'_>, body: Vec<u8>) -> Vec<u8> {
            reply(&self.rules, &mut self.state, exchange, body)
        }

        fn names(&self) -> Vec<String> {
            let keys = self.state.objects.keys();
            keys.map(|key| key.strip_prefix("live/").unwrap().to_owned())
                .collect()
        }

        fn object(&self, name: &str) -> Option<&[u8]> {
            let object = self.state.objects.get(&format!("live/{name}"))?;
            Some(&object.data)
        }

        fn unfinished(&self) -> usize {
            self.state.uploads.len()
        }
    }
}
