//! Real connections on loopback, as the TCP probe's table has them. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

use netrig_drain::tcp::{Places, Services, totals};
use netrig_model::{Role, SocketReading, SocketRole, TcpState};
use netrig_probes::TickClock;
use netrig_probes::flow::{FlowOptions, FlowProbe};
use netrig_probes::tcp::{Scope, TcpOptions, TcpProbe};
use netrig_testkit::{NetNs, require_root};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Every probe sees the connections of the whole host: one test that takes all places takes another's, too.
static PLACES: Mutex<()> = Mutex::new(());

struct Rig {
    probe: TcpProbe,
    places: Places,
    clock: TickClock,
}

fn cgroup_root() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, path, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    })
}

impl Rig {
    fn start(memory: u64) -> Self {
        let mut probe = TcpProbe::load(&TcpOptions::live(memory, cgroup_root(), 1)).expect("load");
        let clock = probe.clock().expect("clock");
        let places = Places::new(probe.memory());
        probe.attach().expect("attach");
        Self { probe, places, clock }
    }

    /// Readings of all that have ended on one port, once nothing more comes.
    fn ended(&mut self, port: u16) -> Vec<SocketReading> {
        let mut all = Vec::new();
        for _ in 0..4 {
            std::thread::sleep(Duration::from_millis(20));
            self.probe.sync_clock(&mut self.clock).expect("clock");
            let clock = self.clock;
            self.places.ended(false, &mut |places, number| {
                all.extend(places.read(number, &clock));
                places.release(number);
            });
        }
        all.retain(|r| r.local.1 == port || r.peer.1 == port);
        all
    }

    fn open(&mut self, port: u16) -> Vec<SocketReading> {
        self.probe.sync_clock(&mut self.clock).expect("clock");
        let all = self.places.open().filter_map(|n| self.places.read(n, &self.clock));
        all.filter(|r| r.local.1 == port || r.peer.1 == port).collect()
    }
}

fn echo(listener: &TcpListener, bytes: usize) -> (TcpStream, TcpStream) {
    let mut client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let (mut server, _) = listener.accept().expect("accept");
    let data = vec![7; bytes];
    let mut got = vec![0; bytes];
    client.write_all(&data).expect("write");
    server.read_exact(&mut got).expect("read");
    server.write_all(&got).expect("write");
    client.read_exact(&mut got).expect("read");
    (client, server)
}

fn own_name() -> String {
    std::fs::read_to_string("/proc/self/comm").expect("comm").trim().to_owned()
}

fn name(reading: &SocketReading) -> String {
    let end = reading.owner.process.iter().position(|b| *b == 0).unwrap_or(16);
    String::from_utf8_lossy(&reading.owner.process[..end]).into_owned()
}

#[test]
fn a_connection_is_told_from_both_ends_with_its_owner() {
    require_root!();
    let mut rig = Rig::start(4 << 20);
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let SocketAddr::V4(at) = listener.local_addr().expect("address") else { unreachable!("bound to IPv4") };
    let (client, server) = echo(&listener, 1000);
    let open = rig.open(at.port());
    assert_eq!(open.iter().filter(|r| r.role == SocketRole::Listener).count(), 1, "{open:#?}");
    assert_eq!(open.iter().filter(|r| r.state == TcpState::Established).count(), 2, "{open:#?}");
    drop((client, server));
    let ended = rig.ended(at.port());
    assert_eq!(ended.len(), 2, "{ended:#?}");
    let waited = rig.places.fullest();
    assert!(waited.fullest > 0 && waited.fullest < waited.capacity, "their ends waited to be read: {waited:?}");
    for reading in &ended {
        assert_eq!((reading.bytes_sent, reading.bytes_received), (1000, 1000), "{reading:#?}");
        assert_eq!((reading.owner.pid, name(reading)), (std::process::id(), own_name()));
        assert!(reading.rtt.samples > 0, "{reading:#?}");
        assert!(reading.errno == 0 && reading.opened.is_some() && reading.connect_us.is_some());
    }
    let roles: Vec<_> = ended.iter().map(|r| r.role).collect();
    assert!(roles.contains(&SocketRole::Client) && roles.contains(&SocketRole::Server));
    let mut services = Services::new(rig.probe.memory());
    services.scan();
    let ours = services.all().find(|s| s.role == Some(Role::Server) && s.port == at.port()).expect("service");
    assert_eq!(ours.connections, 1);
    assert!(ours.distributions[0].count() > 0 && ours.distributions[2].count() == 1, "{ours:?}");
    let sums = totals(&rig.probe.memory());
    assert!(sums.opened.iter().all(|n| *n >= 1) && sums.untracked == 0, "{sums:?}");
}

#[test]
fn a_reset_is_told_from_both_ends_with_its_reason_where_the_kernel_has_one() {
    require_root!();
    let mut rig = Rig::start(4 << 20);
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    client.write_all(b"never read").expect("write");
    std::thread::sleep(Duration::from_millis(5));
    drop(server);
    std::thread::sleep(Duration::from_millis(5));
    drop(client);
    let ended = rig.ended(port);
    let by = |role| ended.iter().find(|r: &&SocketReading| r.role == role).expect("both ends");
    let (client, server) = (by(SocketRole::Client), by(SocketRole::Server));
    assert!(client.reset_received && client.reset_sent.is_none(), "{client:#?}");
    assert_eq!(client.errno, 104, "ECONNRESET");
    let reason = server.reset_sent.expect("the server's kernel sent it");
    let names = TcpProbe::reset_reasons();
    if !names.is_empty() {
        assert_eq!(names[usize::from(reason)], "tcp_abort_on_close");
    }
    let sums = totals(&rig.probe.memory());
    assert!(
        sums.resets_received >= 1 && sums.resets_sent.iter().any(|(n, count)| *n == usize::from(reason) && *count > 0)
    );
}

#[test]
fn a_connect_that_fails_before_a_syn_is_told_from_a_namespace_without_routes() {
    require_root!();
    let nowhere = NetNs::new("nowhere");
    let mut rig = Rig::start(4 << 20);
    for addr in ["198.51.100.1:4711", "[2001:db8::1]:4711"] {
        let addr: SocketAddr = addr.parse().expect("address");
        nowhere.inside(|| TcpStream::connect(addr).expect_err("no route"));
    }
    let ended = rig.ended(4711);
    let peers: Vec<_> = ended.iter().map(|r| r.peer.0.to_string()).collect();
    assert_eq!(peers, ["198.51.100.1", "2001:db8::1"]);
    assert!(ended.iter().all(|r| r.never_left && r.owner.pid == std::process::id()), "{ended:#?}");
}

#[test]
fn connections_older_than_the_probe_are_found_in_every_namespace() {
    require_root!();
    let away = NetNs::new("older");
    away.run("ip link set lo up");
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    let (mut client, mut server) = echo(&listener, 10);
    let far_listener = away.inside(|| TcpListener::bind("127.0.0.1:0").expect("listen"));
    let far_port = far_listener.local_addr().expect("address").port();
    let far = away.inside(|| echo(&far_listener, 10));
    let mut rig = Rig::start(4 << 20);
    rig.probe.begin_walk();
    for listeners_only in [true, false] {
        rig.probe.walk(Scope::Namespace, listeners_only).expect("walk");
        rig.probe.walk(Scope::Files, listeners_only).expect("walk");
    }
    for (port, what) in [(port, "here"), (far_port, "in another namespace")] {
        let open = rig.open(port);
        assert_eq!(open.len(), 3, "{what}: {open:#?}");
        assert!(open.iter().all(|r| r.adopted && r.owner.pid == std::process::id()), "{what}: {open:#?}");
        let servers = open.iter().filter(|r| r.role == SocketRole::Server && r.local.1 == port).count();
        assert_eq!(servers, 1, "{what}: {open:#?}");
    }
    client.write_all(&[1; 500]).expect("write");
    server.read_exact(&mut [0; 500]).expect("read");
    std::thread::sleep(Duration::from_millis(60));
    let open = rig.open(port);
    let reading = open.iter().find(|r| r.role == SocketRole::Client).expect("client");
    assert_eq!(reading.bytes_sent, 510, "{reading:#?}");
    assert!(reading.rtt.samples >= 1, "the callback was switched on: {reading:#?}");
    drop((client, server, far));
    assert_eq!(rig.ended(port).len(), 2);
    assert_eq!(rig.ended(far_port).len(), 0, "taken in the same turns");
}

/// A walk took in again, to the last place, who had made room a moment before; the next ones had to make room again, and those
/// that came in between found no place. And it counted listeners as connections.
#[test]
fn a_walk_leaves_places_for_connections_that_come() {
    require_root!();
    let _alone = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let mut rig = Rig::start(512 << 10);
    let (_, all) = rig.places.free();
    // Two places each; no more, for the descriptors a process may have are few on some hosts.
    let pairs: Vec<_> = (0..all / 2 + 8).map(|_| echo(&listener, 1)).collect();
    assert_eq!(rig.places.free().0, 0, "more sockets than places");
    for number in rig.places.open().collect::<Vec<_>>() {
        rig.places.release(number);
    }
    rig.probe.begin_walk();
    rig.probe.walk(Scope::Files, false).expect("walk");
    let (free, _) = rig.places.free();
    assert!((all / 16..=all / 8).contains(&free), "{free} of {all} places are left, but for some that came");
    let found = rig.places.open().filter_map(|n| rig.places.read(n, &rig.clock)).filter(|r| r.adopted);
    let connections = found.filter(|r| r.role != SocketRole::Listener).count();
    assert_eq!(totals(&rig.probe.memory()).adopted, connections as u64, "listeners are none");
    drop(pairs);
}

#[test]
fn who_sleeps_is_woken_before_ended_connections_have_taken_all_places() {
    require_root!();
    let _alone = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    let rig = Rig::start(512 << 10);
    let flow = FlowProbe::load(&FlowOptions::replay(false, 4 << 20)).expect("load");
    let mut bell = flow.bell(Some(&rig.probe)).expect("a bell");
    let mut rings = |limit: u64| bell.wait(Duration::from_millis(limit)).expect("wait");
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    // Both ends of each have a place. Others of this host may end meanwhile.
    let eighth = rig.probe.memory().sizes.slots / 8;
    let end = |connections: u32| (0..connections).for_each(|_| drop(echo(&listener, 1)));
    end(2);
    assert!(!rings(100), "nobody is asleep");
    rig.places.sleep(true);
    end(eighth / 2 + 1);
    assert!(rings(2_000), "an eighth of {} places are of ended connections", eighth * 8);
    end(2);
    assert!(!rings(100), "once is enough");
    rig.places.sleep(false);
    end(2);
    assert!(!rings(100), "who is awake need not be woken");
}
