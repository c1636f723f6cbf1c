//! Very many TLS handshakes a second, and what the rig tells of them, with and without payload: what that costs its user space.

mod load;
mod watched;

use anyhow::Result;
use load::Load;
use netrig_model::{RequestKind, Snapshot};
use netrig_testkit::NetNs;
use serde::Serialize;
use std::time::Duration;
use watched::Watched;

/// A second.
const PACE: u32 = 5_000;
/// How much of a core payload may take in user space.
const CORE_MAX: f64 = 0.10;
const NEAR: &str = "10.79.0.1";
const FAR: &str = "10.79.0.2";
/// Until what waits for a client's alert is told, and counts are shown.
const SETTLE: Duration = Duration::from_secs(4);

/// A rig's account of one load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HandshakeResult {
    payload: bool,
    /// Handshakes that were made, and how many a second.
    made: u64,
    per_second: f64,
    /// Of them, those that the rig told, with an answer or without.
    told: u64,
    unanswered: u64,
    /// Packets with payload that the kernel wanted to copy, and those that found no room.
    wanted: u64,
    lost: u64,
    /// Copies and requests that user space had no room for.
    no_room: u64,
    /// CPU time of the rig's threads, in cores: each connection is told as well.
    cores: f64,
    /// Of them, those that the rig does not take without payload.
    payload_cores: f64,
    payload_cores_max: f64,
}

pub(crate) const HEAD: &str = "\
TLS handshakes under a real rig's eyes, each a connection of its own: what it tells of them, and CPU time of all its threads

payload      made  a second      told  unanswered     wanted   lost  no room  of a core  payload's  bar";

impl HandshakeResult {
    pub(crate) fn line(&self) -> String {
        let verdict = if self.payload_cores <= self.payload_cores_max { "ok" } else { "over" };
        format!(
            "{:<7} {:>9} {:>9.0} {:>9} {:>11} {:>10} {:>6} {:>8} {:>9.1}% {:>9.1}%  {:>3.0}% {verdict}",
            if self.payload { "on" } else { "off" },
            self.made,
            self.per_second,
            self.told,
            self.unanswered,
            self.wanted,
            self.lost,
            self.no_room,
            self.cores * 100.0,
            self.payload_cores * 100.0,
            self.payload_cores_max * 100.0,
        )
    }
}

/// `quick`: some seconds, else twenty.
pub(crate) fn measure(quick: bool, told: &mut dyn FnMut(HandshakeResult)) -> Result<()> {
    let (near, far) = (NetNs::new("bench-near"), NetNs::new("bench-far"));
    near.veth_to("near0", &far, "far0");
    near.address("near0", &format!("{NEAR}/24"));
    far.address("far0", &format!("{FAR}/24"));
    near.sysctl("net.ipv4.ip_local_port_range", "1024 65535");
    let time = Duration::from_secs(if quick { 5 } else { 20 });
    let without = measure_one(&near, &far, false, time)?;
    let mut with = measure_one(&near, &far, true, time)?;
    with.payload_cores = with.cores - without.cores;
    [without, with].into_iter().for_each(told);
    Ok(())
}

fn measure_one(near: &NetNs, far: &NetNs, payload: bool, time: Duration) -> Result<HandshakeResult> {
    let load = Load::new(near, far, FAR)?;
    let watched = Watched::start(near, payload)?;
    let before = watched.cpu_ns();
    let made = load.run(PACE, time)?;
    // What comes behind the load is of it; what a quiet rig takes is next to nothing.
    std::thread::sleep(SETTLE);
    let cpu_ns = watched.cpu_ns() - before;
    let status = watched.status()?;
    Ok(result(payload, &made, cpu_ns, &status))
}

fn result(payload: bool, made: &load::Made, cpu_ns: u64, status: &Snapshot) -> HandshakeResult {
    let told = status.payload.clone().unwrap_or_default();
    let tls = || told.tallies.iter().filter(|tally| tally.kind == RequestKind::Tls);
    HandshakeResult {
        payload,
        made: made.handshakes,
        per_second: made.handshakes as f64 / made.time.as_secs_f64(),
        told: tls().map(|tally| tally.sums.requests).sum(),
        unanswered: tls().map(|tally| tally.sums.unanswered).sum(),
        wanted: told.counts.wanted,
        lost: told.counts.lost,
        no_room: told.counts.no_room,
        cores: cpu_ns as f64 / 1e9 / made.time.as_secs_f64(),
        payload_cores: 0.0,
        payload_cores_max: CORE_MAX,
    }
}
