//! What ureq does not get to see. At the level `trace` it logs every byte that passes through it, so
//! no secret does: the head of a request is exchanged on its way out, and the reply keeps only
//! what ureq needs on its way in.

use std::fmt;
use std::sync::Arc;

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport,
};

use super::call::{Call, Passage, Stage};

/// The header lines of a reply that pass: the framing, and the time of the next attempt.
const PASSING: [&[u8]; 4] = [
    b"connection",
    b"content-length",
    b"retry-after",
    b"transfer-encoding",
];

/// The header lines that ureq does not need, and the sinks do.
const HIDDEN: [&str; 5] = [
    "date",
    "etag",
    "location",
    "x-amz-bucket-region",
    "x-amz-meta-digest",
];

/// Wraps the connections of the connector before it.
pub(super) struct VeilConnector(pub(super) Arc<Call>);

impl<In: Transport> Connector<In> for VeilConnector {
    type Out = Either<In, Veil<In>>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let veil = |inner| {
            Either::B(Veil {
                inner,
                call: Arc::clone(&self.0),
                input: InputBuffer::default(),
                reply: Reply::default(),
            })
        };
        Ok(chained.map(veil))
    }
}

impl fmt::Debug for VeilConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VeilConnector").finish_non_exhaustive()
    }
}

pub(super) struct Veil<T> {
    inner: T,
    call: Arc<Call>,
    input: InputBuffer,
    reply: Reply,
}

/// What is left of the reply for ureq.
#[derive(Default)]
struct InputBuffer {
    bytes: Vec<u8>,
    consumed: usize,
    progress: Progress,
}

/// Whether ureq could use what it has seen.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Progress {
    #[default]
    None,
    Some,
}

impl<T: Transport> Veil<T> {
    /// Sends the real head in place of that of ureq, which is dropped.
    fn send_head(&mut self, head: &[u8], timeout: NextTimeout) -> Result<(), Error> {
        self.reply = Reply::default();
        self.call.enter(Stage::Send);
        let mut rest = head;
        while !rest.is_empty() {
            let output = self.inner.buffers().output();
            let count = rest.len().min(output.len());
            output[..count].copy_from_slice(&rest[..count]);
            self.inner.transmit_output(count, timeout)?;
            rest = &rest[count..];
        }
        Ok(())
    }
}

impl<T: Transport> Buffers for Veil<T> {
    fn output(&mut self) -> &mut [u8] {
        self.inner.buffers().output()
    }

    fn input(&self) -> &[u8] {
        &self.input.bytes[self.input.consumed..]
    }

    /// For the transport above, and there is none.
    fn input_append_buf(&mut self) -> &mut [u8] {
        &mut []
    }

    fn input_appended(&mut self, _: usize) {}

    fn input_consume(&mut self, amount: usize) {
        let input = &mut self.input;
        input.progress = if amount > 0 {
            Progress::Some
        } else {
            Progress::None
        };
        input.consumed = (input.consumed + amount).min(input.bytes.len());
        if input.consumed == input.bytes.len() {
            input.bytes.clear();
            input.consumed = 0;
        }
    }

    /// The scratch buffer is for chunked requests, and there are none.
    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut [], self.inner.buffers().output())
    }

    fn can_use_input(&self) -> bool {
        !self.input().is_empty() && self.input.progress == Progress::Some
    }
}

impl<T: Transport> Transport for Veil<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        match self.call.take_head() {
            Some(head) => self.send_head(&head, timeout),
            None => self.inner.transmit_output(amount, timeout),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if self.call.stage() < Stage::Receive {
            self.call.enter(Stage::Receive);
        }
        let before = self.input.bytes.len();
        loop {
            let has_ended = !self.inner.maybe_await_input(timeout)?;
            let buffers = self.inner.buffers();
            let received = buffers.input();
            self.reply.pass(received, &mut self.input.bytes, &self.call);
            let count = received.len();
            buffers.input_consume(count);
            if self.input.bytes.len() > before {
                return Ok(true);
            }
            if has_ended {
                return Ok(false);
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T> fmt::Debug for Veil<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Veil").finish_non_exhaustive()
    }
}

/// How far a reply has come.
#[derive(Default)]
struct Reply {
    part: Part,
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// The status, once its line is complete.
    status: Option<u16>,
    framing: Framing,
}

#[derive(Default)]
enum Part {
    #[default]
    Head,
    Body(Passage),
    Chunks(Chunks),
}

/// Whether the body comes in chunks.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Framing {
    #[default]
    Plain,
    Chunked,
}

/// A chunked body whose text is kept: what comes next.
#[derive(Clone, Copy)]
enum Chunks {
    Size,
    /// This many bytes.
    Data(u64),
    /// The end of the line behind the data.
    End,
    Trailer,
    Nothing,
}

impl Reply {
    /// Appends the part of `received` that passes to `passed`.
    fn pass(&mut self, received: &[u8], passed: &mut Vec<u8>, call: &Call) {
        let mut rest = received;
        while !rest.is_empty() {
            match self.part {
                Part::Body(Passage::Free) => return passed.extend_from_slice(rest),
                // The length is what counts.
                Part::Body(Passage::Dropped) => return dash(passed, rest.len()),
                Part::Body(Passage::Kept) => {
                    call.keep(rest);
                    return dash(passed, rest.len());
                }
                Part::Chunks(Chunks::Nothing) => return,
                Part::Chunks(Chunks::Data(left)) => {
                    let count =
                        usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    let (data, after) = rest.split_at(count);
                    call.keep(data);
                    dash(passed, count);
                    rest = after;
                    let left = left - count as u64;
                    self.part = Part::Chunks(match left {
                        0 => Chunks::End,
                        left => Chunks::Data(left),
                    });
                }
                Part::Head | Part::Chunks(_) => {
                    let end = rest.iter().position(|byte| *byte == b'\n');
                    let (line, after) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
                    self.line.extend_from_slice(line);
                    rest = after;
                    if end.is_some() {
                        let line = std::mem::take(&mut self.line);
                        match self.part {
                            Part::Chunks(chunks) => {
                                self.part = Part::Chunks(chunks.pass_line(&line, passed));
                            }
                            _ => self.pass_line(&line, passed, call),
                        }
                    }
                }
            }
        }
    }

    fn pass_line(&mut self, line: &[u8], passed: &mut Vec<u8>, call: &Call) {
        let text = line.trim_ascii_end();
        let Some(status) = self.status else {
            let (status_line, status) = parse_status(text);
            passed.extend_from_slice(&status_line);
            self.status = Some(status);
            return;
        };
        if text.is_empty() {
            passed.extend_from_slice(b"\r\n");
            if (100..200).contains(&status) {
                // The head of the reply itself comes behind an interim one.
                self.status = None;
            } else {
                self.part = match (call.status(status), self.framing) {
                    (Passage::Kept, Framing::Chunked) => Part::Chunks(Chunks::Size),
                    (passage, _) => Part::Body(passage),
                };
            }
            return;
        }
        let Some(colon) = text.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = (&text[..colon], text[colon + 1..].trim_ascii());
        let is_it = |hidden: &&&str| name.eq_ignore_ascii_case(hidden.as_bytes());
        if let Some(hidden) = HIDDEN.iter().find(is_it) {
            call.hide(hidden, String::from_utf8_lossy(value).into_owned());
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.framing = Framing::Chunked;
        }
        if PASSING.iter().any(|pass| name.eq_ignore_ascii_case(pass)) {
            passed.extend_from_slice(text);
            passed.extend_from_slice(b"\r\n");
        }
    }
}

impl Chunks {
    /// Appends what passes of a complete line. Returns what comes next.
    fn pass_line(self, line: &[u8], passed: &mut Vec<u8>) -> Self {
        let text = line.trim_ascii();
        match self {
            Self::Size => {
                let digits = text.split(|byte| *byte == b';').next().unwrap_or_default();
                let digits = str::from_utf8(digits.trim_ascii()).unwrap_or_default();
                match u64::from_str_radix(digits, 16) {
                    Ok(0) => Self::Trailer,
                    Ok(size) => {
                        passed.extend_from_slice(format!("{size:x}\r\n").as_bytes());
                        Self::Data(size)
                    }
                    Err(_) => {
                        passed.extend_from_slice(b"no size\r\n");
                        Self::Nothing
                    }
                }
            }
            Self::Trailer if text.is_empty() => {
                passed.extend_from_slice(b"0\r\n\r\n");
                Self::Nothing
            }
            Self::Trailer => Self::Trailer,
            Self::End | Self::Data(_) | Self::Nothing => {
                passed.extend_from_slice(b"\r\n");
                Self::Size
            }
        }
    }
}

/// Appends bytes that say nothing.
fn dash(passed: &mut Vec<u8>, count: usize) {
    passed.resize(passed.len() + count, b'-');
}

/// The status line without its reason, and the status. If it is none, ureq gets a line that it
/// refuses.
fn parse_status(line: &[u8]) -> (Vec<u8>, u16) {
    let is_status_line = line.len() >= 12
        && line.starts_with(b"HTTP/1.")
        && line[8] == b' '
        && line[9..12].iter().all(u8::is_ascii_digit)
        && line.get(12).is_none_or(|byte| *byte == b' ');
    if !is_status_line {
        return (b"no status line\r\n".to_vec(), 0);
    }
    let digit = |at: usize| u16::from(line[at] - b'0');
    let status = digit(9) * 100 + digit(10) * 10 + digit(11);
    ([&line[..12], b" \r\n"].concat(), status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::http::call::Wanted;

    /// What passes of a reply that comes in pieces of this size, and the `Location` that does not.
    fn passed(reply: &str, wanted: Wanted, piece: usize) -> (String, Option<String>) {
        let call = Call::new();
        call.request(Vec::new(), wanted);
        let (mut state, mut passed) = (Reply::default(), Vec::new());
        for piece in reply.as_bytes().chunks(piece) {
            state.pass(piece, &mut passed, &call);
        }
        let mut hidden = call.take_hidden().into_iter();
        let location = hidden.find(|(name, _)| *name == "location");
        let passed = String::from_utf8(passed).unwrap();
        (passed, location.map(|(_, value)| value))
    }

    #[test]
    fn only_the_framing_of_a_reply_passes() {
        let reply = "HTTP/1.1 103 Early SECRET\r\nLink: SECRET\r\n\r\n\
            HTTP/1.1 302 SECRET\r\nX-Echo: SECRET\r\nLOCATION:  http://o/SECRET\r\n\
            content-length: 6\r\nSet-Cookie: SECRET\r\n\r\nSECRET";
        let expected = "HTTP/1.1 103 \r\n\r\nHTTP/1.1 302 \r\ncontent-length: 6\r\n\r\n------";
        for piece in [1, 2, 7, 1000] {
            let (passed, location) = passed(reply, Wanted::Object, piece);
            assert_eq!(passed, expected, "in pieces of {piece}");
            assert_eq!(location.as_deref(), Some("http://o/SECRET"));
        }
    }

    #[test]
    fn the_object_passes_as_it_is() {
        let reply = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n4\r\na\nb\n\r\n0\r\n\r\n";
        for piece in [1, 3, 1000] {
            let (passed, _) = passed(reply, Wanted::Object, piece);
            let expected = "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n\
                4\r\na\nb\n\r\n0\r\n\r\n";
            assert_eq!(passed, expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_text_that_is_wanted_is_kept_and_does_not_pass() {
        let plain = (
            "Content-Length: 6\r\n\r\nSECRET",
            "Content-Length: 6\r\n\r\n------",
        );
        let chunked = (
            "Transfer-Encoding: chunked\r\n\r\n4;x=SECRET\r\nSECR\r\n02\r\nET\r\n0\r\nX: SECRET\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n4\r\n----\r\n2\r\n--\r\n0\r\n\r\n",
        );
        for (reply, expected) in [plain, chunked] {
            for piece in [1, 2, 7, 1000] {
                let call = Call::new();
                call.request(Vec::new(), Wanted::Text);
                let (mut state, mut passed) = (Reply::default(), Vec::new());
                let reply = format!("HTTP/1.1 403 \r\n{reply}");
                for piece in reply.as_bytes().chunks(piece) {
                    state.pass(piece, &mut passed, &call);
                }
                let expected = format!("HTTP/1.1 403 \r\n{expected}");
                assert_eq!(String::from_utf8(passed).unwrap(), expected);
                assert_eq!(call.take_text(), b"SECRET");
            }
        }
    }

    #[test]
    fn a_chunk_without_a_size_is_refused() {
        let reply = "HTTP/1.1 403 \r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\nSECRET";
        let (passed, _) = passed(reply, Wanted::Text, 5);
        assert!(passed.ends_with("\r\n\r\nno size\r\n"), "{passed}");
    }

    #[test]
    fn garbage_becomes_a_line_that_is_refused() {
        for reply in [
            "SECRET\r\n",
            "HTTP/1.1 2OO OK\r\n",
            "HTTP/1.1 2000\r\n",
            "\r\n",
        ] {
            assert_eq!(
                passed(reply, Wanted::No, 3).0,
                "no status line\r\n",
                "{reply}"
            );
        }
    }
}
