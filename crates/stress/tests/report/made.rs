//! Runs that were made up: one for each thing that can be found.

use netrig_model::Direction;
use netrig_stress::report::model::*;
use netrig_stress::report::verdict;

/// All of them.
pub(crate) fn all() -> Vec<Report> {
    vec![
        steady(),
        churn(),
        microburst(),
        heavy_probes(),
        ring_starved(),
        disk_full(),
        slow_disk(),
        slow_generator(),
        governed(),
        unanswered(),
        evicting(),
        hostile(),
    ]
}

fn judged(mut report: Report) -> Report {
    report.bottleneck = verdict::judge(&report);
    report
}

/// Something that goes up and down a little, the same each time.
fn wobble(at: usize, of: f64) -> f64 {
    of * (1.0 + 0.02 * ((at * 7 % 5) as f64 - 2.0) / 2.0)
}

fn fill(name: &str, used: u64, capacity: u64) -> Fill {
    Fill { name: name.to_owned(), used: Some(used), capacity: Some(capacity), ..Fill::default() }
}

fn probe(name: &str, runs_per_s: f64, ns_per_run: f64) -> ProbeCost {
    ProbeCost { probe: name.to_owned(), runs_per_s, ns_per_run, share_of_core: runs_per_s * ns_per_run / 1e9 }
}

fn sample(at: usize, pps: f64) -> Sample {
    Sample {
        at_s: at as f64,
        sent_pps: Some(wobble(at, pps)),
        seen_pps: Some(wobble(at, pps)),
        told_pps: Some(wobble(at + 1, pps)),
        rig_cpu_share_of_core: Some(wobble(at, 0.031)),
        probes: vec![
            probe("flow", wobble(at, pps), wobble(at + 2, 92.0)),
            probe("burst", wobble(at, pps), wobble(at + 3, 14.0)),
            probe("tcp", 900.0, wobble(at, 310.0)),
        ],
        tables: vec![fill("ipv4", 9_000 + 10 * at as u64, 65_536), fill("ipv6", 12, 16_384)],
        rings: vec![fill("outbox", 40, 16_384), Fill { lost: Some(0), ..fill("tcp", 3, 4_096) }],
        drain_lag_s: Some(0.1),
        store_queue: Some(fill("store", 1, 64)),
        rss_bytes: Some(52_000_000 + 16_384 * at as u64),
        own_bytes: Some(32_000_000 + 4_096 * (at as u64 % 3)),
        kernel_bytes: Some(41_000_000),
        store_bytes: Some(1_200_000 + 90_000 * at as u64),
        governor: None,
    }
}

fn row(iface: &str, direction: Direction, packets: u64) -> LedgerRow {
    LedgerRow {
        iface: iface.to_owned(),
        direction,
        seen_packets: packets,
        seen_bytes: packets * 128,
        told_packets: packets,
        overflow_packets: 0,
        not_ip_packets: 0,
        sampled_out_packets: 0,
        extrapolated_packets: 0,
        policy_packets: None,
        imbalance_packets: 0,
        unaccounted_packets: Some(0),
    }
}

fn loss(stage: Stage, what: &str, count: u64, unit: &str) -> Loss {
    Loss { stage, what: what.to_owned(), count, unit: unit.to_owned() }
}

/// A run of ten seconds in which all goes well.
fn run(scenario: &str, pps: u64) -> Report {
    let packets = pps * 10;
    Report {
        version: "0.1.0".to_owned(),
        scenario: scenario.to_owned(),
        seed: 7,
        started: "2026-11-28T09:00:00Z".to_owned(),
        duration_s: 10.0,
        machine: Machine {
            host: "lab".to_owned(),
            kernel: "6.18.44".to_owned(),
            cpus: 2,
            memory_bytes: 25_000_000_000,
        },
        rate_asked_pps: Some(pps),
        rig_config: "[rig]\nmemory = \"64MiB\"\ncpu = \"100%\"\nwindow = \"1s\"\n".to_owned(),
        traffic: Traffic {
            offered_packets: Some(packets),
            sent_packets: packets,
            seen_packets: Some(packets),
            told_packets: Some(packets),
            lost_packets: Some(0),
            unaccounted_packets: Some(0),
        },
        ledger: vec![row("stress0", Direction::Ingress, packets), row("stress0", Direction::Egress, 0)],
        losses: Vec::new(),
        samples: (1..=10).map(|at| sample(at, pps as f64)).collect(),
        victim: None,
        bottleneck: Bottleneck::default(),
        limit: None,
        left_behind: Vec::new(),
    }
}

/// Nothing near its limit; the victim was measured, and the limit looked for.
pub(crate) fn steady() -> Report {
    let off = Percentiles { count: 50_000, p50_us: 41.0, p99_us: 118.0, p999_us: 402.0 };
    let on = Percentiles { count: 49_800, p50_us: 42.0, p99_us: 121.0, p999_us: 431.0 };
    let rounds = [(117.0, 119.0), (118.0, 121.0), (121.0, 120.0), (116.0, 122.0), (118.0, 121.0)];
    let rounds = rounds.map(|(off_p99_us, on_p99_us)| Round { off_p99_us, on_p99_us }).to_vec();
    let step = |pps, lost_packets, first_loss| LimitStep { pps, lost_packets, first_loss };
    let steps = vec![
        step(200_000, 0, None),
        step(400_000, 0, None),
        step(800_000, 31_000, Some(Stage::Driver)),
        step(800_000, 29_500, Some(Stage::Driver)),
        step(600_000, 0, None),
        step(700_000, 812, Some(Stage::Driver)),
        step(700_000, 640, Some(Stage::Driver)),
    ];
    judged(Report {
        victim: Some(Victim { off, on, rounds, p99_ratio_median: Some(1.0254) }),
        limit: Some(Limit { highest_pps_without_loss: Some(600_000), lowest_pps_with_loss: Some(700_000), steps }),
        ..run("steady", 200_000)
    })
}

/// Too little memory for so many flows.
pub(crate) fn churn() -> Report {
    let mut report = run("churn", 1_000_000);
    let overflow = 4_812_345;
    report.rig_config = "[rig]\nmemory = \"16MiB\"\ncpu = \"100%\"\nwindow = \"1s\"\n".to_owned();
    report.losses = vec![
        loss(Stage::Table, "evicted flows found the outbox full: counted by interface only", overflow, "packets"),
        loss(Stage::Driver, "frames that found the veth's ring full", 90_000, "packets"),
        loss(Stage::Store, "rows", 0, "rows"),
    ];
    report.traffic.seen_packets = Some(9_910_000);
    report.traffic.told_packets = Some(9_910_000 - overflow);
    report.traffic.lost_packets = Some(overflow + 90_000);
    report.ledger[0].overflow_packets = overflow;
    report.ledger[0].seen_packets = 9_910_000;
    report.ledger[0].told_packets = 9_910_000 - overflow;
    for (at, sample) in report.samples.iter_mut().enumerate() {
        sample.told_pps = Some(wobble(at, 510_000.0));
        sample.tables[0] = Fill {
            evicted_per_s: Some(wobble(at, 720_000.0)),
            lost: Some(481_000 * at as u64),
            ..fill("ipv4", 16_384, 16_384)
        };
        sample.rings[0] = fill("outbox", 3_900 + 19 * at as u64, 4_096);
        sample.rig_cpu_share_of_core = Some(wobble(at, 0.62));
    }
    judged(report)
}

/// Bursts that the interface's queue cannot hold; kernel programs are cheap.
pub(crate) fn microburst() -> Report {
    let mut report = run("microburst", 300_000);
    report.losses = vec![loss(Stage::Driver, "frames that found the veth's ring full", 240_000, "packets")];
    report.traffic.seen_packets = Some(2_760_000);
    report.traffic.told_packets = Some(2_760_000);
    report.traffic.lost_packets = Some(240_000);
    judged(report)
}

/// The same loss, but kernel programs that take most of a core.
pub(crate) fn heavy_probes() -> Report {
    let mut report = microburst();
    report.scenario = "tiny-packets".to_owned();
    for (at, sample) in report.samples.iter_mut().enumerate() {
        sample.probes = vec![probe("flow", wobble(at, 2e6), 120.0), probe("latency", wobble(at, 1.4e6), 410.0)];
    }
    judged(report)
}

/// User space stood still for three seconds.
pub(crate) fn ring_starved() -> Report {
    let mut report = run("ring-starved", 400_000);
    report.losses = vec![
        loss(Stage::Table, "evicted flows found the outbox full: counted by interface only", 900_000, "packets"),
        loss(Stage::Ring, "tcp: ended connections found no place", 1_200, "events"),
    ];
    report.traffic.told_packets = Some(3_100_000);
    report.traffic.lost_packets = Some(900_000);
    for (at, sample) in report.samples.iter_mut().enumerate() {
        sample.rings[1].lost = Some(if at >= 4 { 1_200 } else { 0 });
        if (3..6).contains(&at) {
            sample.seen_pps = None;
            sample.told_pps = None;
            sample.rig_cpu_share_of_core = Some(0.0);
            sample.tables = Vec::new();
            sample.rings = Vec::new();
            sample.probes = Vec::new();
            sample.drain_lag_s = None;
        }
    }
    judged(report)
}

/// The store's disk is smaller than its budget.
pub(crate) fn disk_full() -> Report {
    let mut report = run("disk-full", 50_000);
    report.losses = vec![loss(Stage::Store, "given up: no space left on device", 81_234, "rows")];
    for (at, sample) in report.samples.iter_mut().enumerate() {
        sample.store_bytes = Some((4 + 8 * at as u64).min(31) << 20);
    }
    judged(report)
}

/// The queue in front of the store's disk overflowed.
pub(crate) fn slow_disk() -> Report {
    let mut report = run("churn", 50_000);
    report.losses = vec![loss(Stage::Store, "the queue was full", 9_000, "rows")];
    for sample in &mut report.samples {
        sample.store_queue = Some(Fill { lost: Some(9_000), ..fill("store", 64, 64) });
    }
    judged(report)
}

/// A generator that cannot send what it is asked for.
pub(crate) fn slow_generator() -> Report {
    let mut report = run("tiny-packets", 420_000);
    report.rate_asked_pps = Some(1_000_000);
    report.traffic.offered_packets = Some(10_000_000);
    judged(report)
}

/// The CPU budget was reached, and the governor sampled flows.
pub(crate) fn governed() -> Report {
    let mut report = run("steady", 500_000);
    report.rig_config = "[rig]\nmemory = \"64MiB\"\n".to_owned();
    report.ledger[0].sampled_out_packets = 3_000_000;
    report.ledger[0].extrapolated_packets = 3_000_000;
    report.losses = vec![loss(Stage::Probe, "left out of flows by sampling", 3_000_000, "packets")];
    for sample in &mut report.samples[3..] {
        sample.governor = Some("recorder, latency_256, flows_4".to_owned());
    }
    judged(report)
}

/// A rig that was gone at the end.
pub(crate) fn unanswered() -> Report {
    let mut report = run("syn-flood", 100_000);
    let traffic = Traffic { offered_packets: Some(1_000_000), sent_packets: 1_000_000, ..Traffic::default() };
    report.traffic = traffic;
    report.ledger = Vec::new();
    report.samples.truncate(4);
    report.left_behind = vec!["process 4321 (netrig) still runs".to_owned()];
    judged(report)
}

/// Nothing is lost yet, but the table is full.
pub(crate) fn evicting() -> Report {
    let mut report = run("churn", 200_000);
    for sample in &mut report.samples {
        sample.tables[0] = Fill { evicted_per_s: Some(30_000.0), ..fill("ipv4", 65_536, 65_536) };
    }
    judged(report)
}

/// Names that would break a page or a terminal, figures that are none, and a bug of the rig.
pub(crate) fn hostile() -> Report {
    let mut report = run("<script>alert(\"&'</script>\u{1b}[2J", 10);
    report.machine.host = "a\"><img src=x onerror=y>\n".to_owned();
    report.rig_config = "[rig]\nmemory = \"</pre><b>\"\n".to_owned();
    report.losses = vec![loss(Stage::Ring, "]]>\u{7}<b>\n", u64::MAX, "<i>s")];
    report.traffic.unaccounted_packets = Some(3);
    report.samples[2].tables[0].name = "</title>\"".to_owned();
    report.samples[3].probes[0].probe = "<svg onload=z>".to_owned();
    report.left_behind = vec!["netns <b>\u{1b}]0;x\u{7}".to_owned()];
    judged(report)
}
