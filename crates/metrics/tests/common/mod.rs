//! A snapshot with something in every field, and a reader of the text that comes of it.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod bursts;
pub(crate) mod drops;
pub(crate) mod hostile;
pub(crate) mod overhead;
pub(crate) mod policy;
pub(crate) mod queues;
pub(crate) mod recorder;
pub(crate) mod requests;

use netrig_model::*;
use std::collections::BTreeMap;

pub(crate) fn counts(packets: u64, bytes: u64) -> TrafficCounts {
    TrafficCounts { packets, bytes }
}

pub(crate) fn interface(name: &str, direction: Direction, packets: u64) -> InterfaceStatus {
    InterfaceStatus {
        iface: name.to_owned(),
        ifindex: 2,
        direction,
        hook: "tcx".to_owned(),
        counts: InterfaceCounts {
            seen: counts(packets, packets * 100),
            frames: counts(packets / 2, packets * 90),
            overflow: counts(2, 200),
            sampled_out: counts(90, 9_000),
            extrapolated: counts(90, 8_960),
            faults: [3, 1, 0],
        },
        told: counts(packets.saturating_sub(7), packets.saturating_sub(7) * 100),
        not_ip: BTreeMap::from([("0x0806".to_owned(), counts(4, 240)), ("0x88cc".to_owned(), counts(1, 120))]),
        kernel: Some(KernelCounts { traffic: counts(packets + 1, packets * 100 + 60), dropped: 1 }),
        policy: (direction == Direction::Ingress).then(|| counts(46, 4508)),
        unaccounted_packets: 0,
        unsent_packets: u64::from(direction == Direction::Egress),
        imbalance_packets: if direction == Direction::Ingress { -1 } else { 0 },
    }
}

pub(crate) fn snapshot() -> Snapshot {
    let tcp = |direction, packets| ("eth0".to_owned(), direction, "tcp".to_owned(), counts(packets, packets * 100));
    Snapshot {
        version: "0.1.0".to_owned(),
        host: "lab".to_owned(),
        kernel: "6.18.0".to_owned(),
        started: Timestamp(1_700_000_000_000_000_000),
        taken: Timestamp(1_700_000_123_500_000_000),
        window_ns: 10_000_000_000,
        probes: vec![
            ProbeStatus { name: "flow".to_owned(), state: ProbeState::Running, detail: String::new() },
            ProbeStatus { name: "tcp".to_owned(), state: ProbeState::Failed, detail: "no BTF".to_owned() },
        ],
        interfaces: vec![
            interface("eth0", Direction::Ingress, 1000),
            interface("eth0", Direction::Egress, 800),
            InterfaceStatus { hook: String::new(), kernel: None, ..interface("odd\"\\name", Direction::Ingress, 10) },
        ],
        tables: vec![TableStatus {
            family: "ipv4".to_owned(),
            entries: 120,
            capacity: 65_536,
            bytes: 4_194_304,
            evictions: 9,
            spills: 7,
            overflows: 2,
        }],
        rings: vec![RingStatus { ring: "outbox".to_owned(), fullest: 768, capacity: 1024 }],
        drain: DrainStatus {
            scans: 123,
            deltas: 4567,
            cpu_ns: 1_250_000_000,
            flows: 99,
            flows_capacity: 200_000,
            flows_evicted: 1,
            resident_bytes: 20_971_520,
        },
        store: Some(StoreStatus {
            dir: "/var/lib/netrig".to_owned(),
            writing: true,
            detail: String::new(),
            bytes: 1_048_576,
            files: 12,
            rows_written: 54_321,
            rows_lost: 0,
            files_retired: 3,
            hours_reduced: 26,
            windows_over_budget: 2,
        }),
        ledger: vec![LedgerRecord {
            iface: Some("eth0".to_owned()),
            direction: Some(Direction::Ingress),
            imbalance_packets: -1,
            ..LedgerRecord::default()
        }],
        transports: vec![tcp(Direction::Ingress, 900), tcp(Direction::Egress, 793)],
        tcp: Some(tcp_status()),
        latency: Some(latency_status()),
        drops: Some(drops::status()),
        bursts: Some(bursts::status()),
        queues: Some(queues::status()),
        policy: Some(policy::status()),
        recorder: Some(recorder::status()),
        payload: Some(requests::status()),
        overhead: Some(overhead::status()),
        remote_write: Some(remote_write()),
    }
}

fn remote_write() -> RemoteWriteStatus {
    RemoteWriteStatus {
        url: "http://10.0.0.9:8428/api/v1/write".to_owned(),
        queue_samples: 640,
        queue_capacity_samples: Some(1_200_000),
        made: 7_000,
        sent: 6_000,
        dropped: 350,
        rejected: 10,
        requests_ok: 3,
        requests_retried: 2,
        requests_failed: 1,
        last_success_ns: Some(1_700_000_120_250_000_000),
        detail: String::new(),
    }
}

pub(crate) fn named(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

pub(crate) fn histogram(buckets: &[(i32, u64)]) -> Histogram {
    let middle_ns = |bucket| Histogram::upper_bound_s(bucket) * 0.98e9;
    Histogram {
        buckets: buckets.to_vec(),
        sum_ns: buckets.iter().map(|(bucket, count)| middle_ns(*bucket) as u64 * count).sum(),
    }
}

pub(crate) fn listener(addr: &str, port: u16, drops: u64) -> ListenerStatus {
    ListenerStatus {
        addr: addr.parse().expect("an address"),
        port,
        netns: 4_026_531_840,
        accept_queue: 3,
        accept_queue_max: 128,
        syn_queue: 2,
        drops,
        syn_ack_retransmits: 1,
        process: Some("nginx".to_owned()),
        pid: Some(4711),
        container: None,
    }
}

pub(crate) fn service(role: Option<Role>, addr: Option<&str>, port: u16, connections: u64) -> ServiceStatus {
    ServiceStatus {
        role,
        addr: addr.map(|addr| addr.parse().expect("an address")),
        port,
        connections,
        rtt: histogram(&[(-300, 1), (-160, connections), (-159, 2 * connections), (-150, 7), (90, 1)]),
        rtt_pure: histogram(&[(-160, connections)]),
        connect: histogram(&[(-158, connections)]),
    }
}

pub(crate) fn tcp_status() -> TcpStatus {
    TcpStatus {
        opened: [31, 47],
        established: [29, 45],
        ended: named(&[("closed", 50), ("refused", 2)]),
        errors: named(&[("ECONNREFUSED", 2), ("ETIMEDOUT", 1)]),
        resets_sent: named(&[("no_socket", 5), ("unknown", 1)]),
        resets_received: 4,
        retransmits: named(&[("timeout", 6), ("fast", 5), ("tlp", 4), ("syn", 3), ("syn_ack", 2), ("other", 1)]),
        open: vec![(TcpState::Established, 12), (TcpState::CloseWait, 1)],
        half_open: 2,
        kernel: Some(KernelTcp {
            listen_overflows: 11,
            listen_drops: 12,
            syn_queue_drops: 13,
            syn_cookies: 14,
            time_wait: 15,
            orphans: 16,
            memory_bytes: 65_536,
            retransmits: 21,
        }),
        listeners: vec![listener("0.0.0.0", 8080, 9), listener("::", 8080, 1), listener("10.0.0.1", 53, 0)],
        services: vec![
            service(Some(Role::Server), None, 8080, 40),
            service(Some(Role::Client), Some("10.0.0.9"), 5432, 20),
            service(None, None, 0, 3),
        ],
        table: TcpTableStatus {
            entries: 70,
            capacity: 16_384,
            bytes: 6_291_456,
            adopted: 8,
            evicted: 7,
            untracked: 6,
            lost: 5,
            walks: 400,
            walk_cpu_ns: 12_500_000,
        },
    }
}

pub(crate) fn stage(stage: Stage, buckets: &[(i32, u64)], eligible: u64, censored: u64) -> StageSums {
    StageSums { stage, histogram: histogram(buckets), eligible, censored }
}

/// A server's place: as one process has it.
pub(crate) fn latency_server(place: u32, port: u16, process: &str) -> LatencyService {
    LatencyService {
        place,
        transport: Some("tcp".to_owned()),
        role: Some(Role::Server),
        port: Some(port),
        process: Some(process.to_owned()),
        ..LatencyService::default()
    }
}

pub(crate) fn latency_status() -> LatencyStatus {
    let server = |place, process| latency_server(place, 8080, process);
    LatencyStatus {
        sampling_rate: 16,
        unseen: vec![
            (Stage::Nic, "no hardware stamps".to_owned()),
            (Stage::Nic, "on none of the interfaces".to_owned()),
        ],
        services: vec![
            LatencyService {
                stages: vec![stage(Stage::Total, &[(-120, 3)], 4, 1)],
                causes: vec![(QueueCause::Other, 1, 2_500_000)],
                ..LatencyService::default()
            },
            LatencyService {
                place: HOST_PLACE,
                stages: vec![stage(Stage::Softirq, &[(-310, 70), (-300, 30)], 100, 0)],
                ..LatencyService::default()
            },
            LatencyService {
                slow_client: Some("192.0.2.7:40000".parse().expect("an address")),
                stages: vec![stage(Stage::Total, &[(0, 1_000_000)], 1_000_000, 0)],
                causes: vec![(QueueCause::Pacing, 5, 7_000_000_000)],
                ..server(2, "nginx")
            },
            LatencyService {
                stages: vec![
                    stage(Stage::Read, &[(-200, 40), (-180, 9)], 50, 1),
                    stage(Stage::TcpQueue, &[(-240, 30), (-110, 2)], 50, 18),
                    stage(Stage::Wire, &[], 6, 0),
                    stage(Stage::Total, &[(-150, 31), (-96, 2), (70, 1)], 50, 16),
                ],
                causes: vec![(QueueCause::ReceiveWindow, 2, 17_000_000), (QueueCause::Nagle, 1, 40_000_000)],
                iface: Some("eth0".to_owned()),
                ..server(34, "nginx")
            },
            LatencyService {
                stages: vec![stage(Stage::Total, &[(-150, 9)], 10, 1)],
                causes: vec![(QueueCause::Nagle, 2, 80_000_000)],
                ..server(35, "caddy")
            },
            LatencyService {
                place: 36,
                transport: Some("udp".to_owned()),
                role: Some(Role::Client),
                addr: Some("2001:db8::53".parse().expect("an address")),
                port: Some(53),
                stages: vec![stage(Stage::RunQueue, &[(-260, 5)], 6, 0)],
                ..LatencyService::default()
            },
            LatencyService {
                place: 37,
                transport: Some("udp".to_owned()),
                port: Some(5353),
                stages: vec![stage(Stage::Stack, &[(-270, 2)], 2, 0)],
                ..LatencyService::default()
            },
        ],
        places: 6,
        places_max: 514,
        bytes: 8_388_608,
    }
}

/// The text of an exposition.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text is UTF-8")
}

/// Sums of a metric's samples, by the labels that `keep` names.
pub(crate) fn sums(text: &str, metric: &str, keep: &[&str]) -> BTreeMap<Vec<String>, f64> {
    let mut out = BTreeMap::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        if name != metric {
            continue;
        }
        let pairs: BTreeMap<&str, &str> = labels
            .trim_end_matches('}')
            .split("\",")
            .filter_map(|pair| pair.split_once("=\""))
            .map(|(k, v)| (k, v.trim_end_matches('"')))
            .collect();
        let key = keep.iter().map(|k| pairs[k].to_owned()).collect();
        *out.entry(key).or_insert(0.0) += value.parse::<f64>().expect("a number");
    }
    out
}
