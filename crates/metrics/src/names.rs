//! Every metric: its name, kind, labels and meaning. Nothing is exported that is not listed here.

use crate::buckets::{self, Classic, GAPS, LENGTHS, OCTAVES, TWO_OCTAVES};
use netrig_model::Histogram;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// What a metric's values do over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the rig runs.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Values counted by size; every count only grows while the rig runs. With the bounds of the classic form.
    Histogram(Classic),
}

impl Kind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One metric family.
#[derive(Debug)]
pub struct Metric {
    /// The whole name as Prometheus text shows it, unit and `_total` included.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Label names, in the order their values are given.
    pub labels: &'static [&'static str],
    /// One sentence for people.
    pub help: &'static str,
}

impl Metric {
    pub(crate) fn metric_type(&self) -> MetricType {
        match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram(_) => MetricType::Histogram,
        }
    }

    /// The name without `_total`: how OpenMetrics names a counter's family.
    #[must_use]
    pub fn family(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram(_) => self.name,
        }
    }

    /// The bounds of the classic form of its distributions; none where it has none.
    pub(crate) fn bounds(&self) -> Option<Classic> {
        match self.kind {
            Kind::Histogram(bounds) => Some(bounds),
            Kind::Counter | Kind::Gauge => None,
        }
    }

    /// The classic form of a distribution of this metric.
    pub(crate) fn classic(&self, values: &Histogram) -> Vec<(f64, u64)> {
        self.bounds().map(|bounds| buckets::classic(values, bounds)).unwrap_or_default()
    }

    /// The family's name cut into what stands before the unit, and the unit, where it is one OpenMetrics knows.
    pub(crate) fn stem_and_unit(&self) -> (&'static str, Option<Unit>) {
        let family = self.family();
        if let Some(stem) = family.strip_suffix("_bytes") {
            (stem, Some(Unit::Bytes))
        } else if let Some(stem) = family.strip_suffix("_seconds") {
            (stem, Some(Unit::Seconds))
        } else {
            (family, None)
        }
    }
}

macro_rules! metrics {
    ($($id:ident = $kind:ident $(($bounds:expr))? $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $id: Metric =
                Metric { name: $name, kind: Kind::$kind $(($bounds))?, labels: &[$($label),*], help: $help };
        )*
        /// All metrics, in the order they are written.
        pub static ALL: &[&Metric] = &[$(&$id),*];
    };
}

metrics! {
    BUILD_INFO = Gauge "netrig_build_info" ["version"] "Always 1; the label carries the version of the rig";
    START_TIME = Gauge "netrig_start_time_seconds" [] "When the rig started, seconds since the epoch";
    WINDOW = Gauge "netrig_window_seconds" [] "Length of the window in which deltas become flow records";
    PROCESS_RESIDENT = Gauge "netrig_process_resident_bytes" [] "Resident memory of the rig's process";

    PROBE_CPU = Counter "netrig_probe_cpu_seconds_total" ["probe"]
        "Time the probe's programs took in the kernel, extrapolated from slices in which it is measured; probe meter is what that costs";
    PROBE_RUNS = Counter "netrig_probe_runs_total" ["probe"]
        "Times the probe's programs ran, extrapolated from slices, or by packets counted";
    PROBE_MEMORY = Gauge "netrig_probe_memory_bytes" ["probe"] "Memory of the probe's maps, as the kernel accounts it";
    PROCESS_CPU = Counter "netrig_process_cpu_seconds_total" [] "CPU time of the rig's process, the kernel's work for it included";
    THREAD_CPU = Counter "netrig_thread_cpu_seconds_total" ["thread"] "CPU time of the rig's threads, by their names";
    OVERHEAD = Gauge "netrig_overhead_ratio" []
        "What the rig costs, kernel and user space, as a part of the whole machine, over the latest seconds";
    CPU_BUDGET = Gauge "netrig_cpu_budget_ratio" [] "What it may cost: [rig] cpu, as a part of the whole machine";
    KERNEL_MEMORY = Gauge "netrig_kernel_memory_bytes" [] "Memory of all the rig's maps, as the kernel accounts it";
    MEMORY_BUDGET = Gauge "netrig_memory_budget_bytes" ["part"]
        "What the rig's tables may take: rig is [rig] memory, kernel the maps' part of it";
    GOVERNOR_LEVEL = Gauge "netrig_governor_level" [] "Steps that are turned down now, to keep the budget";
    GOVERNOR_STEPS = Counter "netrig_governor_steps_total" ["direction"]
        "Steps that were turned down, and up again, to keep the budget";
    GOVERNOR_STEP = Gauge "netrig_governor_step_down" ["step"]
        "1 while the step is turned down, 0 while it is not; absent where there is nothing to turn down";
    GOVERNOR_EXHAUSTED = Gauge "netrig_governor_exhausted" []
        "1 while all is turned down and the rig costs more than its budget";

    LABEL_VALUES = Gauge "netrig_label_values" ["kind"]
        "Values of labels that have series of their own, by what they name; names are kept until the rig ends";
    LABEL_VALUES_MAX = Gauge "netrig_label_values_max" ["kind"]
        "The most values there can be of each kind; what comes later is summed as other";

    PROBE_UP = Gauge "netrig_probe_up" ["probe"]
        "1 while the probe is attached, in full or in part; 0 while it is off or failed";
    PROBE_STATE = Gauge "netrig_probe_state" ["probe", "state"]
        "1 for the state the probe is in, 0 for the others: off, running, degraded, failed";

    INTERFACE_PACKETS = Counter "netrig_interface_packets_total" ["iface", "direction"]
        "Packets that passed the rig's hook, as on the wire: segments of a super-packet count one by one";
    INTERFACE_BYTES = Counter "netrig_interface_bytes_total" ["iface", "direction"]
        "Layer-2 octets without FCS that passed the rig's hook, as on the wire";
    INTERFACE_HOOK = Gauge "netrig_interface_hook" ["iface", "direction", "hook"]
        "1 for the kernel hook that serves the interface: tcx, clsact, xdp-native, xdp-generic";
    INTERFACE_KERNEL_PACKETS = Counter "netrig_interface_kernel_packets_total" ["iface", "direction"]
        "Packets the kernel's own interface counter gained since the rig attached";
    INTERFACE_KERNEL_BYTES = Counter "netrig_interface_kernel_bytes_total" ["iface", "direction"]
        "Bytes the kernel's own interface counter gained since the rig attached";
    INTERFACE_KERNEL_DROPPED = Counter "netrig_interface_kernel_dropped_packets_total" ["iface", "direction"]
        "Packets the kernel counted as dropped on the interface since the rig attached";

    FLOW_PACKETS = Counter "netrig_flow_packets_total" ["iface", "direction", "transport"]
        "Packets told in flow records; transport other is every protocol without a name";
    FLOW_BYTES = Counter "netrig_flow_bytes_total" ["iface", "direction", "transport"]
        "Layer-2 octets told in flow records; transport other is every protocol without a name";

    LEDGER_PACKETS = Counter "netrig_ledger_packets_total" ["iface", "direction", "fate"]
        "What became of the packets seen: told in a flow record, overflow, not_ip or sampled_out, less extrapolated; and policy: removed unseen";
    LEDGER_BYTES = Counter "netrig_ledger_bytes_total" ["iface", "direction", "fate"]
        "What became of the octets seen: told in a flow record, overflow, not_ip or sampled_out, less extrapolated; and policy: removed unseen";
    LEDGER_IMBALANCE = Gauge "netrig_ledger_imbalance_packets" ["iface", "direction"]
        "Packets seen minus all fates, in the window of the last minute that was furthest from 0; anything but 0 is a bug in the rig";
    LEDGER_UNACCOUNTED = Gauge "netrig_ledger_unaccounted_packets" ["iface", "direction"]
        "Packets the kernel counted since the rig attached that no hook saw and neither policy nor drop counters explain";
    UNSENT = Gauge "netrig_unsent_packets" ["iface"]
        "Egress packets that passed the hook since the rig attached and have not left: queued, or dropped after it";
    NOT_IP = Counter "netrig_not_ip_packets_total" ["iface", "direction", "ethertype"]
        "Packets that are not IP, by EtherType; ethertype other sums those beyond the cap";
    PARSE_FAULTS = Counter "netrig_parse_faults_total" ["iface", "direction", "fault"]
        "Packets whose headers could not be read to their end; each is also told as what could be read of it";

    TABLE_ENTRIES = Gauge "netrig_table_entries" ["table"] "Entries of the kernel's flow table in use, all CPUs";
    TABLE_CAPACITY = Gauge "netrig_table_capacity" ["table"] "Slots of the kernel's flow table, all CPUs";
    TABLE_MEMORY = Gauge "netrig_table_bytes" ["table"] "Kernel memory of the flow table";
    TABLE_EVICTIONS = Counter "netrig_table_evictions_total" ["table"] "Entries that made room for another flow";
    TABLE_SPILLS = Counter "netrig_table_spills_total" ["table"]
        "Evicted entries that reached user space through the outbox: nothing lost";
    TABLE_OVERFLOWS = Counter "netrig_table_overflows_total" ["table"]
        "Evicted entries that found the outbox full: kept as interface totals, told in no flow";

    RING_FILL = Gauge "netrig_ring_fill_ratio" ["ring"]
        "How full the fullest ring of a kind was when it was emptied, at most, in the latest window and the one that is open";

    DRAIN_SCANS = Counter "netrig_drain_scans_total" [] "Passes over the flow tables";
    DRAIN_DELTAS = Counter "netrig_drain_deltas_total" [] "Deltas read from the flow tables";
    DRAIN_CPU = Counter "netrig_drain_cpu_seconds_total" [] "CPU time of the drain thread";
    FLOWS_TRACKED = Gauge "netrig_flows_tracked" [] "Flows remembered in user space";
    FLOWS_CAPACITY = Gauge "netrig_flows_capacity" [] "The most flows the memory budget lets user space remember";
    FLOWS_EVICTED = Counter "netrig_flows_evicted_total" []
        "Flows told early because that bound was reached: nothing lost";

    STORE_WRITING = Gauge "netrig_store_writing" [] "1 while the store takes records, 0 while it cannot";
    STORE_SIZE = Gauge "netrig_store_bytes" [] "Bytes of the store on disk";
    STORE_FILES = Gauge "netrig_store_files" [] "Files of the store on disk";
    STORE_ROWS_WRITTEN = Counter "netrig_store_rows_written_total" [] "Rows written since the rig started";
    STORE_ROWS_LOST = Counter "netrig_store_rows_lost_total" []
        "Rows given up since the rig started: disk full or queue full";
    STORE_FILES_RETIRED = Counter "netrig_store_files_retired_total" [] "Files removed for age or budget";
    STORE_REDUCTIONS = Counter "netrig_store_reductions_total" []
        "Reductions of what an hour holds: flows to minutes, or minutes to hours";
    STORE_WINDOWS_OVER = Counter "netrig_store_windows_over_budget_total" []
        "Windows that were larger than [store] budget by themselves";

    TCP_OPENED = Counter "netrig_tcp_connections_opened_total" ["role"]
        "Connections opened, by this host's role: client once its SYN is sent, server once the handshake is done";
    TCP_ESTABLISHED = Counter "netrig_tcp_connections_established_total" ["role"]
        "Connections whose handshake became complete, by this host's role";
    TCP_ENDED = Counter "netrig_tcp_connections_ended_total" ["end"]
        "Connections whose last record is told, by its end_reason";
    TCP_ERRORS = Counter "netrig_tcp_errors_total" ["error"]
        "Errors of TCP reported to applications, by name: ECONNREFUSED, ETIMEDOUT, …";
    TCP_RESETS_SENT = Counter "netrig_tcp_resets_sent_total" ["reason"]
        "Resets sent, by the kernel's reason; unknown before Linux 6.10";
    TCP_RESETS_RECEIVED = Counter "netrig_tcp_resets_received_total" [] "Resets received";
    TCP_RETRANSMITS = Counter "netrig_tcp_retransmits_total" ["cause"]
        "Segments sent again, by cause: timeout, fast, tlp (tail loss probe), syn, syn_ack, other";
    TCP_CONNECTIONS = Gauge "netrig_tcp_connections" ["state"] "Open connections the rig knows of, by state";
    TCP_HALF_OPEN = Gauge "netrig_tcp_half_open" []
        "Handshakes under way at the listeners: SYN received, not yet acknowledged";

    TCP_RTT = Histogram(OCTAVES) "netrig_tcp_rtt_seconds" ["role", "service", "kind"]
        "Round trips: kind all, and among them kind pure, acknowledged without data, which is the wire alone";
    TCP_CONNECT = Histogram(OCTAVES) "netrig_tcp_connect_seconds" ["role", "service"]
        "Time to connect: client from connect() to established, server from SYN-ACK to ACK";

    TCP_ACCEPT_QUEUE = Gauge "netrig_tcp_accept_queue" ["listener"] "Connections that wait for accept()";
    TCP_ACCEPT_QUEUE_CAPACITY = Gauge "netrig_tcp_accept_queue_capacity" ["listener"]
        "The most connections that may wait for accept()";
    TCP_SYN_QUEUE = Gauge "netrig_tcp_syn_queue" ["listener"] "Handshakes under way at the listener";
    TCP_LISTENER_DROPS = Counter "netrig_tcp_listener_drops_total" ["listener"]
        "Connections and SYNs the listener dropped";
    TCP_SYN_ACK_RETRANSMITS = Counter "netrig_tcp_syn_ack_retransmits_total" ["listener"]
        "SYN-ACKs the listener sent again, since the rig knows it";

    TCP_LISTEN_OVERFLOWS = Counter "netrig_tcp_listen_overflows_total" []
        "The kernel's count of handshakes that found the accept queue full (TcpExtListenOverflows)";
    TCP_LISTEN_DROPS = Counter "netrig_tcp_listen_drops_total" []
        "The kernel's count of what listeners dropped, overflows included (TcpExtListenDrops)";
    TCP_SYN_QUEUE_DROPS = Counter "netrig_tcp_syn_queue_drops_total" []
        "The kernel's count of SYNs dropped for a full SYN queue (TcpExtTCPReqQFullDrop)";
    TCP_SYN_COOKIES = Counter "netrig_tcp_syn_cookies_total" []
        "The kernel's count of SYN cookies sent (TcpExtSyncookiesSent)";
    TCP_TIME_WAIT = Gauge "netrig_tcp_time_wait" [] "Sockets in TIME_WAIT, by the kernel";
    TCP_ORPHANS = Gauge "netrig_tcp_orphans" [] "TCP sockets without a process, by the kernel";
    TCP_MEMORY = Gauge "netrig_tcp_memory_bytes" [] "Memory that TCP has taken, by the kernel, in whole pages";
    TCP_KERNEL_RETRANSMITS = Counter "netrig_tcp_kernel_retransmits_total" []
        "The kernel's count of segments sent again (TcpRetransSegs)";

    TCP_TABLE_ENTRIES = Gauge "netrig_tcp_table_entries" []
        "Sockets in the kernel's table of connections, listeners included";
    TCP_TABLE_CAPACITY = Gauge "netrig_tcp_table_capacity" [] "The most sockets the table of connections holds";
    TCP_TABLE_MEMORY = Gauge "netrig_tcp_table_bytes" [] "Kernel memory of the table of connections";
    TCP_ADOPTED = Counter "netrig_tcp_adopted_total" []
        "Connections that were open already when the rig came to know of them";
    TCP_EVICTED = Counter "netrig_tcp_evicted_total" []
        "Open connections whose place in the table was needed: told once more, from then on in the totals only";
    TCP_UNTRACKED = Counter "netrig_tcp_untracked_total" []
        "Connections that found no place in the table: in the totals only";
    TCP_LOST = Counter "netrig_tcp_lost_total" []
        "Connections whose end was not seen: a later walk over all sockets missed them";
    TCP_WALKS = Counter "netrig_tcp_walks_total" [] "Walks over all TCP sockets";
    TCP_WALK_CPU = Counter "netrig_tcp_walk_cpu_seconds_total" [] "CPU time of the walks over all TCP sockets";

    LATENCY_STAGE = Histogram(TWO_OCTAVES) "netrig_latency_stage_seconds" ["role", "service", "stage"]
        "Time of sampled messages in each stage of their way, and in total; service host is the whole host's";
    LATENCY_ELIGIBLE = Counter "netrig_latency_eligible_total" ["role", "service", "stage"]
        "Sampled messages that should have passed the stage: those measured are its coverage";
    LATENCY_CENSORED = Counter "netrig_latency_censored_total" ["role", "service", "stage"]
        "Sampled messages that began the stage and whose end of it was not seen";
    LATENCY_TCP_QUEUE = Counter "netrig_latency_tcp_queue_seconds_total" ["role", "service", "cause"]
        "Time of sampled messages in TCP's queue, by what held them there";
    LATENCY_TCP_QUEUE_MESSAGES = Counter "netrig_latency_tcp_queue_messages_total" ["role", "service", "cause"]
        "Sampled messages in TCP's queue, by what held them there";
    LATENCY_SAMPLING = Gauge "netrig_latency_sampling_ratio" []
        "The part of all messages that is looked at, 1 divided by [latency] sampling";
    LATENCY_UNSEEN = Gauge "netrig_latency_stage_unseen" ["stage"]
        "1 for the stages that this host cannot show, 0 for the others; the status says why";
    LATENCY_PLACES = Gauge "netrig_latency_places" []
        "Places taken in the latency probe's table: a service as one process has it, or a slow connection";
    LATENCY_PLACES_MAX = Gauge "netrig_latency_places_max" []
        "The most places there can be; what finds none is summed as service other";
    LATENCY_MEMORY = Gauge "netrig_latency_memory_bytes" [] "Kernel memory of the latency probe";

    DROPS = Counter "netrig_drops_total" ["reason", "class"]
        "Packets the kernel dropped, by its reason and what that means: harmless, protocol, policy, resource, error, unknown";
    DROP_EVENTS = Counter "netrig_drop_events_total" ["source", "reason", "iface"]
        "Drops that others counted: socket, xdp, device, qdisc, softnet, table, refused; sources overlap, with netrig_drops_total too";
    DROPS_UNCOUNTED = Counter "netrig_drops_uncounted_total" []
        "Packets dropped while another drop was being counted: in no reason";
    DROP_EXAMPLES_LOST = Counter "netrig_drop_examples_lost_total" []
        "Examples of dropped packets that found their ring full: counted all the same";
    DROP_PLACES = Gauge "netrig_drop_places" []
        "Groups in the drop probe's table, the fullest CPU's: a reason at a place, on an interface, one way";
    DROP_PLACES_MAX = Gauge "netrig_drop_places_max" []
        "The most groups there can be; drops that find none are counted as reason OTHER";
    DROP_MEMORY = Gauge "netrig_drop_memory_bytes" [] "Kernel memory of the drop probe";

    BURST_PEAK = Gauge "netrig_burst_peak_bits_per_second" ["iface", "direction"]
        "Rate of the busiest bucket of the last 60 s; iface other has the highest of those beyond the cap";
    BURSTS = Counter "netrig_bursts_total" ["iface", "direction"]
        "Bursts: buckets in a row over the share of the link's speed, or over so many times the mean";
    BURST_BYTES = Counter "netrig_burst_bytes_total" ["iface", "direction"] "Layer-2 octets that passed in bursts";
    BURST_LENGTH = Histogram(LENGTHS) "netrig_burst_seconds" ["iface", "direction"] "Lengths of bursts";
    BURST_GAP = Histogram(GAPS) "netrig_burst_gap_seconds" ["iface", "direction"]
        "Times from the end of a burst to the next one";
    BURST_BUCKETS_LOST = Counter "netrig_burst_buckets_lost_total" ["iface", "direction"]
        "Buckets that were overwritten before they were read: a burst there may have been missed";
    BURST_BUCKET = Gauge "netrig_burst_bucket_seconds" [] "Length of a bucket";
    BURST_UNSEEN = Gauge "netrig_burst_interfaces_unseen" []
        "Interfaces under watch whose bursts are not seen, for memory had no room for their buckets";
    BURST_MEMORY = Gauge "netrig_burst_memory_bytes" [] "Kernel memory of the fine buckets";
    INTERFACE_SPEED = Gauge "netrig_interface_speed_bits_per_second" ["iface"]
        "Speed of the link; absent where the driver does not tell it";

    QUEUE_BACKLOG = Gauge "netrig_queue_backlog_bytes" ["iface", "direction", "queue", "qdisc"]
        "Octets that wait in the queueing discipline";
    QUEUE_BACKLOG_PACKETS = Gauge "netrig_queue_backlog_packets" ["iface", "direction", "queue", "qdisc"]
        "Packets that wait in the queueing discipline";
    QUEUE_BACKLOG_MAX = Gauge "netrig_queue_backlog_max_bytes" ["iface", "direction", "queue", "qdisc"]
        "The most octets that were seen waiting in the last 60 s";
    QUEUE_DELAY = Gauge "netrig_queue_delay_seconds" ["iface", "direction", "queue", "qdisc"]
        "How long what waits will take at the rate of the last second";
    QUEUE_DELAY_MAX = Gauge "netrig_queue_delay_max_seconds" ["iface", "direction", "queue", "qdisc"]
        "The longest such time in the last 60 s";
    QUEUE_SENT_BYTES = Counter "netrig_queue_sent_bytes_total" ["iface", "direction", "queue", "qdisc"]
        "The kernel's count of octets that left the queue";
    QUEUE_SENT_PACKETS = Counter "netrig_queue_sent_packets_total" ["iface", "direction", "queue", "qdisc"]
        "The kernel's count of packets that left the queue";
    QUEUE_DROPPED = Counter "netrig_queue_dropped_packets_total" ["iface", "direction", "queue", "qdisc"]
        "The kernel's count of packets the queue dropped";
    QUEUE_OVERLIMIT = Counter "netrig_queue_overlimit_packets_total" ["iface", "direction", "queue", "qdisc"]
        "The kernel's count of packets that had to wait for the queue's limit of rate";
    QUEUE_REQUEUED = Counter "netrig_queue_requeued_packets_total" ["iface", "direction", "queue", "qdisc"]
        "The kernel's count of packets that the device sent back";
    QUEUE_BQL_LIMIT = Gauge "netrig_queue_bql_limit_bytes" ["iface", "direction", "queue", "qdisc"]
        "Octets that the device's queue may hold now (byte queue limits)";
    QUEUE_BQL_INFLIGHT = Gauge "netrig_queue_bql_inflight_bytes" ["iface", "direction", "queue", "qdisc"]
        "Octets that the device's queue holds";
    QUEUE_BQL_STALLS = Counter "netrig_queue_bql_stalls_total" ["iface", "direction", "queue", "qdisc"]
        "The kernel's count of times the device's queue stalled, where its threshold is set";
    QUEUE_BQL_STALL_MAX = Gauge "netrig_queue_bql_stall_max_seconds" ["iface", "direction", "queue", "qdisc"]
        "The longest stall of the device's queue";
    QUEUE_RING = Gauge "netrig_queue_ring_slots" ["iface", "direction", "queue", "qdisc"] "Slots of the device's ring";
    QUEUE_RING_MAX = Gauge "netrig_queue_ring_slots_max" ["iface", "direction", "queue", "qdisc"]
        "The most slots the device's ring could have";

    NAPI_POLLS = Counter "netrig_napi_polls_total" ["iface"]
        "Polls of the device that were looked at; iface backlog is what has no device of its own";
    NAPI_PACKETS = Counter "netrig_napi_packets_total" ["iface"] "Packets that these polls took";
    NAPI_EXHAUSTED = Counter "netrig_napi_exhausted_polls_total" ["iface"]
        "Polls, of these, that used their whole budget: more was waiting";
    NAPI_LOOKED_AT = Gauge "netrig_napi_looked_at_ratio" []
        "The part of time in which polls are counted; the counters tell what was counted in it";

    SOFTIRQ_TIME = Gauge "netrig_softirq_time_ratio" ["cpu"] "The part of the last seconds the CPU spent in softirqs";
    SOFTIRQ_PACKETS = Counter "netrig_softirq_packets_total" ["cpu"]
        "The kernel's count of packets the CPU received";
    SOFTIRQ_DROPPED = Counter "netrig_softirq_dropped_packets_total" ["cpu"]
        "The kernel's count of packets the CPU's backlog had no room for (net.core.netdev_max_backlog)";
    SOFTIRQ_SQUEEZED = Counter "netrig_softirq_squeezed_total" ["cpu"]
        "The kernel's count of times the CPU had to stop receiving with work left (net.core.netdev_budget)";

    POLICY_PACKETS = Counter "netrig_policy_packets_total" ["rule", "action", "mode"]
        "Packets that matched the rule; rule other sums those beyond the cap";
    POLICY_BYTES = Counter "netrig_policy_bytes_total" ["rule", "action", "mode"]
        "Octets of frames, without FCS, that matched the rule";
    POLICY_REMOVED_PACKETS = Counter "netrig_policy_removed_packets_total" ["rule", "action", "mode"]
        "Of the packets that matched, those that the rule dropped or sent elsewhere; of mode shadow those that it would have";
    POLICY_REMOVED_BYTES = Counter "netrig_policy_removed_bytes_total" ["rule", "action", "mode"]
        "Their octets";
    POLICY_INTERFACE_REMOVED_PACKETS = Counter "netrig_policy_interface_removed_packets_total" ["iface", "verdict"]
        "Packets received on the interface that policies dropped, or redirected: the stack did not see them there";
    POLICY_INTERFACE_REMOVED_BYTES = Counter "netrig_policy_interface_removed_bytes_total" ["iface", "verdict"]
        "Their octets";
    POLICY_RULES = Gauge "netrig_policy_rules" [] "Rules in force, the built-in ones included; 0: no policy is";
    POLICY_WARNINGS = Gauge "netrig_policy_warnings" []
        "What is wrong with the policy in force, such as a set's file that vanished; the status says what";
    POLICY_MEMORY = Gauge "netrig_policy_memory_bytes" [] "Kernel memory of the policy in force";
    POLICY_CONFIRMATION = Gauge "netrig_policy_confirmation_seconds" []
        "Time left to confirm the policy in force before the one before it comes back; 0: nothing waits";
    POLICY_EVENTS_LOST = Counter "netrig_policy_events_lost_total" []
        "Packets looked at that found their ring full: counted all the same";
    POLICY_LIMIT_SOURCES_LOST = Counter "netrig_policy_limit_sources_lost_total" []
        "Sources whose bucket another took before it was full again: a limit has more sources than it remembers";
    POLICY_FELL_BACK = Counter "netrig_policy_fell_back_packets_total" []
        "Packets that met no policy and passed: none was in force, or one that waited was not confirmed";

    RECORDER_DUMPS = Counter "netrig_recorder_dumps_total" ["trigger", "outcome"]
        "Triggers of the flight recorder that fired: a file was written, it joined another's, it had just fired, or writing failed";
    RECORDER_PACKETS = Counter "netrig_recorder_packets_total" [] "Packets recorded, overwritten since or not";
    RECORDER_LEFT_OUT = Counter "netrig_recorder_left_out_packets_total" []
        "Packets that were not recorded because more came than [recorder] rate";
    RECORDER_HELD = Gauge "netrig_recorder_held_packets" [] "Packets that the flight recorder's rings hold";
    RECORDER_CAPACITY = Gauge "netrig_recorder_capacity_packets" [] "Packets that they have room for";
    RECORDER_REACH = Gauge "netrig_recorder_reach_seconds" ["iface"]
        "How far back every packet of the interface is still there; absent where none has been overwritten yet";
    RECORDER_MEMORY = Gauge "netrig_recorder_memory_bytes" [] "Kernel memory of the rings";
    RECORDER_RECORDING = Gauge "netrig_recorder_recording" []
        "1 while something has fired and what follows is recorded, else 0";
    RECORDER_DUMPED = Counter "netrig_recorder_dumped_packets_total" [] "Packets written to files";
    RECORDER_OVERWRITTEN = Counter "netrig_recorder_overwritten_packets_total" []
        "Packets of the times that were to be written, overwritten before they could be read";
    RECORDER_REMOVED = Counter "netrig_recorder_files_removed_total" [] "Files removed for the quota";
    RECORDER_UNSEEN = Gauge "netrig_recorder_interfaces_unseen" []
        "Interfaces under watch that are not recorded, for memory had no room for their rings or the hook refused";

    REQUESTS = Counter "netrig_requests_total" ["kind"]
        "Requests that are over: dns, tls and quic handshakes, http; of http2 the first request of a connection";
    REQUESTS_FAILED = Counter "netrig_requests_failed_total" ["kind"]
        "Requests without an answer, or with an error: an rcode but NOERROR, a TLS alert, an HTTP status of 400 or more";
    REQUESTS_UNANSWERED = Counter "netrig_requests_unanswered_total" ["kind"]
        "Requests that nobody answered in the time allowed, or before the connection ended";
    REQUEST_RETRIES = Counter "netrig_request_retries_total" ["kind"] "Times requests were asked again";
    DNS_REQUESTS = Counter "netrig_dns_requests_total" ["server"]
        "DNS questions, by the address they went to; server other sums those beyond the cap";
    DNS_RESPONSES = Counter "netrig_dns_responses_total" ["server", "rcode"] "DNS answers, by what they say";
    DNS_TIME = Histogram(OCTAVES) "netrig_dns_seconds" ["server"]
        "Time from a DNS question to its answer, repetitions included";
    TLS_HANDSHAKES = Counter "netrig_tls_handshakes_total" ["kind", "server", "version", "alert"]
        "Openings of TLS sessions and QUIC connections, by the name asked for; alert is empty where none ended it";
    TLS_TIME = Histogram(TWO_OCTAVES) "netrig_tls_seconds" ["kind", "server"]
        "Time from a client's hello to the server's answer";
    HTTP_REQUESTS = Counter "netrig_http_requests_total" ["kind", "host", "status"]
        "HTTP requests, by the status' class; it is empty where nobody answered";
    HTTP_TIME = Histogram(TWO_OCTAVES) "netrig_http_seconds" ["kind", "host", "status"]
        "Time from an HTTP request's first octet to its answer's";
    REQUESTS_PENDING = Gauge "netrig_requests_pending" [] "Requests that wait for their answers";
    PAYLOAD_PACKETS = Counter "netrig_payload_packets_total" ["fate"]
        "Packets whose first octets were worth a copy: copied, or lost where the ring had no room";
    PAYLOAD_SEGMENTS = Counter "netrig_payload_segments_total" ["outcome"]
        "Copies no request was read from: unknown to any parser, seen again, malformed, or no_room to keep what they belong to";
    PAYLOAD_FLOWS = Gauge "netrig_payload_flows" [] "Flows in which requests are looked for";
    PAYLOAD_MEMORY = Gauge "netrig_payload_memory_bytes" []
        "Memory of copies, followed flows, requests and names, the kernel's and the rig's own";
    ADDRESS_NAMES = Gauge "netrig_address_names" [] "Names of addresses remembered from DNS answers, clients' own included";

    REMOTE_WRITE_QUEUE = Gauge "netrig_remote_write_queue_samples" []
        "Samples that wait to be sent, those of a request under way among them";
    REMOTE_WRITE_CAPACITY = Gauge "netrig_remote_write_queue_capacity_samples" []
        "Samples that there is room for, as large as they have been so far: the bound is [remote_write] queue";
    REMOTE_WRITE_SAMPLES = Counter "netrig_remote_write_samples_total" ["outcome"]
        "Samples that the server took (sent), that it refused (rejected), and that were given up (dropped)";
    REMOTE_WRITE_REQUESTS = Counter "netrig_remote_write_requests_total" ["outcome"]
        "Requests that the server took (ok), that are made again (retried), and that it refused (failed)";
    REMOTE_WRITE_SUCCESS = Gauge "netrig_remote_write_last_success_timestamp_seconds" []
        "When the server last took a request, seconds since the epoch";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_follow_the_rules() {
        let mut seen = BTreeSet::new();
        for metric in ALL {
            assert!(seen.insert(metric.name), "{} is listed twice", metric.name);
            assert!(metric.name.starts_with("netrig_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert!(!metric.help.is_empty() && !metric.help.ends_with('.'), "{}: {}", metric.name, metric.help);
        }
    }
}
