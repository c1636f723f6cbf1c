//! Bursts made on purpose, and what a rig tells of them.

use super::Rig;
use netrig_model::{BurstInterface, BurstRecord, BurstStatus, Direction};
use netrig_testkit::{Datagrams, NetNs, Pair, SentDatagrams};
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// These tests look at milliseconds: one after another, and not beside those that keep processors busy.
const ALONE: &str = "netrig-test-latency.lock";
/// How many bursts are looked at, and how often they are tried.
const TIMES_MIN: usize = 4;
const TIMES_MAX: usize = 30;
/// So that none is in the picture of another.
const APART: Duration = Duration::from_millis(300);
/// What the clock of the kernel's side may be late, and some turns of the rig.
const SETTLED: Duration = Duration::from_secs(1);

/// A rig that looks at one end of a pair.
pub(crate) struct BurstScene<'a> {
    pub(crate) rig: Rig<'a>,
    direction: Direction,
    _alone: File,
}

impl<'a> BurstScene<'a> {
    /// At where they come from, with these settings of `[burst]`.
    pub(crate) fn outgoing(pair: &'a Pair, settings: &str) -> Self {
        Self::at(&pair.left, Direction::Egress, settings)
    }

    /// At where they arrive.
    pub(crate) fn incoming(pair: &'a Pair, settings: &str) -> Self {
        Self::at(&pair.right, Direction::Ingress, settings)
    }

    fn at(ns: &'a NetNs, direction: Direction, settings: &str) -> Self {
        let alone = File::create(std::env::temp_dir().join(ALONE)).expect("a file to be locked");
        alone.lock().expect("a file can be locked");
        let interfaces = [Pair::IFACE];
        // Finer buckets need more memory.
        let config =
            format!("[rig]\ninterfaces = {interfaces:?}\nwindow = \"1h\"\nmemory = \"256MiB\"\n[burst]\n{settings}\n");
        let scene = Self { rig: Rig::start_with(ns, &config), direction, _alone: alone };
        // In its first second a rig does not know what is usual.
        std::thread::sleep(Duration::from_millis(1_300));
        scene
    }

    /// Every burst told so far.
    pub(crate) fn told(&self) -> Vec<BurstRecord> {
        std::thread::sleep(SETTLED);
        let text = self.rig.get("/api/v1/bursts");
        let records = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        records.filter(|record: &BurstRecord| record.direction == Some(self.direction)).collect()
    }

    /// What there is to show.
    pub(crate) fn status(&self) -> BurstStatus {
        self.rig.status().bursts.expect("the probe runs")
    }

    /// The same of the interface and direction that is looked at.
    pub(crate) fn interface(&self) -> BurstInterface {
        let all = self.status().interfaces;
        all.into_iter().find(|each| each.direction == Some(self.direction)).expect("it is watched")
    }
}

/// Sends until enough of them went out as they should: a sender that is held up for longer than `pause` makes two bursts of
/// one. Each of those that did, with the record that is theirs; and all records.
#[track_caller]
pub(crate) fn sent_and_told(
    pair: &Pair,
    scene: &BurstScene<'_>,
    datagrams: &Datagrams,
    pause: Duration,
) -> (Vec<(SentDatagrams, BurstRecord)>, Vec<BurstRecord>) {
    let mut calm = Vec::new();
    for _ in 0..TIMES_MAX {
        std::thread::sleep(APART);
        let sent = pair.left.inside(|| datagrams.send());
        calm.extend(sent.into_iter().filter(|burst| u128::from(burst.longest_pause_ns()) < pause.as_nanos()));
        if calm.len() >= TIMES_MIN {
            break;
        }
    }
    assert!(calm.len() >= TIMES_MIN, "this machine is too busy: only {} were sent evenly", calm.len());
    let told = scene.told();
    let lag_ns = netrig_host::realtime_offset_ns();
    let theirs = |burst: &SentDatagrams| {
        let began_ns = burst.first_ns().cast_signed() + lag_ns;
        let apart = |record: &&BurstRecord| record.burst_start.0.abs_diff(began_ns);
        let nearest = told.iter().min_by_key(apart).filter(|record| apart(record) < 1_000_000);
        nearest.unwrap_or_else(|| panic!("{burst:?} is not among {told:#?}")).clone()
    };
    let pairs = calm.into_iter().map(|burst| (burst.clone(), theirs(&burst))).collect();
    (pairs, told)
}

/// An address that swallows all, and a port nobody has.
pub(crate) fn sink() -> SocketAddr {
    (IpAddr::from(Pair::NOBODY), 9_999).into()
}

/// Within so many hundredths.
#[track_caller]
pub(crate) fn assert_near(what: &str, told: u64, truth: u64, percent: u64) {
    assert!(told.abs_diff(truth) * 100 <= truth * percent, "{what}: {told} was told, {truth} is true");
}
