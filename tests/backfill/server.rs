//! An HTTP origin that dies in the middle of a request. What it has stored survives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::common::sync::Mutex;
use crate::origin::named;

/// Where a request is when the origin dies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Head,
    Body,
    /// It has stored the object, and does not say so.
    Stored,
}

#[derive(Default)]
struct Storage {
    objects: BTreeMap<String, Vec<u8>>,
    /// What a playlist named when it was stored, and was not there.
    missing: Vec<String>,
    deleted: Vec<String>,
    dies_at: Option<Stage>,
}

pub(crate) struct Server {
    storage: Arc<Mutex<Storage>>,
    address: SocketAddr,
    life: Option<Life>,
}

/// From a start to the next death.
struct Life {
    is_over: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let storage = Arc::default();
        let life = Some(Life::begin(listener, &storage));
        Self {
            storage,
            address,
            life,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/live/", self.address)
    }

    /// The next request that gets so far is its last.
    pub(crate) fn die_at(&self, stage: Stage) {
        self.storage.lock().unwrap().dies_at = Some(stage);
    }

    pub(crate) fn kill(&mut self) {
        self.storage.lock().unwrap().dies_at = None;
        if let Some(life) = self.life.take() {
            life.end(self.address);
        }
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        let listener = loop {
            if let Ok(listener) = TcpListener::bind(self.address) {
                break listener;
            }
            thread::yield_now();
        };
        self.life = Some(Life::begin(listener, &self.storage));
    }

    pub(crate) fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.storage.lock().unwrap().objects.get(name).cloned()
    }

    pub(crate) fn deleted(&self) -> Vec<String> {
        self.storage.lock().unwrap().deleted.clone()
    }

    pub(crate) fn named_and_missing(&self) -> Vec<String> {
        self.storage.lock().unwrap().missing.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Life {
    fn begin(listener: TcpListener, storage: &Arc<Mutex<Storage>>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let streams: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let accepting = thread::spawn({
            let (is_over, streams) = (Arc::clone(&is_over), Arc::clone(&streams));
            let storage = Arc::clone(storage);
            move || {
                for stream in listener.incoming() {
                    let stream = stream.unwrap();
                    streams.lock().unwrap().push(stream.try_clone().unwrap());
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let (is_over, streams) = (Arc::clone(&is_over), Arc::clone(&streams));
                    let storage = Arc::clone(&storage);
                    thread::spawn(move || {
                        let mut reader = BufReader::new(stream);
                        while serve(&mut reader, &storage, &is_over).is_some() {}
                        if is_over.load(Ordering::SeqCst) {
                            close_all(&streams);
                        }
                        let _ = reader.get_ref().shutdown(Shutdown::Both);
                    });
                }
                close_all(&streams);
            }
        });
        Self {
            is_over,
            streams,
            accepting,
        }
    }

    fn end(self, address: SocketAddr) {
        self.is_over.store(true, Ordering::SeqCst);
        close_all(&self.streams);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(address));
        self.accepting.join().unwrap();
    }
}

fn close_all(streams: &Mutex<Vec<TcpStream>>) {
    for stream in streams.lock().unwrap().drain(..) {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// `None` once the connection is of no more use.
fn serve(
    reader: &mut BufReader<TcpStream>,
    storage: &Mutex<Storage>,
    is_over: &AtomicBool,
) -> Option<()> {
    let line = read_line(reader)?;
    let mut length = 0;
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
    }
    let survives = |stage| {
        let mut storage = storage.lock().unwrap();
        if storage.dies_at == Some(stage) {
            storage.dies_at = None;
            is_over.store(true, Ordering::SeqCst);
        }
        (!is_over.load(Ordering::SeqCst)).then_some(())
    };
    survives(Stage::Head)?;
    let mut body = vec![0; length];
    let (begin, rest) = body.split_at_mut(length / 2);
    reader.read_exact(begin).ok()?;
    survives(Stage::Body)?;
    reader.read_exact(rest).ok()?;
    let mut words = line.split(' ');
    let (method, name) = (words.next()?, words.next()?.strip_prefix("/live/")?);
    let reply = {
        // Nothing is stored after its death.
        let mut storage = storage.lock().unwrap();
        if is_over.load(Ordering::SeqCst) {
            return None;
        }
        storage.answer(method, name, body)
    };
    survives(Stage::Stored)?;
    reader.get_mut().write_all(&reply).ok()
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    Some(line.strip_suffix("\r\n")?.to_owned())
}

impl Storage {
    fn answer(&mut self, method: &str, name: &str, body: Vec<u8>) -> Vec<u8> {
        let (status, body) = match method {
            "PUT" => {
                if body.starts_with(b"#EXTM3U") {
                    let mut names = named(&String::from_utf8_lossy(&body));
                    names.retain(|it| !self.objects.contains_key(it));
                    self.missing.extend(names);
                }
                self.objects.insert(name.to_owned(), body);
                (201, Vec::new())
            }
            "DELETE" => {
                self.objects.remove(name);
                self.deleted.push(name.to_owned());
                (200, Vec::new())
            }
            _ => match self.objects.get(name) {
                Some(object) => (200, object.clone()),
                None => (404, Vec::new()),
            },
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }
}
