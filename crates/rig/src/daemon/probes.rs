//! The probes beside that of flows, and when each has its turn.

use super::budget::memory_for_bursts;
use super::bursts::Bursts;
use super::connections::Connections;
use super::cost::Turned;
use super::drops::Drops;
use super::latency::Latency;
use super::optional::Optional;
use super::policy::Policies;
use super::queues::Queues;
use super::recorder::{self, Door, FlightRecorder, Inbox, recorder_sizes};
use super::requests::{Intake, Requests};
use super::road::{Road, bucket_ns, probe_options};
use super::snapshot::now;
use super::storing::Storing;
use netrig_config::Config;
use netrig_drain::Drain;
use netrig_model::{Direction, InterfaceId, ProbeState, ProbeStatus, Snapshot, Timestamp};
use netrig_probes::meter::Parts;
use std::io;
use std::os::fd::AsFd;

/// An interface under watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The rig's number.
    pub(super) id: InterfaceId,
    /// The kernel's.
    pub(super) ifindex: u32,
    pub(super) name: String,
    /// Where the flow probe has its packets, by direction.
    pub(super) hooks: [&'static str; 2],
}

/// Each of them runs, has failed or is off.
pub(super) struct Probes {
    pub(super) connections: Optional<Connections>,
    pub(super) latency: Optional<Latency>,
    pub(super) drops: Optional<Drops>,
    pub(super) bursts: Optional<Bursts>,
    pub(super) queues: Optional<Queues>,
    pub(super) policies: Optional<Policies>,
    pub(super) recorder: Optional<FlightRecorder>,
    pub(super) requests: Optional<Requests>,
    turned: Turned,
    /// Until the recorder is laid.
    door: Option<(Door, Inbox)>,
}

impl Probes {
    /// Loads their programs; attaches nothing.
    pub(super) fn lay(config: &Config, host: &str, now: Timestamp) -> Self {
        let connections = Optional::lay("tcp", config.tcp.enabled, || Connections::lay(config, host, now));
        let drops = Optional::lay("drop", config.drop.enabled, || {
            let senders = connections.get().map(|c| c.probe.other_sockets()).transpose()?;
            Drops::lay(config, host, senders.as_ref().map(AsFd::as_fd))
        });
        let (door, inbox) = Door::new();
        Self {
            connections,
            latency: Optional::lay("latency", config.latency.enabled, || Latency::lay(config, host)),
            drops,
            bursts: Optional::off("burst", "starting".to_owned()),
            queues: Optional::lay("queue", config.queue.enabled, || Ok(Queues::lay(config))),
            policies: Optional::lay("policy", config.policy.enabled, || Policies::start(config, host, door.clone())),
            recorder: Optional::off("recorder", "starting".to_owned()),
            requests: Optional::off("payload", "starting".to_owned()),
            turned: Turned::default(),
            door: Some((door, inbox)),
        }
    }

    /// What stands on the road of packets, whose programs count for it.
    pub(super) fn lay_on(&mut self, road: Option<&Road>, config: &Config, host: &str) {
        self.bursts = match road {
            _ if !config.burst.enabled => Optional::off("burst", "switched off by [burst] enabled = false".to_owned()),
            None => Optional::off(
                "burst",
                "the flow probe counts for it, which is off by [flow] enabled = false".to_owned(),
            ),
            Some(road) => match road.probe.burst_memory() {
                Some(memory) => {
                    Optional::lay("burst", true, || Ok(Bursts::lay(config, host, memory, road.probe.memory())))
                }
                None => without_room(road.sizes.cpus, bucket_ns(config)),
            },
        };
        self.lay_recorder(road, config, host);
        self.requests = Requests::lay_on(road, config, host);
    }

    /// The recorder stands beside the road of packets, which says what is watched.
    fn lay_recorder(&mut self, road: Option<&Road>, config: &Config, host: &str) {
        let door = self.door.take();
        let lay = || {
            let Some(door) = door else { anyhow::bail!("it has been laid already") };
            let Some(road) = road else { anyhow::bail!("there is no road") };
            let (options, budget) = probe_options(config);
            let sizes = recorder_sizes(config, &budget, options.sizes.cpus)?;
            FlightRecorder::lay(config, host, sizes, &road.probe, door)
        };
        self.recorder = match road {
            None if config.recorder.enabled => Optional::off(
                "recorder",
                "the flow probe follows the interfaces for it, which is off by [flow] enabled = false".to_owned(),
            ),
            _ => Optional::lay("recorder", config.recorder.enabled, lay),
        };
    }

    /// Other interfaces are watched.
    pub(super) fn follow(&mut self, watched: &[Named]) {
        if let Some(recorder) = self.recorder.get_mut() {
            recorder.follow(if self.turned.recorder { &[] } else { watched });
        }
    }

    /// Turns down what is to be, and the rest up again, to what the configuration says.
    pub(super) fn turn_down(&mut self, turned: Turned, config: &Config, watched: &[Named]) {
        self.turned = turned;
        self.follow(watched);
        if let Some(latency) = self.latency.get_mut() {
            latency.set_sampling(config.latency.sampling.max(turned.latency_one_in));
            latency.switch(!turned.latency);
        }
        if let Some(requests) = self.requests.get_mut() {
            requests.switch(!turned.payload);
        }
        if let Some(bursts) = self.bursts.get_mut() {
            bursts.switch(!turned.bursts);
        }
        if let Some(drops) = self.drops.get_mut() {
            drops.set_examples(if turned.drop_examples { 0 } else { config.drop.examples });
        }
    }

    /// The programs and maps of those that run, for whoever meters them.
    pub(super) fn parts(&self) -> Vec<(&'static str, io::Result<Parts>)> {
        let tcp = self.connections.get().map(|connections| ("tcp", connections.probe.parts()));
        let latency = self.latency.get().map(|latency| ("latency", latency.parts()));
        let drop = self.drops.get().map(|drops| ("drop", drops.parts()));
        let queue = self.queues.get().and_then(Queues::parts).map(|parts| ("queue", parts));
        let recorder = self.recorder.get().map(|recorder| ("recorder", recorder.parts()));
        [tcp, latency, drop, queue, recorder].into_iter().flatten().collect()
    }

    pub(super) fn attach(&mut self) {
        self.connections.try_to(Connections::attach);
        self.latency.try_to(Latency::attach);
        self.drops.try_to(Drops::attach);
        if let Some(queues) = self.queues.get_mut() {
            queues.attach();
        }
    }

    /// Whether one attaches for slices of time as long as it runs.
    pub(super) fn attach_in_slices(&self) -> bool {
        self.latency.get().is_some() || self.queues.get().is_some_and(Queues::attaches_in_slices)
    }

    /// Gives each its turn; true where so much came that the next should be soon. The host `stirs` where more frames come than at rest.
    pub(super) fn turn(
        &mut self,
        storing: Option<&Storing>,
        road: Option<&Road>,
        (watched, stirs): (&[Named], bool),
    ) -> bool {
        if let Some(latency) = self.latency.get_mut() {
            latency.turn(stirs);
        }
        if let Some(drops) = self.drops.get_mut() {
            drops.turn(watched);
        }
        if let Some(bursts) = self.bursts.get_mut() {
            bursts.turn(watched, road.and_then(|road| road.probe.retransmits_missing()));
        }
        if let Some(queues) = self.queues.get_mut() {
            queues.turn(watched, road.map(|road| &road.drain), stirs);
        }
        recorder::turn(self);
        let sampling = road.map_or(1, |road| road.probe.sampling());
        let much_was_copied = self.requests.get_mut().is_some_and(|requests| requests.turn(watched, sampling));
        let Some(connections) = self.connections.get_mut() else { return much_was_copied };
        let ended = connections.turn(storing, now(), self.requests.get().map(Requests::names));
        much_was_copied || ended > u64::from(connections.probe.memory().sizes.slots / 16)
    }

    /// Takes in what has been counted, for a picture.
    pub(super) fn look(&mut self) {
        if let Some(connections) = self.connections.get_mut() {
            connections.look_at_listeners();
        }
        if let Some(latency) = self.latency.get_mut() {
            latency.look();
        }
        if let Some(drops) = self.drops.get_mut() {
            drops.look();
        }
        if let Some(bursts) = self.bursts.get_mut() {
            bursts.look();
        }
        if let Some(queues) = self.queues.get_mut() {
            queues.look();
        }
        if let Some(requests) = self.requests.get_mut() {
            requests.look();
        }
    }

    /// Ahead of the telling of flows, whose owners and drops they know. Flows have been read a moment ago: what was dropped of
    /// them since should be little.
    pub(super) fn close(
        &mut self,
        storing: Option<&Storing>,
        (window, last): ((Timestamp, Timestamp), bool),
        meanwhile: &mut dyn FnMut(),
    ) {
        if let Some(drops) = self.drops.get_mut() {
            drops.look();
        }
        if let Some(requests) = self.requests.get_mut() {
            requests.look();
        }
        if let Some(connections) = self.connections.get_mut() {
            let (mut intake, names) = self.requests.get_mut().map(Requests::split).unzip();
            let mut meanwhile = || {
                meanwhile();
                relieve(&mut intake);
            };
            connections.close((storing, names), window, last, &mut meanwhile);
            meanwhile();
        }
        if let Some(requests) = self.requests.get_mut() {
            requests.close(storing, window, last, self.connections.get(), meanwhile);
        }
        let mut intake = self.requests.get_mut().map(Requests::split).unzip().0;
        let mut meanwhile = || {
            meanwhile();
            relieve(&mut intake);
        };
        meanwhile();
        if let Some(latency) = self.latency.get_mut() {
            latency.close(storing, window, &mut meanwhile);
        }
        if let Some(drops) = self.drops.get_mut() {
            drops.close(storing, window, self.connections.get(), &mut meanwhile);
        }
        if let Some(bursts) = self.bursts.get_mut() {
            bursts.close(storing, window, last, self.connections.get(), &mut meanwhile);
        }
        if let Some(policies) = self.policies.get() {
            let events = policies.close(window);
            if let Some(storing) = storing {
                storing.policy_events(window, events, &mut meanwhile);
            }
        }
        meanwhile();
    }

    /// The window's flows have been told.
    pub(super) fn after_window(&mut self) {
        if let Some(connections) = self.connections.get_mut() {
            connections.after_window();
        }
        if let Some(drops) = self.drops.get_mut() {
            drops.after_window();
        }
    }

    /// Takes over what a running rig can.
    pub(super) fn reload(&mut self, config: &Config) {
        if let Some(latency) = self.latency.get_mut() {
            latency.reload(config);
        }
        if let Some(drops) = self.drops.get_mut() {
            drops.reload(config);
        }
        if let Some(bursts) = self.bursts.get_mut() {
            bursts.reload(config);
        }
        if let Some(queues) = self.queues.get_mut() {
            queues.reload(config);
        }
        if let Some(policies) = self.policies.get() {
            policies.reload(config);
        }
        if let Some(recorder) = self.recorder.get_mut() {
            recorder.reload(config);
        }
        if let Some(requests) = self.requests.get_mut() {
            requests.reload(config);
        }
    }

    /// How each fares.
    pub(super) fn statuses(&self) -> [ProbeStatus; 8] {
        let mut all = [
            self.connections.status(Connections::probe_status),
            self.latency.status(Latency::probe_status),
            self.drops.status(Drops::probe_status),
            self.bursts.status(Bursts::probe_status),
            self.queues.status(Queues::probe_status),
            self.policies.status(Policies::probe_status),
            self.recorder.status(FlightRecorder::probe_status),
            self.requests.status(Requests::probe_status),
        ];
        let Turned { latency, bursts, recorder, payload, .. } = self.turned;
        for (status, _) in all
            .iter_mut()
            .zip([false, latency, false, bursts, false, false, recorder, payload])
            .filter(|(_, down)| *down)
        {
            status.state = ProbeState::Degraded;
            status.detail = "turned down by the governor, to keep [rig] cpu".to_owned();
        }
        all
    }

    /// Their parts of the picture, as of the last look.
    pub(super) fn fill(&self, picture: &mut Snapshot) {
        picture.tcp = self.connections.get().map(Connections::status);
        picture.latency = self.latency.get().map(Latency::status);
        picture.drops = self.drops.get().map(Drops::status);
        picture.bursts = self.bursts.get().map(Bursts::status);
        picture.queues = self.queues.get().map(Queues::status);
        picture.policy = self.policies.get().and_then(|policies| policies.status(picture.taken));
        picture.recorder = self.recorder.get().map(FlightRecorder::status);
        picture.payload = self.requests.get().map(Requests::status);
    }
}

/// All that have passed watched interfaces.
pub(super) fn frames(watched: &[Named], drain: &Drain) -> u64 {
    let ways = |each: &Named| Direction::BOTH.map(|way| drain.interface_counts(each.id, way).frames.packets);
    watched.iter().flat_map(ways).fold(0, u64::wrapping_add)
}

/// With very many CPUs, or the shortest buckets, memory may be too little for rings: the rig is well without them.
fn without_room(cpus: u32, bucket_ns: u64) -> Optional<Bursts> {
    let memory = memory_for_bursts(cpus, bucket_ns, 1) >> 20;
    let why = format!(
        "its share of [rig] memory has no room for the rings of even one interface: set memory = \"{memory}MiB\" or more, or make [burst] bucket longer"
    );
    tracing::warn!("Bursts are not looked at: {why}.");
    Optional::off("burst", why)
}

fn relieve(intake: &mut Option<&mut Intake>) {
    if let Some(intake) = intake {
        intake.relieve();
    }
}
