//! Policies that take each other's place while packets come in.

use super::judge::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use super::rig::{IFACE, Rig};
use super::words::*;
use crate::packets::*;
use netrig_policy::words::{Action, Policy, Target};
use netrig_probes::policy::PolicyProbe;
use netrig_testkit::require_root;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

fn from4(last: u8) -> Vec<u8> {
    let head = V4 { src: Ipv4Addr::new(10, 0, 0, last), ..V4::default() };
    ethernet(IPV4, &ipv4(&head, 17, &udp((1, 2), b"x")))
}

/// One passes, all others do not: by `Drop` in one policy, by a redirect in the other.
fn but_for(address: &str, others: Action) -> Policy {
    policy([rule("passes", Action::Pass, [from(&[address])]), rule("others", others, [everything()])])
}

/// Ends the storm, also where the test ends in a panic.
struct Calm<'a>(&'a AtomicBool);

impl Drop for Calm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn in_a_storm_of_packets_each_is_decided_by_one_policy_or_the_other_whole() {
    require_root!();
    let one = but_for("10.0.0.1", Action::Drop);
    let other = but_for("10.0.0.2", Action::Redirect(Target::Interface(IFACE.to_owned())));
    let mut rig = Rig::of(&one);
    let door = rig.probe.door().expect("a door").try_clone_to_owned().expect("a descriptor");
    let stop = AtomicBool::new(false);
    let (mine, theirs) = (from4(1), from4(2));
    let storm = || {
        let (mut runs, mut seen) = (0_u64, [false; 2]);
        while !stop.load(Ordering::Relaxed) {
            let run = |frame| PolicyProbe::run_at(door.as_fd(), frame).expect("a test run");
            // Rules of both policies would drop the one, or redirect the other.
            let verdicts = (run(&mine), run(&theirs));
            assert!(matches!(verdicts.0, XDP_PASS | XDP_REDIRECT), "{verdicts:?}");
            assert!(matches!(verdicts.1, XDP_DROP | XDP_PASS), "{verdicts:?}");
            seen[usize::from(verdicts.0 == XDP_REDIRECT)] = true;
            runs += 2;
        }
        (runs, seen)
    };
    let storms = std::thread::scope(|scope| {
        let storms: Vec<_> = (0..2).map(|_| scope.spawn(storm)).collect();
        let calm = Calm(&stop);
        for _ in 0..4 {
            rig.put(&other);
            assert_eq!((rig.run(&mine), rig.run(&theirs)), (XDP_REDIRECT, XDP_PASS), "it is in force at once");
            rig.put(&one);
            assert_eq!((rig.run(&mine), rig.run(&theirs)), (XDP_PASS, XDP_DROP), "it is in force at once");
        }
        drop(calm);
        storms.into_iter().map(|storm| storm.join().expect("no verdict was of neither")).collect::<Vec<_>>()
    });
    let runs: u64 = storms.iter().map(|(runs, _)| runs).sum::<u64>() + 16;
    assert!(storms.iter().all(|(_, seen)| *seen == [true; 2]), "{storms:?}");
    // Nothing was counted twice or not at all, whichever policy counted it: the door fell back for none.
    assert_eq!(rig.packets("passes").0 + rig.packets("others").0, runs);
}
