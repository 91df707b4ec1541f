//! The connection below TLS: it looks at the limits of the call whenever it blocks.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::call::{Call, Stage};
use super::connect::connect;
use super::resolve::Names;

/// Makes the connections of one sink.
pub(super) struct SocketConnector {
    pub(super) call: Arc<Call>,
    pub(super) names: Arc<Names>,
    pub(super) timeout: Duration,
}

impl Connector for SocketConnector {
    type Out = Socket;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Socket>, Error> {
        self.call.enter(Stage::Connect);
        let stream = connect(&details.addrs, self.timeout, &self.call)?;
        if let Ok(address) = stream.peer_addr() {
            self.names.prefer(address);
        }
        stream.set_nodelay(true)?;
        let config = details.config;
        Ok(Some(Socket {
            stream,
            buffers: LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
            encryption: if details.needs_tls() {
                Encryption::Tls
            } else {
                Encryption::None
            },
            slice: None,
            generation: self.call.generation(),
            request: Request::Open,
            call: Arc::clone(&self.call),
        }))
    }
}

impl fmt::Debug for SocketConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketConnector").finish_non_exhaustive()
    }
}

pub(super) struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
    encryption: Encryption,
    /// The time-out that is set on the socket.
    slice: Option<Duration>,
    generation: u64,
    request: Request,
    call: Arc<Call>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encryption {
    None,
    Tls,
}

/// Whether the server takes more of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    Open,
    /// The server has replied, so the rest is not sent.
    Answered,
}

impl Socket {
    /// Has the next read or write block for a slice at most.
    fn set_slice(&mut self) -> io::Result<()> {
        let slice = self.call.slice();
        if self.slice != Some(slice) {
            self.stream.set_read_timeout(Some(slice))?;
            self.stream.set_write_timeout(Some(slice))?;
            self.slice = Some(slice);
        }
        Ok(())
    }

    fn send(&mut self, amount: usize) -> io::Result<()> {
        let mut start = 0;
        while start < amount && self.request == Request::Open {
            self.call.check()?;
            self.set_slice()?;
            let rest = &self.buffers.output()[start..amount];
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    start += count;
                    self.call.sent();
                }
                Err(error) => self.look_for_early_reply(error)?,
            }
        }
        Ok(())
    }

    /// A server that refuses a request may reply before it has the whole of it, and take no more or
    /// close the connection. The reply says why, and the error of the write does not.
    fn look_for_early_reply(&mut self, error: io::Error) -> io::Result<()> {
        let is_blocked = match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => true,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
                false
            }
            ErrorKind::Interrupted => return Ok(()),
            _ => return Err(error),
        };
        // Session tickets of TLS may come at any time, and are no reply.
        let may_be_reply = !is_blocked || self.encryption == Encryption::None;
        if may_be_reply && self.call.stage() >= Stage::Send && self.input() == Input::Some {
            self.request = Request::Answered;
            self.call.early_reply();
            return Ok(());
        }
        if is_blocked { Ok(()) } else { Err(error) }
    }

    /// Looks without blocking and without taking anything.
    fn input(&self) -> Input {
        let mut byte = [0];
        let peeked = self
            .stream
            .set_nonblocking(true)
            .and_then(|()| self.stream.peek(&mut byte));
        if self.stream.set_nonblocking(false).is_err() {
            return Input::Closed;
        }
        match peeked {
            Ok(0) => Input::Closed,
            Ok(_) => Input::Some,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Input::None,
            Err(_) => Input::Closed,
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        loop {
            self.call.check()?;
            self.set_slice()?;
            let room = self.call.room()?;
            let buffer = self.buffers.input_append_buf();
            let length = buffer.len().min(room);
            match self.stream.read(&mut buffer[..length]) {
                Ok(count) => {
                    self.call.received(count);
                    self.buffers.input_appended(count);
                    return Ok(count);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    None,
    Some,
    Closed,
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    // The limits are those of the call, and ureq has none of its own.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(self.send(amount)?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        Ok(self.receive()? > 0)
    }

    /// Input that nobody asked for makes a connection useless.
    fn is_open(&mut self) -> bool {
        self.generation == self.call.generation()
            && self.request == Request::Open
            && self.input() == Input::None
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}
