//! CPUs that go offline and come back while packets are counted: tables are cut by possible CPUs, so what one has counted stays.

use crate::support::{Rig, Street, alone, udp_churn};
use netrig_testkit::{report_skipped, require_root};
use std::path::PathBuf;
use std::{fs, thread, time::Duration};

const UDP: u8 = 17;
/// Not offline for longer than this, whatever happens.
const AWAY_MAX: Duration = Duration::from_millis(1500);

/// The CPU online with the highest number, taken offline; it comes back when this is dropped.
struct Away(PathBuf);

impl Away {
    /// None where there is none that can be, or may be.
    fn take() -> Option<Self> {
        let switch = |cpu| PathBuf::from(format!("/sys/devices/system/cpu/cpu{cpu}/online"));
        let is_online = |switch: &PathBuf| fs::read_to_string(switch).is_ok_and(|text| text.trim() == "1");
        let possible = netrig_host::cpus().ok()?.possible;
        let switch = (1..possible).rev().map(switch).find(is_online)?;
        fs::write(&switch, "0").ok()?;
        Some(Self(switch))
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        // A test that fails has its own message; without the CPU all others would be slow.
        for _ in 0..10 {
            if fs::write(&self.0, "1").is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn what_a_cpu_has_counted_stays_told_when_it_goes_and_comes_back() {
    require_root!();
    let _alone = alone();
    let street = Street::new("cpus");
    let rig = Rig::start_with(&street.near, "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\n");
    let send = || street.near.inside(|| udp_churn(200, 5, 64));
    let mut sent = send();
    let online = netrig_host::cpus().expect("/sys").online;
    let Some(away) = Away::take() else {
        report_skipped("no CPU of this machine can be taken offline");
        return;
    };
    assert_eq!(netrig_host::cpus().expect("/sys").online, online - 1);
    thread::scope(|scope| {
        // The sender may take long on a loaded machine; the CPU does not wait for it.
        let sending = scope.spawn(send);
        thread::sleep(AWAY_MAX);
        drop(away);
        sent += sending.join().expect("sent");
    });
    assert_eq!(netrig_host::cpus().expect("/sys").online, online, "it is back");
    sent += send();
    let stored = rig.stop();
    stored.assert_balanced();
    assert_eq!(stored.sum("near0", |flow| flow.protocol == UDP).0, sent);
    assert!(stored.ledger.iter().all(|row| row.unaccounted_packets.unwrap_or(0) == 0), "{:?}", stored.ledger);
}
