//! Servers that misbehave on purpose, and two that do not.

use crate::{Answers, NetNs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with};
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a test waits for comes within this time, or not at all.
const PATIENCE: Duration = Duration::from_secs(20);
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// The most connections whose sockets a test may ask for.
const KEPT_MAX: usize = 1_024;

/// A TCP server in a namespace, on threads of its own: everything ends when it is dropped, connections too.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped, it wakes all threads and ends them.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
    /// Of a server that accepts nothing: it only has to be there.
    _listener: Arc<TcpListener>,
}

/// How a connection is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetBy {
    /// As soon as it is accepted: closed with lingering switched on, for no time.
    Linger,
    /// As soon as there is data: closed with the data unread.
    UnreadData,
}

#[derive(Debug)]
struct Shared {
    accepted: AtomicU64,
    received_bytes: AtomicU64,
    reading: AtomicBool,
    streams: Mutex<Vec<Weak<TcpStream>>>,
    stopped: PipeReader,
}

impl Server {
    /// Listens, with room for `backlog` connections (one more than that, as the kernel counts), and accepts none: further ones
    /// overflow the queue.
    ///
    /// # Panics
    /// When the address is taken, as all of these.
    #[must_use]
    pub fn never_accepting(ns: &NetNs, address: impl Into<SocketAddr>, backlog: i32) -> Self {
        let listener = listening(ns, address.into());
        // Listening again sets it anew.
        listen(&listener, backlog).expect("a listener's backlog can be set");
        Self::made(listener, None::<fn(TcpStream, &Shared)>)
    }

    /// Accepts, and resets the connection.
    #[must_use]
    pub fn resetting(ns: &NetNs, address: impl Into<SocketAddr>, by: ResetBy) -> Self {
        Self::made(
            listening(ns, address.into()),
            Some(move |stream: TcpStream, shared: &Shared| match by {
                ResetBy::Linger => set_socket_linger(&stream, Some(Duration::ZERO)).expect("lingering can be set"),
                ResetBy::UnreadData => _ = shared.wait_readable(&stream),
            }),
        )
    }

    /// Accepts, and closes in good order, first.
    #[must_use]
    pub fn closing(ns: &NetNs, address: impl Into<SocketAddr>) -> Self {
        Self::made(listening(ns, address.into()), Some(|stream: TcpStream, _: &Shared| drop(stream)))
    }

    /// Sends back what comes, each time after having thought for a while.
    #[must_use]
    pub fn echo(ns: &NetNs, address: impl Into<SocketAddr>, think: Duration) -> Self {
        Self::reading(listening(ns, address.into()), move |mut stream: &TcpStream, bytes: &[u8]| {
            std::thread::sleep(think);
            stream.write_all(bytes).is_ok()
        })
    }

    /// Answers each question of fixed size, in the way that `answers` says.
    #[must_use]
    pub fn answering(ns: &NetNs, address: impl Into<SocketAddr>, answers: Answers) -> Self {
        Self::made(
            listening(ns, address.into()),
            Some(move |stream: TcpStream, shared: &Shared| {
                // A peer that does not read must not keep the server from ending.
                stream.set_write_timeout(Some(WRITE_TIMEOUT)).expect("a timeout can be set");
                let stream = Arc::new(stream);
                shared.keep(&stream);
                answers.serve(&stream, &shared.stopped);
            }),
        )
    }

    /// Reads all that comes and says nothing; closes when the peer has.
    #[must_use]
    pub fn sink(ns: &NetNs, address: impl Into<SocketAddr>) -> Self {
        Self::reading(listening(ns, address.into()), |_, _| true)
    }

    /// A sink of multipath TCP.
    ///
    /// # Errors
    /// When the kernel has no such thing, or it is switched off.
    pub fn multipath_sink(ns: &NetNs, address: impl Into<SocketAddr>) -> std::io::Result<Self> {
        let address = address.into();
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let listener = ns.inside(|| {
            let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::MPTCP))?;
            bind(&socket, &address)?;
            listen(&socket, 16)?;
            Ok::<_, Errno>(socket)
        })?;
        Ok(Self::reading(listener.into(), |_, _| true))
    }

    /// Accepts and reads nothing, so that its window closes, until [`Server::read_on`]; then it is a sink. It holds about
    /// `receive_buffer_bytes` (the kernel doubles it).
    #[must_use]
    pub fn silent(ns: &NetNs, address: impl Into<SocketAddr>, receive_buffer_bytes: usize) -> Self {
        let listener = listening(ns, address.into());
        // Connections have it from their listener: it must be said before their handshake.
        set_socket_recv_buffer_size(&listener, receive_buffer_bytes).expect("a buffer's size can be set");
        let server = Self::reading(listener, |_, _| true);
        server.shared.reading.store(false, Ordering::SeqCst);
        server
    }

    /// An address on which nothing listens, nor will for a while: connecting to it is refused.
    ///
    /// # Panics
    /// When the namespace does not have the address.
    #[must_use]
    pub fn refusing(ns: &NetNs, address: impl Into<SocketAddr>) -> SocketAddr {
        listening(ns, address.into()).local_addr().expect("a listener has an address")
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Octets read so far, of all connections.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.shared.received_bytes.load(Ordering::SeqCst)
    }

    /// Waits until so many octets are read.
    ///
    /// # Panics
    /// When that takes more than 20 seconds.
    pub fn wait_received(&self, bytes: u64) {
        wait_until(
            || self.received_bytes() >= bytes,
            || format!("{} of {bytes} octets received", self.received_bytes()),
        );
    }

    /// Waits until so many connections are accepted.
    ///
    /// # Panics
    /// When that takes more than 20 seconds.
    pub fn wait_accepted(&self, connections: u64) {
        wait_until(|| self.accepted() >= connections, || format!("{} of {connections} accepted", self.accepted()));
    }

    /// Lets a silent server read.
    pub fn read_on(&self) {
        self.shared.reading.store(true, Ordering::SeqCst);
    }

    /// The sockets of the connections that it has open; what holds one keeps it open.
    #[must_use]
    pub fn connections(&self) -> Vec<Arc<TcpStream>> {
        let streams = self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.iter().filter_map(Weak::upgrade).collect()
    }

    /// Reads each connection to its end and hands what comes to `hear`, which says whether to go on.
    fn reading(listener: TcpListener, hear: impl Fn(&TcpStream, &[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self::made(
            listener,
            Some(move |stream: TcpStream, shared: &Shared| {
                // A peer that does not read must not keep the server from ending.
                stream.set_write_timeout(Some(WRITE_TIMEOUT)).expect("a timeout can be set");
                let stream = Arc::new(stream);
                shared.keep(&stream);
                let mut buffer = vec![0; 64 << 10];
                while shared.wait_allowed() && shared.wait_readable(&*stream) {
                    let Ok(length @ 1..) = (&*stream).read(&mut buffer) else { return };
                    shared.received_bytes.fetch_add(length as u64, Ordering::SeqCst);
                    if !hear(&stream, &buffer[..length]) {
                        return;
                    }
                }
            }),
        )
    }

    fn made(listener: TcpListener, serve: Option<impl Fn(TcpStream, &Shared) + Send + Sync + 'static>) -> Self {
        let address = listener.local_addr().expect("a listener has an address");
        let listener = Arc::new(listener);
        let (stopped, stop) = std::io::pipe().expect("a pipe");
        let shared = Arc::new(Shared {
            accepted: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            reading: AtomicBool::new(true),
            streams: Mutex::default(),
            stopped,
        });
        let thread = serve.map(|serve| {
            let (listener, shared) = (Arc::clone(&listener), Arc::clone(&shared));
            let run = move || accept_all(&listener, &shared, &serve);
            std::thread::Builder::new().name("server".to_owned()).spawn(run).expect("start a thread")
        });
        Self { address, shared, stop: Some(stop), thread, _listener: listener }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let (Some(Err(panic)), false) = (ended, std::thread::panicking()) {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Shared {
    /// Waits for data or the end of it; false when the server stops.
    fn wait_readable(&self, socket: impl AsFd) -> bool {
        let socket = socket.as_fd();
        let mut polled = [PollFd::new(&self.stopped, PollFlags::IN), PollFd::new(&socket, PollFlags::IN)];
        while poll(&mut polled, None).is_err() {}
        polled[0].revents().is_empty()
    }

    /// Waits until it may read; false when the server stops.
    fn wait_allowed(&self) -> bool {
        while !self.reading.load(Ordering::SeqCst) {
            let mut polled = [PollFd::new(&self.stopped, PollFlags::IN)];
            let a_while = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
            if matches!(poll(&mut polled, Some(&a_while)), Ok(1..)) {
                return false;
            }
        }
        true
    }

    fn keep(&self, stream: &Arc<TcpStream>) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|stream| stream.strong_count() > 0);
        if streams.len() < KEPT_MAX {
            streams.push(Arc::downgrade(stream));
        }
    }
}

fn accept_all(listener: &TcpListener, shared: &Shared, serve: &(impl Fn(TcpStream, &Shared) + Send + Sync)) {
    listener.set_nonblocking(true).expect("a listener need not block");
    std::thread::scope(|scope| {
        while shared.wait_readable(listener) {
            match listener.accept() {
                Ok((stream, _)) => {
                    shared.accepted.fetch_add(1, Ordering::SeqCst);
                    scope.spawn(move || serve(stream, shared));
                }
                // It may be gone before it is accepted.
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {}
                Err(e) => panic!("cannot accept: {e}"),
            }
        }
    });
}

fn listening(ns: &NetNs, address: SocketAddr) -> TcpListener {
    let listener = ns.inside(|| TcpListener::bind(address));
    listener.unwrap_or_else(|e| panic!("cannot listen on {address} in {}: {e}", ns.name()))
}

fn wait_until(done: impl Fn() -> bool, state: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{} after {PATIENCE:?}", state());
        std::thread::sleep(Duration::from_millis(1));
    }
}
