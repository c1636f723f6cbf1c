//! Flows that are sampled: what interfaces have seen stays exact, the ledger balances, and what is told of flows is as near the truth as it
//! says.

use crate::support::{Rig, Stored, Street, traffic::HEADERS_BYTES, udp_churn, wait_for};
use netrig_model::{Direction, FlowRecord, Snapshot};
use netrig_testkit::require_root;
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;

fn config(sampling: u32) -> String {
    format!("[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\n[flow]\nsampling = {sampling}\n")
}

/// How the ledger saw an interface: packets seen, left out, and stood for.
fn in_ledger(stored: &Stored, direction: Direction) -> [u64; 3] {
    let rows = stored.ledger.iter().filter(|row| row.direction == Some(direction));
    rows.fold([0; 3], |[seen, out, extra], row| {
        let more = row.extrapolated_packets.unwrap_or(0);
        [seen + row.seen_packets, out + row.sampled_out_packets, extra + more]
    })
}

/// Packets and bytes of these records from their source, and what the errors of both come to.
fn sums<'a>(flows: impl Iterator<Item = &'a FlowRecord>) -> ([u64; 2], [f64; 2]) {
    let (mut counts, mut squares) = ([0; 2], [0.0_f64; 2]);
    for flow in flows {
        counts = [counts[0] + flow.packets, counts[1] + flow.bytes];
        for (sum, error) in squares.iter_mut().zip([flow.packets_error, flow.bytes_error]) {
            *sum += (error.expect("a rig that samples says how far off it is") as f64).powi(2);
        }
    }
    (counts, squares.map(f64::sqrt))
}

/// Three times what 95 % lie within: a test must not fail by chance.
fn assert_near(told: [u64; 2], truth: [u64; 2], errors: [f64; 2]) {
    for ((told, truth), error) in told.into_iter().zip(truth).zip(errors) {
        assert!((told as f64 - truth as f64).abs() <= 3.0 * error, "{told} of {truth}, ± {error}");
        assert!(error > 0.0 && error < truth as f64, "an error that says something: {error} of {truth}");
    }
}

fn probe_detail(snapshot: &Snapshot, name: &str) -> String {
    let found = snapshot.probes.iter().find(|probe| probe.name == name);
    found.map(|probe| probe.detail.clone()).unwrap_or_default()
}

#[test]
fn sampled_flows_are_told_within_their_bounds_and_interfaces_exactly() {
    require_root!();
    const PAYLOAD: usize = 300;
    let street = Street::new("sampled");
    street.without_offloads();
    let before = street.counters();
    let rig = Rig::start_with(&street.near, &config(16));
    let sent = street.near.inside(|| udp_churn(8, 1_500, PAYLOAD));
    street.iperf3("--bytes 20M");
    let carried = street.counters() - before;
    wait_for("payload says why nothing is copied", PATIENCE, || {
        probe_detail(&rig.status(), "payload").contains("1 packet in 16").then_some(())
    });
    let table = rig.ask(&["flows", "--since", "1m"]);
    assert!(table.contains('±'), "{table}");
    let stored = rig.stop();
    stored.assert_balanced();

    let [seen, out, extra] = in_ledger(&stored, Direction::Egress);
    assert_eq!(seen, carried.tx_packets, "totals are exact");
    assert_eq!(in_ledger(&stored, Direction::Ingress)[0], carried.rx_packets);
    // Of super-packets, which TCP makes in any case, one packet in 16 is nearly always taken: these are told, most of them.
    assert!(out > sent * 8 / 10 && extra > sent * 8 / 10, "{out} of {seen} were left out, {extra} stood for");

    let udp: Vec<_> = stored.flows.iter().filter(|flow| flow.protocol == 17 && flow.dst_port >= Some(10_000)).collect();
    assert!(udp.iter().all(|flow| flow.sampling_rate == 16));
    let (told, errors) = sums(udp.into_iter());
    assert_near(told, [sent, sent * (PAYLOAD as u64 + HEADERS_BYTES)], errors);

    let mut connections: BTreeMap<_, [u8; 2]> = BTreeMap::new();
    for flow in stored.flows.iter().filter(|flow| flow.protocol == 6) {
        let [sent, received] = connections.entry(flow.src_port).or_default();
        *sent |= flow.tcp_flags.unwrap_or(0);
        *received |= flow.reverse_tcp_flags.unwrap_or(0);
    }
    assert_eq!(connections.len(), 2, "iperf3 has one for control and one for data");
    for [sent, received] in connections.into_values() {
        assert!(
            sent & received & SYN != 0 && (sent | received) & (FIN | RST) != 0,
            "they open and close: {sent} {received}"
        );
    }
}

#[test]
fn super_packets_are_sampled_as_the_packets_they_are() {
    require_root!();
    let street = Street::new("sampledgso");
    let rig = Rig::start_with(&street.near, &config(16));
    street.iperf3("--bytes 100M");
    let stored = rig.stop();
    stored.assert_balanced();
    let [seen, ..] = in_ledger(&stored, Direction::Egress);
    let seen_bytes: u64 =
        stored.ledger.iter().filter(|row| row.direction == Some(Direction::Egress)).map(|row| row.seen_bytes).sum();
    let of_egress = stored.flows.iter().filter(|flow| flow.dst_port == Some(5201));
    let (told, errors) = sums(of_egress);
    assert!(seen > 60_000, "as on the wire: {seen}");
    assert_near(told, [seen, seen_bytes], errors);
}

#[test]
fn a_reload_begins_and_ends_sampling_and_loses_no_count() {
    require_root!();
    const FLOWS: u32 = 4;
    const PAYLOAD: usize = 1_000;
    let street = Street::new("resampled");
    let rig = Rig::start_with(&street.near, &config(1));
    let mut sent = 0;
    for sampling in [8, 64, 1] {
        sent += street.near.inside(|| udp_churn(FLOWS, 500, PAYLOAD));
        rig.reload(&config(sampling));
        wait_for("sampling is what was asked for", PATIENCE, || {
            let detail = probe_detail(&rig.status(), "flow");
            let says = detail.contains(&format!("1 packet in {sampling} "));
            (says == (sampling > 1)).then_some(())
        });
    }
    // Within windows that know nothing of sampling any more.
    std::thread::sleep(Duration::from_millis(2_100));
    let exact = street.near.inside(|| udp_churn(FLOWS, 500, PAYLOAD));
    let stored = rig.stop();
    stored.assert_balanced();
    let udp = || stored.flows.iter().filter(|flow| flow.protocol == 17 && flow.dst_port >= Some(10_000));
    let (told, errors) = sums(udp());
    assert_near(told, [sent + exact, (sent + exact) * (PAYLOAD as u64 + HEADERS_BYTES)], errors);
    let after = udp().filter(|flow| flow.sampling_rate == 1).max_by_key(|flow| flow.window_end).expect("records");
    assert_eq!((after.packets_error, after.bytes_error), (Some(0), Some(0)), "and what is exact says so");
    let last_window = udp().filter(|flow| flow.window_end > after.window_start && flow.sampling_rate == 1);
    assert!(last_window.map(|flow| flow.packets).sum::<u64>() > 0);
}
