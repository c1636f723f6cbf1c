//! Servers of requests: a thread for each connection, all on one CPU.

use super::server_cpu;
use crate::overhead::ground::{Ground, SERVER};
use crate::sys;
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Octets of a request, and of its answer.
pub(super) const REQUEST_BYTES: usize = 200;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// HTTP/1.1, which the rig reads.
    Http,
    /// Octets that mean nothing to it, as most are that are encrypted.
    Opaque,
    /// Nothing: a connection is accepted and closed.
    Silence,
}

impl Speech {
    pub(super) fn request(self) -> [u8; REQUEST_BYTES] {
        match self {
            Self::Http => padded("GET /items/4711 HTTP/1.1\r\nHost: shop.example\r\nX-Fill: ", "\r\n\r\n"),
            Self::Opaque | Self::Silence => [0xe7; REQUEST_BYTES],
        }
    }

    fn answer(self) -> [u8; REQUEST_BYTES] {
        match self {
            Self::Http => padded(
                "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-Fill: ",
                &("\r\n\r\n".to_owned() + &"y".repeat(100)),
            ),
            Self::Opaque | Self::Silence => [0xe8; REQUEST_BYTES],
        }
    }
}

/// Filled up in between.
fn padded(begin: &str, end: &str) -> [u8; REQUEST_BYTES] {
    let mut bytes = [b'x'; REQUEST_BYTES];
    bytes[..begin.len()].copy_from_slice(begin.as_bytes());
    bytes[REQUEST_BYTES - end.len()..].copy_from_slice(end.as_bytes());
    bytes
}

/// Threads that accept on one socket, until this is dropped.
pub(super) struct Server<'a> {
    ground: &'a Ground,
    pub(super) address: SocketAddr,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl<'a> Server<'a> {
    /// With so many threads that accept.
    pub(super) fn start(ground: &'a Ground, speech: Speech, acceptors: usize) -> Result<Self> {
        let listener = ground.server.inside(|| TcpListener::bind((SERVER, 0))).context("the server cannot listen")?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let mut server = Self { ground, address, over, threads: Vec::new() };
        for _ in 0..acceptors {
            let (listener, over) = (listener.try_clone()?, Arc::clone(&server.over));
            server.threads.push(std::thread::Builder::new().spawn(move || accept(&listener, speech, &over))?);
        }
        Ok(server)
    }

    /// A connection out of the client's namespace.
    pub(super) fn connect(&self) -> Result<TcpStream> {
        let address = self.address;
        let stream =
            self.ground.client.inside(|| TcpStream::connect(address)).context("cannot connect to the server")?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        for _ in 0..self.threads.len() {
            // Each acceptor is woken by one. If it does not come through, the process' end is the server's.
            if self.connect().is_err() {
                return;
            }
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A connection that breaks is its client's to tell.
fn accept(listener: &TcpListener, speech: Speech, over: &AtomicBool) {
    if speech != Speech::Silence && sys::pin_to(server_cpu()).is_err() {
        return;
    }
    while let Ok((stream, _)) = listener.accept() {
        if over.load(Ordering::Acquire) {
            return;
        }
        if speech != Speech::Silence {
            // It ends with its connection.
            let _ = std::thread::Builder::new().spawn(move || answer(stream, speech));
        }
    }
}

fn answer(mut stream: TcpStream, speech: Speech) {
    let (mut request, answer) = ([0; REQUEST_BYTES], speech.answer());
    let _ = stream.set_nodelay(true);
    while stream.read_exact(&mut request).is_ok() && stream.write_all(&answer).is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_http() {
        let (request, answer) = (Speech::Http.request(), Speech::Http.answer());
        assert!(
            request.starts_with(b"GET /items/4711 HTTP/1.1\r\nHost: shop.example\r\n")
                && request.ends_with(b"\r\n\r\n")
        );
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"));
        assert_eq!(body.len(), 100);
    }
}
