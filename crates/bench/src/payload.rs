//! What looking at payload adds to a packet's account, by test run: the same programs without it and with it, in turns. Rings are emptied
//! between turns, as the rig does every few milliseconds.

use crate::cases::{CASES, Case};
use crate::harness::{Harness, Setup};
use crate::packet::{self, ACK, SYN};
use crate::report::{Figure, verdict};
use crate::rounds::Samples;
use crate::sys;
use crate::test_runs::Plan;
use anyhow::{Context, Result, ensure};
use netrig_drain::PayloadDrain;
use netrig_model::Timestamp;
use netrig_probes::payload::PayloadOptions;
use serde::Serialize;

/// Nanoseconds a packet, at most: where there is nothing to do, and where octets are copied.
const NS_MAX: f64 = 8.0;
const COPY_NS_MAX: f64 = 150.0;
/// As many packets have room in a ring of the usual size.
const TURN_PACKETS: u32 = 1024;
/// Of the plan's packets: copies cost more of everything.
const COPY_SHARE: u32 = 4;

/// What the packets carry.
#[derive(Clone, Copy, Debug)]
struct Load {
    name: &'static str,
    /// Which flows they are of.
    case: &'static Case,
    /// Seen before, one after the other, eight times each: what the flow is.
    before: &'static [fn() -> Packet],
    packet: fn() -> Packet,
    is_copied: bool,
}

/// A packet, but for its family.
#[derive(Clone, Debug)]
struct Packet {
    /// Destination; UDP where it is DNS.
    port: u16,
    /// TCP's.
    flags: u8,
    payload: Vec<u8>,
}

/// The first of a connection, which says that the flow began here.
fn opening() -> Packet {
    Packet { port: 443, flags: SYN, payload: Vec::new() }
}

fn nothing_known() -> Packet {
    Packet { port: 443, flags: ACK, payload: vec![1; 60] }
}

fn http_head() -> Packet {
    let mut payload = b"POST /resource HTTP/1.1\r\nHost: example.org\r\nCookie: ".to_vec();
    payload.resize(508, b'c');
    payload.extend(b"\r\n\r\n");
    Packet { port: 80, flags: ACK, payload }
}

fn http_body() -> Packet {
    Packet { port: 80, flags: ACK, payload: vec![b'b'; 512] }
}

fn question() -> Packet {
    Packet { port: DNS, flags: 0, payload: vec![3; 60] }
}

const DNS: u16 = 53;

const LOADS: [Load; 7] = [
    Load {
        name: "of a flow that is done",
        case: &CASES[0],
        before: &[opening, nothing_known],
        packet: nothing_known,
        is_copied: false,
    },
    Load {
        name: "of 10k that are done",
        case: &CASES[1],
        before: &[opening, nothing_known],
        packet: nothing_known,
        is_copied: false,
    },
    Load {
        name: "of an older flow",
        case: &CASES[0],
        before: &[nothing_known],
        packet: nothing_known,
        is_copied: false,
    },
    Load {
        name: "of 10k older flows",
        case: &CASES[1],
        before: &[nothing_known],
        packet: nothing_known,
        is_copied: false,
    },
    Load { name: "of an HTTP body", case: &CASES[0], before: &[http_head], packet: http_body, is_copied: false },
    Load { name: "60 octets of DNS", case: &CASES[0], before: &[question], packet: question, is_copied: true },
    Load { name: "512 octets of HTTP", case: &CASES[0], before: &[http_head], packet: http_head, is_copied: true },
];

/// One load's figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PayloadResult {
    family: &'static str,
    load: &'static str,
    /// The account without payload.
    account_ns: Figure,
    /// What payload adds.
    adds_ns: Figure,
    error_ns: f64,
    max_ns: f64,
    copied: u64,
    lost: u64,
    /// User space, for each copy.
    drain_ns: f64,
}

pub(crate) const HEAD: &str = "\
Payload: nanoseconds a packet beyond the account without it; medians of interleaved rounds

family a packet                account    adds     ±  bar               copied       lost  drain";

impl PayloadResult {
    pub(crate) fn line(&self) -> String {
        format!(
            "{:<6} {:<22} {:>7.1} {:>7.1} {:>5.1}  {:>5.0} {:<7} {:>9} {:>10} {:>6.0}",
            self.family,
            self.load,
            self.account_ns.median,
            self.adds_ns.median,
            self.error_ns,
            self.max_ns,
            verdict(self.adds_ns.median, self.error_ns, self.max_ns),
            self.copied,
            self.lost,
            self.drain_ns,
        )
    }
}

pub(crate) fn measure(plan: &Plan, told: &mut dyn FnMut(PayloadResult)) -> Result<()> {
    let wanted = |load: &&Load| plan.only.as_ref().is_none_or(|only| load.name.contains(only.as_str()));
    for is_ipv6 in &plan.families {
        for load in LOADS.iter().filter(wanted) {
            told(measure_load(plan, load, *is_ipv6)?);
        }
    }
    Ok(())
}

fn harness(plan: &Plan, case: &Case, payload: Option<PayloadOptions>) -> Result<Harness> {
    let mut harness = Harness::with(&Setup { textbook_entries: 64, ..plan.setup.clone() }, None, payload)?;
    harness.admit_loopback()?;
    harness.set_case(case)?;
    Ok(harness)
}

fn frame(packet: &Packet, is_ipv6: bool) -> Vec<u8> {
    if packet.port == DNS {
        packet::udp_to(is_ipv6, packet.port, &packet.payload)
    } else {
        packet::tcp_to(is_ipv6, packet.port, packet.flags, &packet.payload)
    }
}

fn measure_load(plan: &Plan, load: &Load, is_ipv6: bool) -> Result<PayloadResult> {
    let without = harness(plan, load.case, None)?;
    let with = harness(plan, load.case, Some(PayloadOptions::default()))?;
    let memory = with.probe.payload().context("payload is not looked at")?;
    let mut reader = Reader { drain: PayloadDrain::new(memory), told: 0, cpu_ns: 0 };
    let program = format!("bench_netrig{}", if is_ipv6 { 6 } else { 4 });
    let packet = frame(&(load.packet)(), is_ipv6);
    sys::measure_on(0)?;
    let times = load.case.flows * if load.case.flows > 1 { 64 } else { 8 };
    for before in load.before {
        sys::test_run(with.program(&program)?, &frame(&before(), is_ipv6), times, 0)?;
    }
    reader.read();
    (reader.told, reader.cpu_ns) = (0, 0);
    let packets = if load.is_copied { plan.packets / COPY_SHARE } else { plan.packets };
    let mut samples = [Samples::default(), Samples::default()];
    let earlier = reader.drain.counts();
    for round in 0..=plan.rounds {
        for (harness, samples) in [&without, &with].into_iter().zip(&mut samples) {
            let ns = run(harness, &program, &packet, packets, load.is_copied.then_some(&mut reader))?;
            if round > 0 {
                samples.push(ns);
            }
        }
    }
    reader.read();
    let counts = reader.drain.counts();
    let (copied, lost) = (counts.copied - earlier.copied, counts.lost - earlier.lost);
    ensure!(load.is_copied == (copied > 0), "{} packets were copied", copied);
    let adds = samples[1].beyond(&samples[0]);
    Ok(PayloadResult {
        family: if is_ipv6 { "ipv6" } else { "ipv4" },
        load: load.name,
        account_ns: Figure::of(&samples[0]),
        adds_ns: Figure::of(&adds),
        error_ns: adds.error_of_median(),
        max_ns: if load.is_copied { COPY_NS_MAX } else { NS_MAX },
        copied,
        lost,
        drain_ns: reader.cpu_ns as f64 / reader.told.max(1) as f64,
    })
}

/// Who empties the rings.
struct Reader {
    drain: PayloadDrain,
    told: u64,
    cpu_ns: u64,
}

impl Reader {
    fn read(&mut self) {
        let before = sys::thread_cpu_ns();
        let mut octets = 0;
        let told = self.drain.take_all(Timestamp(0), &mut |segment| octets += segment.octets.len());
        if told > 0 && octets > 0 {
            self.told += told;
            self.cpu_ns += sys::thread_cpu_ns() - before;
        }
    }
}

/// Mean CPU nanoseconds a packet; where there is a reader, it reads after every thousand of them, which is not counted.
fn run(harness: &Harness, program: &str, packet: &[u8], packets: u32, mut reader: Option<&mut Reader>) -> Result<f64> {
    let each = if reader.is_some() { TURN_PACKETS.min(packets) } else { packets };
    let turns = packets / each;
    let mut cpu_ns = 0;
    for _ in 0..turns {
        let before = sys::thread_cpu_ns();
        sys::test_run(harness.program(program)?, packet, each, 0)?;
        cpu_ns += sys::thread_cpu_ns() - before;
        if let Some(reader) = &mut reader {
            reader.read();
        }
    }
    Ok(cpu_ns as f64 / f64::from(each * turns))
}
