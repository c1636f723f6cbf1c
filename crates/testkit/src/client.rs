//! Those who connect.

use crate::NetNs;
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size, set_tcp_user_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, socket_with};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A connection to be made, with what must be said before it is.
#[derive(Clone, Copy, Debug)]
pub struct Connect {
    to: SocketAddr,
    source: Option<SocketAddr>,
    user_timeout: Option<Duration>,
    send_buffer_bytes: Option<usize>,
    receive_buffer_bytes: Option<usize>,
    multipath: bool,
}

impl Connect {
    /// To an address.
    #[must_use]
    pub fn to(address: impl Into<SocketAddr>) -> Self {
        let to = address.into();
        Self {
            to,
            source: None,
            user_timeout: None,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            multipath: false,
        }
    }

    /// From this address and port.
    #[must_use]
    pub fn source(mut self, address: impl Into<SocketAddr>) -> Self {
        self.source = Some(address.into());
        self
    }

    /// Gives up, whatever the state, after so long without an answer (`TCP_USER_TIMEOUT`).
    #[must_use]
    pub fn user_timeout(mut self, timeout: Duration) -> Self {
        self.user_timeout = Some(timeout);
        self
    }

    /// Sends with a buffer of about this size (the kernel doubles it).
    #[must_use]
    pub fn send_buffer_bytes(mut self, bytes: usize) -> Self {
        self.send_buffer_bytes = Some(bytes);
        self
    }

    /// Receives with a buffer of about this size (the kernel doubles it).
    #[must_use]
    pub fn receive_buffer_bytes(mut self, bytes: usize) -> Self {
        self.receive_buffer_bytes = Some(bytes);
        self
    }

    /// By multipath TCP, where the peer speaks it.
    #[must_use]
    pub fn multipath(mut self) -> Self {
        self.multipath = true;
        self
    }

    /// Connects from a namespace and waits for it; the calling thread stays where it is.
    ///
    /// # Errors
    /// What the kernel says: refused, timed out, no route to host, …
    pub fn from(self, ns: &NetNs) -> io::Result<TcpStream> {
        ns.inside(|| self.made_here())
    }

    /// Connects from the calling thread's own namespace.
    pub(crate) fn made_here(self) -> io::Result<TcpStream> {
        Ok(self.connected()?)
    }

    fn connected(self) -> Result<TcpStream, Errno> {
        let family = if self.to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket =
            socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, self.multipath.then_some(ipproto::MPTCP))?;
        if let Some(timeout) = self.user_timeout {
            set_tcp_user_timeout(&socket, u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX))?;
        }
        if let Some(bytes) = self.send_buffer_bytes {
            set_socket_send_buffer_size(&socket, bytes)?;
        }
        if let Some(bytes) = self.receive_buffer_bytes {
            set_socket_recv_buffer_size(&socket, bytes)?;
        }
        if let Some(source) = self.source {
            bind(&socket, &source)?;
        }
        connect(&socket, &self.to)?;
        Ok(socket.into())
    }
}

/// What is left of a client process that came, spoke once and went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BriefClient {
    /// Its process id; the process is gone.
    pub pid: u32,
    /// How long it lived, at most.
    pub lived: Duration,
}

impl BriefClient {
    /// Runs a process called `name` in a namespace, which connects, sends one octet, waits for one, and ends: some milliseconds
    /// in all. The server has to answer ([`crate::Server::echo`]).
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn run(ns: &NetNs, name: &str, address: impl Into<SocketAddr>) -> Self {
        let address = address.into();
        // bash alone can connect without another program, and its own name it can write.
        let script = format!(
            "printf %s {name} > /proc/$$/comm && exec 3<>/dev/tcp/{}/{} && printf x >&3 && read -r -N1 -u3",
            address.ip(),
            address.port()
        );
        let mut command = Command::new("bash");
        command.args(["-c", &script]).stdin(Stdio::null());
        ns.inside(|| {
            let start = Instant::now();
            let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start bash: {e}"));
            let status = child.wait().unwrap_or_else(|e| panic!("cannot wait for bash: {e}"));
            assert!(status.success(), "the client {name} to {address} ended with {status}");
            Self { pid: child.id(), lived: start.elapsed() }
        })
    }
}
