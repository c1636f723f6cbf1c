//! Faults made on purpose, the way a rig tells of them, and what the asker's own clock says.

use super::Rig;
use netrig_model::{Histogram, LatencyService, QueueCause, Role, Stage};
use netrig_testkit::{Answers, Asked, NetNs, Pair, Questions, Server};
use std::fs::File;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// These tests keep processors busy and look at the time: one after another, also those of another run on this machine.
const ALONE: &str = "netrig-test-latency.lock";
/// Below those that the kernel gives away: a service is known by its port, whatever its namespace, and each has its own.
static NEXT_PORT: AtomicU16 = AtomicU16::new(21_000);
/// A machine that is busy with other things takes this from anybody.
pub(crate) const SLACK_NS: f64 = 150_000.0;
/// What may be elsewhere of the time that was added.
const SHARE: f64 = 0.1;

/// A pair of namespaces and a rig that looks at every message.
pub(crate) struct Scene<'a> {
    pair: &'a Pair,
    pub(crate) rig: Rig<'a>,
    _alone: File,
}

/// One service, asked by one client, by the asker's clock and as the rig tells it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) address: SocketAddr,
    pub(crate) asked: Asked,
    /// As its server's host sees it.
    pub(crate) server: Way,
    /// As its client's host sees it.
    pub(crate) client: Way,
}

/// What a rig has told of one end of a service.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    name: String,
    role: Role,
    stages: Vec<Told>,
    causes: Vec<(QueueCause, u64, u64)>,
    pub(crate) iface: Option<String>,
}

/// One stage of it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    stage: Stage,
    pub(crate) histogram: Histogram,
    pub(crate) eligible: u64,
}

/// An address in the right namespace with a port that no other test has.
pub(crate) fn next_address() -> SocketAddr {
    (Pair::RIGHT, NEXT_PORT.fetch_add(1, Ordering::Relaxed)).into()
}

impl<'a> Scene<'a> {
    /// In the left namespace of a pair, though the rig sees both.
    pub(crate) fn new(pair: &'a Pair) -> Self {
        Self::with(pair, 1, "1h")
    }

    /// The rig looks at one message in so many, and at all of connections with one that takes longer than `slow`.
    pub(crate) fn with(pair: &'a Pair, sampling: u32, slow: &str) -> Self {
        let alone = File::create(std::env::temp_dir().join(ALONE)).expect("a file to be locked");
        alone.lock().expect("a file can be locked");
        Self { pair, rig: Rig::of_latency(&pair.left, sampling, slow), _alone: alone }
    }

    /// Asks a server with these habits 300 questions, on three connections.
    pub(crate) fn run(&self, answers: Answers, ask: impl FnOnce(Questions) -> Questions) -> Run {
        let server = Server::answering(&self.pair.right, next_address(), answers);
        let asked = ask(Questions::to(server.address(), 300).on_connections(3)).ask(&self.pair.left);
        let address = server.address();
        drop(server);
        self.told(address, asked)
    }

    /// What the rig tells of a service that has been asked.
    pub(crate) fn told(&self, address: SocketAddr, asked: Asked) -> Run {
        let (server, client) = (format!(":{}", address.port()), address.to_string());
        let server = self.rig.way(&server, Role::Server, Stage::Total, asked.count());
        let client = self.rig.way(&client, Role::Client, Stage::Total, asked.count());
        assert!(client.samples(Stage::Total) <= asked.count() as u64 + 5, "one whole a question: {client:#?}");
        assert_eq!(client.samples(Stage::Think), 0, "clients do not answer: {client:#?}");
        Run { address, asked, server, client }
    }

    /// The line of `netrig explain` about a server has these words, and its record names the stage.
    #[track_caller]
    pub(crate) fn assert_explained(&self, run: &Run, words: &str) {
        let name = format!(":{}", run.address.port());
        let text = self.rig.ask(&["explain", "--since", "1m"]);
        let lines: Vec<_> = text.lines().filter(|l| l.split_whitespace().next() == Some(&name)).collect();
        assert!(lines.iter().any(|l| l.contains(words)), "a line about {name} with {words:?} in:\n{text}");
    }
}

impl Run {
    /// How much longer an answer took than without the fault, by the asker's clock, nanoseconds.
    pub(crate) fn added_ns(&self, control: &Self) -> f64 {
        self.asked.mean_ns() - control.asked.mean_ns()
    }

    /// At the server: these stages carry so many nanoseconds each of what the asker's clock says was added, the whole carries
    /// all of it, and no other stage moves.
    #[track_caller]
    pub(crate) fn assert_server_carries(&self, control: &Self, expected: &[(Stage, f64)]) {
        self.server.assert_moved(&control.server, self.added_ns(control), expected);
    }

    /// The same at the client.
    #[track_caller]
    pub(crate) fn assert_client_carries(&self, control: &Self, expected: &[(Stage, f64)]) {
        self.client.assert_moved(&control.client, self.added_ns(control), expected);
    }
}

impl Way {
    /// One stage, if it was seen at all.
    pub(crate) fn stage(&self, stage: Stage) -> Option<&Told> {
        self.stages.iter().find(|told| told.stage == stage)
    }

    /// How many of one stage.
    pub(crate) fn samples(&self, stage: Stage) -> u64 {
        self.stage(stage).map_or(0, |told| told.histogram.count())
    }

    /// What a stage takes of a message's time, on average, nanoseconds: who did not sleep waited for no CPU, and every message
    /// that was looked at has been read.
    pub(crate) fn share_ns(&self, stage: Stage) -> f64 {
        let sum_ns = self.stage(stage).map_or(0, |told| told.histogram.sum_ns);
        let messages = match stage {
            Stage::Wakeup | Stage::RunQueue => self.samples(Stage::Read),
            _ => self.samples(stage),
        };
        sum_ns as f64 / messages.max(1) as f64
    }

    /// By how much more of a message's time it takes than `before`, nanoseconds.
    pub(crate) fn moved_ns(&self, before: &Self, stage: Stage) -> f64 {
        self.share_ns(stage) - before.share_ns(stage)
    }

    /// Median of a stage, nanoseconds; none of what was never measured.
    pub(crate) fn median_ns(&self, stage: Stage) -> Option<f64> {
        Some(self.stage(stage)?.histogram.quantile_s(0.5)? * 1e9)
    }

    /// Of those that should have passed a stage, which share was measured.
    pub(crate) fn coverage(&self, stage: Stage) -> f64 {
        let eligible = self.stage(stage).map_or(0, |told| told.eligible);
        self.samples(stage) as f64 / eligible.max(1) as f64
    }

    /// What held most of the time in TCP's queue, and how long in all, nanoseconds.
    pub(crate) fn cause(&self) -> Option<(QueueCause, u64)> {
        self.causes.iter().map(|(cause, _, ns)| (*cause, *ns)).max_by_key(|(_, ns)| *ns)
    }

    fn parts(&self) -> impl Iterator<Item = Stage> {
        let role = Some(self.role);
        Stage::ALL.iter().copied().filter(move |stage| stage.is_part_of_total(role))
    }

    /// The parts add up to the whole.
    #[track_caller]
    pub(crate) fn assert_adds_up(&self) {
        let (whole, sum) = (self.share_ns(Stage::Total), self.parts().map(|stage| self.share_ns(stage)).sum::<f64>());
        assert!((whole - sum).abs() <= SHARE * whole + 20_000.0, "a whole of {whole} ns, parts of {sum}: {self:#?}");
    }

    #[track_caller]
    fn assert_moved(&self, before: &Self, added_ns: f64, expected: &[(Stage, f64)]) {
        assert!(added_ns > 4.0 * SLACK_NS, "the fault takes long enough to be told from noise: {added_ns} ns");
        let limit_ns = SHARE * added_ns + SLACK_NS;
        let moved_ns = |stage| self.moved_ns(before, stage);
        let told: Vec<_> = self.parts().map(|stage| format!("{stage:?} {:.0}", moved_ns(stage) / 1e3)).collect();
        let told = format!("{} moved by: {} µs of {:.0} µs", self.name, told.join(", "), added_ns / 1e3);
        for stage in self.parts() {
            let meant_ns = expected.iter().find(|(s, _)| *s == stage).map_or(0.0, |(_, ns)| *ns);
            assert!((moved_ns(stage) - meant_ns).abs() <= limit_ns, "{stage:?}, meant {meant_ns:.0} ns: {told}");
        }
        let whole_ns = moved_ns(Stage::Total);
        assert!((whole_ns - added_ns).abs() <= limit_ns, "the whole moved by {whole_ns:.0} ns: {told}");
        self.assert_adds_up();
        before.assert_adds_up();
    }
}

/// Times a test of microseconds is begun anew.
const ATTEMPTS: usize = 3;

/// Does what others can disturb, who have the machine for moments (a neighbour's build is enough): what is wrong is so each time.
pub(crate) fn undisturbed(test: impl Fn()) {
    for _ in 1..ATTEMPTS {
        if catch_unwind(AssertUnwindSafe(&test)).is_ok() {
            return;
        }
        eprintln!("disturbed, or wrong: once more");
    }
    test();
}

impl<'a> Rig<'a> {
    fn of_latency(ns: &'a NetNs, sampling: u32, slow: &str) -> Self {
        let config = format!(
            "[rig]\ninterfaces = [\"lo\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n\
             [latency]\nenabled = true\nsampling = {sampling}\nslow = \"{slow}\"\n"
        );
        Self::start_with(ns, &config)
    }

    /// Every place of a service, slow connections too.
    pub(crate) fn latency_services(&self, name: &str, role: Role) -> Vec<LatencyService> {
        let mut services = self.status().latency.expect("the latency probe runs").services;
        services.retain(|service| service.name() == name && service.role == Some(role));
        services
    }

    /// All processes of a service together, as soon as almost as many as there were are told of a stage.
    pub(crate) fn way(&self, name: &str, role: Role, stage: Stage, count: usize) -> Way {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let way = self.way_now(name, role);
            if way.samples(stage) * 100 >= count as u64 * 95 {
                return way;
            }
            assert!(Instant::now() < deadline, "{stage:?} of {count} messages in five seconds: {way:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The same, as far as it is told now.
    fn way_now(&self, name: &str, role: Role) -> Way {
        let mut way = Way { name: name.to_owned(), role, stages: Vec::new(), causes: Vec::new(), iface: None };
        for service in self.latency_services(name, role).into_iter().filter(|s| s.slow_client.is_none()) {
            assert!(way.stages.is_empty(), "one process serves it: {service:#?}");
            way.iface = service.iface;
            way.causes = service.causes;
            let told = service.stages.into_iter();
            way.stages = told.map(|s| Told { stage: s.stage, histogram: s.histogram, eligible: s.eligible }).collect();
        }
        way
    }
}
