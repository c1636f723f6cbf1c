//! Policies that outlive their process, on a real wire.

mod policies;

use netrig_policy::Ranges;
use netrig_policy::words::{Action, Addresses, Match, Mode, Policy};
use netrig_probes::ProbeError;
use netrig_probes::policy::{Confirmation, PolicyProbe, remove_pinned};
use netrig_testkit::{NetNs, Pair, require_root};
use policies::{counts, policy_of, put};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const OTHER: Ipv4Addr = Ipv4Addr::new(10, 55, 0, 77);

/// A folder of a test's own on the kernel's file system of programs; it goes with all in it.
struct Folder(PathBuf);

impl Folder {
    fn new(label: &str) -> Self {
        Self(Path::new("/sys/fs/bpf").join(format!("netrig-test-{}-{label}", std::process::id())))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = remove_pinned(&self.0) {
            eprintln!("{} is left: {error}", self.0.display());
        }
    }
}

fn dropping(source: Ipv4Addr) -> Policy {
    let v4 = Ranges::of(vec![(source.into(), source.into())]);
    let src = Some(Arc::new(Addresses { v4, v6: Ranges::default() }));
    policy_of(Match { src, ..Match::default() }, Action::Drop, Mode::Enforce)
}

fn ifindex(ns: &NetNs) -> u32 {
    let told = ns.run("ip -o link show dev eth0");
    told.split(':').next().and_then(|n| n.trim().parse().ok()).expect("the index comes first")
}

fn passes(pair: &Pair) -> bool {
    let mut ping = pair.left.command("ping");
    let done = ping.args(["-c", "1", "-W", "1", &Pair::RIGHT.to_string()]).output().expect("ping runs");
    done.status.success()
}

fn has_xdp(ns: &NetNs) -> bool {
    ns.run("ip -o link show dev eth0").contains("xdp")
}

/// A policy that drops what left sends, attached to right, and pinned; whoever did it is no more.
fn leave_behind(pair: &Pair, dir: &Path) {
    let ifindex = ifindex(&pair.right);
    pair.right.inside(|| {
        let mut probe = PolicyProbe::load(0).expect("the door is loaded");
        put(&mut probe, &dropping(Pair::LEFT), None);
        probe.attach(Pair::IFACE, ifindex).expect("it is attached");
        probe.pin(dir).expect("it is pinned");
    });
}

#[test]
fn a_pinned_policy_outlives_its_process_and_is_found_with_all_it_counted() {
    require_root!();
    let (pair, folder) = (Pair::new("pinned"), Folder::new("found"));
    assert!(passes(&pair));
    leave_behind(&pair, folder.path());
    assert!(!passes(&pair), "it is in force without a process");
    pair.right.inside(|| {
        let mut probe = PolicyProbe::find(folder.path()).expect("it can be read").expect("it is there");
        assert_eq!(probe.pinned(), Some(folder.path()));
        assert_eq!(counts(&probe), (1, 1));
        assert_eq!(probe.confirmation().expect("the clock is read"), Confirmation::None);
        assert_eq!(probe.attached().collect::<Vec<_>>(), [(ifindex(&pair.right), "xdp-native")]);
        assert!(!passes(&pair));
        assert_eq!(counts(&probe), (2, 2));
        put(&mut probe, &dropping(OTHER), None);
        assert!(passes(&pair), "what is put in force now is what the interface decides by");
        put(&mut probe, &dropping(Pair::LEFT), None);
        assert!(!passes(&pair));
    });
    // And once more, of what was put in force by the one that found it.
    assert!(!passes(&pair));
    pair.right.inside(|| {
        let probe = PolicyProbe::find(folder.path()).expect("it can be read").expect("it is there");
        assert_eq!(counts(&probe), (4, 4));
    });
    assert_eq!(remove_pinned(folder.path()).expect("it is removed"), [ifindex(&pair.right)]);
    assert!(!folder.path().exists());
    assert!(!has_xdp(&pair.right));
    assert!(passes(&pair));
    let found = PolicyProbe::find(folder.path()).expect("nothing is there");
    assert!(found.is_none());
    assert!(remove_pinned(folder.path()).expect("nothing to remove").is_empty());
}

#[test]
fn a_deadline_holds_while_nobody_lives() {
    require_root!();
    let (pair, folder) = (Pair::new("deadline"), Folder::new("deadline"));
    leave_behind(&pair, folder.path());
    pair.right.inside(|| {
        let mut probe = PolicyProbe::find(folder.path()).expect("it can be read").expect("it is there");
        put(&mut probe, &dropping(OTHER), Some(Duration::from_millis(1500)));
    });
    assert!(passes(&pair), "it is in force, and waits");
    let left = pair.right.inside(|| {
        let probe = PolicyProbe::find(folder.path()).expect("it can be read").expect("it is there");
        probe.confirmation().expect("the clock is read")
    });
    assert!(matches!(left, Confirmation::Awaited { .. } | Confirmation::Expired));
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!passes(&pair), "what came before is in force again, and nobody told the kernel");
    pair.right.inside(|| {
        let mut probe = PolicyProbe::find(folder.path()).expect("it can be read").expect("it is there");
        assert_eq!(probe.confirmation().expect("the clock is read"), Confirmation::Expired);
        assert!(probe.settle().expect("it settles"));
        assert!(!passes(&pair));
        // Taken off the interface, the pin goes too.
        probe.detach(ifindex(&pair.right));
        assert!(passes(&pair));
        assert!(!has_xdp(&pair.right));
        probe.attach(Pair::IFACE, ifindex(&pair.right)).expect("it is attached");
    });
    assert!(!passes(&pair), "what is attached later is pinned too");
}

#[test]
fn without_pins_it_lives_with_its_process_again() {
    require_root!();
    let (pair, folder) = (Pair::new("unpinned"), Folder::new("unpinned"));
    leave_behind(&pair, folder.path());
    pair.right.inside(|| {
        let mut probe = PolicyProbe::find(folder.path()).expect("it can be read").expect("it is there");
        probe.unpin().expect("it is unpinned");
        assert!(!folder.path().exists());
        assert!(!passes(&pair));
    });
    assert!(passes(&pair));
    assert!(!has_xdp(&pair.right));
}

#[test]
fn what_a_killed_process_left_half_pinned_is_removed_and_what_is_attached_is_not() {
    require_root!();
    let (pair, folder) = (Pair::new("half"), Folder::new("half"));
    leave_behind(&pair, folder.path());
    // Another may not be pinned over it.
    let mut second = PolicyProbe::load(0).expect("the door is loaded");
    let refused = second.pin(folder.path()).expect_err("there is one already");
    assert!(matches!(refused, ProbeError::Pinned { .. }), "{refused}");
    std::fs::remove_file(folder.path().join("gates")).expect("one of its maps");
    let refused = PolicyProbe::find(folder.path()).expect_err("it is not whole");
    assert!(refused.to_string().contains("netrig policy remove"), "{refused}");
    assert!(!passes(&pair));
    // As if it had been killed before its links.
    std::fs::remove_file(folder.path().join(format!("link_{}", ifindex(&pair.right)))).expect("its link");
    assert!(PolicyProbe::find(folder.path()).expect("it is removed").is_none());
    assert!(!folder.path().exists());
    second.pin(folder.path()).expect("now there is room");
}

#[test]
fn a_policy_of_another_version_can_only_be_removed() {
    require_root!();
    let (pair, folder) = (Pair::new("version"), Folder::new("version"));
    leave_behind(&pair, folder.path());
    pair.right.inside(|| {
        let probe = PolicyProbe::find(folder.path()).expect("it can be read").expect("it is there");
        // Deadline, examples, ticks, three counters, and then the layout.
        let layout = probe.memory().gate.load(6);
        probe.memory().gate.publish(6, layout + 1);
    });
    let refused = PolicyProbe::find(folder.path()).expect_err("it is another's");
    assert!(refused.to_string().contains("another version of netrig"), "{refused}");
    assert!(!passes(&pair), "and in force");
    assert_eq!(remove_pinned(folder.path()).expect("it is removed"), [ifindex(&pair.right)]);
    assert!(passes(&pair));
}

#[test]
fn an_interface_that_has_gone_takes_only_its_own_pin_with_it() {
    require_root!();
    let (pair, folder) = (Pair::new("gone"), Folder::new("gone"));
    leave_behind(&pair, folder.path());
    pair.right.run("ip link delete eth0");
    pair.right.inside(|| {
        let probe = PolicyProbe::find(folder.path()).expect("it can be read").expect("it is there");
        assert_eq!(probe.attached().count(), 0);
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 10);
    });
}

#[test]
fn a_folder_elsewhere_is_refused_with_what_to_do() {
    require_root!();
    let mut probe = PolicyProbe::load(0).expect("the door is loaded");
    let dir = std::env::temp_dir().join(format!("netrig-test-{}-elsewhere", std::process::id()));
    let refused = probe.pin(&dir).expect_err("not there");
    std::fs::remove_dir(&dir).expect("the folder was made");
    assert!(refused.to_string().contains("below /sys/fs/bpf"), "{refused}");
}
