//! Whose a connection is, and whose a flow is: also when the process lived for a moment only, or was there before the rig.

use crate::support::{Rig, Socket, Stored, inode_of, this_process, wait_for};
use netrig_model::{ConnectionEnd, ConnectionRecord, FlowRecord, Role};
use netrig_testkit::{BriefClient, Connect, NetNs, Pair, Server, report_skipped, require_root};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const UDP: u8 = 17;

/// The owner of the one flow to this port.
#[track_caller]
fn owner_of_flow(stored: &Stored, protocol: u8, dst_port: u16) -> (Option<String>, Option<u32>) {
    let is_it = |f: &&FlowRecord| f.protocol == protocol && f.dst_port == Some(dst_port);
    let mut owners: Vec<_> = stored.flows.iter().filter(is_it).map(|f| (f.process.clone(), f.pid)).collect();
    owners.dedup();
    assert_eq!(owners.len(), 1, "one flow to port {dst_port} of protocol {protocol}, by one owner: {owners:?}");
    owners.remove(0)
}

#[test]
fn a_client_that_lives_for_milliseconds_is_known() {
    require_root!();
    let pair = Pair::new("brief");
    let rig = Rig::start(&pair.left, &[Pair::IFACE]);
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    let brief: Vec<_> = (0..5).map(|n| BriefClient::run(&pair.left, &format!("brief-{n}"), server.address())).collect();
    rig.wait_until_none_open_to(server.address());
    let stored = rig.stop();
    for (n, client) in brief.iter().enumerate() {
        let owner = (Some(format!("brief-{n}")), Some(client.pid));
        let record = stored.last_word(|r| r.pid == Some(client.pid) && r.netns == Some(inode_of(&pair.left)));
        assert_eq!((record.process.clone(), record.pid), owner, "{record:#?}");
        assert_eq!((record.bytes_sent, record.bytes_received), (1, 1));
        let is_it = |f: &&FlowRecord| f.src_port == record.src_port && f.dst_port == record.dst_port;
        let flow = stored.flows.iter().find(is_it).expect("its flow is told");
        assert_eq!((flow.process.clone(), flow.pid), owner, "{flow:#?} of {record:#?}");
    }
    let accepted = stored.connections.iter().filter(|r| r.netns == Some(inode_of(&pair.right)));
    let accepted: Vec<_> = accepted.filter(|r| r.end_reason != ConnectionEnd::Open).collect();
    assert_eq!(accepted.len(), brief.len());
    assert!(accepted.iter().all(|r| (r.process.clone(), r.pid) == this_process()), "{accepted:#?}");
}

/// Runs a script in a process of its own, which is called `name`, until it is dropped; it ends when its input does.
struct Named(Child);

impl Named {
    fn start(ns: &NetNs, name: &str, script: &str) -> Self {
        let script = format!("printf %s {name} > /proc/$$/comm; {script}");
        let mut command = Command::new("bash");
        command.args(["-ec", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = ns.inside(|| command.spawn()).expect("start bash");
        let mut named = Self(child);
        let mut word = [0; 1];
        named.0.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it says that it is ready");
        named
    }

    fn owner(&self, name: &str) -> (Option<String>, Option<u32>) {
        (Some(name.to_owned()), Some(self.0.id()))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bound(ns: &NetNs, address: Ipv4Addr) -> (UdpSocket, u16) {
    let socket = ns.inside(|| UdpSocket::bind((address, 0))).expect("bind");
    let port = socket.local_addr().expect("a socket has an address").port();
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout can be set");
    (socket, port)
}

#[test]
fn flows_of_udp_are_those_of_who_sends_or_is_bound() {
    require_root!();
    let pair = Pair::new("udpowner");
    let (old, old_port) = bound(&pair.left, Pair::LEFT);
    let (far, far_port) = bound(&pair.right, Pair::RIGHT);
    // Connected and silent before the rig, and a word from it after.
    let before = Named::start(
        &pair.left,
        "udp-before",
        &format!("exec 3<>/dev/udp/{}/{far_port}; echo; read -r; echo hi >&3; read -r", Pair::RIGHT),
    );
    let rig = Rig::start(&pair.left, &[Pair::IFACE]);
    let (new, new_port) = bound(&pair.left, Pair::LEFT);
    for (socket, port) in [(&old, old_port), (&new, new_port)] {
        // Only ever receives.
        far.send_to(b"hello", (Pair::LEFT, port)).expect("send");
        socket.recv(&mut [0; 16]).expect("it arrives");
    }
    let (other, other_port) = bound(&pair.right, Pair::RIGHT);
    let client = Named::start(
        &pair.left,
        "udp-client",
        &format!("exec 3<>/dev/udp/{}/{other_port}; echo hi >&3; echo; read -r", Pair::RIGHT),
    );
    other.recv(&mut [0; 16]).expect("it arrives");
    before.0.stdin.as_ref().expect("a pipe").write_all(b"\n").expect("tell it");
    far.recv(&mut [0; 16]).expect("it arrives");
    let stored = rig.stop();
    assert_eq!(owner_of_flow(&stored, UDP, old_port), this_process(), "bound before the rig, only receives");
    assert_eq!(owner_of_flow(&stored, UDP, new_port), this_process(), "bound after the rig came, only receives");
    assert_eq!(owner_of_flow(&stored, UDP, other_port), client.owner("udp-client"));
    assert_eq!(owner_of_flow(&stored, UDP, far_port), before.owner("udp-before"));
}

#[test]
fn flows_of_tcp_are_those_of_who_asked() {
    require_root!();
    let pair = Pair::new("tcpowner");
    let rig = Rig::start(&pair.left, &[Pair::IFACE]);
    let far = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    let near = Server::echo(&pair.left, (Pair::LEFT, 0), Duration::ZERO);
    let going = BriefClient::run(&pair.left, "going", far.address());
    let coming = BriefClient::run(&pair.right, "coming", near.address());
    for server in [&far, &near] {
        rig.wait_until_none_open_to(server.address());
    }
    let stored = rig.stop();
    assert_eq!(owner_of_flow(&stored, 6, far.address().port()), (Some("going".into()), Some(going.pid)));
    assert_eq!(owner_of_flow(&stored, 6, near.address().port()), (Some("coming".into()), Some(coming.pid)));
    // The server's side of it is this process, in its own record.
    let record = stored.last_word(|r| r.role == Some(Role::Server) && r.dst_port == Some(near.address().port()));
    assert_eq!((record.process.clone(), record.pid), this_process());
}

/// Connections are read first, flows a moment later: what began or ended in between had no owner; nor had the last packets
/// of what had ended in the window before.
#[test]
fn flows_told_in_the_moment_of_a_window_s_end_have_their_owner() {
    require_root!();
    const CLIENTS: usize = 60;
    let pair = Pair::new("moment");
    let config = "[rig]\ninterfaces = [\"eth0\"]\nwindow = \"1s\"\n";
    let rig = Rig::start_with(&pair.left, config);
    let server = Server::closing(&pair.right, (Pair::RIGHT, 0));
    // All over two windows, some of them where one ends. A port may be another's again by then.
    let mut asked = BTreeSet::new();
    for _ in 0..CLIENTS {
        let client = Connect::to(server.address()).from(&pair.left).expect("connect");
        asked.insert(client.local_addr().expect("an address").port());
        drop(client);
        std::thread::sleep(Duration::from_millis(35));
    }
    let stored = rig.stop();
    let port = Some(server.address().port());
    let flows: Vec<_> = stored.flows.iter().filter(|f| f.dst_port == port).collect();
    let clients: BTreeSet<_> = flows.iter().filter_map(|f| f.src_port).collect();
    assert_eq!(clients, asked);
    for flow in flows {
        assert_eq!((flow.process.clone(), flow.pid), this_process(), "{flow:#?}");
    }
}

/// A control group as Docker makes them, of its own id; removed when dropped.
struct Container {
    path: PathBuf,
    parents: Vec<PathBuf>,
}

impl Container {
    /// None where version 2 of control groups is not mounted.
    fn new(id: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("read the mounts");
        let root =
            mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|words| words[2] == "cgroup2")?;
        let slice = Path::new(root[1]).join("system.slice");
        let parents = if fs::create_dir(&slice).is_ok() { vec![slice.clone()] } else { Vec::new() };
        let path = slice.join(format!("docker-{id}.scope"));
        let container = Self { path, parents };
        fs::create_dir(&container.path).expect("make a control group");
        Some(container)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Its last process may take a moment to be gone.
        for _ in 0..100 {
            if fs::remove_dir(&self.path).is_ok() || !self.path.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for parent in &self.parents {
            // Somebody else may have put something there meanwhile.
            let _ = fs::remove_dir(parent);
        }
    }
}

#[test]
fn a_container_is_known_by_its_control_group_also_after_it_is_gone() {
    require_root!();
    let id = format!("{:064x}", 0x0dd5_eed5_0000_0000_u128 + u128::from(std::process::id()));
    let Some(container) = Container::new(&id) else {
        report_skipped("version 2 of control groups is not mounted");
        return;
    };
    let pair = Pair::new("container");
    let rig = Rig::start(&pair.left, &[Pair::IFACE]);
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    let to = server.address();
    let inside = Named::start(
        &pair.left,
        "inside",
        &format!(
            "echo $$ > {}/cgroup.procs; exec 3<>/dev/tcp/{}/{}; echo x >&3; read -r -u3; echo; read -r",
            container.path.display(),
            to.ip(),
            to.port()
        ),
    );
    let is_it = |pid: Option<u32>, role: Option<Role>| pid == Some(inside.0.id()) && role == Some(Role::Client);
    let open = wait_for("its container is known", Duration::from_secs(10), || {
        rig.connections().into_iter().find(|r| is_it(r.pid, r.role) && r.container.is_some())
    });
    assert_eq!(open.container.as_deref(), Some(&*id));
    assert_eq!(open.cgroup, Some(format!("/system.slice/docker-{id}.scope")));
    let (pid, owner) = (inside.0.id(), inside.owner("inside"));
    drop((inside, container));
    wait_for("its connection is over", Duration::from_secs(10), || {
        let told = rig.connections();
        let is_open = |r: &ConnectionRecord| r.pid == Some(pid) && r.end_reason == ConnectionEnd::Open;
        (!told.iter().any(is_open)).then_some(())
    });
    let stored = rig.stop();
    let last = stored.last_word(|r| r.pid == Some(pid) && r.role == Some(Role::Client));
    assert_eq!(((last.process, last.pid), last.container.as_deref()), (owner.clone(), Some(&*id)));
    let flow = stored.flows.iter().rfind(|f| f.dst_port == Some(to.port())).expect("its flow is told");
    assert_eq!(((flow.process.clone(), flow.pid), flow.container.as_deref()), (owner, Some(&*id)));
}

#[test]
fn ipv4_through_an_ipv6_socket_is_told_as_ipv4() {
    require_root!();
    let pair = Pair::new("mapped");
    let rig = Rig::of_tcp(&pair.left);
    let everywhere = std::net::Ipv6Addr::UNSPECIFIED;
    let server = Server::echo(&pair.right, (everywhere, 0), Duration::ZERO);
    let to = (Pair::RIGHT.to_ipv6_mapped(), server.address().port());
    let mut client = Connect::to(to).from(&pair.left).expect("connect");
    client.write_all(b"hello").expect("send");
    client.read_exact(&mut [0; 5]).expect("an answer");
    let near = Socket::client(&pair.left, &client);
    let far = near.at_server(&pair.right);
    drop(client);
    rig.wait_until_closed(&[near, far]);
    let stored = rig.stop();
    for socket in [near, far] {
        let record = stored.end_of(socket);
        let told = (record.src_addr, record.dst_addr, record.dst_port);
        assert_eq!(told, (Some(Pair::LEFT.into()), Some(Pair::RIGHT.into()), Some(to.1)), "{record:#?}");
        assert_eq!((record.bytes_sent, record.bytes_received), (5, 5));
    }
}

#[test]
fn subflows_of_multipath_tcp_are_connections() {
    require_root!();
    let pair = Pair::new("mptcp");
    let rig = Rig::of_tcp(&pair.left);
    let server = match Server::multipath_sink(&pair.right, (Pair::RIGHT, 0)) {
        Ok(server) => server,
        Err(error) => return report_skipped(&format!("this kernel has no multipath TCP: {error}")),
    };
    let mut client = Connect::to(server.address()).multipath().from(&pair.left).expect("connect");
    client.write_all(b"by several paths").expect("send");
    server.wait_received(16);
    let near = Socket::client(&pair.left, &client);
    let far = near.at_server(&pair.right);
    drop(client);
    rig.wait_until_closed(&[near, far]);
    let stored = rig.stop();
    let (near, far) = (stored.end_of(near), stored.end_of(far));
    assert_eq!(((near.process.clone(), near.pid), near.bytes_sent), (this_process(), 16), "{near:#?}");
    assert_eq!((far.bytes_received, far.end_reason), (16, ConnectionEnd::Closed), "{far:#?}");
}
