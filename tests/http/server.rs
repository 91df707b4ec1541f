//! A server that does what a test tells it, with a thread for each connection.
#![allow(unreachable_pub, reason = "each test file is a crate of its own")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use segment_stream::{HttpOptions, HttpSink, WriteContext};

/// The time that a test allows a call beyond its deadline, on a machine that does other things as
/// well.
const SLACK: Duration = Duration::from_secs(5);

pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    requests: Mutex<Vec<Request>>,
    open: Mutex<Vec<(usize, TcpStream)>>,
    is_over: Mutex<bool>,
    over: Condvar,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// The first line, without `HTTP/1.1`.
    pub line: String,
    pub headers: Vec<(String, String)>,
    /// Which connection it came on, counted from 1.
    pub connection: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter();
        let found = found.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn length(&self) -> usize {
        let length = self.header("content-length");
        length.map_or(0, |length| length.parse().unwrap())
    }
}

/// A request whose head has arrived.
pub struct Exchange<'a> {
    pub request: Request,
    /// Which request it is of all, counted from 1.
    pub number: usize,
    reader: &'a mut dyn BufRead,
    writer: &'a mut dyn Write,
    shared: &'a Shared,
}

/// What becomes of the connection.
pub enum Then {
    Keep,
    /// With input that was not read, the client gets a reset.
    Close,
}

impl Exchange<'_> {
    /// Reads the whole body.
    pub fn body(&mut self) -> Vec<u8> {
        self.part(self.request.length())
    }

    /// Reads the whole body, unless the client goes before.
    #[allow(dead_code, reason = "for the tests of every request")]
    pub fn whole_body(&mut self) -> Option<Vec<u8>> {
        let mut body = vec![0; self.request.length()];
        self.reader.read_exact(&mut body).ok()?;
        Some(body)
    }

    /// Waits until the client goes.
    pub fn until_the_client_goes(&mut self) {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest).unwrap_or_default();
    }

    /// Reads this many bytes of the body.
    pub fn part(&mut self, count: usize) -> Vec<u8> {
        let mut body = vec![0; count];
        self.reader.read_exact(&mut body).unwrap_or_default();
        body
    }

    /// Writes it, unless the client has gone.
    pub fn write(&mut self, text: impl AsRef<[u8]>) -> io::Result<()> {
        self.writer.write_all(text.as_ref())?;
        self.writer.flush()
    }

    /// Takes the body, and replies with this status and these header lines.
    pub fn reply(&mut self, status: u16, headers: &str) -> Then {
        self.body();
        let headers = headers.replace('\n', "\r\n");
        let reply = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\n\r\n");
        self.write(reply).unwrap_or_default();
        Then::Keep
    }

    /// Replies with this status, once the body was read.
    pub fn reply_only(&mut self, status: u16) -> Then {
        let reply = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        self.write(reply).unwrap_or_default();
        Then::Keep
    }

    /// Whether the test is over.
    pub fn is_over(&self) -> bool {
        *self.shared.is_over.lock().unwrap()
    }

    /// Neither reads nor writes until the test is over.
    pub fn wait_for_the_end(&self) {
        let mut is_over = self.shared.is_over.lock().unwrap();
        while !*is_over {
            is_over = self.shared.over.wait(is_over).unwrap();
        }
    }
}

/// Takes the body, and waits until the client goes.
pub fn hang(exchange: &mut Exchange<'_>) -> Then {
    exchange.body();
    exchange.until_the_client_goes();
    Then::Close
}

/// Two ends of a connection, encrypted or not.
pub type Ends = (Box<dyn Read + Send>, Box<dyn Write + Send>);

impl Server {
    pub fn start<F>(exchange: F) -> Self
    where
        F: Fn(&mut Exchange<'_>) -> Then + Send + Sync + 'static,
    {
        Self::start_with(|stream| Some(plain(stream)), exchange)
    }

    /// Starts at the address of a server that was dropped.
    #[allow(dead_code, reason = "for the tests of every request")]
    pub fn start_again<F>(address: SocketAddr, exchange: F) -> Self
    where
        F: Fn(&mut Exchange<'_>) -> Then + Send + Sync + 'static,
    {
        let listener = loop {
            if let Ok(listener) = TcpListener::bind(address) {
                break listener;
            }
            thread::yield_now();
        };
        Self::listen(listener, |stream| Some(plain(stream)), exchange)
    }

    /// `open` makes two ends of each connection, or none if the handshake fails.
    pub fn start_with<O, F>(open: O, exchange: F) -> Self
    where
        O: Fn(TcpStream) -> Option<Ends> + Send + Sync + 'static,
        F: Fn(&mut Exchange<'_>) -> Then + Send + Sync + 'static,
    {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), open, exchange)
    }

    fn listen<O, F>(listener: TcpListener, open: O, exchange: F) -> Self
    where
        O: Fn(TcpStream) -> Option<Ends> + Send + Sync + 'static,
        F: Fn(&mut Exchange<'_>) -> Then + Send + Sync + 'static,
    {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (open, exchange) = (Arc::new(open), Arc::new(exchange));
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let mut serving = Vec::new();
                for stream in listener.incoming() {
                    if *shared.is_over.lock().unwrap() {
                        break;
                    }
                    let stream = stream.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let connection = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                    let clone = stream.try_clone().unwrap();
                    shared.open.lock().unwrap().push((connection, clone));
                    let shared = Arc::clone(&shared);
                    let (open, exchange) = (Arc::clone(&open), Arc::clone(&exchange));
                    // A thread that has ended keeps its stack until it is joined.
                    let (ended, running): (Vec<_>, Vec<_>) =
                        serving.into_iter().partition(JoinHandle::is_finished);
                    serving = running;
                    for thread in ended {
                        thread.join().unwrap();
                    }
                    serving.push(thread::spawn(move || {
                        let _closed = Closed(&shared, connection);
                        if let Some(ends) = open(stream) {
                            serve(&shared, connection, ends, &*exchange);
                        }
                    }));
                }
                drop(listener);
                // Those that came while the server was dropped.
                for (_, stream) in shared.open.lock().unwrap().drain(..) {
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                }
                for thread in serving {
                    thread.join().unwrap();
                }
            }
        });
        Self {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/live/", self.address)
    }

    pub fn sink(&self) -> HttpSink {
        self.sink_with(HttpOptions::default())
    }

    pub fn sink_with(&self, options: HttpOptions) -> HttpSink {
        HttpSink::with_options(&self.url(), options).unwrap()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The first lines of the requests so far.
    pub fn lines(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|request| request.line)
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.shared.is_over.lock().unwrap() = true;
        self.shared.over.notify_all();
        for (_, stream) in self.shared.open.lock().unwrap().iter() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        let ended = self.accepting.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap();
        }
    }
}

fn plain(stream: TcpStream) -> Ends {
    let reader = stream.try_clone().unwrap();
    (Box::new(reader), Box::new(stream))
}

/// Drops the clone that would keep a connection open, also if its thread panics.
struct Closed<'a>(&'a Shared, usize);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let mut open = self.0.open.lock().unwrap();
        open.retain(|(connection, _)| *connection != self.1);
    }
}

fn serve(
    shared: &Shared,
    connection: usize,
    (reader, mut writer): Ends,
    exchange: &(dyn Fn(&mut Exchange<'_>) -> Then + Send + Sync),
) {
    let mut reader = BufReader::new(reader);
    while let Some(request) = read_head(&mut reader, connection) {
        let number = {
            let mut requests = shared.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len()
        };
        let mut exchanged = Exchange {
            request,
            number,
            reader: &mut reader,
            writer: &mut writer,
            shared,
        };
        match exchange(&mut exchanged) {
            Then::Keep => {}
            Then::Close => return,
        }
    }
}

fn read_head(reader: &mut impl BufRead, connection: usize) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.strip_suffix("\r\n")?;
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let mut lines = lines.into_iter();
    let line = lines.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect();
    Some(Request {
        line,
        headers,
        connection,
    })
}

/// A context whose deadline is this far away.
pub fn within(milliseconds: u64) -> WriteContext {
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    WriteContext::default().with_deadline(deadline)
}

/// Calls it, and fails if it takes much longer than its deadline.
pub fn timely<T>(milliseconds: u64, call: impl FnOnce(&WriteContext) -> T) -> T {
    let started = Instant::now();
    let result = call(&within(milliseconds));
    let took = started.elapsed();
    let limit = Duration::from_millis(milliseconds) + SLACK;
    assert!(
        took < limit,
        "{took:?} with a deadline of {milliseconds} ms"
    );
    result
}
