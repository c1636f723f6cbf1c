//! Queues in front of devices, and those who empty them: read from the host several times a second, polls by a program.

mod resting;

use super::probes::Named;
use super::watching::targets;
use netrig_aggregate::QueueTeller;
use netrig_config::Config;
use netrig_drain::Drain;
use netrig_drain::polls::Polls;
use netrig_host::{
    Qdisc, RingSizes, SoftirqTime, SoftnetCounts, qdiscs, ring_sizes, softirq_times, softnet_counts, transmit_queues,
};
use netrig_model::{Direction, ProbeState, ProbeStatus, QueueStatus, QueuesStatus, SoftirqStatus};
use netrig_probes::ProbeError;
use netrig_probes::meter::Parts;
use netrig_probes::queue::QueueProbe;
use resting::Resting;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

/// How often what waits is looked at.
const LOOK_SPAN: Duration = Duration::from_millis(250);
/// A host with thousands of interfaces is looked at more rarely: looking takes at most one in so much time.
const LOOK_COST_ONE_IN: u32 = 200;
/// The kernel tells CPUs' time in hundredths of a second.
const TIMES_SPAN: Duration = Duration::from_secs(2);
/// A slice with fewer polls, of all devices together, is a quiet one.
const POLLS_MIN: u64 = 10;
/// How often devices are asked for their rings, which change when somebody changes them.
const RINGS_SPAN: Duration = Duration::from_secs(10);
/// Transmit queues of an interface that are read for a picture.
const TRANSMIT_QUEUES_MAX: usize = 64;
/// Those of all interfaces.
const TRANSMIT_QUEUES_ALL_MAX: usize = 256;

/// From the host's counters to the picture.
pub(super) struct Queues {
    /// None, and why: queues are looked at all the same.
    probe: Result<QueueProbe, String>,
    polls: Option<Polls>,
    teller: QueueTeller,
    resting: Resting,
    /// The kernel's index and the name of each.
    watched: Vec<(u32, String)>,
    /// `[rig] interfaces`, where no flow probe follows them.
    alone: Option<Vec<String>>,
    rings: BTreeMap<u32, RingSizes>,
    transmit: Vec<QueueStatus>,
    softnet: Vec<SoftnetCounts>,
    /// The last two looks at CPUs' time.
    times: [Vec<SoftirqTime>; 2],
    begun: Instant,
    next_look: Instant,
    next_times: Instant,
    next_rings: Instant,
    /// What could not be read at the last try.
    without: BTreeSet<&'static str>,
}

impl Queues {
    /// Loads the program; attaches nothing. Without it only polls are missing.
    pub(super) fn lay(config: &Config) -> Self {
        let now = Instant::now();
        let probe = QueueProbe::load();
        let netns = netrig_host::netns_inode().ok().and_then(|inode| u32::try_from(inode).ok());
        Self {
            polls: probe.as_ref().ok().map(|probe| Polls::new(probe.memory(), netns)),
            probe: probe.map_err(said),
            teller: QueueTeller::default(),
            resting: Resting::default(),
            watched: Vec::new(),
            alone: (!config.flow.enabled).then(|| config.rig.interfaces.clone()),
            rings: BTreeMap::new(),
            transmit: Vec::new(),
            softnet: Vec::new(),
            times: [Vec::new(), Vec::new()],
            begun: now,
            next_look: now,
            next_times: now,
            next_rings: now,
            without: BTreeSet::new(),
        }
    }

    pub(super) fn attach(&mut self) {
        if let Ok(probe) = &mut self.probe
            && let Err(error) = probe.attach()
        {
            self.probe = Err(said(error));
            self.polls = None;
        }
    }

    /// Its program and maps; none where it could not be loaded.
    pub(super) fn parts(&self) -> Option<io::Result<Parts>> {
        self.probe.as_ref().ok().map(QueueProbe::parts)
    }

    /// Whether it goes on attaching for slices of time.
    pub(super) fn attaches_in_slices(&self) -> bool {
        self.probe.is_ok()
    }

    /// How long until a slice begins or ends.
    pub(super) fn until_due(&self, now: Instant) -> Duration {
        self.probe.as_ref().map_or(Duration::MAX, |probe| probe.until_due(now))
    }

    /// Slices, and whatever is due to be looked at. `drain` knows what interfaces have sent, where the flow probe runs; the host `stirs` where
    /// more frames come than at rest.
    pub(super) fn turn(&mut self, watched: &[Named], drain: Option<&Drain>, stirs: bool) {
        if let (Ok(probe), Some(polls)) = (&mut self.probe, &mut self.polls) {
            if stirs {
                probe.was_quiet(false);
            }
            if probe.turn() {
                let polled = polls.take();
                probe.was_quiet(!stirs && polled < POLLS_MIN);
            }
        }
        let now = Instant::now();
        if now >= self.next_rings {
            self.next_rings = now + RINGS_SPAN;
            self.look_at_rings();
        }
        if now >= self.next_times {
            self.next_times = now + TIMES_SPAN;
            self.look_at_times();
        }
        if now >= self.next_look {
            if self.alone.is_none() && !is_same(&self.watched, watched) {
                self.watched.clear();
                self.watched.extend(watched.iter().map(|each| (each.ifindex, each.name.clone())));
                self.resting = Resting::default();
            }
            let sent = drain.and_then(|drain| frames_sent(watched, drain));
            self.look_at_what_waits(now, sent);
            self.next_look = now + LOOK_SPAN.max(now.elapsed() * LOOK_COST_ONE_IN);
        }
    }

    /// `sent` frames have been on their way out so far.
    fn look_at_what_waits(&mut self, now: Instant, sent: Option<u64>) {
        let at_ns = u64::try_from(now.saturating_duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX);
        if let Some(all) = self.resting.still(sent, now) {
            self.teller.see(at_ns, all.to_vec());
            return;
        }
        let read = qdiscs();
        note(&mut self.without, "queueing disciplines", read.is_err());
        let Ok(all) = read else { return };
        let all = disciplines(&all, &self.watched);
        self.resting.read(sent, now, &all);
        self.teller.see(at_ns, all);
    }

    fn look_at_times(&mut self) {
        let read = softirq_times();
        note(&mut self.without, "time in softirqs", read.is_err());
        self.times.swap(0, 1);
        self.times[1] = read.unwrap_or_default();
    }

    fn look_at_rings(&mut self) {
        let read = ring_sizes();
        note(&mut self.without, "rings", read.is_err());
        self.rings = read.unwrap_or_default();
        if let Some(entries) = &self.alone {
            let (interfaces, _) = targets(entries).unwrap_or_default();
            self.watched = interfaces.into_iter().map(|interface| (interface.index, interface.name)).collect();
        }
    }

    /// Takes over what a running rig can.
    pub(super) fn reload(&mut self, config: &Config) {
        if let Some(entries) = &mut self.alone {
            entries.clone_from(&config.rig.interfaces);
            self.next_rings = Instant::now();
        }
    }

    /// Takes in what only pictures need.
    pub(super) fn look(&mut self) {
        let read = softnet_counts();
        note(&mut self.without, "CPUs' receive work", read.is_err());
        self.softnet = read.unwrap_or_default();
        let ns_per_tick = self.probe.as_ref().ok().and_then(QueueProbe::ns_per_tick);
        self.transmit.clear();
        for (ifindex, name) in &self.watched {
            let room = TRANSMIT_QUEUES_ALL_MAX.saturating_sub(self.transmit.len()).min(TRANSMIT_QUEUES_MAX);
            let queues = transmit_queues(name, *ifindex, room).into_iter();
            self.transmit.extend(queues.map(|queue| QueueStatus {
                iface: name.clone(),
                direction: Some(Direction::Egress),
                queue: Some(queue.number),
                bql_limit_bytes: Some(queue.limit_bytes),
                bql_inflight_bytes: Some(queue.inflight_bytes),
                bql_stalls: queue.stalls,
                bql_stall_ns_max: queue.stall_ticks_max.zip(ns_per_tick).map(|(ticks, ns)| ticks.saturating_mul(ns)),
                ..QueueStatus::default()
            }));
        }
    }

    /// Everything there is to show, as of the last look.
    pub(super) fn status(&self) -> QueuesStatus {
        let mut queues = self.teller.tell();
        queues.extend(self.transmit.iter().cloned());
        for (ifindex, name) in &self.watched {
            queues.extend(self.rings.get(ifindex).into_iter().flat_map(|sizes| rings(name, *sizes)));
        }
        QueuesStatus {
            queues,
            polls: self.polls.as_ref().map(Polls::all).unwrap_or_default(),
            polls_looked_at: self.probe.as_ref().map_or(0.0, QueueProbe::looked_at),
            cpus: self.softnet.iter().map(|row| softirq(*row, &self.times)).collect(),
        }
    }

    /// How it fares.
    pub(super) fn probe_status(&self) -> ProbeStatus {
        let status = |state, detail| ProbeStatus { name: "queue".into(), state, detail };
        let mut without: Vec<String> = self.without.iter().map(|what| (*what).to_owned()).collect();
        match &self.probe {
            Err(why) => without.push(format!("polls ({why})")),
            Ok(probe) => without.extend(probe.refused().map(|why| format!("polls ({why})"))),
        }
        if self.teller.left_out() > 0 {
            without.push(format!("{} queues: there are too many", self.teller.left_out()));
        }
        if without.is_empty() {
            return status(ProbeState::Running, format!("queues of {} interfaces", self.watched.len()));
        }
        status(ProbeState::Degraded, format!("without {}", without.join("; without ")))
    }
}

fn said(error: ProbeError) -> String {
    tracing::warn!(%error, "Polls of devices are not counted; queues are looked at all the same.");
    error.to_string()
}

fn note(without: &mut BTreeSet<&'static str>, what: &'static str, failed: bool) {
    if failed {
        without.insert(what)
    } else {
        without.remove(what)
    };
}

fn is_same(known: &[(u32, String)], watched: &[Named]) -> bool {
    let each = known.iter().zip(watched).all(|((ifindex, name), each)| *ifindex == each.ifindex && *name == each.name);
    each && known.len() == watched.len()
}

/// What passed the flow probe ahead of the queues; none where one of the interfaces is not seen that way.
fn frames_sent(watched: &[Named], drain: &Drain) -> Option<u64> {
    let each = watched.iter().map(|each| {
        let is_seen = !each.hooks[Direction::Egress.index()].is_empty();
        is_seen.then(|| drain.interface_counts(each.id, Direction::Egress).frames.packets)
    });
    each.sum()
}

/// The disciplines of watched interfaces.
fn disciplines(all: &[Qdisc], watched: &[(u32, String)]) -> Vec<QueueStatus> {
    let names: BTreeMap<u32, &str> = watched.iter().map(|(ifindex, name)| (*ifindex, name.as_str())).collect();
    let of_watched = all.iter().filter_map(|qdisc| Some((qdisc, *names.get(&qdisc.ifindex)?)));
    let each = of_watched.map(|(qdisc, name)| {
        let queue = queue_number(qdisc, all);
        QueueStatus {
            iface: name.to_owned(),
            direction: Some(Direction::Egress),
            queue,
            qdisc: Some(label(qdisc, queue)),
            backlog_bytes: Some(qdisc.backlog_bytes.into()),
            backlog_packets: Some(qdisc.backlog_packets.into()),
            sent_bytes: Some(qdisc.bytes),
            sent_packets: Some(qdisc.packets),
            dropped_packets: Some(qdisc.drops.into()),
            overlimit_packets: Some(qdisc.overlimits.into()),
            requeued_packets: Some(qdisc.requeues.into()),
            ..QueueStatus::default()
        }
    });
    each.collect()
}

const MAJOR: u32 = 0xffff_0000;

/// Below `mq` and its kin, each of the device's queues has a discipline of its own.
fn queue_number(qdisc: &Qdisc, all: &[Qdisc]) -> Option<u32> {
    if qdisc.parent == Qdisc::ROOT {
        return None;
    }
    let above = all.iter().find(|each| {
        each.ifindex == qdisc.ifindex && each.parent == Qdisc::ROOT && each.handle == qdisc.parent & MAJOR
    })?;
    let one_for_each = ["mq", "mqprio", "taprio"].contains(&&*above.kind);
    if one_for_each { (qdisc.parent & !MAJOR).checked_sub(1) } else { None }
}

/// As `tc` names it. What has no number of its own is told by the class it hangs below.
fn label(qdisc: &Qdisc, queue: Option<u32>) -> String {
    let Qdisc { kind, handle, parent, .. } = qdisc;
    if *handle == 0 && *parent != Qdisc::ROOT && queue.is_none() {
        return format!("{kind} of {:x}:{:x}", parent >> 16, parent & !MAJOR);
    }
    format!("{kind} {:x}:", handle >> 16)
}

fn rings(iface: &str, sizes: RingSizes) -> impl Iterator<Item = QueueStatus> + use<> {
    let ways = [
        (Direction::Ingress, sizes.receive, sizes.receive_max),
        (Direction::Egress, sizes.transmit, sizes.transmit_max),
    ];
    let iface = iface.to_owned();
    ways.into_iter().filter(|(_, slots, _)| slots.is_some()).map(move |(way, slots, most)| QueueStatus {
        iface: iface.clone(),
        direction: Some(way),
        ring_slots: slots,
        ring_slots_max: most,
        ..QueueStatus::default()
    })
}

fn softirq(row: SoftnetCounts, [before, now]: &[Vec<SoftirqTime>; 2]) -> SoftirqStatus {
    let of = |times: &[SoftirqTime]| times.iter().find(|time| time.cpu == row.cpu).copied();
    // A CPU that was offline at one of the looks has no time between them: what it has counted is since the start.
    let (before, now) = of(before).zip(of(now)).unwrap_or_default();
    let all = now.all.saturating_sub(before.all);
    let in_softirqs = now.softirq.saturating_sub(before.softirq);
    SoftirqStatus {
        cpu: row.cpu,
        softirq_share: if all == 0 { 0.0 } else { (in_softirqs as f64 / all as f64).min(1.0) },
        processed: row.processed.into(),
        dropped: row.dropped.into(),
        squeezed: row.squeezed.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qdisc(kind: &str, handle: u32, parent: u32) -> Qdisc {
        Qdisc { ifindex: 3, kind: kind.into(), handle, parent, backlog_bytes: 7, ..Qdisc::default() }
    }

    fn named(all: &[Qdisc]) -> Vec<(Option<u32>, String)> {
        let told = disciplines(all, &[(3, "eth0".into())]);
        told.into_iter().map(|queue| (queue.queue, queue.qdisc.unwrap_or_default())).collect()
    }

    #[test]
    fn disciplines_of_watched_interfaces_are_named_as_tc_names_them() {
        let mq = [qdisc("mq", 0, Qdisc::ROOT), qdisc("fq_codel", 0, 1), qdisc("fq_codel", 0, 2)];
        let want = [(None, "mq 0:"), (Some(0), "fq_codel 0:"), (Some(1), "fq_codel 0:")];
        assert_eq!(named(&mq), want.map(|(queue, name)| (queue, name.to_owned())));
        let htb =
            [qdisc("htb", 0x1_0000, Qdisc::ROOT), qdisc("pfifo", 0, 0x1_0010), qdisc("sfq", 0x8002_0000, 0x1_0020)];
        let want = ["htb 1:", "pfifo of 1:10", "sfq 8002:"];
        assert_eq!(named(&htb), want.map(|name| (None, name.to_owned())));
        let elsewhere = Qdisc { ifindex: 4, ..qdisc("tbf", 0x8001_0000, Qdisc::ROOT) };
        assert_eq!(named(&[elsewhere]), []);
    }

    #[test]
    fn a_cpus_share_is_that_between_the_last_two_looks() {
        let time = |softirq, all| vec![SoftirqTime { cpu: 1, softirq, all }];
        let row = SoftnetCounts { cpu: 1, processed: 9, dropped: 2, squeezed: 1, flow_limited: 0 };
        let told = softirq(row, &[time(10, 1000), time(60, 1200)]);
        assert!((told.softirq_share - 0.25).abs() < 1e-9, "{told:?}");
        assert_eq!((told.cpu, told.processed, told.dropped, told.squeezed), (1, 9, 2, 1));
        assert!(softirq(row, &[Vec::new(), Vec::new()]).softirq_share.abs() < 1e-9);
    }

    #[test]
    fn a_cpu_that_comes_back_has_no_share_of_all_the_time_since_the_start() {
        let time = |softirq, all| vec![SoftirqTime { cpu: 1, softirq, all }];
        let row = SoftnetCounts { cpu: 1, ..SoftnetCounts::default() };
        let shares = [[Vec::new(), time(900, 1000)], [time(900, 1000), Vec::new()]]
            .map(|times| softirq(row, &times).softirq_share);
        assert_eq!(shares.map(|share| share > 0.0), [false, false], "{shares:?}");
    }

    #[test]
    fn only_rings_that_there_are_get_a_line() {
        let sizes = RingSizes { receive: Some(256), receive_max: Some(4096), ..RingSizes::default() };
        let told: Vec<_> = rings("eth0", sizes).collect();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].direction, told[0].ring_slots_max), (Some(Direction::Ingress), Some(4096)));
    }
}
