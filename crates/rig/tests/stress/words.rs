//! What is asked wrongly is said so, with the exit code for it; and scenarios and captures of one's own.

use crate::support::{assert_accounted, beside_others, report, said, stress};
use netrig_testkit::require_root;
use std::fs;

#[track_caller]
fn refused(args: &[&str], parts: &[&str]) {
    let output = stress().args(args).output().expect("start netrig");
    assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
    assert!(output.stdout.is_empty());
    for part in parts {
        assert!(said(&output).contains(part), "`{part}` is missing in: {}", said(&output));
    }
}

#[test]
fn without_a_scenario_those_that_there_are_are_listed() {
    let output = stress().output().expect("start netrig");
    assert!(output.status.success());
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(out.lines().count(), netrig_stress::plan::NAMES.len());
    assert!(netrig_stress::plan::NAMES.iter().all(|name| out.contains(name)), "{out}");
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    refused(&["microbrust"], &["microbrust", "did you mean microburst?"]);
    refused(&["./there-is-none.toml"], &["there-is-none.toml", "cannot be read"]);
    refused(&["steady", "--duration", "2d"], &["duration", "1d"]);
    refused(&["steady", "--rate", "0"], &["--rate"]);
    refused(&["compare", "there-is-none.json", "nor-this.json"], &["there-is-none.json"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.toml");
    fs::write(&file, "[[flood]]\nframes = \"udp\"\n").expect("write");
    refused(&[&file.display().to_string()], &["own.toml", "frames", "frame"]);
}

#[test]
fn what_is_no_capture_is_told_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("none.pcap");
    fs::write(&file, "no capture at all").expect("write");
    let output = stress().arg("--from").arg(&file).output().expect("start netrig");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("none.pcap: is not a pcap or pcapng capture") && !said.contains("making"), "{said}");
}

#[test]
fn without_rights_it_says_so_and_makes_nothing() {
    require_root!();
    for lost in [["--reuid=65534", "--clear-groups"], ["--bounding-set=-all", "--inh-caps=-all"]] {
        let mut command = std::process::Command::new("setpriv");
        command.args(lost).args(["--", env!("CARGO_BIN_EXE_netrig"), "stress", "steady"]);
        let output = command.output().expect("start setpriv");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("run it as root") && !said.contains("making"), "{said}");
    }
}

#[test]
fn settings_of_the_rig_that_are_wrong_are_told_before_anything_is_sent() {
    require_root!();
    let _beside = beside_others();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rig.toml");
    fs::write(&file, "[rig]\nmemroy = \"16MiB\"\n").expect("write");
    refused(&["steady", "--config", &file.display().to_string()], &["memroy", "memory"]);
}

#[test]
fn a_scenario_of_ones_own_runs_on_interfaces_of_its_own_number() {
    require_root!();
    let _beside = beside_others();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.toml");
    fs::write(
        &file,
        "about = \"Two wires.\"\nduration = \"1s\"\nrate = 20000\ninterfaces = 2\n\
         [[flood]]\nflows = 50\n[[flood]]\nframe = \"udp6\"\nflows = 50\nweight = 3\n[rig.flow]\nsampling = 1\n",
    )
    .expect("write");
    let path = file.display().to_string();
    let report = report(&[&path]);
    assert_accounted(&report);
    assert_eq!(report.scenario, path);
    let seen = |iface: &str| {
        let rows = report.ledger.iter().filter(|row| row.iface == iface);
        rows.map(|row| row.seen_packets).sum::<u64>()
    };
    assert!(seen("eth0") > 0 && seen("eth1") > 0, "{:?}", report.ledger);
    assert_eq!(report.ledger.len(), 4);
}

#[test]
fn a_capture_is_sent_as_many_flows() {
    require_root!();
    let _beside = beside_others();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("some.pcap");
    fs::write(&file, capture()).expect("write");
    let report = report(&["--from", &file.display().to_string(), "--duration", "1s", "--rate", "20000"]);
    assert_accounted(&report);
    let flows = report.samples.iter().flat_map(|sample| &sample.tables).filter(|table| table.name == "ipv4");
    let most = flows.filter_map(|table| table.used).max();
    assert!(most.is_some_and(|used| used > 100), "two packets become many flows: {most:?}");
    let nothing = folder.path().join("nothing.pcap");
    fs::write(&nothing, &capture()[..24]).expect("write");
    refused(&["--from", &nothing.display().to_string()], &["nothing.pcap", "none of its packets"]);
}

/// Two datagrams over Ethernet and IPv4.
fn capture() -> Vec<u8> {
    let word = |number: u32| number.to_le_bytes();
    let mut file = [word(0xa1b2_c3d4), word(0x0004_0002), word(0), word(0), word(65_535), word(1)].concat();
    for port in [53, 4000] {
        let mut frame = Vec::new();
        let built = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .udp(1000, port);
        built.write(&mut frame, &[7; 60]).expect("a frame");
        let length = word(frame.len() as u32);
        file.extend([word(1), word(0), length, length].concat());
        file.extend(frame);
    }
    file
}
