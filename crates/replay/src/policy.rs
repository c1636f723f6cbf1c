//! A capture through a policy: what it would have done with each packet, had all of them come in at once.
//!
//! Packets go through the kernel program that decides on a live interface, by the kernel's test run; nothing is attached
//! and nothing is sent. Beside what the capture holds, these are the differences to that interface:
//!
//! - Limits run on real time, and a capture is read in a moment: they are judged as if all its packets came at once.
//!   Rules that end by their `ttl` end so long after the replay began.
//! - A packet is as long as what was kept of it: criteria on lengths, limits of bytes and counted bytes go by that. Where a
//!   capture kept less than there was, [`PolicyReplay::truncated`] says how often.
//! - A packet without an Ethernet header (a capture of a tunnel, of all interfaces, …) is given one of zeros, 14 octets
//!   that count.
//! - All packets come in at the interface with the index [`RECEIVED_AT`], whatever the capture says: in the world a policy
//!   is compiled for, those interfaces have this index whose rules are to hold.

use crate::capture::{CaptureError, CaptureReader, Packet};
use netrig_model::TrafficCounts;
use netrig_policy::{Tables, tables};
use netrig_probes::ProbeError;
use netrig_probes::policy::{PolicyMemory, PolicyProbe};
use netrig_probes::wire::{policy, policy_count, policy_gate};
use std::mem::offset_of;
use std::path::Path;

/// The kernel's index of the interface where all packets come in: the loopback.
pub const RECEIVED_AT: u32 = 1;

const ETHERNET_BYTES: usize = 14;
const ETHERTYPE_AT: usize = 12;
/// What a test run takes, with some room: of larger frames the kernel can make no packet.
const RUN_BYTES_MAX: usize = 65_536 + 64;

const XDP_ABORTED: u32 = 0;
const XDP_DROP: u32 = 1;
const XDP_TX: u32 = 3;
const XDP_REDIRECT: u32 = 4;

/// What a capture comes to under a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyReplay {
    /// In the capture.
    pub packets: u64,
    /// Of them, those that would have gone to the stack.
    pub passed: TrafficCounts,
    /// Those that would have ended.
    pub dropped: TrafficCounts,
    /// Those that would have been sent elsewhere.
    pub redirected: TrafficCounts,
    /// Those that would have been answered at once, in the stack's place.
    pub answered: TrafficCounts,
    /// Those that could not be judged: shorter than an Ethernet header.
    pub too_short: u64,
    /// Those that could not be judged: longer than the kernel's test run takes.
    pub too_long: u64,
    /// Those of which the capture kept less than there was; they were judged all the same, by what there is.
    pub truncated: u64,
    /// Sources that a limit had to forget while it still held something against them: more came than it remembers.
    pub sources_forgotten: u64,
    /// By rule, in the order of [`Tables::rules`]: first what always passes, then the allow-list, then the policy's own.
    pub rules: Vec<RuleReplay>,
}

/// What a rule counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleReplay {
    /// Its place among the counters: by [`netrig_policy::Slots`] a rule's id leads to it.
    pub slot: u16,
    /// What it matched.
    pub matched: TrafficCounts,
    /// Of that, what it removed; a rule in shadow mode: what it would have removed.
    pub over: TrafficCounts,
}

/// Why there is no outcome, or not a whole one.
#[derive(Debug, thiserror::Error)]
pub enum PolicyReplayError {
    /// The capture breaks.
    #[error("{error}")]
    Capture {
        /// What is wrong with it, and where.
        #[source]
        error: CaptureError,
        /// What it came to up to there.
        so_far: Box<PolicyReplay>,
    },
    /// The kernel programs cannot be loaded or run.
    #[error(transparent)]
    Probe(#[from] ProbeError),
}

/// Judges each packet of a capture file.
///
/// # Errors
/// When the kernel programs cannot be run, or where the capture breaks.
pub fn verdicts(path: &Path, tables: &Tables) -> Result<PolicyReplay, PolicyReplayError> {
    let open = CaptureReader::open(path);
    let capture = open.map_err(|error| PolicyReplayError::Capture { error, so_far: Box::default() })?;
    capture_verdicts(capture, tables)
}

/// The same for a capture that is open already.
///
/// # Errors
/// As [`verdicts`].
pub fn capture_verdicts(mut capture: CaptureReader, tables: &Tables) -> Result<PolicyReplay, PolicyReplayError> {
    let mut probe = PolicyProbe::load(0)?;
    probe.put(tables, None)?;
    let mut run = Run { probe, outcome: PolicyReplay::default(), scratch: Vec::new(), framed: Vec::new() };
    loop {
        match capture.next_packet() {
            Ok(Some(packet)) => run.take(&packet)?,
            Ok(None) => return Ok(run.finish(&tables.rules)),
            Err(error) => {
                return Err(PolicyReplayError::Capture { error, so_far: Box::new(run.finish(&tables.rules)) });
            }
        }
    }
}

struct Run {
    probe: PolicyProbe,
    outcome: PolicyReplay,
    /// Of the capture's framing.
    scratch: Vec<u8>,
    /// A packet behind the Ethernet header it is given.
    framed: Vec<u8>,
}

impl Run {
    fn take(&mut self, packet: &Packet<'_>) -> Result<(), ProbeError> {
        let Self { probe, outcome, scratch, framed } = self;
        outcome.packets += 1;
        outcome.truncated += u64::from((packet.data.len() as u64) < u64::from(packet.wire_len));
        let read = packet.link_type.frame(packet.data, scratch);
        let frame = match read.data {
            [] => &[],
            bare if read.raw_ip => behind_ethernet(bare, framed),
            frame => frame,
        };
        if frame.len() < ETHERNET_BYTES {
            outcome.too_short += 1;
            return Ok(());
        }
        if frame.len() > RUN_BYTES_MAX {
            outcome.too_long += 1;
            return Ok(());
        }
        let account = match probe.run(frame)? {
            XDP_DROP | XDP_ABORTED => &mut outcome.dropped,
            XDP_REDIRECT => &mut outcome.redirected,
            XDP_TX => &mut outcome.answered,
            _ => &mut outcome.passed,
        };
        account.add(TrafficCounts { packets: 1, bytes: frame.len() as u64 });
        Ok(())
    }

    fn finish(self, rules: &[tables::Rule]) -> PolicyReplay {
        let memory = self.probe.memory();
        let sources_forgotten = memory.gate.load(offset_of!(policy_gate, buckets_lost) / 8);
        let rules = rules.iter().map(|rule| counts(&memory, rule.slot)).collect();
        PolicyReplay { sources_forgotten, rules, ..self.outcome }
    }
}

/// A bare IP packet with an Ethernet header of zeros in front; whether it is IPv6 its version says.
fn behind_ethernet<'a>(packet: &[u8], framed: &'a mut Vec<u8>) -> &'a [u8] {
    let ethertype: u16 = if packet.first().is_some_and(|octet| octet >> 4 == 6) { 0x86dd } else { 0x0800 };
    framed.clear();
    framed.resize(ETHERTYPE_AT, 0);
    framed.extend_from_slice(&ethertype.to_be_bytes());
    framed.extend_from_slice(packet);
    framed
}

/// A rule's counters, over all CPUs.
fn counts(memory: &PolicyMemory, slot: u16) -> RuleReplay {
    let mut sum = RuleReplay { slot, ..RuleReplay::default() };
    for cpu in 0..memory.cpus {
        let at = (cpu * policy::RULES + usize::from(slot)) * size_of::<policy_count>();
        let word = |offset: usize| memory.counts.load((at + offset) / 8);
        let pair = |packets, bytes| TrafficCounts { packets: word(packets), bytes: word(bytes) };
        sum.matched.add(pair(offset_of!(policy_count, packets), offset_of!(policy_count, bytes)));
        sum.over.add(pair(offset_of!(policy_count, over_packets), offset_of!(policy_count, over_bytes)));
    }
    sum
}
