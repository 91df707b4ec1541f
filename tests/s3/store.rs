//! A store that recomputes every signature, and does what a test tells it.
#![allow(unreachable_pub, reason = "each test file is a crate of its own")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use segment_stream::{S3Bucket, S3Keys, S3Options, S3Sink};
use sha2::{Digest as _, Sha256};

use super::server::{Exchange, Request, Server, Then};

pub const KEY: &str = "AKIDSTORE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const REGION: &str = "eu-west-1";
pub const BUCKET: &str = "media";

/// What a store accepts.
#[derive(Clone)]
pub struct Rules {
    pub secret: &'static str,
    pub token: Option<&'static str>,
    pub region: &'static str,
    pub bucket: &'static str,
    /// The host without the bucket, if the bucket is in the host.
    pub domain: Option<&'static str>,
    /// How far its clock is ahead, in seconds.
    pub ahead: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            secret: SECRET,
            token: None,
            region: REGION,
            bucket: BUCKET,
            domain: None,
            ahead: 0,
        }
    }
}

impl Rules {
    /// The clock of the store.
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub data: Vec<u8>,
    pub headers: Vec<(String, String)>,
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter();
    let (_, value) = found.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value)
}

impl Object {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// An upload that is neither completed nor aborted.
#[derive(Clone, Debug)]
pub struct Upload {
    pub key: String,
    pub headers: Vec<(String, String)>,
    pub parts: BTreeMap<usize, Vec<u8>>,
    /// The elements of the parts in a completion, as the algorithm of the upload wants them.
    checksums: BTreeMap<usize, String>,
    pub begun: Timestamp,
}

impl Upload {
    fn algorithm(&self) -> Option<&str> {
        header(&self.headers, "x-amz-checksum-algorithm")
    }
}

#[derive(Default)]
pub struct State {
    pub objects: BTreeMap<String, Object>,
    pub uploads: BTreeMap<String, Upload>,
    begun: usize,
}

impl State {
    /// Begins an upload, as a process does that is killed afterwards.
    pub fn begin(&mut self, key: &str, headers: Vec<(String, String)>, begun: Timestamp) -> String {
        self.begun += 1;
        let id = format!("upload+{:03}/=", self.begun);
        let upload = Upload {
            key: key.to_owned(),
            headers,
            parts: BTreeMap::new(),
            checksums: BTreeMap::new(),
            begun,
        };
        self.uploads.insert(id.clone(), upload);
        id
    }
}

/// A request whose signature is right.
pub struct Signed {
    pub method: String,
    pub key: String,
    /// Without the parameters of the signature.
    pub query: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub headers: Vec<(String, String)>,
    pub number: usize,
}

impl Signed {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// What the request is about.
    pub fn action(&self) -> &'static str {
        let has = |name| self.parameter(name).is_some();
        match self.method.as_str() {
            "PUT" if has("uploadId") => "part",
            "PUT" => "put",
            "POST" if has("uploads") => "create",
            "POST" => "complete",
            "DELETE" if has("uploadId") => "abort",
            "DELETE" => "delete",
            "HEAD" => "head",
            "GET" if has("uploads") => "list",
            _ => "get",
        }
    }
}

/// What a test has the store do instead.
pub enum Instead {
    /// What it should.
    Nothing,
    /// This error, and the action is not done.
    Refuse(u16, &'static str),
    /// This whole reply, and the action is not done.
    Reply(String),
    /// The action, and then the connection is closed without a reply.
    DoAndClose,
    /// The connection is closed without a reply, and the action is not done.
    Close,
}

pub struct Store {
    pub server: Server,
    state: Arc<Mutex<State>>,
    /// The actions that were asked for, in order.
    actions: Arc<Mutex<Vec<&'static str>>>,
}

impl Store {
    pub fn start(rules: Rules) -> Self {
        Self::start_with(rules, |_| Instead::Nothing)
    }

    pub fn start_with<F>(rules: Rules, instead: F) -> Self
    where
        F: Fn(&Signed) -> Instead + Send + Sync + 'static,
    {
        let state = Arc::new(Mutex::new(State::default()));
        let actions = Arc::new(Mutex::new(Vec::new()));
        let server = Server::start({
            let (state, actions) = (Arc::clone(&state), Arc::clone(&actions));
            move |exchange| {
                let body = exchange.body();
                let now = rules.now();
                let (status, headers, text) = match check(&rules, exchange, body, now) {
                    Err((status, error)) => (status, String::new(), error.into_bytes()),
                    Ok(signed) => {
                        actions.lock().unwrap().push(signed.action());
                        match instead(&signed) {
                            Instead::Nothing => act(&mut state.lock().unwrap(), signed, now),
                            Instead::Refuse(status, code) => {
                                (status, String::new(), error(code, "").into_bytes())
                            }
                            Instead::Reply(reply) => {
                                exchange.write(reply).unwrap_or_default();
                                return Then::Keep;
                            }
                            Instead::DoAndClose => {
                                let _ = act(&mut state.lock().unwrap(), signed, now);
                                return Then::Close;
                            }
                            Instead::Close => return Then::Close,
                        }
                    }
                };
                let reply = encoded(exchange, status, &headers, &text, now);
                exchange.write(reply).unwrap_or_default();
                Then::Keep
            }
        });
        Self {
            server,
            state,
            actions,
        }
    }

    pub fn bucket(&self) -> S3Bucket {
        S3Bucket::new(format!("http://{}", self.server.address()), REGION, BUCKET).prefix("live")
    }

    pub fn sink(&self) -> S3Sink {
        self.sink_with(S3Options::default())
    }

    pub fn sink_with(&self, options: S3Options) -> S3Sink {
        S3Sink::with_options(&self.bucket(), keys(), options).unwrap()
    }

    pub fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap())
    }

    pub fn object(&self, key: &str) -> Option<Object> {
        self.with_state(|state| state.objects.get(key).cloned())
    }

    /// The actions so far whose signature was right.
    pub fn actions(&self) -> Vec<&'static str> {
        self.actions.lock().unwrap().clone()
    }
}

pub fn keys() -> S3Keys {
    S3Keys::new(KEY, SECRET)
}

/// The whole reply of a store with these rules, which does what the request asks for.
#[allow(dead_code, reason = "for the tests of every request")]
pub fn reply(rules: &Rules, state: &mut State, exchange: &Exchange<'_>, body: Vec<u8>) -> Vec<u8> {
    let now = rules.now();
    let (status, headers, text) = match check(rules, exchange, body, now) {
        Err((status, error)) => (status, String::new(), error.into_bytes()),
        Ok(signed) => act(state, signed, now),
    };
    encoded(exchange, status, &headers, &text, now)
}

/// A reply with this status and this text in chunks, as Amazon's errors are.
fn encoded(
    exchange: &Exchange<'_>,
    status: u16,
    headers: &str,
    text: &[u8],
    now: Timestamp,
) -> Vec<u8> {
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let mut reply = format!("HTTP/1.1 {status} X\r\nDate: {date}\r\n{headers}").into_bytes();
    let is_head = exchange.request.line.starts_with("HEAD ");
    let has_length = headers.contains("Content-Length");
    if is_head || text.is_empty() || has_length {
        let length: &[u8] = if has_length {
            b"\r\n"
        } else {
            b"Content-Length: 0\r\n\r\n"
        };
        reply.extend_from_slice(length);
        reply.extend_from_slice(if is_head { b"" } else { text });
    } else {
        let (first, second) = text.split_at(text.len() / 2);
        reply.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        for piece in [first, second] {
            reply.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            reply.extend_from_slice(piece);
            reply.extend_from_slice(b"\r\n");
        }
        reply.extend_from_slice(b"0\r\n\r\n");
    }
    reply
}

pub fn error(code: &str, more: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>text of the server</Message>{more}</Error>"
    )
}

/// Checks everything that a store checks. An error is a status and a text.
fn check(
    rules: &Rules,
    exchange: &Exchange<'_>,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<Signed, (u16, String)> {
    let refuse = |status, code: &str| Err((status, error(code, "")));
    let request = &exchange.request;
    let (method, target) = request.line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap();
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut take = |name: &str| {
        let at = pairs.iter().position(|(known, _)| known == name);
        at.map(|at| decoded(&pairs.remove(at).1))
    };
    let Some(signature) = take("X-Amz-Signature") else {
        return refuse(403, "AccessDenied");
    };
    let mut canonical: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.starts_with("X-Amz-Signature="))
        .collect();
    canonical.sort_unstable();
    let names = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
    ];
    let [algorithm, credential, date, expires, signed] = names.map(|name| take(name).unwrap());
    let token = take("X-Amz-Security-Token");
    assert_eq!(algorithm, "AWS4-HMAC-SHA256");
    let scope: Vec<_> = credential.split('/').collect();
    let [key, day, region, "s3", "aws4_request"] = scope[..] else {
        panic!("{credential}");
    };
    if key != KEY {
        return refuse(403, "InvalidAccessKeyId");
    }
    if region != rules.region {
        let more = format!("<Region>{}</Region>", rules.region);
        return Err((400, error("AuthorizationQueryParametersError", &more)));
    }
    let made = time(&date);
    let expires = SignedDuration::from_secs(expires.parse().unwrap());
    if now > made + expires {
        return refuse(403, "AccessDenied");
    }
    if made > now + SignedDuration::from_mins(15) {
        return refuse(403, "RequestTimeTooSkewed");
    }
    if token.as_deref() != rules.token {
        return refuse(400, "ExpiredToken");
    }
    check_headers(request, &signed)?;
    let headers: String = signed.split(';').fold(String::new(), |mut text, name| {
        let _ = writeln!(text, "{name}:{}", request.header(name).unwrap());
        text
    });
    let canonical = format!(
        "{method}\n{path}\n{}\n{headers}\n{signed}\nUNSIGNED-PAYLOAD",
        canonical.join("&")
    );
    let hash = hex(&Sha256::digest(&canonical));
    let to_sign = format!("{algorithm}\n{date}\n{day}/{region}/s3/aws4_request\n{hash}");
    let mut hmac_key = format!("AWS4{}", rules.secret).into_bytes();
    for part in [day, region, "s3", "aws4_request"] {
        hmac_key = hmac(&hmac_key, part.as_bytes());
    }
    if hex(&hmac(&hmac_key, to_sign.as_bytes())) != signature {
        let more = format!("<StringToSign>{to_sign}</StringToSign>");
        return Err((403, error("SignatureDoesNotMatch", &more)));
    }
    let path = match rules.domain {
        Some(domain) => {
            let host = request.header("host").unwrap();
            let host = host.split(':').next().unwrap();
            assert_eq!(host, format!("{}.{domain}", rules.bucket));
            format!("/{}{path}", rules.bucket)
        }
        None => path.to_owned(),
    };
    let path = decoded(&path);
    let Some(key) = path.strip_prefix(&format!("/{}/", rules.bucket)) else {
        return refuse(404, "NoSuchBucket");
    };
    check_digest(request, &body)?;
    Ok(Signed {
        method: method.to_owned(),
        key: key.to_owned(),
        query: pairs
            .into_iter()
            .map(|(name, value)| (name, decoded(&value)))
            .collect(),
        body,
        headers: request.headers.clone(),
        number: exchange.number,
    })
}

/// Every header that means something must be signed, and no body may come in chunks.
fn check_headers(request: &Request, signed: &str) -> Result<(), (u16, String)> {
    if request.header("transfer-encoding").is_some() {
        return Err((501, error("NotImplemented", "")));
    }
    for (name, _) in &request.headers {
        let name = name.to_ascii_lowercase();
        let may_be_unsigned = ["user-agent", "content-length"].contains(&name.as_str());
        if !may_be_unsigned && !signed.split(';').any(|known| known == name) {
            return Err((403, error("AccessDenied", &format!("<X>{name}</X>"))));
        }
    }
    Ok(())
}

type Digest = fn(&[u8]) -> String;

/// The headers with a digest of the body, and the digests.
const DIGESTS: [(&str, Digest); 5] = [
    ("content-md5", |body| base64(&md5::Md5::digest(body))),
    ("x-amz-checksum-sha256", |body| {
        base64(&Sha256::digest(body))
    }),
    ("x-amz-checksum-crc32", |body| {
        base64(&crc(0xEDB8_8320, 32, body)[4..])
    }),
    ("x-amz-checksum-crc32c", |body| {
        base64(&crc(0x82F6_3B78, 32, body)[4..])
    }),
    ("x-amz-checksum-crc64nvme", |body| {
        base64(&crc(0x9A6C_9329_AC4B_C9B5, 64, body))
    }),
];

fn check_digest(request: &Request, body: &[u8]) -> Result<(), (u16, String)> {
    let is_wrong = DIGESTS.iter().any(|(header, digest)| {
        let expected = request.header(header);
        expected.is_some_and(|expected| expected != digest(body))
    });
    if is_wrong {
        return Err((400, error("BadDigest", "")));
    }
    Ok(())
}

/// A cyclic redundancy check with a reversed polynomial, four bits at a time.
fn crc(polynomial: u64, bits: u32, data: &[u8]) -> [u8; 8] {
    let ones = u64::MAX >> (64 - bits);
    let table: Vec<u64> = (0..16)
        .map(|nibble| (0..4).fold(nibble, |rest, _| (rest >> 1) ^ (polynomial * (rest & 1))))
        .collect();
    let nibbles = data.iter().flat_map(|byte| [byte & 15, byte >> 4]);
    let rest = nibbles.fold(ones, |rest, nibble| {
        let at = (rest ^ u64::from(nibble)) & 15;
        (rest >> 4) ^ table[usize::try_from(at).unwrap()]
    });
    (rest ^ ones).to_be_bytes()
}

/// Does what the request asks for: a status, header lines and a text.
fn act(state: &mut State, signed: Signed, now: Timestamp) -> (u16, String, Vec<u8>) {
    let none = String::new;
    let refuse = |status, code| (status, none(), error(code, "").into_bytes());
    let upload = signed.parameter("uploadId").map(str::to_owned);
    if let Some(id) = &upload
        && !state.uploads.contains_key(id)
    {
        return refuse(404, "NoSuchUpload");
    }
    let id = upload.unwrap_or_default();
    match signed.action() {
        "put" => {
            let Signed {
                key,
                body: data,
                headers,
                ..
            } = signed;
            state.objects.insert(key, Object { data, headers });
            (200, none(), Vec::new())
        }
        "get" | "head" => match state.objects.get(&signed.key) {
            Some(object) => {
                let digest = object.header("x-amz-meta-digest").unwrap_or_default();
                let length = object.data.len();
                let headers =
                    format!("Content-Length: {length}\r\nx-amz-meta-digest: {digest}\r\n");
                (200, headers, object.data.clone())
            }
            None => refuse(404, "NoSuchKey"),
        },
        "delete" => {
            state.objects.remove(&signed.key);
            (204, none(), Vec::new())
        }
        "create" => {
            // One of them has no checksum of checksums, another one has nothing else.
            let algorithm = signed.header("x-amz-checksum-algorithm");
            let is_allowed = match (algorithm, signed.header("x-amz-checksum-type")) {
                (Some("CRC64NVME"), kind) => kind == Some("FULL_OBJECT"),
                (Some("SHA256"), kind) => kind.is_none_or(|kind| kind == "COMPOSITE"),
                (Some("CRC32" | "CRC32C"), _) | (None, None) => true,
                _ => false,
            };
            if !is_allowed {
                return refuse(400, "InvalidRequest");
            }
            let id = state.begin(&signed.key, signed.headers, now);
            let text = format!(
                "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            );
            (200, none(), text.into_bytes())
        }
        "part" => {
            let number = signed.parameter("partNumber").unwrap().parse().unwrap();
            let upload = state.uploads.get_mut(&id).unwrap();
            let checksum = match upload.algorithm() {
                None => String::new(),
                Some(name) => {
                    let header = format!("x-amz-checksum-{}", name.to_ascii_lowercase());
                    let Some(value) = signed.header(&header) else {
                        return refuse(400, "InvalidRequest");
                    };
                    format!("<Checksum{name}>{value}</Checksum{name}>")
                }
            };
            upload.checksums.insert(number, checksum);
            upload.parts.insert(number, signed.body);
            (200, format!("ETag: \"tag <{number}>\"\r\n"), Vec::new())
        }
        "complete" => {
            let upload = state.uploads.remove(&id).unwrap();
            let mut expected = "<CompleteMultipartUpload>".to_owned();
            for (number, checksum) in &upload.checksums {
                let tag = format!("&quot;tag &lt;{number}&gt;&quot;");
                let _ = write!(
                    expected,
                    "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag>{checksum}</Part>"
                );
            }
            expected.push_str("</CompleteMultipartUpload>");
            assert_eq!(String::from_utf8(signed.body).unwrap(), expected);
            let sizes: Vec<_> = upload.parts.values().map(Vec::len).collect();
            assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]), "{sizes:?}");
            let data = upload.parts.into_values().flatten().collect();
            let headers = upload.headers;
            state.objects.insert(upload.key, Object { data, headers });
            (200, none(), "\n \n<CompleteMultipartUploadResult><ETag>\"x-2\"</ETag></CompleteMultipartUploadResult>".into())
        }
        "abort" => {
            state.uploads.remove(&id);
            (204, none(), Vec::new())
        }
        _ => list(state, &signed),
    }
}

fn list(state: &State, signed: &Signed) -> (u16, String, Vec<u8>) {
    let parameter = |name| signed.parameter(name).unwrap_or_default().to_owned();
    let most: usize = parameter("max-uploads").parse().unwrap();
    let after = (parameter("key-marker"), parameter("upload-id-marker"));
    let mut found: Vec<_> = state
        .uploads
        .iter()
        .map(|(id, upload)| (upload.key.clone(), id.clone(), upload.begun))
        .filter(|(key, id, _)| {
            key.starts_with(&parameter("prefix")) && (key.clone(), id.clone()) > after
        })
        .collect();
    found.sort();
    let is_cut = found.len() > most;
    found.truncate(most);
    let mut text = format!("<ListMultipartUploadsResult><IsTruncated>{is_cut}</IsTruncated>");
    if let Some((key, id, _)) = found.last() {
        let _ = write!(
            text,
            "<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>"
        );
    }
    for (key, id, begun) in found {
        let _ = write!(
            text,
            "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun:.3}</Initiated></Upload>"
        );
    }
    text.push_str("</ListMultipartUploadsResult>");
    (200, String::new(), text.into_bytes())
}

/// The time of `20261130T202600Z`.
fn time(text: &str) -> Timestamp {
    let part = |from, to| &text[from..to];
    let (day, hour) = (
        format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8)),
        part(9, 11),
    );
    format!("{day}T{hour}:{}:{}Z", part(11, 13), part(13, 15))
        .parse()
        .unwrap()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = str::from_utf8(&rest[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// RFC 2104, with keys of up to 64 bytes.
fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let padded = |with: u8| {
        let mut block = [with; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(data)
        .finalize();
    let outer = Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize();
    outer.to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        bits <<= 8 * (3 - group.len());
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            let is_padding = place > group.len();
            text.push(if is_padding {
                '='
            } else {
                char::from(ALPHABET[index as usize])
            });
        }
    }
    text
}
