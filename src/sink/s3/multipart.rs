//! The upload of an object in parts.

use std::fmt::Write as _;
use std::time::Instant;

use super::exchange::{Ask, Exchange};
use super::fault::{Fault, Head};
use super::xml;
use crate::error::SinkError;
use crate::sink::WriteContext;
use crate::sink::http::call::Wanted;
use crate::sink::http::client::Length;
use crate::sink::http::options::Method;

/// The most parts of one upload.
const MOST_PARTS: usize = 10_000;

/// The header that says which object it is, for a completion whose reply was lost. `ETag` does
/// not, as it may be no digest.
const DIGEST: &str = "x-amz-meta-digest";

/// An upload that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) id: String,
}

/// A part that the store has.
struct Part {
    tag: String,
    digest: String,
}

/// The size of all parts but the last.
pub(super) fn part_size(length: usize, wanted: usize) -> usize {
    wanted.max(length.div_ceil(MOST_PARTS))
}

impl Exchange {
    /// Begins an upload. `headers` are those of the object.
    pub(super) fn begin_upload(
        &mut self,
        key: &str,
        mut headers: Vec<(String, String)>,
        data: &[u8],
        context: &WriteContext,
    ) -> Result<Upload, Fault> {
        let integrity = self.shared.options.integrity;
        headers.push((DIGEST.to_owned(), integrity.of(data)));
        if let Some(algorithm) = integrity.algorithm() {
            let name = "x-amz-checksum-algorithm".to_owned();
            headers.push((name, algorithm.to_owned()));
        }
        if algorithm_is_of_the_whole(integrity.algorithm()) {
            let name = "x-amz-checksum-type".to_owned();
            headers.push((name, "FULL_OBJECT".to_owned()));
        }
        let ask = Ask {
            query: vec![("uploads", String::new())],
            headers,
            body: Some(&[]),
            ..Ask::new(Method::Post, key)
        };
        let reply = self.send(&ask, context)?;
        let text = self.text(reply)?;
        match xml::text(&text, "UploadId").filter(|id| !id.is_empty()) {
            Some(id) => Ok(Upload {
                key: key.to_owned(),
                id,
            }),
            None => Err(SinkError::permanent("the reply names no upload")
                .with_known_outcome()
                .into()),
        }
    }

    /// Uploads all parts and makes the object of them. After an error the upload may still be there.
    pub(super) fn upload_parts(
        &mut self,
        upload: &Upload,
        data: &[u8],
        context: &WriteContext,
    ) -> Result<(), Fault> {
        let size = part_size(data.len(), self.shared.options.part_size);
        let mut parts = Vec::new();
        for (number, piece) in (1..).zip(data.chunks(size)) {
            // Nothing is at the destination before the upload is completed.
            let part = self.upload_part(upload, number, piece, context);
            parts.push(part.map_err(|fault| Fault {
                error: fault.error.with_known_outcome(),
                ..fault
            })?);
        }
        match self.complete(upload, &parts, context) {
            Err(fault) if fault.error.has_unknown_outcome() => {
                if self.is_stored(&upload.key, data, context) {
                    Ok(())
                } else {
                    Err(fault)
                }
            }
            result => result,
        }
    }

    fn upload_part(
        &mut self,
        upload: &Upload,
        number: u32,
        piece: &[u8],
        context: &WriteContext,
    ) -> Result<Part, Fault> {
        let integrity = self.shared.options.integrity;
        let digest = integrity.of(piece);
        let ask = Ask {
            query: vec![
                ("partNumber", number.to_string()),
                ("uploadId", upload.id.clone()),
            ],
            headers: vec![(integrity.header().to_owned(), digest.clone())],
            body: Some(piece),
            ..Ask::new(Method::Put, &upload.key)
        };
        let reply = self.send(&ask, context)?;
        let tag = reply.hidden("etag").map(str::to_owned);
        self.drain(reply);
        let Some(tag) = tag else {
            let message = format!("the reply has no ETag of part {number}");
            return Err(SinkError::permanent(message).into());
        };
        Ok(Part { tag, digest })
    }

    fn complete(
        &mut self,
        upload: &Upload,
        parts: &[Part],
        context: &WriteContext,
    ) -> Result<(), Fault> {
        let body = self.completion(parts);
        let ask = Ask {
            query: vec![("uploadId", upload.id.clone())],
            headers: vec![("content-type".to_owned(), "application/xml".to_owned())],
            body: Some(body.as_bytes()),
            ..Ask::new(Method::Post, &upload.key)
        };
        let reply = self.send(&ask, context)?;
        let head = Head::of(&reply);
        let text = self.text(reply)?;
        // The status comes before the store knows whether there is an object.
        if text.contains("</CompleteMultipartUploadResult>") {
            Ok(())
        } else if text.contains("</Error>") {
            Err(self.fault_in(&head, &text))
        } else {
            let message = format!("the server replied {} and no result", head.status);
            Err(SinkError::transient(message).with_unknown_outcome().into())
        }
    }

    fn completion(&self, parts: &[Part]) -> String {
        let algorithm = self.shared.options.integrity.algorithm();
        let mut body = "<CompleteMultipartUpload>".to_owned();
        for (number, part) in (1..).zip(parts) {
            // Writing to a `String` cannot fail.
            let _ = write!(
                body,
                "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag>",
                xml::escape(&part.tag)
            );
            if let Some(name) = algorithm {
                let _ = write!(body, "<Checksum{name}>{}</Checksum{name}>", part.digest);
            }
            body.push_str("</Part>");
        }
        body.push_str("</CompleteMultipartUpload>");
        body
    }

    /// Whether the object with this key is the one that was to be stored.
    fn is_stored(&mut self, key: &str, data: &[u8], context: &WriteContext) -> bool {
        let ask = Ask {
            wanted: Wanted::No,
            ..Ask::new(Method::Head, key)
        };
        let digest = self.shared.options.integrity.of(data);
        self.send(&ask, context).is_ok_and(|reply| {
            let is_whole = reply.length == Length::Bytes(data.len() as u64);
            let is_it = reply.hidden(DIGEST) == Some(&digest);
            is_whole && is_it
        })
    }

    /// Has the store forget an upload. One that it does not know is a success.
    pub(super) fn abort(&mut self, upload: &Upload, context: &WriteContext) -> Result<(), Fault> {
        let ask = Ask {
            query: vec![("uploadId", upload.id.clone())],
            ..Ask::new(Method::Delete, &upload.key)
        };
        match self.send(&ask, context) {
            Ok(reply) => {
                self.drain(reply);
                Ok(())
            }
            Err(fault) if fault.status == 404 && !fault.has_code(&["NoSuchBucket"]) => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}

/// Whether the store has no checksum of checksums for it.
fn algorithm_is_of_the_whole(algorithm: Option<&str>) -> bool {
    algorithm == Some("CRC64NVME")
}

/// Whether there is time for another request.
pub(super) fn has_time(context: &WriteContext) -> bool {
    context
        .deadline()
        .is_none_or(|deadline| Instant::now() < deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_object_has_larger_parts() {
        for (length, wanted, expected) in [
            (1, 100, 100),
            (1_000_000, 100, 100),
            (1_000_001, 100, 101),
            (0, 100, 100),
        ] {
            let size = part_size(length, wanted);
            assert_eq!(size, expected);
            assert!(length.div_ceil(size) <= MOST_PARTS);
        }
    }
}
