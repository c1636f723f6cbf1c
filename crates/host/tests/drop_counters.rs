//! Counters of what was dropped, held against drops made on purpose and against other tools.

use netrig_host::DropCounters;
use netrig_model::{DropSource, DropTally};
use netrig_testkit::{NetNs, Pair, XdpDrop, XdpMode, require_root};
use std::collections::BTreeMap;
use std::net::UdpSocket;
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
