//! What a packet's bytes say, told a second time: a plain reading of the formats' own rules, one function a header,
//! with slices and recursion, sharing nothing with the kernel programs but the decisions:
//!
//! - the first IP packet is the outer flow, the last one inside tunnels the inner flow;
//! - what cannot be read is told as what could be read before it, with a fault;
//! - what has no IP header is told by its EtherType.

use netrig_model::{ParseFault, TunnelKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One level of IP in a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) icmp: Option<(u8, u8)>,
    /// A later one.
    pub(crate) fragment: bool,
    /// Some fragment follows it.
    pub(crate) more_fragments: bool,
    pub(crate) tcp_flags: u8,
    pub(crate) dscp: u8,
    pub(crate) vlans: Vec<u16>,
    pub(crate) tunnel: Option<(TunnelKind, u32)>,
}

/// What a packet says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// All levels of IP, outermost first.
    pub(crate) levels: Vec<Level>,
    /// The EtherType of a packet without any.
    pub(crate) ethertype: u16,
    /// The tags of a packet without any.
    pub(crate) vlans: Vec<u16>,
    pub(crate) fault: Option<ParseFault>,
}

/// How reading goes wrong.
type Stop = Option<ParseFault>;
const CUT: Stop = Some(ParseFault::Truncated);
const WRONG: Stop = Some(ParseFault::Malformed);

struct Reader {
    reading: Reading,
    into_tunnels: bool,
    vlans: Vec<u16>,
    tunnel: Option<(TunnelKind, u32)>,
}

/// Reads a frame (or, with `raw_ip`, a bare IP packet).
pub(crate) fn read_packet(data: &[u8], raw_ip: bool, into_tunnels: bool) -> Reading {
    let mut reader = Reader { reading: Reading::default(), into_tunnels, vlans: Vec::new(), tunnel: None };
    let end = if raw_ip { reader.version(data) } else { reader.ethernet(data) };
    reader.reading.fault = end.err().flatten();
    if reader.reading.levels.is_empty() {
        reader.reading.vlans = reader.vlans;
    }
    reader.reading
}

fn be16(data: &[u8], at: usize) -> Result<u16, Stop> {
    data.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]])).ok_or(CUT)
}

fn split(data: &[u8], length: usize) -> Result<(&[u8], &[u8]), Stop> {
    data.split_at_checked(length).ok_or(CUT)
}

/// What follows, which may be nothing at all where the packet ends inside what is skipped.
fn beyond(data: &[u8], length: usize) -> &[u8] {
    data.get(length..).unwrap_or_default()
}

impl Reader {
    fn version(&mut self, data: &[u8]) -> Result<(), Stop> {
        self.ether(if data.first().is_some_and(|b| b >> 4 == 6) { 0x86dd } else { 0x0800 }, data)
    }

    fn ethernet(&mut self, data: &[u8]) -> Result<(), Stop> {
        let (head, rest) = split(data, 14)?;
        self.ether(be16(head, 12)?, rest)
    }

    fn ether(&mut self, ethertype: u16, data: &[u8]) -> Result<(), Stop> {
        if self.reading.levels.is_empty() {
            self.reading.ethertype = ethertype;
        }
        match ethertype {
            0x0800 => self.ipv4(data),
            0x86dd => self.ipv6(data),
            0x8100 | 0x88a8 | 0x9100 => {
                let (tag, rest) = split(data, 4)?;
                self.vlans.push(be16(tag, 0)? & 0xfff);
                self.ether(be16(tag, 2)?, rest)
            }
            0x8847 | 0x8848 => self.mpls(data),
            0x8864 => {
                let (head, _) = split(data, 8)?;
                match head {
                    [0x11, 0, ..] => self.ppp(&data[6..]),
                    [0x11, ..] => Err(None),
                    _ => Err(WRONG),
                }
            }
            0x880b => self.ppp(data),
            0..=1500 => self.logical_link(data),
            _ => Err(None),
        }
    }

    fn mpls(&mut self, mut data: &[u8]) -> Result<(), Stop> {
        loop {
            let (label, rest) = split(data, 4)?;
            data = rest;
            if label[2] & 1 == 1 {
                break;
            }
        }
        match data.first().ok_or(CUT)? >> 4 {
            4 => self.ether(0x0800, data),
            6 => self.ether(0x86dd, data),
            0 => self.ethernet(beyond(data, 4)),
            _ => Err(None),
        }
    }

    fn ppp(&mut self, data: &[u8]) -> Result<(), Stop> {
        let data = if *data.first().ok_or(CUT)? == 0xff { beyond(data, 2) } else { data };
        let (protocol, rest) = match data {
            [] => return Err(CUT),
            [short, rest @ ..] if short & 1 == 1 => (u16::from(*short), rest),
            long => (be16(long, 0)?, &long[2..]),
        };
        match protocol {
            0x21 => self.ether(0x0800, rest),
            0x57 => self.ether(0x86dd, rest),
            _ => Err(None),
        }
    }

    fn logical_link(&mut self, data: &[u8]) -> Result<(), Stop> {
        match data {
            [0xaa, 0xaa, 3, 0, 0, 0, high, low, rest @ ..] => {
                let ethertype = u16::from_be_bytes([*high, *low]);
                if ethertype <= 1500 { Err(None) } else { self.ether(ethertype, rest) }
            }
            _ => Err(None),
        }
    }

    fn ipv4(&mut self, data: &[u8]) -> Result<(), Stop> {
        let (head, _) = split(data, 20)?;
        let length = usize::from(head[0] & 15) * 4;
        if head[0] >> 4 != 4 || length < 20 {
            return Err(WRONG);
        }
        let address = |at: usize| IpAddr::V4(Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]));
        let later = be16(head, 6)? & 0x1fff != 0;
        self.level(address(12), address(16), head[1] >> 2);
        self.now().more_fragments = be16(head, 6)? & 0x2000 != 0;
        self.protocol(head[9], beyond(data, length), later)
    }

    fn ipv6(&mut self, data: &[u8]) -> Result<(), Stop> {
        let (head, rest) = split(data, 40)?;
        if head[0] >> 4 != 6 {
            return Err(WRONG);
        }
        let address = |at: usize| {
            let bytes: [u8; 16] = head[at..at + 16].try_into().expect("16 bytes");
            IpAddr::V6(Ipv6Addr::from(bytes))
        };
        self.level(address(8), address(24), (be16(head, 0)? >> 6) as u8 & 0x3f);
        self.protocol(head[6], rest, false)
    }

    fn level(&mut self, src: IpAddr, dst: IpAddr, dscp: u8) {
        self.reading.levels.push(Level {
            src,
            dst,
            dscp,
            protocol: 0,
            ports: None,
            icmp: None,
            fragment: false,
            more_fragments: false,
            tcp_flags: 0,
            vlans: std::mem::take(&mut self.vlans),
            tunnel: self.tunnel.take(),
        });
    }

    fn now(&mut self) -> &mut Level {
        self.reading.levels.last_mut().expect("a level was begun")
    }

    fn protocol(&mut self, protocol: u8, data: &[u8], later_fragment: bool) -> Result<(), Stop> {
        let is_ipv6 = self.now().src.is_ipv6();
        self.now().protocol = protocol;
        if later_fragment {
            self.now().fragment = true;
            return Err(None);
        }
        match (protocol, is_ipv6) {
            (6 | 17 | 33 | 132 | 136, _) => self.transport(protocol, data),
            (1, false) | (58, true) => {
                let (head, _) = split(data, 2)?;
                self.now().icmp = Some((head[0], head[1]));
                Err(None)
            }
            (51, _) => {
                let (head, _) = split(data, 2)?;
                self.protocol(head[0], beyond(data, (usize::from(head[1]) + 2) * 4), false)
            }
            (44, true) => {
                let (head, rest) = split(data, 8)?;
                // Of several such headers, one is enough.
                self.now().more_fragments |= be16(head, 2)? & 1 != 0;
                self.protocol(head[0], rest, be16(head, 2)? & 0xfff8 != 0)
            }
            (0 | 43 | 60 | 140, true) => {
                let (head, _) = split(data, 2)?;
                self.protocol(head[0], beyond(data, (usize::from(head[1]) + 1) * 8), false)
            }
            (4, _) => self.enter(TunnelKind::Ipip, 0, 0x0800, data),
            (41, false) => self.enter(TunnelKind::SixInFour, 0, 0x86dd, data),
            (41, true) => self.enter(TunnelKind::Ipip, 0, 0x86dd, data),
            (47, _) => self.gre(data),
            _ => Err(None),
        }
    }

    fn transport(&mut self, protocol: u8, data: &[u8]) -> Result<(), Stop> {
        split(data, 4)?;
        let ports = (be16(data, 0)?, be16(data, 2)?);
        self.now().ports = Some(ports);
        match protocol {
            6 => {
                self.now().tcp_flags = split(data, 14)?.0[13];
                Err(None)
            }
            17 => {
                let known = |port: u16| matches!(port, 4789 | 4790 | 8472 | 6081);
                match if known(ports.1) { ports.1 } else { ports.0 } {
                    6081 => self.geneve(beyond(data, 8)),
                    port if known(port) => self.vxlan(beyond(data, 8)),
                    _ => Err(None),
                }
            }
            _ => Err(None),
        }
    }

    /// Goes into a tunnel, to what the EtherType says (0x6558: an Ethernet frame).
    fn enter(&mut self, kind: TunnelKind, id: u32, ethertype: u16, data: &[u8]) -> Result<(), Stop> {
        if !self.into_tunnels {
            return Err(None);
        }
        self.tunnel = Some((kind, id));
        self.vlans.clear();
        if ethertype == 0x6558 { self.ethernet(data) } else { self.ether(ethertype, data) }
    }

    fn vxlan(&mut self, data: &[u8]) -> Result<(), Stop> {
        if !self.into_tunnels {
            return Err(None);
        }
        let (head, rest) = split(data, 8)?;
        let id = u32::from_be_bytes([0, head[4], head[5], head[6]]);
        let generic = head[0] & 4 != 0;
        match (head[0] & 8 != 0, generic, head[3]) {
            (true, false, _) | (true, true, 3) => self.enter(TunnelKind::Vxlan, id, 0x6558, rest),
            (true, true, 1) => self.enter(TunnelKind::Vxlan, id, 0x0800, rest),
            (true, true, 2) => self.enter(TunnelKind::Vxlan, id, 0x86dd, rest),
            _ => Err(None),
        }
    }

    fn geneve(&mut self, data: &[u8]) -> Result<(), Stop> {
        if !self.into_tunnels {
            return Err(None);
        }
        let (head, rest) = split(data, 8)?;
        if head[0] >> 6 != 0 {
            return Err(None);
        }
        let id = u32::from_be_bytes([0, head[4], head[5], head[6]]);
        self.enter(TunnelKind::Geneve, id, be16(head, 2)?, beyond(rest, usize::from(head[0] & 63) * 4))
    }

    fn gre(&mut self, data: &[u8]) -> Result<(), Stop> {
        if !self.into_tunnels {
            // A cut header is a fault of the outer flow all the same.
            split(data, 4)?;
            let key_at = if data[0] & 0xc0 != 0 { 8 } else { 4 };
            return if data[0] & 0x20 != 0 && data.len() < key_at + 4 { Err(CUT) } else { Err(None) };
        }
        let (head, _) = split(data, 4)?;
        let (checksum, has_key, sequence) = (head[0] & 0xc0 != 0, head[0] & 0x20 != 0, head[0] & 0x10 != 0);
        let pptp = head[1] & 7 == 1;
        let mut at = if checksum { 8 } else { 4 };
        let mut key = 0;
        if has_key {
            key = u32::from(be16(data, at)?) << 16 | u32::from(be16(data, at + 2)?);
            at += 4;
        }
        at += if sequence { 4 } else { 0 };
        at += if pptp && head[1] & 0x80 != 0 { 4 } else { 0 };
        let id = if pptp { key & 0xffff } else { key };
        match be16(head, 2)? {
            0x88be => self.enter(TunnelKind::Gre, id, 0x6558, beyond(data, at + if sequence { 8 } else { 0 })),
            0x22eb => {
                // A further header where the last bit of the first one says so.
                let more = data.get(at + 11).ok_or(CUT)? & 1 == 1;
                self.enter(TunnelKind::Gre, id, 0x6558, beyond(data, at + if more { 20 } else { 12 }))
            }
            ethertype => self.enter(TunnelKind::Gre, id, ethertype, beyond(data, at)),
        }
    }
}
