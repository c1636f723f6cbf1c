//! Frames to be sent in many flows: their octets, and where in them a flow's number goes.

use crate::plan::{Draw, Flood, FrameKind};
use crate::world::{CROWD, LEFT_MAC, RIGHT, RIGHT_MAC, SINK, SINK6};
use std::net::Ipv4Addr;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP: usize = 8;
const TCP: usize = 20;
/// The discard service's.
const DISCARD: u16 = 9;
/// Where [`super::sockets`] listen.
pub(super) const CONNECTING_PORT: u16 = 8080;

/// The longest frame that live-frame test run makes: a page of 4 KiB has to hold what the kernel keeps beside it.
pub(crate) const fn frame_bytes_max() -> u16 {
    3400
}

/// A frame, and what of it differs from one flow to another. Places are octets from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) octets: Vec<u8>,
    /// So many octets at its beginning are written anew for each frame.
    pub(crate) header: usize,
    pub(crate) flows: u32,
    pub(crate) draw: Draw,
    pub(crate) packets_per_flow: u32,
    /// The last two octets of the source address.
    pub(crate) source_at: Option<usize>,
    pub(crate) port_at: Option<usize>,
    /// IPv4's identification, where it is to be the flow's number.
    pub(crate) id_at: Option<usize>,
    /// The checksum of the IPv4 header, and the sum of all of it that does not change.
    pub(crate) ip_check: Option<(usize, u32)>,
    /// TCP's or UDP's.
    pub(crate) check: Option<(usize, u32)>,
}

impl Template {
    /// The frame of a plan's flood.
    pub(crate) fn of(flood: &Flood) -> Self {
        let mut frame = match flood.frame {
            FrameKind::Udp => Build::ethernet(0x0800).ipv4(17, CROWD, SINK, 0).udp(),
            FrameKind::Udp6 => Build::ethernet(0x86dd).ipv6(17).udp(),
            FrameKind::Syn => Build::ethernet(0x0800).ipv4(6, CROWD, RIGHT, 0).syn(),
            FrameKind::FirstFragment => Build::ethernet(0x0800).ipv4(17, CROWD, SINK, MORE_FRAGMENTS).udp(),
            FrameKind::LaterFragment => Build::ethernet(0x0800).ipv4(17, CROWD, SINK, AFTER_1480).data(),
            FrameKind::Vxlan => Build::ethernet(0x0800).outer(17).vxlan().ipv4(17, CROWD, SINK, 0).udp(),
            FrameKind::Gre => Build::ethernet(0x0800).outer(47).gre().ipv4(17, CROWD, SINK, 0).udp(),
            FrameKind::IpInIp => Build::ethernet(0x0800).outer(4).ipv4(17, CROWD, SINK, 0).udp(),
            FrameKind::Vlan => Build::vlan(0x0800).ipv4(17, CROWD, SINK, 0).udp(),
        };
        // Headers are written in words of eight octets: the last one has to have room.
        let length = usize::from(flood.bytes).max(frame.octets.len().next_multiple_of(8));
        frame.octets.resize(length.max(60), 0);
        let is_fragment = matches!(flood.frame, FrameKind::FirstFragment | FrameKind::LaterFragment);
        let mut template = frame.finish(is_fragment);
        template.flows = flood.flows;
        template.draw = flood.draw;
        template.packets_per_flow = flood.packets_per_flow;
        template
    }

    /// A captured frame: what begins with IPv4 or IPv6 behind Ethernet is sent to the sink as a host of the crowd, and each of
    /// `flows` is another host. `None` for what cannot be sent that way.
    pub(crate) fn of_captured(frame: &[u8], flows: u32) -> Option<Self> {
        let kind = u16::from_be_bytes([*frame.get(12)?, *frame.get(13)?]);
        let mut octets = frame.get(..frame.len().min(usize::from(frame_bytes_max())))?.to_vec();
        octets[..6].copy_from_slice(&RIGHT_MAC);
        octets[6..12].copy_from_slice(&LEFT_MAC);
        let header = match kind {
            0x0800 if octets.len() >= ETHERNET + IPV4 => {
                octets[26..30].copy_from_slice(&CROWD.octets());
                octets[30..34].copy_from_slice(&SINK.octets());
                ETHERNET + IPV4
            }
            0x86dd if octets.len() >= ETHERNET + IPV6 => {
                octets[22..38].copy_from_slice(&CROWD6);
                octets[38..54].copy_from_slice(&SINK6);
                ETHERNET + IPV6
            }
            _ => return None,
        };
        octets.resize(octets.len().max(60), 0);
        let is_ipv4 = header == ETHERNET + IPV4;
        // Only the address says which flow it is: ports are the capture's, and checksums over them are not mended.
        let own_header = usize::from(octets[14] & 15) * 4;
        let ip_check = is_ipv4.then(|| sum_of_header(&octets, ETHERNET, own_header)).flatten();
        let source_at = Some(if is_ipv4 { 28 } else { 36 });
        Some(Self {
            header: header.next_multiple_of(8).min(octets.len() / 8 * 8),
            octets,
            flows: flows.clamp(1, 1 << 16) * PORTS,
            draw: Draw::Even,
            packets_per_flow: 1,
            source_at,
            port_at: None,
            id_at: None,
            ip_check: ip_check.map(|sum| (ETHERNET + 10, sum)),
            check: None,
        })
    }
}

/// Flows that differ by nothing but their port, in the kernel's program.
const PORTS: u32 = 64_000;
const MORE_FRAGMENTS: u16 = 0x2000;
/// In units of eight octets: what the first fragment of 1,514 octets leaves.
const AFTER_1480: u16 = 1480 / 8;
const CROWD6: [u8; 16] = [0xfd, 0x66, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];

/// A frame in the making: headers one behind another.
struct Build {
    octets: Vec<u8>,
    /// Where lengths go, and where what they count begins.
    lengths: Vec<(usize, usize)>,
    /// Where IPv4 headers begin, the outermost first.
    ipv4_at: Vec<usize>,
    source_at: Option<usize>,
    port_at: Option<usize>,
    /// Where TCP begins.
    tcp_at: Option<usize>,
    /// Where UDP begins that may not go without a checksum.
    udp6_at: Option<usize>,
}

impl Build {
    fn ethernet(kind: u16) -> Self {
        let mut octets = Vec::with_capacity(128);
        octets.extend(RIGHT_MAC);
        octets.extend(LEFT_MAC);
        octets.extend(kind.to_be_bytes());
        let none = Vec::new();
        Self { octets, lengths: none, ipv4_at: Vec::new(), source_at: None, port_at: None, tcp_at: None, udp6_at: None }
    }

    fn vlan(kind: u16) -> Self {
        let mut frame = Self::ethernet(0x8100);
        frame.octets.extend([0, 42]);
        frame.octets.extend(kind.to_be_bytes());
        frame
    }

    fn ipv4(mut self, protocol: u8, from: Ipv4Addr, to: Ipv4Addr, fragment: u16) -> Self {
        let at = self.octets.len();
        self.octets.extend([0x45, 0, 0, 0, 0, 0]);
        self.octets.extend(fragment.to_be_bytes());
        self.octets.extend([64, protocol, 0, 0]);
        self.octets.extend(from.octets());
        self.octets.extend(to.octets());
        self.lengths.push((at + 2, at));
        self.ipv4_at.push(at);
        self.source_at = Some(at + 14);
        self
    }

    /// The tunnel's own header: always the same two ends.
    fn outer(self, protocol: u8) -> Self {
        self.ipv4(protocol, Ipv4Addr::new(10, 200, 255, 1), SINK, 0)
    }

    fn ipv6(mut self, next: u8) -> Self {
        let at = self.octets.len();
        self.octets.extend([0x60, 0, 0, 0, 0, 0, next, 64]);
        self.octets.extend(CROWD6);
        self.octets.extend(SINK6);
        self.lengths.push((at + 4, at + IPV6));
        self.source_at = Some(at + 22);
        self.udp6_at = Some(at + IPV6);
        self
    }

    fn udp(mut self) -> Self {
        let at = self.octets.len();
        self.octets.extend([0, 0]);
        self.octets.extend(DISCARD.to_be_bytes());
        self.octets.extend([0; 4]);
        self.lengths.push((at + 4, at));
        self.port_at = Some(at);
        self
    }

    /// What has no header of its own.
    fn data(self) -> Self {
        self
    }

    fn syn(mut self) -> Self {
        let at = self.octets.len();
        self.octets.extend([0, 0]);
        self.octets.extend(CONNECTING_PORT.to_be_bytes());
        self.octets.extend([1, 2, 3, 4, 0, 0, 0, 0, (TCP as u8 / 4) << 4, 2, 0xff, 0xff, 0, 0, 0, 0]);
        self.port_at = Some(at);
        self.tcp_at = Some(at);
        self
    }

    fn vxlan(mut self) -> Self {
        let at = self.octets.len();
        self.octets.extend([0xc0, 0, 0x12, 0xb5, 0, 0, 0, 0]);
        self.octets.extend([8, 0, 0, 0, 0, 0, 7, 0]);
        self.lengths.push((at + 4, at));
        self.octets.extend([2, 0, 0, 0, 0, 8, 2, 0, 0, 0, 0, 9, 8, 0]);
        self
    }

    fn gre(mut self) -> Self {
        self.octets.extend([0, 0, 8, 0]);
        self
    }

    /// Fills in lengths and checksums. In a first fragment UDP's length is that of the whole datagram.
    fn finish(mut self, is_fragment: bool) -> Template {
        // Octets behind what IP counts are Ethernet's padding; a TCP header without data needs none of them.
        let end = self.tcp_at.map_or(self.octets.len(), |at| at + TCP);
        for (at, from) in &self.lengths {
            let is_udp_of_fragment = is_fragment && Some(*from) == self.port_at;
            let length = if is_udp_of_fragment { 1480 + 166 } else { end - from };
            self.octets[*at..at + 2].copy_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
        // Outer headers of tunnels do not change: their checksum is made here, the innermost in the kernel.
        let innermost = self.ipv4_at.last().copied();
        for at in self.ipv4_at.iter().filter(|at| Some(**at) != innermost) {
            let sum = add(&self.octets[*at..at + IPV4]);
            self.octets[at + 10..at + 12].copy_from_slice(&complement(sum).to_ne_bytes());
        }
        let ip_check = innermost.and_then(|at| Some((at + 10, sum_of_header(&self.octets, at, IPV4)?)));
        let check = self.transport_sum(end);
        let header_end = self.port_at.map_or(ETHERNET + IPV4, |at| at + if self.tcp_at.is_some() { TCP } else { UDP });
        Template {
            header: header_end.next_multiple_of(8).min(self.octets.len() / 8 * 8),
            octets: self.octets,
            flows: 1,
            draw: Draw::Even,
            packets_per_flow: 1,
            source_at: self.source_at,
            port_at: self.port_at,
            id_at: innermost.filter(|_| is_fragment).map(|at| at + 4),
            ip_check,
            check,
        }
    }

    /// The sum for TCP, and for UDP over IPv6; UDP over IPv4 may go without.
    fn transport_sum(&self, end: usize) -> Option<(usize, u32)> {
        let (at, check_at, protocol, addresses) = match (self.tcp_at, self.udp6_at) {
            (Some(at), _) => (at, at + 16, 6_u8, at - 8..at),
            (None, Some(at)) => (at, at + 6, 17, at - 32..at),
            (None, None) => return None,
        };
        let length = u16::try_from(end - at).unwrap_or(u16::MAX);
        let pseudo = add(&[0, protocol]) + u32::from(u16::from_ne_bytes(length.to_be_bytes()));
        Some((check_at, fold(add(&self.octets[addresses]) + pseudo + add(&self.octets[at..end]))))
    }
}

/// The sum of an IPv4 header without its checksum, the last two octets of its source and, as long as it is 0, its identification.
fn sum_of_header(octets: &[u8], at: usize, length: usize) -> Option<u32> {
    let mut header = octets.get(at..at + length)?.to_vec();
    header.get_mut(10..12)?.fill(0);
    header.get_mut(14..16)?.fill(0);
    Some(fold(add(&header)))
}

/// Words as they lie in memory: the internet checksum does not care, as long as all do.
fn add(octets: &[u8]) -> u32 {
    let pairs = octets.chunks(2);
    fold(pairs.map(|pair| u32::from(u16::from_ne_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))).sum())
}

fn fold(sum: u32) -> u32 {
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16)
}

fn complement(sum: u32) -> u16 {
    !(fold(sum) as u16)
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
