//! Uploads that a killed process has left.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::exchange::{Ask, Exchange};
use super::fault::Fault;
use super::multipart::Upload;
use super::xml;
use crate::error::SinkError;
use crate::sink::WriteContext;
use crate::sink::http::classify;
use crate::sink::http::options::Method;

/// The uploads of one reply. A list of 100 stays below the limit of a reply.
const PAGE: usize = 100;

/// The result of [`S3Sink::sweep`](crate::S3Sink::sweep).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct S3Swept {
    /// The names of the unfinished objects whose upload was aborted.
    pub aborted: Vec<PathBuf>,
    /// The names of the unfinished objects that were left alone, as they are younger.
    pub younger: Vec<PathBuf>,
    /// The uploads that could not be aborted.
    pub errors: Vec<SinkError>,
}

/// One page of the list of unfinished uploads.
struct Page {
    uploads: Vec<(Upload, Option<SystemTime>)>,
    /// The key and the upload behind which the next page begins.
    next: Option<(String, String)>,
    /// The clock of the store.
    now: SystemTime,
}

impl Exchange {
    pub(super) fn sweep(
        &mut self,
        age: Duration,
        context: &WriteContext,
        failed: impl Fn(SinkError, PathBuf) -> SinkError,
    ) -> Result<S3Swept, Fault> {
        let mut swept = S3Swept::default();
        let mut after = None;
        loop {
            let page = self.page(after.as_ref(), context)?;
            for (upload, begun) in page.uploads {
                let name = self.name(&upload.key);
                // One without a time cannot be told to be younger.
                let is_younger = begun
                    .is_some_and(|begun| page.now.duration_since(begun).unwrap_or_default() < age);
                if is_younger {
                    swept.younger.push(name);
                } else {
                    match self.abort(&upload, context) {
                        Ok(()) => swept.aborted.push(name),
                        Err(fault) => swept.errors.push(failed(fault.error, name)),
                    }
                }
            }
            // A store that repeats itself would be asked for ever.
            if page.next.is_none() || page.next == after {
                return Ok(swept);
            }
            after = page.next;
        }
    }

    fn page(
        &mut self,
        after: Option<&(String, String)>,
        context: &WriteContext,
    ) -> Result<Page, Fault> {
        let prefix = self.shared.place.prefix.clone();
        let mut query = vec![
            ("uploads", String::new()),
            ("max-uploads", PAGE.to_string()),
            ("prefix", prefix.clone()),
        ];
        if let Some((key, id)) = after {
            query.push(("key-marker", key.clone()));
            query.push(("upload-id-marker", id.clone()));
        }
        let ask = Ask {
            query,
            ..Ask::new(Method::Get, "")
        };
        let reply = self.send(&ask, context)?;
        let date = reply.hidden("date").and_then(classify::seconds_of);
        let now = date.map_or_else(SystemTime::now, |seconds| {
            UNIX_EPOCH + Duration::from_secs(seconds)
        });
        let text = self.text(reply)?;
        if !text.contains("</ListMultipartUploadsResult>") {
            return Err(SinkError::permanent("the reply lists no uploads").into());
        }
        let uploads = xml::elements(&text, "Upload")
            .filter_map(|upload| {
                let begun = xml::text(upload, "Initiated")
                    .and_then(|time| time.parse::<Timestamp>().ok())
                    .map(SystemTime::from);
                let key = xml::text(upload, "Key")?;
                let id = xml::text(upload, "UploadId")?;
                Some((Upload { key, id }, begun))
            })
            // Of a store that does not know the prefix.
            .filter(|(upload, _)| upload.key.starts_with(&prefix))
            .collect();
        let is_cut = xml::text(&text, "IsTruncated").is_some_and(|text| text.trim() == "true");
        let next = is_cut
            .then(|| {
                let key = xml::text(&text, "NextKeyMarker")?;
                let id = xml::text(&text, "NextUploadIdMarker").unwrap_or_default();
                Some((key, id))
            })
            .flatten();
        Ok(Page { uploads, next, now })
    }

    /// The path hint of a key.
    fn name(&self, key: &str) -> PathBuf {
        let prefix = &self.shared.place.prefix;
        PathBuf::from(key.strip_prefix(prefix.as_str()).unwrap_or(key))
    }
}
