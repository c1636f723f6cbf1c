//! A policy in the kernel, with nothing attached.

use super::judge::{Counts, Judge, Ledger};
use netrig_model::TrafficCounts;
use netrig_policy::words::Policy;
use netrig_policy::{Slots, World, compile};
use netrig_probes::policy::PolicyProbe;
use netrig_probes::wire::{policy, policy_count, policy_gate, policy_removed};
use std::mem::offset_of;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where test runs come in.
pub(crate) const IFACE: &str = "lo";
/// An interface that is not there.
pub(crate) const OTHER_IFACE: &str = "eth9";
/// Less than any limit of these tests takes to give one packet or byte more.
const SHORT: Duration = Duration::from_millis(900);

pub(crate) struct Rig {
    pub(crate) probe: PolicyProbe,
    pub(crate) slots: Slots,
}

pub(crate) fn world(policy: &Policy, slots: &Slots) -> World {
    let interfaces = [(IFACE.to_owned(), 1), (OTHER_IFACE.to_owned(), 4242)].into();
    World { interfaces, cpus: 2, management: Arc::clone(&policy.management.allow), slots: slots.clone() }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self { probe: PolicyProbe::load(0).expect("the door is loaded"), slots: Slots::default() }
    }

    pub(crate) fn of(policy: &Policy) -> Self {
        let mut rig = Self::new();
        rig.put(policy);
        rig
    }

    pub(crate) fn put(&mut self, policy: &Policy) {
        let compiled = compile(policy, &world(policy, &self.slots)).expect("it compiles");
        self.probe.put(&compiled.tables, None).expect("it is put in force");
        self.slots = compiled.slots;
    }

    pub(crate) fn run(&self, frame: &[u8]) -> u32 {
        self.probe.run(frame).expect("a test run")
    }

    /// What the rule with this id has counted.
    pub(crate) fn counts(&self, id: &str) -> Counts {
        let slot = self.slots.get(id).expect("it has a slot");
        self.ledger().rules.get(&slot).copied().unwrap_or_default()
    }

    /// Packets that the rule with this id matched, and of them those that it removed or would have.
    pub(crate) fn packets(&self, id: &str) -> (u64, u64) {
        let counts = self.counts(id);
        (counts.matched.packets, counts.over.packets)
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let memory = self.probe.memory();
        let mut ledger = Ledger::default();
        for cpu in 0..memory.cpus {
            for slot in 0..policy::RULES {
                let at = (cpu * policy::RULES + slot) * size_of::<policy_count>();
                let word = |offset: usize| memory.counts.load((at + offset) / 8);
                let pair = |packets, bytes| TrafficCounts { packets: word(packets), bytes: word(bytes) };
                let matched = pair(offset_of!(policy_count, packets), offset_of!(policy_count, bytes));
                if matched == TrafficCounts::default() {
                    continue;
                }
                let counts = ledger.rules.entry(slot as u16).or_default();
                counts.matched.add(matched);
                counts.over.add(pair(offset_of!(policy_count, over_packets), offset_of!(policy_count, over_bytes)));
            }
            for place in 0..policy::IFACES {
                let at = (cpu * policy::IFACES + place) * size_of::<policy_removed>();
                let word = |offset: usize| memory.removed.load((at + offset) / 8);
                let pair = |packets, bytes| TrafficCounts { packets: word(packets), bytes: word(bytes) };
                ledger
                    .dropped
                    .add(pair(offset_of!(policy_removed, dropped_packets), offset_of!(policy_removed, dropped_bytes)));
                ledger.redirected.add(pair(
                    offset_of!(policy_removed, redirected_packets),
                    offset_of!(policy_removed, redirected_bytes),
                ));
            }
        }
        ledger
    }

    /// Sources that had to make room while their bucket was not full.
    pub(crate) fn buckets_lost(&self) -> u64 {
        self.probe.memory().gate.load(offset_of!(policy_gate, buckets_lost) / 8)
    }
}

/// Runs frames through a policy that was not in force before, in so short a time that no bucket gets anything back; again
/// where the machine was too busy for that, or where sources lost their buckets to others. (Which they lose is a matter of
/// chance: each load has a seed of its own.)
pub(crate) fn run_at_once(policy: &Policy, frames: &[Vec<u8>]) -> (Vec<u32>, Rig) {
    for _ in 0..20 {
        let rig = Rig::of(policy);
        let begin = Instant::now();
        let verdicts = frames.iter().map(|frame| rig.run(frame)).collect();
        if begin.elapsed() < SHORT && rig.buckets_lost() == 0 {
            return (verdicts, rig);
        }
    }
    panic!("twenty times it took longer than {SHORT:?}, or buckets were lost");
}

/// Frames through a policy in the kernel and through the model: the same verdicts, the same counters.
pub(crate) fn agree(policy: &Policy, frames: &[Vec<u8>]) -> Result<(), String> {
    let (verdicts, rig) = run_at_once(policy, frames);
    let mut judge = Judge::new(policy, &rig.slots, IFACE);
    for (number, (frame, verdict)) in frames.iter().zip(verdicts).enumerate() {
        let (expected, trail) = judge.judge(frame);
        if verdict != expected {
            let subject = super::subject::Subject::of(frame);
            return Err(format!(
                "frame {number}: the kernel says {verdict}, the model {expected} by {trail:?}\n{frame:02x?}\n{subject:#?}"
            ));
        }
    }
    let ledger = rig.ledger();
    if ledger == judge.ledger {
        return Ok(());
    }
    let mut report = String::from("the counters differ\n");
    for (id, slot) in rig.slots.iter() {
        let (kernel, model) = (ledger.rules.get(&slot), judge.ledger.rules.get(&slot));
        if kernel != model {
            report += &format!("{id}: kernel {kernel:?}, model {model:?}\n");
        }
    }
    Err(report + &format!("removed: kernel {:?}, model {:?}", ledger.dropped, judge.ledger.dropped))
}
