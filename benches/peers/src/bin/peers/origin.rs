//! Origins on this machine: nginx, and a server that is far away.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::places::Place;
use crate::programs::Running;

/// nginx with its DAV module, in memory, until it is dropped.
pub(crate) struct Nginx {
    _process: Running,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    pub(crate) fn start() -> io::Result<Self> {
        let folder = Place::Memory.folder()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = include_str!("../../../../../examples/push_hls/nginx.conf")
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
            // Else a connection would be closed in the middle of a run.
            .replace("http {", "http { keepalive_requests 1000000;");
        fs::write(folder.path().join("nginx.conf"), config)?;
        fs::create_dir(folder.path().join("root"))?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path());
        command.arg("-c").arg(folder.path().join("nginx.conf"));
        let process = Running::start(command.stderr(Stdio::null()))?;
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                return Err(io::Error::other("nginx does not listen"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Self {
            _process: process,
            folder,
            port,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/live/", self.port)
    }

    /// The number of stored objects. They are gone then.
    pub(crate) fn take(&self) -> io::Result<u64> {
        let live = self.folder.path().join("root/live");
        let stored = fs::read_dir(&live)?.count() as u64;
        fs::remove_dir_all(live)?;
        Ok(stored)
    }
}

/// Answers each request after a while. Takes everything and keeps nothing.
pub(crate) struct Distant {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Distant {
    /// Serves until the process ends.
    pub(crate) fn start(latency: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || serve(&connection, latency));
            }
        });
        Ok(Self { port, connections })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/live/", self.port)
    }

    /// Since the last call.
    pub(crate) fn connections(&self) -> usize {
        self.connections.swap(0, Ordering::Relaxed)
    }
}

/// Request after request, until one cannot be read.
fn serve(connection: &TcpStream, latency: Duration) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, connection);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 0 && !line.trim().is_empty() {
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        thread::sleep(latency);
        let mut connection = connection;
        connection.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")?;
    }
}
