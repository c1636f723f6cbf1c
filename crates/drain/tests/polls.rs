//! Polls of devices, counted while real packets arrive. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

use netrig_drain::polls::Polls;
use netrig_model::PollStatus;
use netrig_probes::queue::QueueProbe;
use netrig_testkit::{NetNs, require_root};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

const DATAGRAMS: u64 = 200;

/// The receiving end polls by itself, as hardware does.
fn pair() -> (NetNs, NetNs) {
    let (left, right) = (NetNs::new("polls-left"), NetNs::new("polls-right"));
    left.veth_to("l0", &right, "polled0");
    left.address("l0", "10.7.0.1/24");
    right.address("polled0", "10.7.0.2/24");
    right.run("ethtool -K polled0 gro on");
    // Only what is not to be cut any more goes by way of its polls.
    left.run("ethtool -K l0 tso off");
    (left, right)
}

fn end_of_slice(probe: &mut QueueProbe) {
    let begun = Instant::now();
    while !probe.turn() {
        assert!(begun.elapsed() < Duration::from_secs(10), "no slice ends");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until so many have arrived: under load, polls come when the kernel's threads have their turn.
fn receive(receiver: &UdpSocket, count: u64) {
    receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    for _ in 0..count {
        receiver.recv(&mut [0; 8]).expect("what was sent arrives");
    }
}

fn of<'a>(all: &'a [PollStatus], iface: &str) -> Option<&'a PollStatus> {
    all.iter().find(|polls| polls.iface == iface)
}

#[test]
fn what_arrives_in_a_slice_is_counted_by_device_and_each_slice_once() {
    require_root!();
    let (left, right) = pair();
    let receiver = right.inside(|| UdpSocket::bind("10.7.0.2:4000").expect("bind"));
    let sender = left.inside(|| UdpSocket::bind("10.7.0.1:0").expect("bind"));
    let send = |n| (0..n).for_each(|_| assert_eq!(sender.send_to(b"x", "10.7.0.2:4000").expect("send"), 1));
    // Addresses are found out before, and nothing else speaks.
    send(1);
    receive(&receiver, 1);
    std::thread::sleep(Duration::from_millis(50));
    let mut probe = QueueProbe::load().expect("load");
    let mut polls = Polls::new(probe.memory(), None);
    let mut elsewhere = Polls::new(probe.memory(), Some(1));
    assert!(!probe.turn() && !probe.is_attached());
    probe.attach().expect("attach");
    send(DATAGRAMS);
    receive(&receiver, DATAGRAMS);
    end_of_slice(&mut probe);
    polls.take();
    elsewhere.take();
    let all = polls.all();
    let polled = of(&all, "polled0").expect("it was polled");
    assert!((DATAGRAMS..DATAGRAMS + 10).contains(&polled.packets), "{polled:?}");
    assert!(polled.polls >= 1 && polled.exhausted <= polled.packets / 64, "{polled:?}");
    assert!(of(&elsewhere.all(), "polled0").is_none(), "it is another namespace's");

    // Between two slices nothing is counted, and the next begins at nothing.
    send(DATAGRAMS);
    receive(&receiver, DATAGRAMS);
    end_of_slice(&mut probe);
    polls.take();
    let all = polls.all();
    let after = of(&all, "polled0").expect("what was told stays");
    assert!(after.packets < DATAGRAMS + 10, "{after:?}");
    let share = probe.looked_at();
    // A tenth, unless this test was kept from ending its slices.
    assert!((0.03..0.6).contains(&share), "{share}");
    let tick_ns = probe.ns_per_tick().expect("known after a period");
    assert!((900_000..=10_000_000).contains(&tick_ns), "{tick_ns}");
    probe.detach();
    assert!(!probe.turn());
}

#[test]
fn a_full_budget_is_told_as_exhausted() {
    require_root!();
    let (left, right) = pair();
    let receiver = right.inside(|| UdpSocket::bind("10.7.0.2:4000").expect("bind"));
    let sender = left.inside(|| UdpSocket::bind("10.7.0.1:0").expect("bind"));
    let send = |n| (0..n).for_each(|_| assert_eq!(sender.send_to(b"x", "10.7.0.2:4000").expect("send"), 1));
    send(1);
    // So many wait in front of the sender, until they are let go at once: more than a budget of 64 at a time.
    left.run("tc qdisc replace dev l0 root tbf rate 64kbit burst 1600 limit 1mb");
    send(150);
    let mut probe = QueueProbe::load().expect("load");
    let mut polls = Polls::new(probe.memory(), None);
    probe.attach().expect("attach");
    left.run("tc qdisc change dev l0 root tbf rate 10gbit burst 1mb limit 1mb");
    send(1);
    receive(&receiver, 152);
    end_of_slice(&mut probe);
    polls.take();
    let all = polls.all();
    let polled = of(&all, "polled0").expect("it was polled");
    assert!(polled.exhausted >= 1, "{polled:?}");
    assert!(polled.polls >= polled.exhausted && polled.exhausted * 64 <= polled.packets, "{polled:?}");
}
