//! Interfaces come and go; the others do not notice.

use crate::support::{Rig, Street, udp_steady, wait_for};
use netrig_model::Direction;
use netrig_testkit::require_root;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn watched(rig: &Rig<'_>, iface: &str) -> bool {
    rig.status().interfaces.iter().any(|i| i.iface == iface && !i.hook.is_empty())
}

#[test]
fn interfaces_that_come_and_go_cost_the_others_no_packet() {
    require_root!();
    let street = Street::new("plug");
    let rig = Rig::start(&street.near, &["near0", "plug*"]);
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let traffic = scope.spawn(|| street.near.inside(|| udp_steady(2000, 100, &stop)));
        for round in 0..3 {
            street.near.veth("plug0", "other0");
            wait_for("the new interface is watched", Duration::from_secs(5), || watched(&rig, "plug0").then_some(()));
            // Its own traffic is told too: a broadcast needs no neighbour.
            street.near.address("plug0", &format!("10.79.{round}.1/24"));
            street.near.run_script(&format!("ping -q -b -c 2 -i 0.2 -W 1 10.79.{round}.255 || true"));
            street.near.run("ip link delete plug0");
            wait_for("the gone one is let go", Duration::from_secs(5), || (!watched(&rig, "plug0")).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
        traffic.join().expect("the traffic's thread")
    });
    let egress = rig.status().interfaces.into_iter().find(|i| i.iface == "near0" && i.direction == Direction::Egress);
    assert_eq!(egress.map(|i| i.unaccounted_packets), Some(0));
    let stored = rig.stop();
    stored.assert_balanced();
    let near = stored.sum("near0", |f| f.dst_port == Some(4242));
    assert_eq!(near.0, sent, "every packet of the interface that stayed");
    let gone = stored.sum("plug0", |_| true).0;
    assert!(gone > 0, "the one that came and went is in the records");
    let in_ledger = stored.ledger.iter().filter(|row| row.iface.as_deref() == Some("plug0"));
    assert_eq!(in_ledger.map(|row| row.told_packets).sum::<u64>(), gone, "and in the ledger to its last window");
}

#[test]
fn a_rename_is_followed() {
    require_root!();
    let street = Street::new("rename");
    let rig = Rig::start(&street.near, &["plug*"]);
    street.near.veth("idle0", "idle1");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!watched(&rig, "idle0"), "it was not asked for");
    street.near.run_script("ip link set idle0 down; ip link set idle0 name plug7; ip link set plug7 up");
    wait_for("the renamed interface is watched", Duration::from_secs(5), || watched(&rig, "plug7").then_some(()));
}

#[test]
fn a_reload_changes_what_is_watched_and_loses_no_count() {
    require_root!();
    let street = Street::new("reload");
    let config = |interfaces: &str| format!("[rig]\ninterfaces = {interfaces}\nwindow = \"1s\"\n");
    let rig = Rig::start_with(&street.near, &config("[\"near0\"]"));
    street.near.veth("plug0", "other0");
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let traffic = scope.spawn(|| street.near.inside(|| udp_steady(2000, 100, &stop)));
        rig.reload(&config("[\"near0\", \"plug0\"]"));
        wait_for("the added interface is watched", Duration::from_secs(5), || watched(&rig, "plug0").then_some(()));
        rig.reload(&config("[\"near0\"]"));
        wait_for("the removed one is let go", Duration::from_secs(5), || (!watched(&rig, "plug0")).then_some(()));
        rig.reload("[rig]\nnonsense = 1\n");
        wait_for("a bad configuration is refused, with the key", Duration::from_secs(5), || {
            rig.log().contains("nonsense").then_some(())
        });
        stop.store(true, Ordering::Relaxed);
        traffic.join().expect("the traffic's thread")
    });
    let stored = rig.stop();
    stored.assert_balanced();
    assert_eq!(stored.sum("near0", |f| f.dst_port == Some(4242)).0, sent);
}
