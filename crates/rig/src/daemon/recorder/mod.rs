//! The flight recorder: the last packets of each watched interface, written to a file when something happens.
//!
//! The loop attaches its programs, and looks once a second whether a trigger fires, at what the rig's other probes know. A thread
//! of its own ([`keeper`]) copies packets out of the rings from then on, and another ([`writing`]) makes the file: neither a busy
//! ring nor a slow disk holds up the loop.

mod dump;
mod evidence;
mod keeper;
mod marks;
mod owners;
mod shared;
mod watcher;
mod writing;

use super::budget::Budget;
use super::probes::{Named, Probes};
use super::questions;
use super::watching::{link_kind, targets};
use crate::control::{Answer, Ask, Asked, Socket};
use keeper::Keeper;
use marks::Marks;
use netrig_capture::{LinkType, Quota};
use netrig_config::{Config, Trigger};
use netrig_drain::recorder::{Cursors, Recorder};
use netrig_host::monotonic_ns;
use netrig_model::{Direction, ProbeState, ProbeStatus, RecordedInterface, RecorderStatus};
use netrig_probes::flow::FlowProbe;
use netrig_probes::flow::LinkKind;
use netrig_probes::meter::Parts;
use netrig_probes::recorder::{RecorderProbe, RecorderSizes};
use owners::{Ends, Owners};
use shared::Handle;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use watcher::{Evidence, Looks};

/// How often triggers are looked for.
const LOOK_SPAN: Duration = Duration::from_secs(1);
/// What a signal and a command are called among triggers.
const SIGNAL: &str = "signal";
const COMMAND: &str = "command";
/// Interfaces that have rings at least, and where more may come by at any time.
const IFACES_MIN: usize = 2;
const IFACES_BY_PATTERN_MIN: usize = 8;
/// So long after it nobody waits for an answer any more.
const AFTER_MAX: Duration = Duration::from_secs(60);

/// Where the answer goes.
type Waiter = SyncSender<Answer>;

/// An interface as a file tells it.
#[derive(Clone, Debug)]
struct Interface {
    name: String,
    link: LinkType,
    /// Words of the hooks, by direction.
    hooks: [&'static str; 2],
}

impl Interface {
    fn unknown(ifindex: u32) -> Self {
        Self { name: format!("interface {ifindex}"), link: LinkType::Ethernet, hooks: ["tcx"; 2] }
    }
}

/// By the kernel's index.
type Interfaces = BTreeMap<u32, Interface>;

/// Something that makes the recorder write.
#[derive(Debug)]
struct Fired {
    trigger: String,
    told: String,
    at_ns: u64,
    /// How much of what follows; none: what the configuration says.
    after_ns: Option<u64>,
    /// By a person: always obeyed.
    by_hand: bool,
    waiter: Option<Waiter>,
}

/// What the keeper is told.
enum Message {
    Fired(Fired),
    Interfaces(Interfaces),
    Settings(Settings),
    Owners(Owners),
    /// Where the rings were, and when.
    Mark(u64, Cursors),
    /// Everything ends.
    End,
}

/// What the configuration says of files.
#[derive(Clone, Debug)]
struct Settings {
    before_ns: u64,
    after_ns: u64,
    cooldown_ns: u64,
    dir: PathBuf,
    quota: Quota,
}

impl Settings {
    fn of(config: &Config) -> Self {
        let recorder = &config.recorder;
        Self {
            before_ns: nanoseconds(recorder.before),
            after_ns: nanoseconds(recorder.after),
            cooldown_ns: nanoseconds(recorder.cooldown),
            dir: recorder.dir.clone().unwrap_or_else(|| config.store.dir.join("captures")),
            quota: Quota { files: recorder.files as usize, bytes: recorder.bytes.0 },
        }
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Where questions for the recorder go.
#[derive(Clone)]
pub(super) struct Door(Sender<Message>);

/// Where they arrive.
pub(super) struct Inbox(Receiver<Message>);

impl Door {
    pub(super) fn new() -> (Self, Inbox) {
        let (messages, inbox) = channel();
        (Self(messages), Inbox(inbox))
    }

    /// Answered when the file is written.
    pub(super) fn ask(&self, asked: Asked) {
        let Asked { ask: Ask::Dump { after_ms, reason }, by, answer } = asked else { return };
        let after = after_ms.map(|ms| Duration::from_millis(ms).min(AFTER_MAX));
        let fired = Fired {
            trigger: COMMAND.to_owned(),
            told: reason.unwrap_or_else(|| format!("asked for by {by}")),
            at_ns: monotonic_ns(),
            after_ns: after.map(nanoseconds),
            by_hand: true,
            waiter: Some(answer.clone()),
        };
        if self.0.send(Message::Fired(fired)).is_err() {
            let why = "the flight recorder does not run: `netrig check` and the rig's log say why, [recorder] enabled switches it on";
            let _ = answer.send(Answer::Refused { why: why.to_owned(), wrong: false });
        }
    }
}

/// The loop's end.
pub(super) struct FlightRecorder {
    probe: RecorderProbe,
    ns_per_tick: u64,
    recorder: Recorder,
    door: Door,
    shared: Handle,
    threads: Vec<JoinHandle<()>>,
    /// What cannot be recorded, and why.
    without: BTreeMap<String, String>,
    /// What was followed last.
    followed: Vec<Named>,
    names: BTreeMap<u32, String>,
    triggers: Vec<Trigger>,
    looks: Looks,
    looked: Instant,
    marks: Marks<Cursors>,
    /// Why nothing can be asked for by command.
    unheard: Option<String>,
    // Removed when the rig ends.
    _socket: Option<Socket>,
}

impl Drop for FlightRecorder {
    fn drop(&mut self) {
        let _ = self.door.0.send(Message::End);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// How large the rings are under a configuration: for the interfaces that are chosen now, and one that may come; where they are chosen by
/// a pattern, for as many again.
pub(crate) fn recorder_sizes(config: &Config, budget: &Budget, cpus: u32) -> anyhow::Result<RecorderSizes> {
    let chosen = targets(&config.rig.interfaces).map_or(0, |(chosen, _)| chosen.len());
    let by_pattern = config.rig.interfaces.iter().any(|entry| entry.contains('*') && !entry.starts_with('!'));
    let wanted = if by_pattern { (chosen * 2).max(IFACES_BY_PATTERN_MIN) } else { chosen + 1 };
    let ifaces = u32::try_from(wanted.max(IFACES_MIN)).unwrap_or(u32::MAX);
    let (bytes, snaplen) = (budget.recorder_kernel_bytes, config.recorder.snaplen);
    RecorderSizes::within(bytes, cpus, ifaces, snaplen).ok_or_else(|| {
        let least = RecorderSizes::least_bytes(cpus, 1, snaplen).next_multiple_of(1 << 20) >> 20;
        anyhow::anyhow!(
            "its memory has no room for the rings of even one interface: set [recorder] memory = \"{least}MiB\" or more"
        )
    })
}

impl FlightRecorder {
    /// Loads the programs and starts the threads; attaches nothing.
    pub(super) fn lay(
        config: &Config,
        host: &str,
        sizes: RecorderSizes,
        flow: &FlowProbe,
        (door, Inbox(inbox)): (Door, Inbox),
    ) -> anyhow::Result<Self> {
        let mut probe = RecorderProbe::load_behind(sizes, Some(flow.followers()?))?;
        let ns_per_tick = flow.clock()?.ns_per_tick();
        probe.set_pace(config.recorder.rate, ns_per_tick);
        let recorder = Recorder::new(probe.memory());
        let shared = Handle::default();
        let (jobs, written) = sync_channel(1);
        let mut keeper = Keeper::new(recorder.clone(), Settings::of(config), shared.clone(), jobs);
        let (host, counts) = (host.to_owned(), shared.clone());
        let threads = vec![
            Builder::new().name("netrig-recorder".into()).spawn(move || keeper.run(&inbox))?,
            Builder::new().name("netrig-dump".into()).spawn(move || writing::run(&written, &host, &counts))?,
        ];
        // Else those who keep policies listen for both.
        let heard = (!config.policy.enabled).then(|| questions::listen(config, None, door.clone())).transpose();
        let (socket, unheard) = match heard {
            Ok(socket) => (socket, None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Ok(Self {
            probe,
            ns_per_tick,
            recorder,
            door,
            shared,
            threads,
            without: BTreeMap::new(),
            followed: Vec::new(),
            names: BTreeMap::new(),
            triggers: config.recorder.triggers(),
            looks: Looks::default(),
            looked: Instant::now(),
            marks: Marks::new(config.recorder.before, Cursors::default()),
            unheard,
            _socket: socket,
        })
    }

    /// Brings what is recorded in line with what is watched.
    pub(super) fn follow(&mut self, watched: &[Named]) {
        if watched == self.followed {
            return;
        }
        let gone: Vec<u32> =
            self.probe.watched().filter(|ifindex| watched.iter().all(|wanted| wanted.ifindex != *ifindex)).collect();
        gone.into_iter().for_each(|ifindex| self.probe.unwatch(ifindex));
        self.without.clear();
        let known: Vec<u32> = self.probe.watched().collect();
        for Named { ifindex, name, hooks, .. } in watched.iter().filter(|each| !known.contains(&each.ifindex)) {
            if let Err(error) = self.probe.watch(name, *ifindex, *hooks) {
                tracing::warn!(iface = %name, %error, "The interface is not recorded.");
                self.without.insert(name.clone(), error.to_string());
            }
        }
        self.names = watched.iter().map(|each| (each.ifindex, each.name.clone())).collect();
        self.followed = watched.to_vec();
        let _ = self.door.0.send(Message::Interfaces(self.interfaces()));
    }

    /// Its programs and maps.
    pub(super) fn parts(&self) -> io::Result<Parts> {
        self.probe.parts()
    }

    fn interfaces(&self) -> Interfaces {
        let all = netrig_host::list().unwrap_or_default();
        let link = |ifindex: u32| match all.iter().find(|each| each.index == ifindex).and_then(link_kind) {
            Some(LinkKind::RawIp) => LinkType::Raw,
            _ => LinkType::Ethernet,
        };
        let each = self.names.iter().map(|(ifindex, name)| {
            let hooks = Direction::BOTH.map(|way| self.probe.hook_of(*ifindex, way));
            (*ifindex, Interface { name: name.clone(), link: link(*ifindex), hooks })
        });
        each.collect()
    }

    /// Takes over what a running rig can.
    pub(super) fn reload(&mut self, config: &Config) {
        self.triggers = config.recorder.triggers();
        self.marks.before = config.recorder.before;
        self.probe.set_pace(config.recorder.rate, self.ns_per_tick);
        let _ = self.door.0.send(Message::Settings(Settings::of(config)));
    }

    /// Writes what has passed, as a signal asks.
    pub(super) fn dump_by_signal(&self) {
        self.fire(SIGNAL.to_owned(), "SIGUSR1 came".to_owned(), true);
    }

    fn fire(&self, trigger: String, told: String, by_hand: bool) {
        let fired = Fired { trigger, told, at_ns: monotonic_ns(), after_ns: None, by_hand, waiter: None };
        let _ = self.door.0.send(Message::Fired(fired));
    }

    /// The triggers to look for, where it is time to.
    fn due(&mut self) -> Option<Vec<Trigger>> {
        if self.triggers.is_empty() || self.looked.elapsed() < LOOK_SPAN {
            return None;
        }
        self.looked = Instant::now();
        Some(self.triggers.clone())
    }

    fn see(&mut self, now: Evidence) {
        for trigger in &self.triggers {
            if let Some(told) = self.looks.story(trigger, &now) {
                self.fire(trigger.name.clone(), told, false);
            }
        }
        self.looks.push(now);
    }

    /// Has the keeper remember where the rings are, where they have gone on.
    fn mark(&mut self) {
        if let Some((at_ns, cursors)) = self.marks.next(monotonic_ns(), || self.recorder.now()) {
            let _ = self.door.0.send(Message::Mark(at_ns, cursors));
        }
    }

    /// Whether packets are being copied, whose owners will be asked for.
    pub(super) fn is_writing(&self) -> bool {
        self.shared.lock().recording
    }

    fn asked(&self) -> Option<Vec<Ends>> {
        self.shared.lock().asked.take()
    }

    /// Everything there is to show.
    pub(super) fn status(&self) -> RecorderStatus {
        let now_ns = monotonic_ns();
        let sizes = self.recorder.sizes();
        let (packets, held_packets) = self.recorder.totals();
        let reach =
            |ifindex: u32| Some(now_ns.saturating_sub(self.recorder.whole_since_ns(self.probe.ring_of(ifindex)?)?));
        let interfaces = self.probe.watched().map(|ifindex| RecordedInterface {
            iface: self.names.get(&ifindex).cloned().unwrap_or_default(),
            reach_ns: reach(ifindex),
        });
        let shared = self.shared.lock();
        RecorderStatus {
            interfaces: interfaces.collect(),
            without: self.without.keys().cloned().collect(),
            packets,
            left_out_packets: self.recorder.left_out(),
            held_packets,
            capacity_packets: sizes.all_slots().into(),
            snaplen: sizes.snaplen,
            bytes: sizes.bytes(),
            recording: shared.recording,
            dumps: shared.dumps(self.triggers.iter().map(|trigger| trigger.name.as_str()).chain([SIGNAL, COMMAND])),
            dumped_packets: shared.dumped_packets,
            overwritten_packets: shared.overwritten_packets,
            files_removed: shared.files_removed,
            last_file: shared.last_file.clone(),
            detail: shared.failed.clone().unwrap_or_default(),
        }
    }

    /// How it fares.
    pub(super) fn probe_status(&self) -> ProbeStatus {
        let sizes = self.recorder.sizes();
        let interfaces = match self.names.len() - self.without.len() {
            1 => "1 interface".to_owned(),
            many => format!("{many} interfaces"),
        };
        let mut detail =
            format!("the last {} packets on each CPU of {interfaces}, {} octets of each", sizes.slots, sizes.snaplen);
        let without = self.without.iter().map(|(name, why)| format!("without {name} ({why})"));
        let failed = self.shared.lock().failed.clone().map(|why| format!("the latest dump failed: {why}"));
        let unheard = self.unheard.as_ref().map(|why| format!("deaf to `netrig capture --dump`: {why}"));
        let troubles: Vec<String> = without.chain(failed).chain(unheard).collect();
        for trouble in &troubles {
            detail.push_str("; ");
            detail.push_str(trouble);
        }
        let state = if troubles.is_empty() { ProbeState::Running } else { ProbeState::Degraded };
        ProbeStatus { name: "recorder".into(), state, detail }
    }
}

/// Looks for triggers where it is time to, and for owners where they are asked for.
pub(super) fn turn(probes: &mut Probes) {
    let Some(recorder) = probes.recorder.get_mut() else { return };
    recorder.mark();
    let asked = recorder.asked();
    if let Some(triggers) = recorder.due() {
        let evidence = evidence::gather(&triggers, probes);
        if let Some(recorder) = probes.recorder.get_mut() {
            recorder.see(evidence);
        }
    }
    let Some(asked) = asked else { return };
    let owners = probes.connections.get_mut().map(|connections| owners::look_up(&asked, connections));
    if let Some(recorder) = probes.recorder.get() {
        let _ = recorder.door.0.send(Message::Owners(owners.unwrap_or_default()));
    }
}
