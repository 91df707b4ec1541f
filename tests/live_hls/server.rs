//! A small HTTP server for a folder, on the loopback device, which remembers what it was asked
//! for.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    root: PathBuf,
    is_over: AtomicBool,
    requests: Mutex<Vec<Request>>,
    changed: Condvar,
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) status: u16,
}

impl Server {
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: root.to_path_buf(),
            is_over: AtomicBool::new(false),
            requests: Mutex::default(),
            changed: Condvar::new(),
        });
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.listen(&listener)
        });
        Self {
            address,
            shared,
            listener: Some(thread),
        }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits until what was asked for so far is enough.
    pub(crate) fn wait_until(&self, mut is_enough: impl FnMut(&[Request]) -> bool) {
        let requests = self.shared.requests.lock().unwrap();
        let wait = self
            .shared
            .changed
            .wait_while(requests, |requests| !is_enough(requests));
        drop(wait.unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // It waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Shared {
    fn listen(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let shared = Arc::clone(&self);
            // It ends when the client closes the connection.
            thread::spawn(move || shared.serve(&stream.unwrap()));
        }
    }

    /// Answers one request after the other.
    fn serve(&self, mut stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines();
        while let Some(Ok(first)) = lines.next() {
            // "GET /name HTTP/1.1", and headers that do not matter here.
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let name = first
                .split(' ')
                .nth(1)
                .unwrap_or_default()
                .trim_start_matches('/');
            let found = if name.contains('/') {
                None
            } else {
                fs::read(self.root.join(name)).ok()
            };
            let status = if found.is_some() { 200 } else { 404 };
            let body = found.unwrap_or_default();
            let length = body.len();
            let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\n\r\n");
            let sent = stream.write_all(&[head.as_bytes(), &body].concat());
            let name = name.to_owned();
            self.requests.lock().unwrap().push(Request { name, status });
            self.changed.notify_all();
            if sent.is_err() {
                return;
            }
        }
    }
}
