//! Who manages this machine now: the other ends of its SSH connections, and the routers on the way to them.
//!
//! It is text of `/proc`, and concerns the network namespace of the calling thread; processes are looked for in all of them.

mod daemons;
mod routes;

pub use routes::gateways_towards;

use crate::error::HostError;
use daemons::{Held, held};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

const TCP: &str = "/proc/thread-self/net/tcp";
const TCP6: &str = "/proc/thread-self/net/tcp6";
/// Where SSH listens unless it is told otherwise.
const SSH: u16 = 22;
/// States of `include/net/tcp_states.h`.
const ESTABLISHED: u8 = 1;
const LISTEN: u8 = 10;

/// Somebody's SSH connection to this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SshSession {
    /// Their address.
    pub peer: IpAddr,
    /// Their port.
    pub peer_port: u16,
    /// The address here that they are connected to.
    pub local: IpAddr,
    /// The port of the SSH server.
    pub local_port: u16,
}

/// The SSH connections to this machine from elsewhere, of whoever is logged in.
///
/// It is who is connected to a port that an SSH server listens at, or systemd for it; where none can be found (from within a
/// container, say), to port 22. Strangers get as far as being connected: those who have not been let in yet are left out, as
/// far as the server's processes tell.
///
/// # Errors
/// When the kernel's table of TCP sockets cannot be read.
pub fn ssh_sessions() -> Result<Vec<SshSession>, HostError> {
    let mut sockets = Vec::new();
    sockets.extend(read(TCP).map_err(|source| HostError::File { path: TCP, source })?);
    match read(TCP6) {
        Ok(more) => sockets.extend(more),
        // A kernel without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(HostError::File { path: TCP6, source }),
    }
    Ok(sessions(&sockets, &held(Path::new("/proc"))))
}

/// The connection that `SSH_CONNECTION`, which an SSH server sets in the environment, tells of; none from this machine itself.
#[must_use]
pub fn session_of_environment(ssh_connection: &str) -> Option<SshSession> {
    let mut words = ssh_connection.split_whitespace();
    let mut end = || {
        // Of a link-local address it tells the interface too: `fe80::1%eth0`.
        let address = words.next()?.split('%').next()?.parse::<IpAddr>().ok()?;
        Some((address.to_canonical(), words.next()?.parse::<u16>().ok()?))
    };
    let ((peer, peer_port), (local, local_port)) = (end()?, end()?);
    Some(SshSession { peer, peer_port, local, local_port }).filter(SshSession::is_from_elsewhere)
}

impl SshSession {
    fn is_from_elsewhere(&self) -> bool {
        !self.peer.is_loopback() && self.peer != self.local
    }
}

/// A line of the kernel's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    local: (IpAddr, u16),
    peer: (IpAddr, u16),
    state: u8,
    /// 0 as long as nobody has accepted it.
    inode: u64,
}

/// Line by line: a busy machine's table has hundreds of megabytes.
fn read(path: &str) -> io::Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        sockets.extend(Socket::parse(&line?).filter(Socket::matters));
    }
    Ok(sockets)
}

impl Socket {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (_slot, local, peer) = (words.next()?, end(words.next()?)?, end(words.next()?)?);
        let state = u8::from_str_radix(words.next()?, 16).ok()?;
        // After queues, timer, retransmits, user and timeout.
        let inode = words.nth(5)?.parse().ok()?;
        Some(Self { local, peer, state, inode })
    }

    fn matters(&self) -> bool {
        matches!(self.state, ESTABLISHED | LISTEN)
    }
}

/// `0100007F:0016`: an address as the words of memory that it is, and a port.
fn end(word: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = word.split_once(':')?;
    let words = |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(words(0)?)),
        32 => {
            let octets = [words(0)?, words(1)?, words(2)?, words(3)?];
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets.as_flattened()).ok()?)).to_canonical()
        }
        _ => return None,
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

fn sessions(sockets: &[Socket], held: &Held) -> Vec<SshSession> {
    let of_state = |state| sockets.iter().filter(move |socket| socket.state == state);
    let mut ports: BTreeSet<u16> = of_state(LISTEN).filter(|s| held.by_daemons(s.inode)).map(|s| s.local.1).collect();
    // What listens for a server that is started for each connection is not the server itself.
    let others: BTreeSet<u16> = of_state(LISTEN).filter(|s| !held.by_any(s.inode)).map(|s| s.local.1).collect();
    let started_for_each = of_state(ESTABLISHED).filter(|s| held.by_any(s.inode) && others.contains(&s.local.1));
    ports.extend(started_for_each.map(|socket| socket.local.1));
    if ports.is_empty() {
        ports.insert(SSH);
    }
    let connected = of_state(ESTABLISHED).filter(|s| ports.contains(&s.local.1));
    let let_in = connected.filter(|s| s.inode != 0 && !held.before_login(s.inode));
    let sessions = let_in.map(|socket| SshSession {
        peer: socket.peer.0,
        peer_port: socket.peer.1,
        local: socket.local.0,
        local_port: socket.local.1,
    });
    let sessions: BTreeSet<_> = sessions.filter(SshSession::is_from_elsewhere).collect();
    sessions.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// On little-endian machines, as both that netrig is tried on are.
    const TABLE: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0
   1: 00000000:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0
   2: 0100007F:0016 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0 20 4 0 10 -1
   3: 0100000A:0016 0200000A:C002 01 00000000:00000000 02:00000000 00000000     0        0 103 4 0 20 4 0 10 -1
   4: 0100000A:08AE 0300000A:C003 01 00000000:00000000 02:00000000 00000000     0        0 104 4 0 20 4 0 10 -1
   5: 0100000A:C004 0400000A:0016 01 00000000:00000000 02:00000000 00000000     0        0 105 4 0 20 4 0 10 -1
   6: 0100000A:0016 0500000A:C005 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0
   7: 0100000A:0016 0600000A:C006 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 0 10 -1
";
    const TABLE6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 200 1 0 100 0 0 10 0
   1: 0000000000000000FFFF00000100000A:0016 0000000000000000FFFF00000700000A:C007 01 00000000:00000000 00:00000000 00000000     0        0 201 1 0 20 4 0 10 -1
   2: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:C008 01 00000000:00000000 00:00000000 00000000     0        0 202 1 0 20 4 0 10 -1
";

    fn sockets(text: &str) -> Vec<Socket> {
        text.lines().filter_map(Socket::parse).filter(Socket::matters).collect()
    }

    fn all() -> Vec<Socket> {
        [sockets(TABLE), sockets(TABLE6)].concat()
    }

    fn peers(held: &Held) -> Vec<String> {
        sessions(&all(), held).iter().map(|s| format!("{}:{} {}", s.peer, s.peer_port, s.local_port)).collect()
    }

    #[test]
    fn where_no_server_is_found_it_is_who_is_connected_to_port_22() {
        if cfg!(target_endian = "little") {
            let found = peers(&Held::default());
            assert_eq!(found, ["10.0.0.2:49154 22", "10.0.0.7:49159 22", "2001:db8::2:49160 22"]);
        }
    }

    #[test]
    fn it_is_the_port_that_a_server_listens_at() {
        if cfg!(target_endian = "little") {
            let held = Held::of(&[101], &[104], &[]);
            assert_eq!(peers(&held), ["10.0.0.3:49155 2222"]);
        }
    }

    #[test]
    fn another_may_listen_for_it() {
        if cfg!(target_endian = "little") {
            // systemd holds 101.
            let held = Held::of(&[], &[104, 105], &[]);
            assert_eq!(peers(&held), ["10.0.0.3:49155 2222"], "and what a server forwards to elsewhere is none of it");
        }
    }

    #[test]
    fn who_has_not_been_let_in_is_left_out() {
        if cfg!(target_endian = "little") {
            let held = Held::of(&[100, 200], &[103, 201, 202], &[201]);
            assert_eq!(peers(&held), ["10.0.0.2:49154 22", "2001:db8::2:49160 22"]);
        }
    }

    #[test]
    fn the_environment_names_the_connection_of_this_shell() {
        let of = |text| session_of_environment(text).map(|s| (s.peer.to_string(), s.peer_port, s.local_port));
        assert_eq!(of("192.0.2.7 50000 192.0.2.1 22"), Some(("192.0.2.7".into(), 50_000, 22)));
        assert_eq!(of("::ffff:192.0.2.7 50000 ::ffff:192.0.2.1 22"), Some(("192.0.2.7".into(), 50_000, 22)));
        assert_eq!(of("fe80::2%eth0 1 fe80::1%eth0 22"), Some(("fe80::2".into(), 1, 22)));
        for none in ["", "192.0.2.7", "UNKNOWN 65535 UNKNOWN 65535", "127.0.0.1 50000 127.0.0.1 22"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,120}", words in "[0-9A-F: ]{0,200}") {
            let _ = (Socket::parse(&text), Socket::parse(&words), session_of_environment(&text));
        }
    }
}
