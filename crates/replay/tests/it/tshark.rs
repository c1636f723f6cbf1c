//! The model against tshark, where it is installed, on packets of all kinds.

use crate::model::read_packet;
use crate::packets::{ethernet, network};
use crate::written::pcap::PcapBuilder;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::net::IpAddr;
use std::process::Command;

const FRAMES: usize = 2000;
/// What can lie between levels. Behind anything else (what an ICMP error quotes, what a port looks like) tshark guesses.
const CARRIERS: &[&str] = &[
    "geninfo",
    "frame",
    "eth",
    "ethertype",
    "vlan",
    "ieee8021ad",
    "mpls",
    "pwethheuristic",
    "pwethcw",
    "pppoes",
    "ppp",
    "llc",
    "ip",
    "ipv6",
    "ipv6.hopopts",
    "ipv6.routing",
    "ipv6.fraghdr",
    "ipv6.dstopts",
    "ipv6.shim6",
    "shim6",
    "ah",
    "tcp",
    "udp",
    "udplite",
    "sctp",
    "dccp",
    "gre",
    "erspan",
    "vxlan",
    "vxlan_gpe",
    "geneve",
];

/// A level as tshark tells it: addresses, and the ports right above them.
type Level = (IpAddr, IpAddr, Option<(u16, u16)>);

fn frames() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let strategy = network().prop_map(|(ethertype, rest)| ethernet(ethertype, &rest));
    (0..FRAMES).map(|_| strategy.new_tree(&mut runner).expect("a frame").current()).collect()
}

/// The value of an attribute on a line of PDML.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let start = line.find(&format!(" {name}=\""))? + name.len() + 3;
    line[start..].split('"').next()
}

/// Levels of one packet's PDML; `None` where tshark finds fault with it.
fn levels(packet: &str) -> Option<Vec<Level>> {
    let mut levels: Vec<Level> = Vec::new();
    if packet.contains("Bogus IP length") {
        return None;
    }
    let (mut src, mut port, mut guessed) = (None, None, false);
    for line in packet.lines() {
        let Some(name) = attribute(line, "name") else { continue };
        if line.contains("<proto ") {
            guessed |= !CARRIERS.contains(&name);
            if name == "_ws.malformed" || name == "_ws.short" {
                return None;
            }
        }
        let value = attribute(line, "show").unwrap_or_default();
        if guessed {
            continue;
        }
        match name {
            "ip.src" | "ipv6.src" => src = value.parse::<IpAddr>().ok(),
            "ip.dst" | "ipv6.dst" => levels.push((src.take()?, value.parse().ok()?, None)),
            "tcp.srcport" | "udp.srcport" | "sctp.srcport" | "dccp.srcport" => port = value.parse::<u16>().ok(),
            "tcp.dstport" | "udp.dstport" | "sctp.dstport" | "dccp.dstport" => {
                levels.last_mut()?.2 = port.take().zip(value.parse().ok());
            }
            _ => {}
        }
    }
    Some(levels)
}

#[test]
fn tshark_finds_the_same_levels() {
    let frames = frames();
    let bytes = frames.iter().fold(PcapBuilder::ethernet(), |b, frame| b.packet(1, 0, frame)).bytes;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frames.pcap");
    std::fs::write(&path, bytes).expect("write");
    let run = Command::new("tshark")
        .args(["-n", "-T", "pdml", "-r"])
        .arg(&path)
        .args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"])
        .output();
    let Ok(run) = run else {
        eprintln!("skipped: tshark is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&run.stdout);
    let told: Vec<_> = text.split("</packet>").filter(|p| p.contains("<packet>")).collect();
    assert_eq!(told.len(), frames.len(), "{}", String::from_utf8_lossy(&run.stderr));
    let (mut agreed, mut differ) = (0, Vec::new());
    for (number, (frame, packet)) in frames.iter().zip(told).enumerate() {
        let reading = read_packet(frame, false, true);
        let Some(levels) = levels(packet).filter(|_| reading.fault.is_none()) else { continue };
        let ours: Vec<Level> = reading.levels.iter().map(|l| (l.src, l.dst, l.ports)).collect();
        // Where tshark stops at something it does not know (0x9100 below 0x88a8, tags right inside GRE), we may go on.
        let stopped = packet.contains("<field name=\"data\"") || packet.contains("name=\"data\"");
        if ours == levels || stopped && ours.starts_with(&levels) {
            agreed += 1
        } else {
            differ.push((number + 1, ours, levels))
        }
    }
    assert!(
        differ.is_empty(),
        "{agreed} agree, {} differ, such as {:#?}",
        differ.len(),
        &differ[..differ.len().min(8)]
    );
    assert!(agreed > FRAMES / 2, "only {agreed} of {FRAMES} frames could be compared");
}
