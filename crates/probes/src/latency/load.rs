//! Opening and loading the object file: what the running kernel has is taken, what it lacks is named.

use super::LatencyOptions;
use crate::{ProbeError, object};
use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Func, Struct, Typedef};
use libbpf_rs::{ErrorExt, Object, OpenObject};
use netrig_model::Stage;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/latency.bpf.o"));

/// Programs that every message passes: their tracepoints.
pub(super) const OF_MESSAGES: &[(&str, &str)] = &[
    ("latency_ready", "sk_data_ready"),
    ("latency_waking", "sched_waking"),
    ("latency_read", "tcp_rcv_space_adjust"),
    ("latency_write", "tcp_sendmsg_locked"),
];

/// Programs that are attached for a slice of every period: their tracepoints. Where something ends comes before where it
/// begins: what began would else never end.
pub(super) const SLICED: &[(&str, &str)] = &[
    ("latency_entered", "softirq_entry"),
    ("latency_raised", "softirq_raise"),
    ("latency_started", "net_dev_start_xmit"),
    ("latency_queued", "net_dev_queue"),
];

/// Attached with those, and until what they began has ended: its tracepoint.
pub(super) const LINGERING: (&str, &str) = ("latency_received", "sock_recv_length");

/// At the root of the v2 control groups.
pub(super) const OPERATIONS: &str = "latency_operations";
/// The walk over older sockets.
pub(super) const WALK: &str = "latency_walk";

fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    OF_MESSAGES.iter().chain(SLICED).chain([&LINGERING])
}

/// What the running kernel has of what the probe needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Kernel {
    absent: Vec<&'static str>,
    tx_callbacks: bool,
    run_delay: bool,
}

impl Kernel {
    pub(super) fn look() -> Self {
        let Ok(btf) = Btf::from_vmlinux() else { return Self::default() };
        let has = |tracepoint: &str| btf.type_by_name::<Typedef<'_>>(&format!("btf_trace_{tracepoint}")).is_some();
        let tracepoints = all().map(|(_, tracepoint)| *tracepoint);
        Self {
            absent: tracepoints.filter(|tracepoint| !has(tracepoint)).collect(),
            tx_callbacks: btf.type_by_name::<Func<'_>>("bpf_sock_ops_enable_tx_tstamp").is_some(),
            run_delay: btf.type_by_name::<Struct<'_>>("sched_info").is_some_and(|info| info.iter().count() > 0),
        }
    }

    fn has(&self, tracepoint: &str) -> bool {
        !self.absent.contains(&tracepoint)
    }

    /// The stages this kernel cannot show. Hardware's stamps are not told of here: they depend on the interface.
    pub(super) fn unseen(&self, cgroup_root: bool) -> Vec<(Stage, String)> {
        use Stage::{Nic, Qdisc, Read, RunQueue, Softirq, Stack, TcpQueue, Think, Total, Wakeup, Wire, WirePeer};
        let mut unseen = Vec::new();
        let mut none_of =
            |stages: &[Stage], why: &str| unseen.extend(stages.iter().map(|stage| (*stage, why.to_owned())));
        if !self.has("sk_data_ready") {
            none_of(&[Stack, Wakeup, RunQueue, Read], "needs the tracepoint sk_data_ready: Linux 6.3 or newer");
        }
        if !self.run_delay {
            none_of(&[RunQueue], "this kernel keeps no scheduling delays (CONFIG_SCHED_INFO)");
        }
        if !cgroup_root {
            none_of(&[Think, TcpQueue, Wire, WirePeer, Total], "no v2 control groups are mounted");
        } else if !self.tx_callbacks {
            let why = "needs time stamps of what is sent, for programs: Linux 6.15 or newer";
            none_of(&[Think, TcpQueue, Wire, WirePeer, Total], why);
        }
        if !self.has("net_dev_queue") && !self.tx_callbacks {
            none_of(&[Qdisc], "needs the tracepoint net_dev_queue");
        }
        if !self.has("softirq_raise") {
            none_of(&[Softirq], "needs the tracepoint softirq_raise");
        }
        none_of(&[Nic], "shown only where the driver stamps in hardware what it sends, and is asked to");
        unseen
    }
}

/// Loads the programs that this kernel can have.
pub(super) fn load(options: &LatencyOptions, kernel: &Kernel) -> Result<Object, ProbeError> {
    let mut open = object::open("latency", OBJECT)?;
    size_maps(&mut open, options, kernel).map_err(|e| object::refused("latency", &e))?;
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let tracepoint = all().find(|(each, _)| *each == name).map(|(_, tracepoint)| *tracepoint);
        let operations = name == OPERATIONS || name == WALK;
        // Reads and wake-ups end what begins where data is ready.
        let begins =
            kernel.has("sk_data_ready") || !["latency_waking", "latency_read", "latency_received"].contains(&&*name);
        let has_hook = tracepoint.is_none_or(|t| kernel.has(t)) && (!operations || options.cgroup_root.is_some());
        let wanted = has_hook && begins;
        program.set_autoload(wanted);
    }
    open.load().map_err(|e| object::refused("latency", &e))
}

fn size_maps(open: &mut OpenObject, options: &LatencyOptions, kernel: &Kernel) -> libbpf_rs::Result<()> {
    let sizes = options.sizes;
    let mut settings = sizes.settings();
    settings.tx_callbacks = kernel.tx_callbacks.into();
    settings.write_hook = kernel.has("tcp_sendmsg_locked").into();
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let entries = match name.as_str() {
            "latencies" | "latency_places" => sizes.places,
            "slow_places" => sizes.slow_places.max(1),
            "cpus" => sizes.cpus,
            _ => {
                if name.ends_with(".rodata.settings") {
                    map.set_initial_value(object::bytes_of(&settings))?;
                }
                continue;
            }
        };
        map.set_max_entries(entries).with_context(|| format!("cannot size the map {name}"))?;
    }
    Ok(())
}
