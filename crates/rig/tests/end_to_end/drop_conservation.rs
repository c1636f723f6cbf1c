//! Nothing that the kernel drops is missing, and nothing is told twice: held against a program that counts and does no more.

use crate::support::drops::send_datagrams;
use crate::support::{Rig, Since, wait_for};
use netrig_model::{DropSource, Snapshot, Timestamp};
use netrig_testkit::{DropCounter, NetNs, Pair, require_root};
use std::net::{SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A picture that is asked for is no older than this, and shows what was counted at most a moment before it.
const FRESH: Duration = Duration::from_millis(400);

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp(i64::try_from(since.as_nanos()).expect("before 2262"))
}

/// What the rig has told between two readings of the other counter.
struct Look {
    before: u64,
    in_groups: u64,
    uncounted: u64,
    after: u64,
}

impl Look {
    fn all(&self) -> u64 {
        self.in_groups + self.uncounted
    }
}

fn look(rig: &Rig<'_>, counter: &DropCounter) -> Look {
    let before = counter.read();
    let at = now().plus_ns(i64::try_from(FRESH.as_nanos()).expect("short"));
    let picture: Snapshot = wait_for("a picture taken since", Duration::from_secs(5), || {
        let picture = rig.status();
        (picture.taken > at).then_some(picture)
    });
    let status = picture.drops.expect("the drop probe runs");
    let groups = status.groups.iter().filter(|group| group.source == DropSource::Skb);
    let in_groups = groups.map(|group| group.packets).sum();
    Look { before, in_groups, uncounted: status.uncounted, after: counter.read() }
}

/// Several reasons, thousands of flows.
fn flood(pair: &Pair) {
    let churn = |ns: &NetNs, from, to| {
        ns.inside(|| {
            for n in 0..200_u16 {
                send_datagrams(from, (to, 5000 + n), 100, 10);
            }
        });
    };
    std::thread::scope(|scope| {
        // Closed ports, no route to it, and a hole.
        scope.spawn(|| churn(&pair.left, Pair::LEFT, Pair::RIGHT));
        scope.spawn(|| churn(&pair.right, Pair::RIGHT, Pair::LEFT));
        scope.spawn(|| churn(&pair.left, Pair::LEFT, Pair::NOBODY));
        scope.spawn(|| churn(&pair.left, Pair::LEFT, Pair::UNREACHABLE));
    });
}

#[test]
fn what_is_told_is_all_that_was_dropped() {
    require_root!();
    let pair = Pair::new("conserved");
    let whole = DropCounter::start();
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let since = whole.read();
    let first = look(&rig, &whole);
    flood(&pair);
    let last = look(&rig, &whole);
    // Both counters go on in between; where nothing was dropped then, the bounds are one.
    let gained = last.all() - first.all();
    let (least, most) = (last.before - first.after, last.after - first.before);
    assert!((least..=most).contains(&gained), "told {gained}, dropped {least} to {most}");
    assert!(gained >= 80_000, "as it was meant: {gained}");
    let at_stop = whole.read();
    let stored = rig.stop();
    // The rig was attached before the first reading and is gone before the last one.
    let (least, most) = (at_stop - since, whole.read());
    let rows = stored.drops.iter().filter(|row| row.source == DropSource::Skb);
    let rows = rows.map(|row| row.packets).sum::<u64>() + last.uncounted;
    assert!((least..=most).contains(&rows), "rows of {rows}, dropped {least} to {most}");
}

#[test]
fn a_flow_that_is_dropped_over_many_windows_is_told_to_the_last_packet() {
    require_root!();
    const PORT: u16 = 4549;
    let pair = Pair::new("steady");
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let since = Since::now(&pair.right);
    let to = (Pair::RIGHT, PORT);
    let from = pair.left.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("bind");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(4500) {
            socket.send_to(b"steady", to).expect("send");
        }
        SocketAddrV4::new(Pair::LEFT, socket.local_addr().expect("it is bound").port())
    });
    let dropped = wait_for("all have arrived", Duration::from_secs(5), || {
        let before = since.get("UdpNoPorts");
        std::thread::sleep(Duration::from_millis(200));
        (since.get("UdpNoPorts") == before).then_some(before)
    });
    let stored = rig.stop();
    let rows = stored.dropped(&pair.right, "NO_SOCKET");
    assert!(rows.0.len() >= 4, "as it was meant: {rows:#?}");
    assert_eq!((rows.packets(), rows.of_udp(from, to)), (dropped, dropped), "{rows:#?}");
    let flows = stored.flows.iter().filter(|f| f.src_port == Some(from.port()) && f.dst_port == Some(PORT));
    let of_flows: Vec<_> = flows.map(|f| (f.packets, f.dropped_packets)).collect();
    assert_eq!(of_flows.iter().filter_map(|(_, dropped)| *dropped).sum::<u64>(), dropped, "{of_flows:?}");
}
