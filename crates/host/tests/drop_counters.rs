//! Counters of what was dropped, held against drops made on purpose and against other tools.

use netrig_host::DropCounters;
use netrig_model::{DropSource, DropTally};
use netrig_testkit::{NetNs, Pair, XdpDrop, XdpMode, require_root};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, bind, ipproto, socket_with};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

const COUNT: u64 = 50;

fn read(ns: &NetNs) -> Vec<DropTally> {
    ns.inside(|| DropCounters::default().read())
}

fn packets(tallies: &[DropTally], ending: &str) -> u64 {
    let wanted = tallies.iter().filter(|tally| tally.source == DropSource::Device && tally.reason.ends_with(ending));
    wanted.filter(|tally| tally.iface.as_deref() == Some(Pair::IFACE)).map(|tally| tally.packets).sum()
}

fn send(pair: &Pair, length: usize) {
    pair.left.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("bind");
        for _ in 0..COUNT {
            // What is too large for the other end is refused later, or at once.
            let _ = socket.send_to(&vec![0; length], (Pair::RIGHT, 4000));
        }
    });
}

/// Reads until as many have been counted under names that end so.
fn read_until_all(ns: &NetNs, ending: &str) -> Vec<DropTally> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let tallies = read(ns);
        if packets(&tallies, ending) >= COUNT || Instant::now() > deadline {
            return tallies;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_a_driver_drops_is_counted_under_its_own_name() {
    require_root!();
    let pair = Pair::new("hostxdp");
    let program = XdpDrop::attach(&pair.right, Pair::IFACE, XdpMode::Native);
    assert_eq!(packets(&read(&pair.right), "xdp_drops"), 0);
    send(&pair, 100);
    let ours = read_until_all(&pair.right, "xdp_drops");
    assert_eq!(packets(&ours, "xdp_drops"), COUNT, "{ours:?}");
    let text = pair.right.run(&format!("ethtool -S {}", Pair::IFACE));
    let lines = text.lines().filter_map(|line| line.trim().split_once(": "));
    let theirs: BTreeMap<_, u64> = lines.filter_map(|(name, n)| Some((name, n.trim().parse().ok()?))).collect();
    for tally in ours.iter().filter(|tally| tally.reason.ends_with("xdp_drops")) {
        assert_eq!(theirs.get(tally.reason.as_str()), Some(&tally.packets), "as ethtool has it: {text}");
    }
    drop(program);
}

#[test]
fn what_the_kernel_counts_of_an_interface_is_that_of_proc_net_dev() {
    require_root!();
    let pair = Pair::new("hostdev");
    // The other end of the pair does not take what is larger than its own MTU.
    pair.left.run(&format!("ip link set {} mtu 3000", Pair::IFACE));
    let before = packets(&read(&pair.right), "rx_dropped");
    send(&pair, 2500);
    let ours = read_until_all(&pair.right, "rx_dropped");
    assert_eq!(packets(&ours, "rx_dropped") - before, COUNT, "{ours:?}");
    let text = pair.right.inside(|| std::fs::read_to_string("/proc/thread-self/net/dev").expect("/proc"));
    let line = text.lines().find_map(|line| line.trim().strip_prefix(Pair::IFACE)?.strip_prefix(':'));
    let dropped: u64 = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).expect("a number");
    assert_eq!(packets(&ours, "rx_dropped"), dropped, "{text}");
}

/// The drops that a file of sockets tells, all of them.
fn of_file(ns: &NetNs, file: &str) -> u64 {
    let text = ns.inside(|| std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).expect("/proc"));
    let at = text
        .lines()
        .next()
        .expect("a head")
        .split_whitespace()
        .rev()
        .position(|name| name.eq_ignore_ascii_case("drops"));
    let words = text.lines().skip(1).filter_map(|line| line.split_whitespace().rev().nth(at.expect("drops")));
    words.map(|word| word.parse::<u64>().expect("a number")).sum()
}

/// Nothing that other tests start inherits it.
fn raw_socket(family: AddressFamily, protocol: Option<Protocol>) -> OwnedFd {
    socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, protocol).expect("a socket")
}

fn refused(tallies: &[DropTally], name: &str) -> u64 {
    let its = tallies.iter().filter(|tally| tally.source == DropSource::Refused && tally.reason == name);
    its.map(|tally| tally.packets).sum()
}

#[test]
fn what_a_full_raw_socket_misses_is_that_of_its_file_and_stays_when_it_is_gone() {
    require_root!();
    let pair = Pair::new("hostraw");
    let mut counters = DropCounters::default();
    assert_eq!(refused(&pair.right.inside(|| counters.read()), "raw_drops"), 0);
    let raw = pair.right.inside(|| {
        let raw = raw_socket(AddressFamily::INET, Some(ipproto::UDP));
        set_socket_recv_buffer_size(&raw, 4096).expect("a small buffer");
        raw
    });
    send(&pair, 1000);
    let deadline = Instant::now() + Duration::from_secs(10);
    while of_file(&pair.right, "raw") < COUNT / 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(100));
    let truth = of_file(&pair.right, "raw");
    assert!((COUNT / 2..COUNT).contains(&truth), "as it was meant: {truth}");
    assert_eq!(refused(&pair.right.inside(|| counters.read()), "raw_drops"), truth);
    drop(raw);
    // What another test has just forked holds it for a moment.
    while of_file(&pair.right, "raw") > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(of_file(&pair.right, "raw"), 0);
    assert_eq!(refused(&pair.right.inside(|| counters.read()), "raw_drops"), truth);
}

#[test]
fn what_a_netlink_listener_misses_is_that_of_its_file() {
    require_root!();
    const LINKS: u32 = 1;
    let ns = NetNs::new("hostnl");
    let mut counters = DropCounters::default();
    ns.inside(|| counters.read());
    let _listener = ns.inside(|| {
        // Without a protocol it is NETLINK_ROUTE.
        let listener = raw_socket(AddressFamily::NETLINK, None);
        set_socket_recv_buffer_size(&listener, 2048).expect("a small buffer");
        bind(&listener, &SocketAddrNetlink::new(0, LINKS)).expect("bind");
        listener
    });
    for _ in 0..10 {
        ns.run("ip link set lo up");
        ns.run("ip link set lo down");
    }
    let truth = of_file(&ns, "netlink");
    assert!(truth > 0, "as it was meant");
    assert_eq!(refused(&ns.inside(|| counters.read()), "netlink_drops"), truth);
}
