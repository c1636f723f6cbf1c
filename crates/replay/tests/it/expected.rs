//! What an independent reader found in the real captures.

use crate::sums::{Sent, Sums, Way};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Source and its port, destination and its port, protocol; ports are 0 where there are none.
pub(crate) type Five = (IpAddr, u16, IpAddr, u16, u8);

/// Flows in the form of the expectations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Flows {
    pub(crate) ways: BTreeMap<Five, (u64, u64, u8)>,
    /// Stacks of VLAN ids seen.
    pub(crate) vlans: BTreeSet<Vec<u16>>,
}

/// A real capture and what is expected of it.
pub(crate) struct Expected {
    pub(crate) path: PathBuf,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) outer: Flows,
    /// Flows inside tunnels.
    pub(crate) inner: Flows,
    /// The side of each outer flow that was seen first: its way.
    pub(crate) first: Vec<Five>,
}

fn five(flow: &Value, swapped: bool) -> Five {
    let key = &flow["key"];
    let address = |at: usize| key[at].as_str().and_then(|a| a.parse().ok()).expect("an address");
    let port = |at: usize| key[at].as_u64().and_then(|p| u16::try_from(p).ok()).expect("a port");
    let protocol = key[4].as_u64().and_then(|p| u8::try_from(p).ok()).expect("a protocol");
    let (a, b) = ((address(0), port(1)), (address(2), port(3)));
    let (from, to) = if swapped { (b, a) } else { (a, b) };
    (from.0, from.1, to.0, to.1, protocol)
}

fn flows(list: &Value) -> Flows {
    let mut all = Flows::default();
    for flow in list.as_array().into_iter().flatten() {
        for (side, swapped) in [("ab", false), ("ba", true)] {
            let number = |name: &str| flow[side][name].as_u64().expect("a number");
            if number("packets") > 0 {
                let sent = (number("packets"), number("bytes"), number("tcp_flags") as u8);
                all.ways.insert(five(flow, swapped), sent);
            }
        }
        for stack in flow["vlan"].as_array().into_iter().flatten() {
            let ids = stack.as_array().into_iter().flatten();
            all.vlans.insert(ids.map(|id| id.as_u64().expect("a VLAN id") as u16).collect());
        }
    }
    all
}

/// Every real capture with its expectations.
pub(crate) fn all() -> Vec<Expected> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder.join("expected")).expect("the folder of expectations") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let outer = &value["flows"]["outer"];
        let first = outer.as_array().into_iter().flatten().map(|flow| five(flow, flow["first"] == "ba"));
        all.push(Expected {
            path: folder.join(path.file_stem().expect("a name")),
            packets: value["packets"].as_u64().expect("a number"),
            bytes: value["bytes"].as_u64().expect("a number"),
            first: first.collect(),
            outer: flows(outer),
            inner: flows(&value["flows"]["inner"]),
        });
    }
    assert_eq!(all.len(), 12, "every real capture has its expectations");
    all
}

/// The same form, outside and inside tunnels.
pub(crate) fn from_sums(sums: &Sums) -> (Flows, Flows) {
    let (mut outer, mut inner) = (Flows::default(), Flows::default());
    for (way, sent) in sums {
        let flows = if way.tunnel.is_some() { &mut inner } else { &mut outer };
        add(flows, way, *sent);
    }
    (outer, inner)
}

fn add(flows: &mut Flows, way: &Way, sent: Sent) {
    let is_icmp = matches!(way.protocol, 1 | 58);
    let (from, to) = way.numbers.filter(|_| !is_icmp).unwrap_or_default();
    let sum = flows.ways.entry((way.src, from, way.dst, to, way.protocol)).or_default();
    *sum = (sum.0 + sent.packets, sum.1 + sent.bytes, sum.2 | sent.tcp_flags);
    if !way.vlans.is_empty() {
        flows.vlans.insert(way.vlans.clone());
    }
}
