//! A capture from its beginning to its end.

use super::choose::{Change, Interfaces};
use super::filters::Filters;
use super::link_of;
use super::out::Out;
use super::place::Place;
use super::sink::Sink;
use super::tell::{Reasons, Totals};
use crate::cli::CaptureArgs;
use crate::commands::stop::Stop;
use crate::output::say;
use netrig_capture::{Interface as Block, InterfaceNumber, LinkType, Statistics};
use netrig_filter::Link;
use netrig_host::{Interface, monotonic_ns, realtime_offset_ns};
use netrig_model::Timestamp;
use netrig_probes::capture::{CaptureProbe, Captured, Counts, Hook, Source};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long packets may wait until somebody looks; rings that fill tell sooner.
const REST: Duration = Duration::from_millis(20);
/// How often interfaces are looked for that have come or gone.
const LOOK: Duration = Duration::from_secs(1);
/// A packet's time is taken a moment before it lies in its ring: so much later no earlier one comes.
const SETTLES_NS: u64 = 2_000_000;
/// The clocks' distance is read with an error; it has moved only if it is more than this off.
const CLOCK_SCATTER_NS: u64 = 50_000;

/// One hook of one interface; or all drops.
pub(super) struct Watched {
    pub(super) source: Source,
    pub(super) hook: Hook,
    pub(super) ifindex: u32,
    pub(super) number: InterfaceNumber,
    pub(super) begun: Timestamp,
    pub(super) is_gone: bool,
    /// What each CPU had lost at its latest packet.
    lost: Vec<u32>,
}

impl Watched {
    /// How many its CPU has lost since its packet before.
    #[inline]
    pub(super) fn lost_before(&mut self, packet: &Captured<'_>) -> u32 {
        let cpu = packet.cpu as usize;
        if self.lost.len() <= cpu {
            self.lost.resize(cpu + 1, 0);
        }
        packet.lost.wrapping_sub(std::mem::replace(&mut self.lost[cpu], packet.lost))
    }
}

pub(super) struct Session<'a> {
    args: &'a CaptureArgs,
    probe: CaptureProbe,
    hooks: &'a [Hook],
    filters: &'a Filters,
    interfaces: Interfaces,
    pub(super) watched: Vec<Watched>,
    out: Out,
    offset_ns: i64,
}

impl<'a> Session<'a> {
    pub(super) fn begin(
        args: &'a CaptureArgs,
        probe: CaptureProbe,
        hooks: &'a [Hook],
        filters: &'a Filters,
        interfaces: Interfaces,
        place: &Place,
    ) -> anyhow::Result<Self> {
        let offset_ns = realtime_offset_ns();
        let sink = Sink::open(args, time_of(monotonic_ns(), offset_ns), place.elsewhere())?;
        let drop_block = Block {
            hook: Hook::Drop.name().to_owned(),
            link: LinkType::Ethernet,
            snaplen: args.snaplen,
            filter: filters.expression(),
            ..Block::default()
        };
        let reasons = Reasons::read(hooks.contains(&Hook::Drop));
        let out = Out::new(sink, drop_block, reasons, args.count.unwrap_or(u64::MAX));
        let mut session = Self { args, probe, hooks, filters, interfaces, watched: Vec::new(), out, offset_ns };
        session.attach_all()?;
        Ok(session)
    }

    fn now(&self) -> Timestamp {
        time_of(monotonic_ns(), self.offset_ns)
    }

    fn attach_all(&mut self) -> anyhow::Result<()> {
        if self.hooks.contains(&Hook::Drop) {
            self.attach_drops()?;
        }
        let all: Vec<Interface> = self.interfaces.known.values().cloned().collect();
        let mut refused = None;
        for interface in &all {
            if let Err(error) = self.attach(interface) {
                // Of many, those that cannot be had are named, and the rest goes on.
                if all.len() == 1 {
                    return Err(error);
                }
                say(&format!("netrig: {error:#}"));
                refused = Some(error);
            }
        }
        match refused {
            Some(error) if self.watched.is_empty() => Err(error),
            _ => {
                self.say_what_is_watched();
                Ok(())
            }
        }
    }

    fn attach_drops(&mut self) -> anyhow::Result<()> {
        let source = self.probe.attach_drops(self.filters.of(Link::Ethernet)?)?;
        let only = (self.interfaces.known.len() == 1).then(|| self.interfaces.known.keys().next().copied()).flatten();
        let index = only.unwrap_or(0);
        let name = only.and_then(|index| self.interfaces.name(index)).unwrap_or("any");
        let number = self.out.sink.declare(Block { name: name.to_owned(), ..self.out.drop_block.clone() });
        self.out.drops.insert(index, number);
        self.watch(source, Hook::Drop, index, number);
        Ok(())
    }

    fn watch(&mut self, source: Source, hook: Hook, ifindex: u32, number: InterfaceNumber) {
        let begun = self.now();
        self.watched.push(Watched { source, hook, ifindex, number, begun, is_gone: false, lost: Vec::new() });
    }

    fn attach(&mut self, interface: &Interface) -> anyhow::Result<()> {
        let Some(link) = link_of(interface) else {
            anyhow::bail!("{} has neither Ethernet nor IP at its beginning, and cannot be captured at", interface.name);
        };
        let filter = self.filters.of(link)?;
        for hook in self.hooks.iter().copied().filter(|hook| *hook != Hook::Drop) {
            let source = self.probe.attach(filter, hook, &interface.name, interface.index)?;
            let (got, why) = self.probe.got(source).unwrap_or_default();
            if let Some(why) = why {
                say(&format!("netrig: {}: asked for xdp-native, got {got}: {why}", interface.name));
            }
            let number = self.out.sink.declare(Block {
                name: interface.name.clone(),
                hook: described(got, hook),
                link: match link {
                    Link::Ethernet => LinkType::Ethernet,
                    Link::RawIp => LinkType::Raw,
                },
                snaplen: self.args.snaplen,
                filter: self.filters.expression(),
                speed_bps: netrig_host::link_speeds().ok().and_then(|speeds| speeds.get(&interface.index).copied()),
                ..Block::default()
            });
            self.watch(source, hook, interface.index, number);
        }
        Ok(())
    }

    fn say_what_is_watched(&self) {
        let names: Vec<&str> = self.interfaces.known.values().map(|interface| interface.name.as_str()).collect();
        let hooks: Vec<&str> = self.hooks.iter().map(|hook| hook.name()).collect();
        let names = if names.len() > 8 {
            format!("{} and {} more", names[..8].join(", "), names.len() - 8)
        } else {
            names.join(", ")
        };
        say(&format!("netrig: capturing on {names} ({})", hooks.join(", ")));
    }

    /// Until it is told to stop, has enough, or cannot go on.
    pub(super) fn run(mut self, stop: &Stop) -> anyhow::Result<ExitCode> {
        let mut looked = Instant::now();
        let mut lonely = false;
        while !stop.is_told() && !lonely && !self.out.is_over() {
            self.probe.wait(REST)?;
            self.turn(monotonic_ns().saturating_sub(SETTLES_NS));
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                // A file that ends in between has counts of a second ago at the most.
                self.remember_statistics();
                lonely = self.look();
            }
            if stop.is_asked() {
                say(&self.totals().sentence(None));
            }
        }
        self.end(lonely)
    }

    fn turn(&mut self, until_ns: u64) {
        let offset_ns = realtime_offset_ns();
        if offset_ns.abs_diff(self.offset_ns) > CLOCK_SCATTER_NS {
            self.offset_ns = offset_ns;
        }
        let Self { probe, watched, out, interfaces, offset_ns, .. } = self;
        probe.take(until_ns, &mut |packet| {
            out.packet(packet, watched, interfaces, *offset_ns);
            !out.is_over()
        });
        let now = self.now();
        self.out.try_to(|sink| sink.turn(now));
    }

    /// Whether all interfaces have gone.
    fn look(&mut self) -> bool {
        let Change { come, gone } = self.interfaces.look().unwrap_or_default();
        for interface in &gone {
            say(&format!("netrig: {} is gone", interface.name));
            for watched in
                self.watched.iter_mut().filter(|each| each.ifindex == interface.index && each.hook != Hook::Drop)
            {
                watched.is_gone = true;
                self.probe.detach(watched.source);
            }
        }
        for interface in &come {
            match self.attach(interface) {
                Ok(()) => say(&format!("netrig: {} has come", interface.name)),
                Err(error) => say(&format!("netrig: {} has come, but: {error:#}", interface.name)),
            }
        }
        if let Some(indices) = self.interfaces.restriction()
            && !come.is_empty()
        {
            let _ = self.probe.set_ifaces(&indices);
        }
        self.watched.iter().all(|watched| watched.is_gone) && !gone.is_empty() && !self.interfaces.waits()
    }

    fn remember_statistics(&mut self) {
        if !self.out.sink.has_statistics() {
            return;
        }
        let end = self.now();
        for watched in &self.watched {
            let counts = self.probe.counts(watched.source);
            self.out.try_to(|sink| sink.statistics(watched.number, statistics(&counts, watched.begun, end)));
        }
    }

    fn totals(&self) -> Totals {
        let mut counts = Counts::default();
        self.watched.iter().for_each(|watched| counts += self.probe.counts(watched.source));
        Totals {
            counts,
            written: self.out.sink.written(),
            lost_write: self.out.sink.lost_write(),
            beyond: self.out.beyond,
        }
    }

    fn end(mut self, lonely: bool) -> anyhow::Result<ExitCode> {
        self.probe.detach_all();
        // What lies in the rings is written, or is more than was asked for.
        let Self { probe, watched, out, interfaces, offset_ns, .. } = &mut self;
        probe.take(u64::MAX, &mut |packet| {
            out.packet(packet, watched, interfaces, *offset_ns);
            true
        });
        self.remember_statistics();
        let beyond = self.out.beyond;
        let mut totals = self.totals();
        let target = self.args.write.as_deref();
        let (ended, written, lost_write) = self.out.sink.finish();
        (totals.written, totals.lost_write, totals.beyond) = (written, lost_write, beyond);
        let failed = self.out.failed.take().or(ended.err());
        let reader_left = failed.as_ref().is_some_and(is_broken_pipe);
        say(&totals.sentence(target));
        match failed {
            // Whoever read has seen enough: that is no failure.
            Some(_) if reader_left => Ok(ExitCode::SUCCESS),
            Some(error) => Err(error),
            None if lonely => anyhow::bail!("there is no interface left to capture at"),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}

fn described(got: &str, hook: Hook) -> String {
    if hook == Hook::Xdp { got.to_owned() } else { format!("{got}/{}", hook.name()) }
}

pub(super) fn time_of(monotonic_ns: u64, offset_ns: i64) -> Timestamp {
    Timestamp(i64::try_from(monotonic_ns).unwrap_or(i64::MAX).saturating_add(offset_ns))
}

fn statistics(counts: &Counts, start: Timestamp, end: Timestamp) -> Statistics {
    Statistics {
        start,
        end,
        received: Some(counts.seen),
        dropped_by_interface: None,
        accepted: Some(counts.wanted()),
        dropped_by_us: Some(counts.lost + counts.limited + counts.sampled_out),
        delivered: None,
        by_reason: vec![
            ("no room in the ring".to_owned(), counts.lost),
            ("beyond the rate".to_owned(), counts.limited),
            ("left out by sampling".to_owned(), counts.sampled_out),
            ("the rest of packets that are not whole".to_owned(), counts.truncated),
        ],
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |kind: Option<std::io::ErrorKind>| kind == Some(std::io::ErrorKind::BrokenPipe);
    broken(error.downcast_ref::<netrig_capture::Error>().and_then(netrig_capture::Error::io_kind))
        || broken(error.downcast_ref::<std::io::Error>().map(std::io::Error::kind))
}
