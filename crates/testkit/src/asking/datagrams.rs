//! Answers by UDP.

use super::lose;
use crate::NetNs;
use crate::syscalls::go_first;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{PipeReader, PipeWriter};
use std::net::{SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;

const DATAGRAM_BYTES_MAX: usize = 65_536;

/// A UDP server in a namespace that sends back what comes, on a thread of its own, which ends when it is dropped.
#[derive(Debug)]
pub struct DatagramServer {
    address: SocketAddr,
    /// Dropped, it wakes the thread and ends it.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl DatagramServer {
    /// Reads so long after it has learned that there is something to read, and thinks for so long.
    ///
    /// # Panics
    /// When the address is taken.
    #[must_use]
    pub fn echo(ns: &NetNs, address: impl Into<SocketAddr>, read_late: Duration, think: Duration) -> Self {
        let address = address.into();
        let socket = ns.inside(|| UdpSocket::bind(address));
        let socket = socket.unwrap_or_else(|e| panic!("cannot bind to {address} in {}: {e}", ns.name()));
        let address = socket.local_addr().expect("a socket has an address");
        let (stopped, stop) = std::io::pipe().expect("a pipe");
        let run = move || serve(&socket, &stopped, read_late, think);
        let thread = std::thread::Builder::new().name("datagrams".to_owned()).spawn(run).expect("start a thread");
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for DatagramServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let (Some(Err(panic)), false) = (ended, std::thread::panicking()) {
            std::panic::resume_unwind(panic);
        }
    }
}

fn serve(socket: &UdpSocket, stopped: &PipeReader, read_late: Duration, think: Duration) {
    go_first();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let mut polled = [PollFd::new(stopped, PollFlags::IN), PollFd::new(socket, PollFlags::IN)];
        while poll(&mut polled, None).is_err() {}
        if !polled[0].revents().is_empty() {
            return;
        }
        lose(read_late);
        // It fails when an earlier answer came back as unreachable: its asker has gone.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        lose(think);
        let _ = socket.send_to(&buffer[..length], from);
    }
}
