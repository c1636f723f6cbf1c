//! What is told of queues, held against what `tc` reads.

use netrig_host::{Qdisc, list, qdiscs};
use netrig_testkit::{NetNs, require_root};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// The number behind the first `word` of `text`.
fn number(text: &str, word: &str) -> u64 {
    let at = text.find(word).unwrap_or_else(|| panic!("{word}: {text}")) + word.len();
    let digits: String = text[at..].trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{word}: {text}"))
}

/// ` Sent 90 bytes 1 pkt (dropped 0, overlimits 0 requeues 0)`, ` backlog 0b 0p requeues 0`.
fn of_tc(text: &str) -> [u64; 7] {
    let backlog = &text[text.find("backlog").expect("a backlog")..];
    [
        number(text, "Sent"),
        number(text, "bytes"),
        number(text, "dropped"),
        number(text, "overlimits"),
        number(text, "requeues"),
        number(backlog, "backlog"),
        number(backlog, "b "),
    ]
}

fn of_us(qdisc: &Qdisc) -> [u64; 7] {
    let thirty_two = |n: u32| u64::from(n);
    [
        qdisc.bytes,
        qdisc.packets,
        thirty_two(qdisc.drops),
        thirty_two(qdisc.overlimits),
        thirty_two(qdisc.requeues),
        thirty_two(qdisc.backlog_bytes),
        thirty_two(qdisc.backlog_packets),
    ]
}

#[test]
fn a_full_queue_is_told_as_tc_tells_it() {
    require_root!();
    let (left, right) = (NetNs::new("queue-left"), NetNs::new("queue-right"));
    left.veth_to("l0", &right, "r0");
    left.address("l0", "10.7.0.1/24");
    right.address("r0", "10.7.0.2/24");
    let tbf = ["-c", "tc qdisc replace dev l0 root handle 8001: tbf rate 64kbit burst 1600 limit 20000"];
    if !left.command("sh").args(tbf).output().expect("tc").status.success() {
        return netrig_testkit::report_skipped("this kernel has no token bucket (tbf)");
    }
    let _receiver = right.inside(|| UdpSocket::bind("10.7.0.2:4000").expect("bind"));
    let sender = left.inside(|| UdpSocket::bind("10.7.0.1:0").expect("bind"));
    for _ in 0..100 {
        // A full queue may be told to the sender, which is no failure of the test.
        let _ = sender.send_to(&[0; 500], "10.7.0.2:4000");
    }
    let index = left.inside(list).expect("list").iter().find(|i| i.name == "l0").expect("l0").index;
    let deadline = Instant::now() + Duration::from_secs(10);
    // It goes on moving; between two equal answers of ours it has not.
    loop {
        let read = || left.inside(qdiscs).expect("qdiscs").into_iter().find(|q| q.ifindex == index).expect("its own");
        let (before, tc, after) = (read(), left.run("tc -s qdisc show dev l0"), read());
        if before == after {
            assert_eq!((before.kind.as_str(), before.handle, before.parent), ("tbf", 0x8001_0000, Qdisc::ROOT));
            assert_eq!(of_us(&before), of_tc(&tc), "{tc}");
            assert!(before.drops > 0 && before.overlimits > 0, "{before:?}");
            assert!(before.backlog_packets > 10 && before.backlog_bytes > 5_000, "{before:?}");
            break;
        }
        assert!(Instant::now() < deadline, "it never rests: {before:?}, {after:?}");
    }
    let others = left.inside(qdiscs).expect("qdiscs");
    assert!(others.iter().all(|q| q.kind != "noqueue"), "what has no queue is none: {others:?}");
}
