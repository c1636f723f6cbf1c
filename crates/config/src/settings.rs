//! The one list of all settings.

use crate::payload::{PathRule, PayloadContent};
use crate::remote_write;
use crate::sections::{Config, Hook};
use crate::units::{ByteSize, Percent};
use crate::value::Field;
use std::time::Duration;

/// What a reload (SIGHUP) can do with a changed setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Takes effect at once.
    Live,
    /// Needs a restart.
    Restart,
}

/// One key of rig.toml.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// `section.key`
    pub path: &'static str,
    /// What it means, in one or two sentences with their full stops.
    pub help: &'static str,
    /// What a reload can do with it.
    pub reload: Reload,
    /// Its type, bounds and place in [`Config`].
    pub(crate) field: Field,
}

/// One section of rig.toml.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The word between the brackets.
    pub name: &'static str,
    /// What it is about.
    pub help: &'static str,
}

impl Setting {
    /// The section it stands in.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Its name within the section.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, key)| key)
    }

    /// The environment variable that overrides it: `NETRIG_SECTION__KEY`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{}{}", crate::environment::PREFIX, self.path.replace('.', "__").to_uppercase())
    }

    /// What it means, with its bounds.
    pub(crate) fn described(&self) -> String {
        let bounds = self.field.bounds();
        if bounds.is_empty() { self.help.to_owned() } else { format!("{} ({bounds})", self.help) }
    }

    pub(crate) fn differs(&self, a: &Config, b: &Config) -> bool {
        self.field.to_toml(a) != self.field.to_toml(b)
    }
}

/// The sections, in the order of the file.
pub const SECTIONS: &[Section] = &[
    Section { name: "rig", help: "What is watched, how often it is told, and what it may cost." },
    Section { name: "flow", help: "The flow probe: every packet's flow, counted in the kernel." },
    Section { name: "tcp", help: "The TCP probe: every connection's life, and whose every socket is." },
    Section { name: "latency", help: "The latency probe: which part of its way a message spends its time on." },
    Section { name: "drop", help: "The drop probe: what the kernel throws away, by reason, place and flow." },
    Section { name: "burst", help: "The burst probe: traffic in buckets of a millisecond, and what stands out." },
    Section { name: "queue", help: "Queues in front of devices, and those who empty them." },
    Section {
        name: "payload",
        help: "The payload probe: DNS, TLS, QUIC and HTTP requests, read from the first octets of what passes.",
    },
    Section { name: "policy", help: "Rules for packets at XDP: see docs/policy.md for the file they stand in." },
    Section {
        name: "recorder",
        help: "The flight recorder: the last packets, written to a file when something happens.",
    },
    Section { name: "store", help: "Records on local disk, as Parquet files." },
    Section { name: "serve", help: "HTTP: metrics, health, status and live records." },
    Section { name: "metrics", help: "Metrics for Prometheus." },
    Section {
        name: "remote_write",
        help: "Metrics sent to a server, for hosts that cannot be scraped: see docs/prometheus.md.",
    },
];

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const HOUR: Duration = seconds(3_600);
const DAY: Duration = seconds(86_400);
const HOOK_WORDS: [&str; Hook::WORDS.len()] = [Hook::WORDS[0].0, Hook::WORDS[1].0];

const CONTENT_WORDS: [&str; PayloadContent::WORDS.len()] = [PayloadContent::WORDS[0].0, PayloadContent::WORDS[1].0];
const PATH_WORDS: [&str; PathRule::WORDS.len()] = [PathRule::WORDS[0].0, PathRule::WORDS[1].0, PathRule::WORDS[2].0];

/// What a word stands for; what was there before, where it stands for nothing.
fn meant<T: Copy>(words: &[(&str, T)], word: &str, before: T) -> T {
    words.iter().find(|(w, _)| *w == word).map_or(before, |(_, meaning)| *meaning)
}

const fn live(path: &'static str, field: Field, help: &'static str) -> Setting {
    Setting { path, help, reload: Reload::Live, field }
}

pub(crate) const fn restart(path: &'static str, field: Field, help: &'static str) -> Setting {
    Setting { path, help, reload: Reload::Restart, field }
}

/// Every setting, in the order of the file.
pub const SETTINGS: &[Setting] = &[
    live(
        "rig.interfaces",
        Field::Interfaces(|c| &mut c.rig.interfaces),
        "Interfaces to watch: `auto` (the uplinks), names, patterns such as `veth*`, and `!name` to leave some out.",
    ),
    restart(
        "rig.window",
        Field::Duration { at: |c| &mut c.rig.window, min: seconds(1), max: HOUR },
        "Length of a window: how often what was counted becomes records.",
    ),
    restart(
        "rig.idle_timeout",
        Field::Duration { at: |c| &mut c.rig.idle_timeout, min: seconds(1), max: DAY },
        "A flow without a packet for this long is over. Not shorter than `window`; left out, it is at least `window`.",
    ),
    live(
        "rig.cpu",
        Field::Percent { at: |c| &mut c.rig.cpu, min: Percent::from_thousandths(10), max: Percent::whole(100) },
        "Share of the whole machine, all its CPUs that are online together, that the rig may take, kernel and user space. Above it, it \
         turns things down in a fixed order, and up again when there is room: see `netrig overhead`.",
    ),
    restart(
        "rig.memory",
        Field::Size { at: |c| &mut c.rig.memory, min: ByteSize::mib(16), max: ByteSize::gib(64) },
        "Memory for the tables of flows and connections, outboxes and remembered flows, which are sized from it.",
    ),
    restart(
        "rig.host",
        Field::HostName(|c| &mut c.rig.host),
        "Host name in the records, when it should not be the system's own.",
    ),
    restart("flow.enabled", Field::Bool(|c| &mut c.flow.enabled), "Whether flows are counted."),
    restart(
        "flow.hook",
        Field::Choice {
            words: &HOOK_WORDS,
            get: |c| c.flow.hook.as_str(),
            set: |c, word| c.flow.hook = meant(&Hook::WORDS, word, c.flow.hook),
        },
        "Where packets are counted: `tcx` sees both directions (clsact on kernels without tcx); `xdp` sees ingress only, \
         before the stack (native, else generic).",
    ),
    restart(
        "flow.tunnels",
        Field::Bool(|c| &mut c.flow.tunnels),
        "Whether flows inside VXLAN, GENEVE, GRE, IP-in-IP and 6in4 are told beside the tunnel's own.",
    ),
    live(
        "flow.sampling",
        Field::Count { at: |c| &mut c.flow.sampling, min: 1, max: 65_536 },
        "One packet in this many is added to its flow, for as many as it stands for; 1: every packet. Sums stay right on \
         the average, and `packets_error` and its like say how far they may be off. What interfaces have seen is exact all \
         the same, and the packets that open and close connections are always told. Above 1 no requests are looked at.",
    ),
    restart(
        "tcp.enabled",
        Field::Bool(|c| &mut c.tcp.enabled),
        "Whether connections are told. Without it flows have no owners either.",
    ),
    restart(
        "tcp.reads",
        Field::Bool(|c| &mut c.tcp.reads),
        "Whether every read by an application is looked at: octets received are then told to the moment, and each time this \
         host shuts its own window, for about 0.2 µs more a request. Else what is received is looked up when records are \
         made.",
    ),
    restart("latency.enabled", Field::Bool(|c| &mut c.latency.enabled), "Whether messages are timed."),
    live(
        "latency.sampling",
        Field::Count { at: |c| &mut c.latency.sampling, min: 1, max: 65_536 },
        "One message in this many is timed; a message is one write to a TCP socket, or one datagram.",
    ),
    live(
        "latency.slow",
        Field::Duration { at: |c| &mut c.latency.slow, min: Duration::from_millis(1), max: HOUR },
        "A message slower than this flags its connection: from then on its every message is timed, and told in rows of its \
         own.",
    ),
    restart(
        "latency.receive_stamps",
        Field::Bool(|c| &mut c.latency.receive_stamps),
        "Whether the rig holds a socket that makes the kernel stamp every packet the host receives. Without it the stage \
         `stack` is not seen.",
    ),
    restart("drop.enabled", Field::Bool(|c| &mut c.drop.enabled), "Whether dropped packets are counted by reason."),
    live(
        "drop.examples",
        Field::Count { at: |c| &mut c.drop.examples, min: 0, max: 1_000 },
        "Dropped packets of one reason and place that are looked at in a second, on each CPU; all are counted.",
    ),
    restart(
        "burst.enabled",
        Field::Bool(|c| &mut c.burst.enabled),
        "Whether traffic is counted in fine buckets too. Needs the flow probe.",
    ),
    restart(
        "burst.bucket",
        Field::Duration {
            at: |c| &mut c.burst.bucket,
            min: Duration::from_micros(100),
            max: Duration::from_millis(10),
        },
        "Length of a bucket. Shorter ones need more memory; below 1 ms, what GRO merges is seen on ingress when it is handed on, \
         unless `[flow] hook` is `xdp`.",
    ),
    live(
        "burst.link_share",
        Field::Percent { at: |c| &mut c.burst.link_share, min: Percent::whole(1), max: Percent::whole(100) },
        "A bucket over this share of the link's speed is part of a burst.",
    ),
    live(
        "burst.times_mean",
        Field::Count { at: |c| &mut c.burst.times_mean, min: 2, max: 10_000 },
        "So is one over this many times the mean of the ten seconds before.",
    ),
    live(
        "burst.min_bytes",
        Field::Size { at: |c| &mut c.burst.min_bytes, min: ByteSize(1 << 10), max: ByteSize::gib(1) },
        "What is less in all is not called a burst.",
    ),
    restart("queue.enabled", Field::Bool(|c| &mut c.queue.enabled), "Whether queues are looked at."),
    restart(
        "payload.enabled",
        Field::Bool(|c| &mut c.payload.enabled),
        "Whether payload is looked at, and requests are told.",
    ),
    restart(
        "payload.content",
        Field::Choice {
            words: &CONTENT_WORDS,
            get: |c| c.payload.content.as_str(),
            set: |c, word| c.payload.content = meant(&PayloadContent::WORDS, word, c.payload.content),
        },
        "What of a request is kept: `names` (names, types, versions and answers, but no path), or `full` (paths as well). \
         Headers, cookies and bodies are never kept.",
    ),
    restart(
        "payload.path",
        Field::Choice {
            words: &PATH_WORDS,
            get: |c| c.payload.path.as_str(),
            set: |c, word| c.payload.path = meant(&PathRule::WORDS, word, c.payload.path),
        },
        "What of a path is kept where `content` is `full`: `cut` (up to the question mark), `keep` (all of it), or `hash` \
         (its hash under `hash_key`, which it needs).",
    ),
    restart(
        "payload.hash_key",
        Field::Key(|c| &mut c.payload.hash_key),
        "When it is set, the names of DNS, TLS and HTTP are told as their hashes under this key, 16 hex digits each: the same \
         name has the same hash, and nobody without the key finds the name.",
    ),
    restart(
        "payload.dns_ports",
        Field::Ports(|c| &mut c.payload.dns_ports),
        "Ports at which DNS is spoken; what passes elsewhere is not taken for DNS.",
    ),
    restart(
        "payload.copy",
        Field::Size { at: |c| &mut c.payload.copy, min: ByteSize(512), max: ByteSize(16 << 10) },
        "Octets of one direction of a flow that are copied, at most, to find out what it is; of each request in HTTP/1 and \
         DNS.",
    ),
    restart(
        "payload.timeout",
        Field::Duration { at: |c| &mut c.payload.timeout, min: Duration::from_millis(100), max: seconds(60) },
        "A request without an answer for this long is unanswered.",
    ),
    live(
        "payload.slow",
        Field::Duration { at: |c| &mut c.payload.slow, min: Duration::from_millis(1), max: HOUR },
        "A request slower than this is told by itself beyond `records` too, as one that failed is, up to as many again; and is \
         what `netrig requests --slow` shows.",
    ),
    live(
        "payload.records",
        Field::Count { at: |c| &mut c.payload.records, min: 0, max: 1_000_000 },
        "So many requests of a window are told one by one; beyond it those that are alike are told as one, and sums stay \
         exact.",
    ),
    restart("policy.enabled", Field::Bool(|c| &mut c.policy.enabled), "Whether the rig takes policies."),
    live(
        "policy.file",
        Field::OptionalPath { at: |c| &mut c.policy.file, example: "/etc/netrig/policy.toml" },
        "A policy that is applied at the start, and again at each reload. Without it, what `netrig policy apply` asks for.",
    ),
    restart(
        "policy.socket",
        Field::AbsolutePath(|c| &mut c.policy.socket),
        "The Unix socket by which `netrig policy` changes policies, and `netrig capture --dump` has the flight recorder write; its folder is \
         made when it is missing. Root's alone.",
    ),
    restart(
        "policy.pins",
        Field::AbsolutePath(|c| &mut c.policy.pins),
        "Where a policy with `persist = true` lies, so that it outlives the rig: a folder on the kernel's file system of \
         programs.",
    ),
    restart(
        "policy.examples",
        Field::Count { at: |c| &mut c.policy.examples, min: 0, max: 1_000 },
        "Packets that matched a rule and are looked at in a second, on each CPU; all are counted.",
    ),
    restart(
        "recorder.enabled",
        Field::Bool(|c| &mut c.recorder.enabled),
        "Whether the last packets of each watched interface are kept. Needs the flow probe, which says which these are.",
    ),
    restart(
        "recorder.memory",
        Field::Size { at: |c| &mut c.recorder.memory, min: ByteSize::mib(1), max: ByteSize::gib(1) },
        "What the rings are sized from, one for each CPU and interface: a part of `[rig] memory`, and at most half of it. How far \
         back they reach depends on the traffic: `netrig_recorder_reach_seconds` and each file tell.",
    ),
    restart(
        "recorder.snaplen",
        Field::Count { at: |c| &mut c.recorder.snaplen, min: 96, max: 480 },
        "Octets of each packet that are kept: 96, 224 or 480; what lies between is rounded up. A slot has 32 more.",
    ),
    live(
        "recorder.rate",
        Field::Count { at: |c| &mut c.recorder.rate, min: 0, max: 100_000_000 },
        "Packets a second that a CPU records of an interface and direction when more come for long: an even part of them. A burst after \
         quiet is recorded whole, up to half a ring. What is left out is counted. 0: every packet, always.",
    ),
    live(
        "recorder.before",
        Field::Duration { at: |c| &mut c.recorder.before, min: Duration::from_millis(100), max: seconds(600) },
        "How much of the time before a trigger is written, as far as the rings reach.",
    ),
    live(
        "recorder.after",
        Field::Duration { at: |c| &mut c.recorder.after, min: Duration::from_millis(100), max: seconds(60) },
        "How much of the time after it.",
    ),
    live(
        "recorder.dir",
        Field::OptionalPath { at: |c| &mut c.recorder.dir, example: "/var/lib/netrig/captures" },
        "Folder of the files; made when it is missing. Without it, `captures` in `[store] dir`.",
    ),
    live(
        "recorder.files",
        Field::Count { at: |c| &mut c.recorder.files, min: 1, max: 10_000 },
        "So many files are kept; the oldest are removed first.",
    ),
    live(
        "recorder.bytes",
        Field::Size { at: |c| &mut c.recorder.bytes, min: ByteSize::mib(1), max: ByteSize(1 << 40) },
        "Disk space that they may take together.",
    ),
    live(
        "recorder.cooldown",
        Field::Duration { at: |c| &mut c.recorder.cooldown, min: Duration::ZERO, max: DAY },
        "A trigger that has fired does not fire again for so long; it is counted. Commands and signals are always obeyed.",
    ),
    live(
        "recorder.automatic",
        Field::Bool(|c| &mut c.recorder.automatic),
        "Whether triggers are looked for: those of `[[recorder.trigger]]`, or the two that there are where none is declared. Else \
         only SIGUSR1 and `netrig capture --dump` make it write.",
    ),
    restart("store.enabled", Field::Bool(|c| &mut c.store.enabled), "Whether records are stored."),
    restart("store.dir", Field::AbsolutePath(|c| &mut c.store.dir), "Folder of the files; made when it is missing."),
    live(
        "store.retain",
        Field::Duration { at: |c| &mut c.store.retain, min: HOUR, max: Duration::from_secs(3_650 * 86_400) },
        "Age at which files are removed.",
    ),
    live(
        "store.detail_retain",
        Field::Duration { at: |c| &mut c.store.detail_retain, min: HOUR, max: Duration::from_secs(3_650 * 86_400) },
        "Age at which the detail of flows is reduced to minutes without clients' ports, even where there is room. No more than `retain` matters.",
    ),
    live(
        "store.budget",
        Field::Size { at: |c| &mut c.store.budget, min: ByteSize::mib(16), max: ByteSize(100 << 40) },
        "Disk space that the files may take together, with those being written. Before it is reached the oldest flows are reduced to minutes, then to hours; of other tables the oldest are removed.",
    ),
    restart("serve.enabled", Field::Bool(|c| &mut c.serve.enabled), "Whether the rig listens at all."),
    restart(
        "serve.listen",
        Field::Loopback(|c| &mut c.serve.listen),
        "Address and port to listen on. Loopback only: beyond it a token and TLS would be required, and they are not \
         built yet.",
    ),
    restart("metrics.enabled", Field::Bool(|c| &mut c.metrics.enabled), "Whether `/metrics` answers."),
    remote_write::URL,
    remote_write::INTERVAL,
    remote_write::TIMEOUT,
    remote_write::EXTERNAL_LABELS,
    remote_write::NATIVE_HISTOGRAMS,
    remote_write::BEARER_TOKEN_FILE,
    remote_write::BASIC_AUTH_USER,
    remote_write::BASIC_AUTH_PASSWORD_FILE,
    remote_write::TLS_CA_FILE,
    remote_write::QUEUE,
    remote_write::SAMPLES_PER_REQUEST,
];
