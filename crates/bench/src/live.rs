//! The live path: frames through a veth pair into the stack, and how much of the packet rate is kept.
//!
//! Live-frame test run makes real frames of the page pool and sends them by one end of a veth pair; the other end's NAPI
//! receives them on the same CPU, with the program under test on its tcx ingress. So packets a second of CPU time is the
//! rate of the whole path. Frames are addressed to someone else and end in the IP layer.

use crate::cases::{Case, LIVE_PATH};
use crate::harness::{Harness, Setup};
use crate::report::Figure;
use crate::road::{self, Road};
use crate::rounds::Samples;
use crate::test_runs::DRAIN_CPU;
use crate::{packet, sys};
use anyhow::{Context, Result};
use netrig_model::{Direction, InterfaceId};
use netrig_probes::flow::{LinkKind, LinkTarget};
use netrig_probes::link::attach_tc;
use netrig_testkit::NetNs;
use serde::Serialize;
use std::collections::BTreeSet;

/// `BPF_F_TEST_XDP_LIVE_FRAMES` of the kernel's UAPI.
const LIVE_FRAMES: u32 = 1 << 1;
const CPU: usize = 0;
const RECEIVER: &str = "bench-rx";
const SENDER: &str = "bench-tx";

/// What was attached to the receiving end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attached {
    Nothing,
    Empty,
    Textbook,
    Netrig,
}

const CONTENDERS: [(Attached, &str); 4] = [
    (Attached::Nothing, "nothing"),
    (Attached::Empty, "empty"),
    (Attached::Textbook, "textbook"),
    (Attached::Netrig, "netrig"),
];

/// The live path's figures, by what was attached.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LiveResult {
    pub(crate) program: String,
    pub(crate) ns_per_packet: Figure,
    /// Share of the packet rate that an empty program keeps.
    pub(crate) kept: Figure,
    /// Packets the ledger is off by; 0 for what keeps none.
    pub(crate) imbalance_packets: i64,
    /// Packets sent that no program saw.
    pub(crate) missed_packets: i64,
}

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct LivePlan {
    pub(crate) rounds: usize,
    pub(crate) packets: u32,
    pub(crate) setup: Setup,
    pub(crate) user_bytes: u64,
}

pub(crate) fn measure(plan: &LivePlan) -> Result<Vec<LiveResult>> {
    let ns = NetNs::new("bench");
    // Only what is sent shall be seen: no router solicitations.
    ns.run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
    ns.veth(SENDER, RECEIVER);
    // GRO gives the receiving end a NAPI of its own, without which a veth takes no XDP frames.
    ns.run(&format!("ethtool -K {RECEIVER} gro on"));
    ns.inside(|| measure_inside(plan))
}

fn measure_inside(plan: &LivePlan) -> Result<Vec<LiveResult>> {
    let setup =
        Setup { redirect_ifindex: ifindex(SENDER)?, textbook_entries: LIVE_PATH.flows * 2 + 64, ..plan.setup.clone() };
    let mut harness = Harness::new(&setup)?;
    let case = Case { name: "live path", ..LIVE_PATH };
    harness.set_case(&case)?;
    let mut road = Road::new(&harness.probe, plan.user_bytes)?;
    let mut samples: Vec<Samples> = vec![Samples::default(); CONTENDERS.len()];
    // A number for every time the device was watched.
    let ifaces = road::beside(&mut road, DRAIN_CPU, || {
        sys::measure_on(CPU)?;
        let mut ifaces = BTreeSet::new();
        for round in 0..=plan.rounds {
            for ((what, _), samples) in CONTENDERS.iter().zip(&mut samples) {
                let ns = round_of(*what, &mut harness, plan.packets, &mut ifaces)?;
                if round > 0 {
                    samples.push(ns);
                }
            }
        }
        Ok(ifaces)
    })?;
    let ledgers: Vec<_> = ifaces.iter().map(|iface| road.ledger(*iface, Direction::Ingress)).collect();
    let seen: u64 = ledgers.iter().map(|ledger| ledger.seen_packets).sum();
    let imbalance: i64 = ledgers.iter().map(|ledger| ledger.imbalance_packets).sum();
    let sent = (plan.rounds as i64 + 1) * i64::from(plan.packets);
    let empty = samples[1].clone();
    Ok(CONTENDERS
        .iter()
        .zip(&samples)
        .map(|((what, name), samples)| {
            let is_netrig = *what == Attached::Netrig;
            LiveResult {
                program: (*name).to_owned(),
                ns_per_packet: Figure::of(samples),
                kept: Figure::of(&samples.with(&empty, |own, empty| empty / own)),
                imbalance_packets: if is_netrig { imbalance } else { 0 },
                missed_packets: if is_netrig { sent - seen as i64 } else { 0 },
            }
        })
        .collect())
}

/// Sends a round with one program attached; CPU nanoseconds a packet.
fn round_of(what: Attached, harness: &mut Harness, packets: u32, ifaces: &mut BTreeSet<InterfaceId>) -> Result<f64> {
    let receiver = ifindex(RECEIVER)?;
    let mut watched = None;
    let _attached = match what {
        Attached::Nothing => None,
        Attached::Empty => Some(attach_tc(harness.program("live_empty")?, RECEIVER, receiver, Direction::Ingress)?),
        Attached::Textbook => {
            Some(attach_tc(harness.program("live_textbook")?, RECEIVER, receiver, Direction::Ingress)?)
        }
        Attached::Netrig => {
            let target = LinkTarget { name: RECEIVER, ifindex: receiver, kind: LinkKind::Ethernet };
            watched = Some(harness.probe.watch(target)?);
            None
        }
    };
    let before = sys::thread_cpu_ns();
    sys::test_run(harness.program("live_send")?, &packet::udp(false), packets, LIVE_FRAMES)?;
    let ns = (sys::thread_cpu_ns() - before) as f64 / f64::from(packets);
    if let Some(iface) = watched {
        harness.probe.unwatch(iface);
        ifaces.insert(iface);
    }
    Ok(ns)
}

fn ifindex(name: &str) -> Result<u32> {
    let name = std::ffi::CString::new(name)?;
    sys::ifindex(&name).with_context(|| format!("there is no device {}", name.to_string_lossy()))
}
