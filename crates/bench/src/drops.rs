//! What counting a dropped packet by reason, place and flow costs, beside what dropping it costs; and whether all are counted.

use crate::loads;
use crate::report::{Figure, verdict};
use crate::rounds::{self, Contenders, Samples};
use crate::sys;
use anyhow::{Context, Result, anyhow};
use libbpf_rs::{Link, Object, ObjectBuilder};
use netrig_probes::drop::{DropOptions, DropProbe};
use netrig_probes::wire::{drop_group, drop_key, drops};
use serde::Serialize;
use std::mem::offset_of;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

static EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty_drop.bpf.o"));

const NOTHING: usize = 0;
const NETRIG: usize = 1;
const EMPTY_PROGRAM: usize = 2;
/// Of what the drops themselves cost, at most.
const SHARE_MAX: f64 = 0.10;

/// How packets come to be dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Load {
    /// Nobody has the port; a thousand of a second are told so (ICMP).
    ClosedPort,
    /// A socket has the port, is full and is never read.
    FullBuffer,
    /// The same, from a thousand ports in turn.
    ManyFlows,
}

impl Load {
    const ALL: [Self; 3] = [Self::ClosedPort, Self::FullBuffer, Self::ManyFlows];

    fn name(self) -> &'static str {
        match self {
            Self::ClosedPort => "closed port",
            Self::FullBuffer => "full buffer",
            Self::ManyFlows => "full buffer, 1000 flows",
        }
    }

    fn flows(self) -> usize {
        if self == Self::ManyFlows { 1000 } else { 1 }
    }
}

/// One load's figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DropResult {
    load: &'static str,
    /// CPU of a send that ends in a drop.
    drop_ns: Figure,
    empty_ns: Figure,
    netrig_ns: Figure,
    error_ns: f64,
    /// Packets sent under the probe's eyes, and drops it counted meanwhile.
    sent: u64,
    counted: u64,
    uncounted: u64,
}

pub(crate) const HEAD: &str = "\
Drops in a loop, one CPU: ns each; medians of interleaved rounds

load                      a drop  empty adds  netrig adds     ±   share  bar            sent     counted  left out";

impl DropResult {
    pub(crate) fn share(&self) -> f64 {
        self.netrig_ns.median / self.drop_ns.median
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{:<24} {:>7.0} {:>11.1} {:>12.1} {:>5.1} {:>5.1} % {:>5.0} % {:<7} {:>9} {:>11} {:>9}{}",
            self.load,
            self.drop_ns.median,
            self.empty_ns.median,
            self.netrig_ns.median,
            self.error_ns,
            self.share() * 100.0,
            SHARE_MAX * 100.0,
            verdict(self.share(), self.error_ns / self.drop_ns.median, SHARE_MAX),
            self.sent,
            self.counted,
            self.uncounted,
            if self.counted + self.uncounted < self.sent { "  LOST SOME" } else { "" },
        )
    }
}

struct DropContenders {
    probe: DropProbe,
    empty: Object,
    empty_link: Option<Link>,
}

impl DropContenders {
    fn load(kernel_bytes: u64) -> Result<Self> {
        let probe = DropProbe::load(&DropOptions::live(kernel_bytes), None)?;
        let open = ObjectBuilder::default().open_memory(EMPTY).context("the empty program does not open")?;
        let empty = open.load().context("the kernel refuses the empty program")?;
        Ok(Self { probe, empty, empty_link: None })
    }

    /// Packets of all groups that are packets' own end.
    fn counted(&self) -> u64 {
        let memory = self.probe.memory();
        let (each, packets) = (size_of::<drop_group>() / 8, offset_of!(drop_group, packets) / 8);
        let groups = (0..memory.groups.len() / each).filter(|group| {
            let facts = memory.groups.load(group * each + offset_of!(drop_key, netns) / 8);
            (facts >> 32) as u8 == drops::SOURCE_SKB
        });
        groups.map(|group| memory.groups.load(group * each + packets)).sum()
    }
}

impl Contenders for DropContenders {
    fn attach(&mut self, which: usize) -> Result<()> {
        self.probe.detach();
        self.empty_link = None;
        match which {
            NETRIG => self.probe.attach()?,
            EMPTY_PROGRAM => {
                let program = self.empty.progs_mut().next().ok_or_else(|| anyhow!("there is no empty program"))?;
                self.empty_link = Some(program.attach()?);
            }
            _ => {}
        }
        Ok(())
    }

    fn drain(&mut self) {
        let _ = self.probe.examples(&mut |_| {});
    }
}

pub(crate) fn measure(quick: bool, kernel_bytes: u64, told: &mut dyn FnMut(DropResult)) -> Result<()> {
    let namespace = loads::namespace("bench-drop");
    let mut contenders = DropContenders::load(kernel_bytes)?;
    let (rounds, sends) = if quick { (11, 50_000) } else { (41, 200_000) };
    for load in Load::ALL {
        told(namespace.inside(|| measure_load(load, rounds, sends, &mut contenders))?);
    }
    Ok(())
}

fn measure_load(load: Load, rounds: usize, sends: u32, contenders: &mut DropContenders) -> Result<DropResult> {
    sys::measure_on(0)?;
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let to = receiver.local_addr()?;
    let receiver = (load != Load::ClosedPort).then_some(receiver);
    let senders: Vec<_> =
        (0..load.flows()).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
    send(&senders, to, 5_000)?;
    let (before, left_out) = (contenders.counted(), contenders.probe.uncounted());
    let which = [NOTHING, EMPTY_PROGRAM, NETRIG];
    let samples = rounds::contest(rounds, &which, contenders, &mut |_| {
        let before = sys::thread_cpu_ns();
        send(&senders, to, sends)?;
        Ok([(sys::thread_cpu_ns() - before) as f64 / f64::from(sends)])
    })?;
    drop(receiver);
    let samples: Vec<Samples> = samples.into_iter().map(|[one]| one).collect();
    let [without, empty, netrig] = &samples[..] else { return Err(anyhow!("not three contenders")) };
    let added = netrig.beyond(without);
    Ok(DropResult {
        load: load.name(),
        drop_ns: Figure::of(without),
        empty_ns: Figure::of(&empty.beyond(without)),
        netrig_ns: Figure::of(&added),
        error_ns: added.error_of_median(),
        sent: (rounds as u64 + 1) * u64::from(sends),
        counted: contenders.counted() - before,
        uncounted: contenders.probe.uncounted() - left_out,
    })
}

/// None of them is ever read.
fn send(senders: &[UdpSocket], to: SocketAddr, count: u32) -> Result<()> {
    for (_, sender) in (0..count).zip(senders.iter().cycle()) {
        sender.send_to(&[1; 64], to)?;
    }
    Ok(())
}
