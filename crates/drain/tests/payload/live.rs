//! Real sockets over a veth pair: super-packets, data that does not lie in one piece, and whose it is.

use crate::runs::Told;
use netrig_drain::PayloadDrain;
use netrig_model::{Direction, KernelOwner, Timestamp};
use netrig_probes::flow::{FlowHook, FlowOptions, FlowProbe, LinkKind, LinkTarget};
use netrig_probes::payload::PayloadOptions;
use netrig_probes::tcp::{TcpOptions, TcpProbe};
use netrig_testkit::{Pair, require_root};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread;

/// A namespace's only wire, watched from its left end.
struct Watched {
    pair: Pair,
    _probe: FlowProbe,
    drain: PayloadDrain,
}

impl Watched {
    fn new(label: &str, hook: FlowHook, senders: Option<&TcpProbe>) -> Self {
        let pair = Pair::new(label);
        let options = FlowOptions { hook, payload: Some(PayloadOptions::default()), ..FlowOptions::live(8 << 20) };
        let senders = senders.map(|tcp| tcp.other_sockets().expect("the map of sockets"));
        let mut probe = FlowProbe::load_with(&options, senders.as_ref().map(AsFd::as_fd)).expect("load");
        let index = pair.left.run(&format!("cat /sys/class/net/{}/ifindex", Pair::IFACE));
        let ifindex = index.trim().parse().expect("a number");
        pair.left.inside(|| {
            probe.watch(LinkTarget { name: Pair::IFACE, ifindex, kind: LinkKind::Ethernet }).expect("watch")
        });
        let drain = PayloadDrain::new(probe.payload().expect("it is asked for"));
        Self { pair, _probe: probe, drain }
    }

    /// All there is, in the order of its times.
    fn take(&mut self) -> Vec<(Direction, Told, Option<KernelOwner>)> {
        let mut all = Vec::new();
        let mut latest = Timestamp(1);
        self.drain.take(u64::MAX, 0, &mut |segment| {
            assert!(segment.time >= latest, "the earliest first");
            latest = segment.time;
            all.push((segment.key.direction, Told::of(segment), segment.owner));
        });
        all
    }
}

/// Asks for an answer to a message that long, from left to right.
fn ask(pair: &Pair, port: u16, length: usize) {
    let server = pair.right.inside(|| UdpSocket::bind((Pair::RIGHT, port)).expect("bind"));
    let client = pair.left.inside(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("bind"));
    client.send_to(&vec![b'q'; length], (Pair::RIGHT, port)).expect("ask");
    let mut room = [0; 4096];
    let (got, from) = server.recv_from(&mut room).expect("receive");
    server.send_to(&room[..got / 2], from).expect("answer");
    assert_eq!(client.recv(&mut room).expect("receive"), length / 2);
}

/// Says this from left to right, has that said back, and ends.
fn talk(pair: &Pair, port: u16, said: &[&[u8]], answer: &[u8]) {
    let listener = pair.right.inside(|| TcpListener::bind((Pair::RIGHT, port)).expect("bind"));
    let mut client = pair.left.inside(|| TcpStream::connect((Pair::RIGHT, port)).expect("connect"));
    let (mut server, _) = listener.accept().expect("accept");
    let length = said.iter().map(|part| part.len()).sum();
    let answered = answer.to_vec();
    let other = thread::spawn(move || {
        server.read_exact(&mut vec![0; length]).expect("read");
        server.write_all(&answered).expect("answer");
    });
    for part in said {
        client.write_all(part).expect("write");
    }
    let mut got = Vec::new();
    client.read_to_end(&mut got).expect("read");
    assert_eq!(got, answer);
    other.join().expect("the server");
}

#[test]
fn a_question_and_its_answer_are_copied_at_either_hook() {
    require_root!();
    for hook in [FlowHook::Tc, FlowHook::Xdp] {
        let mut watched = Watched::new("asked", hook, None);
        ask(&watched.pair, 53, 1400);
        let told = watched.take();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((told[0].0, &told[0].1.octets), (Direction::Egress, &vec![b'q'; 1400]));
        assert_eq!((told[1].0, &told[1].1.octets), (Direction::Ingress, &vec![b'q'; 700]));
        assert_eq!(told[0].1.key.dst_port, 53);
    }
}

/// A large write is one super-packet on its way out, and none of its octets lie where its headers do.
#[test]
fn requests_and_answers_over_tcp_are_copied_from_wherever_they_lie() {
    require_root!();
    for hook in [FlowHook::Tc, FlowHook::Xdp] {
        let mut watched = Watched::new("talked", hook, None);
        let head = b"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 200000\r\n\r\n";
        let answer = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'a'; 50_000]].concat();
        talk(&watched.pair, 8080, &[&head[..], &[b'p'; 200_000]], &answer);
        let told = watched.take();
        let of = |way| told.iter().filter(move |one| one.0 == way).map(|one| &one.1).collect::<Vec<_>>();
        let (sent, received) = (of(Direction::Egress), of(Direction::Ingress));
        assert_eq!(sent[0].octets, head);
        assert!(sent[1..].iter().all(|one| one.octets.is_empty() && one.tcp_flags & 1 != 0), "its end: {sent:?}");
        let copied: Vec<u8> = received.iter().flat_map(|one| one.octets.clone()).collect();
        assert_eq!(copied, answer[..2048], "as much as a head may be long");
        let counts = watched.drain.counts();
        assert_eq!((counts.wanted, counts.lost), (told.len() as u64, 0));
    }
}

#[test]
fn a_hello_that_is_longer_than_the_budget_is_told_with_its_length() {
    require_root!();
    let mut watched = Watched::new("hello", FlowHook::Tc, None);
    let hello = [&[0x16, 3, 1, 0x0b, 0xb8][..], &[5; 3000]].concat();
    talk(&watched.pair, 8443, &[&hello], &[0x15, 3, 1, 0, 2, 2, 40]);
    let told = watched.take();
    let sent: Vec<_> = told.iter().filter(|one| one.0 == Direction::Egress).collect();
    assert_eq!(sent.iter().map(|one| one.1.octets.len()).sum::<usize>(), 2048);
    assert_eq!(sent[0].1.octets, hello[..sent[0].1.octets.len()]);
    let received: Vec<_> = told.iter().filter(|one| one.0 == Direction::Ingress).collect();
    assert_eq!(received[0].1.octets, [0x15, 3, 1, 0, 2, 2, 40]);
}

fn cgroup_root() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, path, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    })
}

#[test]
fn who_asks_is_told_with_what_is_asked() {
    require_root!();
    let Some(root) = cgroup_root() else {
        netrig_testkit::report_skipped("there is no hierarchy of v2 control groups");
        return;
    };
    let mut tcp = TcpProbe::load(&TcpOptions::live(4 << 20, Some(root), 1)).expect("load");
    tcp.attach().expect("attach");
    let mut watched = Watched::new("owned", FlowHook::Tc, Some(&tcp));
    ask(&watched.pair, 53, 40);
    let told = watched.take();
    let owner = told[0].2.expect("its socket is of this host");
    assert_eq!(owner.pid, std::process::id());
    let name = std::fs::read_to_string("/proc/self/comm").expect("comm");
    assert!(owner.process.starts_with(name.trim().as_bytes()), "{owner:?}");
    assert_ne!(owner.cgroup, 0);
    assert_eq!(
        told[1].2,
        Some(owner),
        "over a veth pair what arrives still knows whose socket sent it: this process' own"
    );
}
