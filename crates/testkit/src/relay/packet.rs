//! Packets as a relay sees them: IP headers first.

/// One end of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first namespace.
    Left = 0,
    /// The second.
    Right = 1,
}

impl End {
    pub(super) fn other(self) -> Self {
        if self == Self::Left { Self::Right } else { Self::Left }
    }
}

/// A packet that came into a relay.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Where it came from.
    pub from: End,
    /// The packet, from the IP header on.
    pub bytes: &'a [u8],
}

/// What a test asks of a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeader {
    /// Port it comes from.
    pub src_port: u16,
    /// Port it goes to.
    pub dst_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledged sequence number.
    pub acknowledged: u32,
    /// The flags FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub flags: u8,
    /// Octets of data.
    pub payload_bytes: usize,
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

impl Packet<'_> {
    /// Its TCP header; none when it is not TCP, or a later fragment, or has IPv6 extension headers.
    #[must_use]
    pub fn tcp(&self) -> Option<TcpHeader> {
        const TCP: u8 = 6;
        let (header_bytes, total_bytes, protocol) = match self.bytes.first()? >> 4 {
            4 => {
                let fragment = u16_at(self.bytes, 6)? & 0x1fff;
                let protocol = *self.bytes.get(9)?;
                let is_first = fragment == 0;
                (
                    usize::from(self.bytes[0] & 15) * 4,
                    usize::from(u16_at(self.bytes, 2)?),
                    is_first.then_some(protocol)?,
                )
            }
            6 => (40, 40 + usize::from(u16_at(self.bytes, 4)?), *self.bytes.get(6)?),
            _ => return None,
        };
        let tcp = self.bytes.get(header_bytes..total_bytes).filter(|_| protocol == TCP)?;
        Some(TcpHeader {
            src_port: u16_at(tcp, 0)?,
            dst_port: u16_at(tcp, 2)?,
            sequence: u32_at(tcp, 4)?,
            acknowledged: u32_at(tcp, 8)?,
            flags: *tcp.get(13)?,
            payload_bytes: tcp.len().checked_sub(usize::from(tcp[12] >> 4) * 4)?,
        })
    }

    /// Whether it is a TCP segment with data.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.tcp().is_some_and(|tcp| tcp.payload_bytes > 0)
    }

    /// Whether it is a SYN that is no answer to one.
    #[must_use]
    pub fn is_syn(&self) -> bool {
        self.has_flags(SYN | ACK, SYN)
    }

    /// Whether it is a SYN-ACK.
    #[must_use]
    pub fn is_syn_ack(&self) -> bool {
        self.has_flags(SYN | ACK, SYN | ACK)
    }

    /// Whether it is a FIN.
    #[must_use]
    pub fn is_fin(&self) -> bool {
        self.has_flags(FIN, FIN)
    }

    /// Whether it is a reset.
    #[must_use]
    pub fn is_reset(&self) -> bool {
        self.has_flags(RST, RST)
    }

    fn has_flags(&self, mask: u8, flags: u8) -> bool {
        self.tcp().is_some_and(|tcp| tcp.flags & mask == flags)
    }
}

/// Sets both ECN bits of a packet that has one; others may not be marked, and are left.
pub(super) fn mark_congestion(bytes: &mut [u8]) {
    match bytes.first().map(|first| first >> 4) {
        Some(4) if bytes.len() >= 20 && bytes[1] & 3 != 0 => {
            bytes[1] |= 3;
            bytes[10..12].fill(0);
            let header_bytes = (usize::from(bytes[0] & 15) * 4).min(bytes.len());
            let sum = checksum(&bytes[..header_bytes]);
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        // The traffic class lies across the first two bytes.
        Some(6) if bytes.len() >= 40 && bytes[1] & 0x30 != 0 => bytes[1] |= 0x30,
        _ => {}
    }
}

/// The internet checksum.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.chunks(2).filter_map(|pair| u16_at(pair, 0)).map(u32::from).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of 5 octets from port 258 to 772, IPv4 with ECT(0), from a capture; the checksum is right.
    const V4: [u8; 45] = [
        0x45, 0x02, 0x00, 0x2d, 0x12, 0x34, 0x40, 0x00, 0x40, 0x06, 0x14, 0x57, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4,
        0, 0, 0, 9, 0, 0, 0, 8, 0x50, 0x18, 0, 0, 0, 0, 0, 0, b'h', b'e', b'l', b'l', b'o',
    ];

    fn packet(bytes: &[u8]) -> Packet<'_> {
        Packet { from: End::Left, bytes }
    }

    #[test]
    fn a_segment_is_read() {
        let expected =
            TcpHeader { src_port: 258, dst_port: 772, sequence: 9, acknowledged: 8, flags: 0x18, payload_bytes: 5 };
        assert_eq!(packet(&V4).tcp(), Some(expected));
        assert!(packet(&V4).has_data() && !packet(&V4).is_syn() && !packet(&V4).is_fin());
        let mut v6 = vec![0x60, 0, 0, 0, 0, 25, 6, 64];
        v6.extend([0; 32]);
        v6.extend(&V4[20..]);
        assert_eq!(packet(&v6).tcp(), Some(expected));
    }

    #[test]
    fn bytes_cut_anywhere_are_no_segment_and_no_panic() {
        for length in 0..V4.len() {
            assert_eq!(packet(&V4[..length]).tcp(), None, "{length} bytes");
            mark_congestion(&mut V4[..length].to_vec());
        }
        let mut udp = V4;
        udp[9] = 17;
        assert_eq!(packet(&udp).tcp(), None);
    }

    #[test]
    fn a_mark_keeps_the_checksum_right_and_spares_who_does_not_speak_ecn() {
        let mut marked = V4;
        mark_congestion(&mut marked);
        assert_eq!(marked[1] & 3, 3);
        assert_eq!(checksum(&marked[..20]), 0, "a header with its right checksum adds up to nothing");
        let mut other = V4;
        other[1] = 0;
        let before = other;
        mark_congestion(&mut other);
        assert_eq!(other, before);
    }
}
