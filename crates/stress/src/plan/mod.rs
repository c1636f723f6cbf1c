//! What is to be done: which packets, how many, by which ways, and what goes wrong meanwhile.
//!
//! A plan is one of the scenarios that there are ([`named`]), or a file of TOML with the same keys ([`Plan::read`]).

mod bounds;
mod scenarios;
mod words;

pub(crate) use bounds::INTERFACES_MAX;
pub use scenarios::{NAMES, about, named};

use crate::StressError;
use netrig_config::ByteSize;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// What a run does. Every key may be left out of a file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// What it is for, in a sentence.
    pub about: String,
    /// How long traffic is made.
    #[serde(deserialize_with = "words::duration")]
    pub duration: Duration,
    /// Frames a second of all floods together, or while a burst lasts; without it as many as one CPU makes.
    pub rate: Option<u64>,
    /// Wires between the two namespaces; the rig watches one end of each.
    pub interfaces: u16,
    /// Their MTU.
    pub mtu: u16,
    /// The speed of the first wire, towards the rig; without it as fast as the machine.
    pub link_mbit: Option<u32>,
    /// Frames made in the kernel, at rates beyond sockets.
    pub flood: Vec<Flood>,
    /// A capture whose packets are sent instead, as floods, under other addresses.
    pub capture: Option<PathBuf>,
    /// Floods come in bursts; without it evenly.
    pub bursts: Option<Bursts>,
    /// Traffic of real sockets.
    pub sockets: Sockets,
    /// What goes wrong.
    pub fault: Faults,
    /// Settings of the rig, as in rig.toml.
    pub rig: toml::Table,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            name: "own".into(),
            about: String::new(),
            duration: Duration::from_secs(30),
            rate: None,
            interfaces: 1,
            mtu: 1500,
            link_mbit: None,
            flood: Vec::new(),
            capture: None,
            bursts: None,
            sockets: Sockets::default(),
            fault: Faults::default(),
            rig: toml::Table::new(),
        }
    }
}

/// Frames of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flood {
    /// What is in them.
    pub frame: FrameKind,
    /// Their length without the checksum; too short for the headers: as long as these are.
    pub bytes: u16,
    /// Flows they belong to.
    pub flows: u32,
    /// How a frame's flow is drawn.
    pub draw: Draw,
    /// With `draw = "new"`: packets of a flow before the next begins.
    pub packets_per_flow: u32,
    /// Of so many parts that all floods' weights add up to, these are its.
    pub weight: u32,
}

impl Default for Flood {
    fn default() -> Self {
        Self { frame: FrameKind::Udp, bytes: 124, flows: 10_000, draw: Draw::Even, packets_per_flow: 1, weight: 1 }
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameKind {
    /// UDP over IPv4.
    #[default]
    Udp,
    /// UDP over IPv6.
    Udp6,
    /// TCP's first segment, to a port where somebody listens.
    Syn,
    /// The first fragment of a UDP datagram.
    FirstFragment,
    /// A later one, without ports.
    LaterFragment,
    /// UDP inside VXLAN.
    Vxlan,
    /// UDP inside GRE.
    Gre,
    /// UDP inside IP-in-IP.
    IpInIp,
    /// UDP with a VLAN tag.
    Vlan,
}

/// How a frame's flow is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draw {
    /// Each as likely as any other.
    #[default]
    Even,
    /// Few have most of the packets.
    Zipf,
    /// One after another, and none again.
    New,
}

/// When floods flow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// How long a burst lasts, in turn.
    #[serde(deserialize_with = "words::durations")]
    pub lengths: Vec<Duration>,
    /// From the beginning of one to that of the next.
    #[serde(deserialize_with = "words::duration")]
    pub every: Duration,
}

/// Traffic of real sockets, from left to right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sockets {
    /// TCP connections that send as fast as they may.
    pub bulk: u16,
    /// Threads that open a TCP connection, ask, are answered, close it and begin again.
    pub connecting: u16,
}

/// What goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// The rig's process is stopped for a while.
    pub stop: Option<Stop>,
    /// The store is on a disk of this size.
    #[serde(deserialize_with = "words::size")]
    pub disk: Option<ByteSize>,
}

/// When the rig stands still.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// After so much of the time.
    pub after_percent: u8,
    /// For so much of it.
    pub for_percent: u8,
}

impl Plan {
    /// Reads a scenario; `file` is what errors call it.
    ///
    /// # Errors
    /// When it is no TOML, has a key that there is not, or asks for more than the bounds.
    pub fn read(file: &str, text: &str) -> Result<Self, StressError> {
        let plan: Self = toml::from_str(text).map_err(|error| StressError::Asked(format!("{file}: {error}")))?;
        plan.checked(file)
    }
}
