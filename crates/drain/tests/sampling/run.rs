//! Packets through the programs, and what flows are told to have.

use netrig_drain::{Clock, Drain};
use netrig_model::{Direction, FlowDelta, InterfaceCounts, InterfaceId, Timestamp, TrafficCounts};
use netrig_probes::flow::{FlowOptions, FlowProbe, Frame, LinkKind};
use std::collections::BTreeMap;

pub(crate) const SYN: u8 = 2;
pub(crate) const FIN: u8 = 1;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;
const IFACE: InterfaceId = InterfaceId(3);

struct Ticks;

impl Clock for Ticks {
    fn timestamp(&self, tick: u32) -> Timestamp {
        Timestamp(i64::from(tick))
    }
}

/// What a packet is of: its source port tells flows apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(crate) flow: u16,
    pub(crate) length: u32,
    /// TCP flags; none: UDP.
    pub(crate) flags: Option<u8>,
    pub(crate) ipv6: bool,
    /// Options make the thorough parser read it.
    pub(crate) rare: bool,
}

impl Packet {
    pub(crate) fn udp(flow: u16, length: u32) -> Self {
        Self { flow, length, flags: None, ipv6: false, rare: false }
    }

    pub(crate) fn tcp(flow: u16, length: u32, flags: u8) -> Self {
        Self { flags: Some(flags), ..Self::udp(flow, length) }
    }

    /// Always told as itself.
    pub(crate) fn is_certain(&self) -> bool {
        self.flags.is_some_and(|flags| flags & (SYN | FIN | RST) != 0)
    }

    /// Its headers; its length is only said.
    fn octets(&self) -> Vec<u8> {
        let mut p = vec![0; 128];
        let protocol = if self.flags.is_some() { 6 } else { 17 };
        let l4 = if self.ipv6 {
            p[12..14].copy_from_slice(&[0x86, 0xdd]);
            p[14] = 0x60;
            p[20] = protocol;
            (p[22], p[38], p[37], p[53]) = (0x20, 0x20, 1, 2);
            54
        } else {
            let words = if self.rare { 6 } else { 5 };
            p[12..14].copy_from_slice(&[0x08, 0x00]);
            p[14] = 0x40 | words;
            p[23] = protocol;
            p[26..34].copy_from_slice(&[10, 0, 0, 1, 192, 0, 2, 1]);
            14 + 4 * usize::from(words)
        };
        p[l4..l4 + 2].copy_from_slice(&self.flow.to_be_bytes());
        p[l4 + 2..l4 + 4].copy_from_slice(&9000_u16.to_be_bytes());
        if let Some(flags) = self.flags {
            (p[l4 + 12], p[l4 + 13]) = (0x50, flags);
        }
        p
    }
}

/// By flow; IPv6's are beyond IPv4's.
pub(crate) type Sums = BTreeMap<(bool, u16), TrafficCounts>;

pub(crate) fn add(sums: &mut Sums, key: (bool, u16), packets: u64, bytes: u64) {
    sums.entry(key).or_default().add(TrafficCounts { packets, bytes });
}

/// The programs, and what they are told to have seen.
pub(crate) struct Run {
    pub(crate) probe: FlowProbe,
    drain: Drain,
    pub(crate) told: Sums,
    pub(crate) flags: BTreeMap<(bool, u16), u8>,
    tick: u32,
}

impl Run {
    pub(crate) fn with(options: &FlowOptions) -> Self {
        let probe = FlowProbe::load(options).expect("load");
        let drain = Drain::new(probe.memory());
        Self { probe, drain, told: Sums::new(), flags: BTreeMap::new(), tick: 0 }
    }

    pub(crate) fn new() -> Self {
        Self::with(&FlowOptions::replay(false, 8 << 20))
    }

    pub(crate) fn see(&mut self, packet: &Packet) {
        let data = packet.octets();
        let (wire_len, link) = (packet.length, LinkKind::Ethernet);
        let frame = Frame { data: &data, wire_len, link, iface: IFACE, direction: Direction::Egress };
        self.probe.replay(self.tick, &frame).expect("replay");
        self.tick += 1;
    }

    pub(crate) fn scan(&mut self) {
        let Self { drain, told, flags, .. } = self;
        drain.scan(&Ticks, &mut |delta: &FlowDelta| {
            let key = (delta.key.kind.is_ipv6(), delta.key.src_port);
            add(told, key, delta.packets, delta.bytes);
            *flags.entry(key).or_default() |= delta.tcp_flags;
        });
    }

    pub(crate) fn counts(&self) -> InterfaceCounts {
        self.drain.interface_counts(IFACE, Direction::Egress)
    }

    /// seen = told + overflow + sampled out − extrapolated, to the packet and the byte.
    pub(crate) fn assert_balances(&self) {
        let counts = self.counts();
        let mut fates = self.told.values().fold(TrafficCounts::default(), |mut sum, of| {
            sum.add(*of);
            sum
        });
        fates.add(counts.overflow);
        fates.add(counts.sampled_out);
        let mut seen = counts.seen;
        seen.add(counts.extrapolated);
        assert_eq!(seen, fates, "{counts:?}");
    }
}
