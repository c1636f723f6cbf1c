//! Drops by reason and place, summed while records stream by, in bounded memory.

use super::DropSums;
use super::tally::Tally;
use crate::columns::Groupable;
use crate::group::Sum;
use netrig_model::{Direction, DropClass, DropRecord, DropSource, Timestamp, transport_name};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Reasons and places told apart: a kernel has some hundreds.
const ROWS_MAX: usize = 1_000;

type Key = (DropSource, String, Option<String>);

/// What was dropped.
#[derive(Debug, Default)]
pub struct Dropped {
    rows: BTreeMap<Key, DropRow>,
    times: Option<(Timestamp, Timestamp)>,
    left_out: u64,
}

impl Dropped {
    /// Adds one record.
    pub fn add(&mut self, record: &DropRecord) {
        let (start, end) = self.times.unwrap_or((record.window_start, record.window_end));
        self.times = Some((start.min(record.window_start), end.max(record.window_end)));
        let key = (record.source, record.reason.clone(), record.place.clone());
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
            self.left_out += 1;
            return;
        }
        self.rows.entry(key).or_insert_with(|| DropRow::new(record)).add(record);
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_none()
    }

    /// Records that were left out, as there were too many reasons and places.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// From the first record's window to the last one's, nanoseconds.
    #[must_use]
    pub fn length_ns(&self) -> i64 {
        self.times.map_or(0, |(start, end)| end.0.saturating_sub(start.0))
    }

    /// The rows, the worst class first, then those with most packets.
    #[must_use]
    pub fn rows(&self) -> Vec<&DropRow> {
        let mut rows: Vec<&DropRow> = self.rows.values().collect();
        rows.sort_by_key(|row| (row.source != DropSource::Skb, badness(row.class), Reverse(row.sums.packets)));
        rows
    }
}

/// The lower, the worse. What nobody knows may be bad; what somebody's rule did was wanted by somebody.
pub(crate) fn badness(class: Option<DropClass>) -> u8 {
    match class {
        Some(DropClass::Error) => 0,
        Some(DropClass::Resource) => 1,
        None => 2,
        Some(DropClass::Policy) => 3,
        Some(DropClass::Protocol) => 4,
        Some(DropClass::Harmless) => 5,
    }
}

/// All drops of one reason at one place.
#[derive(Clone, Debug)]
pub struct DropRow {
    /// Who counted.
    pub source: DropSource,
    /// The kernel's name for the reason, or the counter's.
    pub reason: String,
    /// What it means; none for a reason that is not known.
    pub class: Option<DropClass>,
    /// Where in the kernel.
    pub place: Option<String>,
    /// How many.
    pub sums: DropSums,
    ifaces: Tally<Option<String>>,
    ways: Tally<Option<Direction>>,
    flows: Tally<Flow>,
    processes: Tally<String>,
    example: Option<(Timestamp, Option<Flow>, String)>,
}

impl DropRow {
    fn new(record: &DropRecord) -> Self {
        Self {
            source: record.source,
            reason: record.reason.clone(),
            class: record.class,
            place: record.place.clone(),
            sums: DropSums::default(),
            ifaces: Tally::default(),
            ways: Tally::default(),
            flows: Tally::default(),
            processes: Tally::default(),
            example: None,
        }
    }

    fn add(&mut self, record: &DropRecord) {
        let packets = record.packets;
        self.sums.add(&record.sums(0));
        self.class = self.class.or(record.class);
        self.ifaces.add(record.iface.clone(), packets);
        self.ways.add(record.direction, packets);
        let flow = Flow::of(record);
        if let Some(flow) = flow {
            self.flows.add(flow, packets);
        }
        if let Some(process) = &record.process {
            self.processes.add(process.clone(), packets);
        }
        let newer = self.example.as_ref().is_none_or(|(at, ..)| record.window_start >= *at);
        if let Some(octets) = record.example.as_ref().filter(|_| newer) {
            self.example = Some((record.window_start, flow, octets.clone()));
        }
    }

    /// The interface that most of them were on, and how many others there are: `eth0 +2`.
    #[must_use]
    pub fn iface(&self) -> Option<String> {
        let (most, _) = self.ifaces.most()?;
        let others = self.ifaces.keys().filter(|iface| iface.is_some() && *iface != most).count();
        most.as_ref().map_or_else(|| (others > 0).then(|| format!("? +{others}")), |iface| Some(and(iface, others)))
    }

    /// Which way they went.
    #[must_use]
    pub fn way(&self) -> Option<&'static str> {
        let mut ways = self.ways.keys().flatten();
        match (ways.next(), ways.next()) {
            (Some(_), Some(_)) => Some("both"),
            (Some(way), None) => Some(way.as_str()),
            _ => None,
        }
    }

    /// The process that lost most of them, and how many others there are.
    #[must_use]
    pub fn process(&self) -> Option<String> {
        self.processes.most().map(|(process, _)| and(process, self.processes.len() - 1))
    }

    /// The flow that lost most of them, and its share.
    #[must_use]
    pub fn top_flow(&self) -> Option<(String, f64)> {
        let (flow, packets) = self.flows.most()?;
        Some((flow.text(), packets as f64 / self.sums.packets.max(1) as f64))
    }

    /// The latest packet that was looked at: its flow where that is known, and its first octets in hexadecimal.
    #[must_use]
    pub fn example(&self) -> Option<(Option<String>, &str)> {
        self.example.as_ref().map(|(_, flow, octets)| (flow.map(|flow| flow.text()), octets.as_str()))
    }
}

fn and(name: &str, others: usize) -> String {
    if others > 0 { format!("{name} +{others}") } else { name.to_owned() }
}

/// One flow, the way its packets went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Flow {
    protocol: Option<u8>,
    src: Option<IpAddr>,
    src_port: Option<u16>,
    dst: Option<IpAddr>,
    dst_port: Option<u16>,
}

impl Flow {
    /// None of the row of a group's rest.
    fn of(record: &DropRecord) -> Option<Self> {
        (record.src_addr.is_some() || record.dst_addr.is_some()).then_some(Self {
            protocol: record.protocol,
            src: record.src_addr,
            src_port: record.src_port,
            dst: record.dst_addr,
            dst_port: record.dst_port,
        })
    }

    fn text(&self) -> String {
        let protocol = self.protocol.map_or_else(String::new, |number| match transport_name(number) {
            Some(name) => format!("{name} "),
            None => format!("protocol {number} "),
        });
        format!("{protocol}{} > {}", endpoint(self.src, self.src_port), endpoint(self.dst, self.dst_port))
    }
}

fn endpoint(addr: Option<IpAddr>, port: Option<u16>) -> String {
    match (addr, port) {
        (Some(ip), Some(port)) => SocketAddr::new(ip, port).to_string(),
        (Some(ip), None) => ip.to_string(),
        (None, _) => "?".to_owned(),
    }
}
