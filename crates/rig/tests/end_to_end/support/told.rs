//! What a rig told of connections, picked out of all that happens on the machine: the rig sees every namespace's.

use super::{Rig, Stored, wait_for};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role, TcpStatus};
use netrig_testkit::{NetNs, Nstat};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// Inode of a namespace.
pub(crate) fn inode_of(ns: &NetNs) -> u64 {
    fs::metadata(ns.path()).expect("the namespace has a file").ino()
}

/// The owner of all that tests do in their own process, as records tell it.
pub(crate) fn this_process() -> (Option<String>, Option<u32>) {
    let name = fs::read_to_string("/proc/self/comm").expect("read /proc/self/comm");
    (Some(name.trim_end().to_owned()), Some(std::process::id()))
}

/// One socket's connection: the namespace it is in, its part, and the client's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    netns: u64,
    role: Role,
    client_port: u16,
}

impl Socket {
    /// The client's, in the namespace it connected from.
    pub(crate) fn client(ns: &NetNs, stream: &TcpStream) -> Self {
        let client_port = stream.local_addr().expect("a socket has an address").port();
        Self { netns: inode_of(ns), role: Role::Client, client_port }
    }

    /// The one that its server has, in another namespace.
    pub(crate) fn at_server(self, ns: &NetNs) -> Self {
        Self { netns: inode_of(ns), role: Role::Server, ..self }
    }

    pub(crate) fn is_of(&self, record: &ConnectionRecord) -> bool {
        record.netns == Some(self.netns) && record.role == Some(self.role) && record.src_port == Some(self.client_port)
    }
}

impl Stored {
    /// The one last record among those that `pick` lets through.
    pub(crate) fn last_word(&self, pick: impl Fn(&ConnectionRecord) -> bool) -> ConnectionRecord {
        let picked: Vec<_> = self.connections.iter().filter(|r| pick(r)).collect();
        let ended: Vec<_> = picked.iter().filter(|r| r.end_reason != ConnectionEnd::Open).collect();
        assert_eq!(ended.len(), 1, "a connection that has ended has one last record; all of it: {picked:#?}");
        (**ended[0]).clone()
    }

    /// The last record of a socket's connection.
    pub(crate) fn end_of(&self, socket: Socket) -> ConnectionRecord {
        self.last_word(|record| socket.is_of(record))
    }

    /// The last record of what was tried from a namespace to this port and failed.
    pub(crate) fn end_of_try(&self, ns: &NetNs, port: u16) -> ConnectionRecord {
        let netns = inode_of(ns);
        self.last_word(|r| r.netns == Some(netns) && r.role == Some(Role::Client) && r.dst_port == Some(port))
    }
}

impl<'a> Rig<'a> {
    /// A rig for what is not about packets: it watches the loopback device only.
    pub(crate) fn of_tcp(ns: &'a NetNs) -> Self {
        Self::start(ns, &["lo"])
    }

    /// The same, with every read looked at.
    pub(crate) fn of_tcp_and_reads(ns: &'a NetNs) -> Self {
        Self::start_with(
            ns,
            "[rig]\ninterfaces = [\"lo\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n[tcp]\nreads = true\n",
        )
    }

    /// What is not in the store yet, and what is open.
    pub(crate) fn connections(&self) -> Vec<ConnectionRecord> {
        let text = self.get("/api/v1/connections");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
    }

    /// The open record of a socket's connection, if it has one now.
    pub(crate) fn open_record(&self, socket: Socket) -> Option<ConnectionRecord> {
        let mut open = self.connections();
        open.retain(|r| socket.is_of(r) && r.end_reason == ConnectionEnd::Open);
        // It may have been told at a window's end already, and not be stored yet: the last one is the latest.
        open.pop()
    }

    /// Waits until these, which the rig knows to be open, are open no more.
    pub(crate) fn wait_until_closed(&self, sockets: &[Socket]) {
        wait_for("the connections are closed", Duration::from_secs(20), || {
            let told = self.connections();
            let is_open =
                |r: &ConnectionRecord| r.end_reason == ConnectionEnd::Open && sockets.iter().any(|s| s.is_of(r));
            (!told.iter().any(is_open)).then_some(())
        });
    }

    /// Waits until nothing is open at either end of connections to this server: an end hears of the other's close in its own
    /// time.
    pub(crate) fn wait_until_none_open_to(&self, server: SocketAddr) {
        wait_for("all connections to the server are closed", Duration::from_secs(20), || {
            let told = self.connections();
            let is_open = |r: &ConnectionRecord| {
                r.end_reason == ConnectionEnd::Open
                    && (r.dst_addr, r.dst_port) == (Some(server.ip()), Some(server.port()))
            };
            (!told.iter().any(is_open)).then_some(())
        });
    }

    /// The TCP probe's picture.
    pub(crate) fn tcp(&self) -> TcpStatus {
        self.status().tcp.expect("the TCP probe runs")
    }
}

/// A namespace's counters, then and now.
pub(crate) struct Since<'a>(&'a NetNs, Nstat);

impl<'a> Since<'a> {
    /// From now on.
    pub(crate) fn now(ns: &'a NetNs) -> Self {
        Self(ns, Nstat::of(ns))
    }

    /// By how much a counter has grown.
    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> u64 {
        u64::try_from(Nstat::of(self.0).since(&self.1, name)).expect("counters do not go backwards")
    }
}
