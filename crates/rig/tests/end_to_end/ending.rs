//! However the rig ends, nothing of it stays in the kernel and only whole files stay on disk.

use crate::support::{BpfObjects, Rig, Stored, Street, udp_churn};
use netrig_testkit::require_root;
use std::time::Duration;

/// The kernel frees what nobody holds a little later than the last descriptor closes.
fn assert_gone(held: &BpfObjects) {
    assert!(!held.programs.is_empty() && !held.maps.is_empty(), "a running rig holds programs and maps: {held:?}");
    held.wait_until_gone();
}

#[test]
fn after_sigterm_nothing_stays_attached_and_all_is_told() {
    require_root!();
    let street = Street::new("term");
    let rig = Rig::start(&street.near, &["near0"]);
    let held = rig.bpf_objects();
    assert_eq!(held.alive(), held, "they are in the kernel now");
    let sent = street.near.inside(|| udp_churn(100, 5, 10));
    let stored = rig.stop();
    assert_gone(&held);
    stored.assert_balanced();
    assert_eq!(stored.sum("near0", |f| f.protocol == 17).0, sent, "the open window is told at the end");
}

#[test]
fn sigint_is_answered_like_sigterm() {
    require_root!();
    let street = Street::new("int");
    let mut rig = Rig::start(&street.near, &["near0"]);
    let held = rig.bpf_objects();
    assert!(rig.signal("INT").success(), "{}", rig.log());
    assert_gone(&held);
}

#[test]
fn after_sigkill_nothing_stays_attached_and_every_file_is_whole() {
    require_root!();
    let street = Street::new("kill");
    let mut rig = Rig::start(&street.near, &["near0"]);
    let held = rig.bpf_objects();
    let sent = street.near.inside(|| udp_churn(1000, 5, 10));
    // In the middle of what it does with them.
    std::thread::sleep(Duration::from_millis(1500));
    rig.signal("KILL");
    assert_gone(&held);
    let stored = Stored::read(&rig.store_dir());
    let told = stored.sum("near0", |f| f.protocol == 17).0;
    assert!(told <= sent, "{told} told of {sent} sent");
    // The store takes the next writer, and what it had is still there.
    let rig = rig.again();
    let more = street.near.inside(|| udp_churn(10, 1, 10));
    let stored = rig.stop();
    assert_eq!(stored.sum("near0", |f| f.protocol == 17).0, told + more);
}
