//! What a tracker is told: how long to wait, how much to remember, what may be told.

/// How a tracker works.
#[derive(Clone, Debug)]
pub struct TrackerConfig {
    /// A request without an answer for so long is unanswered.
    pub timeout_ns: i64,
    /// Ports on which DNS is spoken, over UDP and TCP.
    pub dns_ports: Vec<u16>,
    /// What leaves the tracker.
    pub privacy: Privacy,
    /// Most flows that are followed at a time.
    pub flows_max: usize,
    /// Most requests that wait for their answers at a time.
    pub pending_max: usize,
    /// Most octets of messages that are not whole yet, of all flows together.
    pub octets_max: usize,
    /// Most octets of one direction's message that the kernel copies.
    pub copy: usize,
    /// Flows are followed as long as there is room, however idle: in captures, whose time may jump.
    pub remember: bool,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            timeout_ns: 5_000_000_000,
            dns_ports: vec![53, 5353],
            privacy: Privacy::default(),
            flows_max: 65_536,
            pending_max: 65_536,
            octets_max: 16 << 20,
            copy: 2048,
            remember: false,
        }
    }
}

/// What may leave a tracker.
#[derive(Clone, Debug, Default)]
pub struct Privacy {
    /// What is told of paths.
    pub paths: Paths,
    /// When set, DNS names, SNI and hosts are told as hashes under this key.
    pub key: Option<Vec<u8>>,
}

/// What is told of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paths {
    /// Nothing.
    #[default]
    Off,
    /// Up to `?`.
    Cut,
    /// All of it.
    Keep,
    /// A hash of it up to `?`; nothing where there is no key.
    Hash,
}
