//! Captures made by hand: conversations over IPv4 and IPv6, with and without tags. Checksums are 0: who reads captures does not look at
//! them, for network cards fill them in.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Between two packets.
const STEP_US: u32 = 200;

/// A pcap file in the making.
pub(crate) struct Capture {
    octets: Vec<u8>,
    now_us: u32,
}

impl Capture {
    pub(crate) fn new() -> Self {
        let words = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1];
        Self { octets: words.iter().flat_map(|word| word.to_le_bytes()).collect(), now_us: 0 }
    }

    pub(crate) fn write(&self, file: &Path) {
        std::fs::write(file, &self.octets).expect("write the capture");
    }

    /// A datagram.
    pub(crate) fn datagram(&mut self, from: &str, to: &str, payload: &[u8]) {
        let (from, to) = (socket(from), socket(to));
        let length = (payload.len() + 8) as u16;
        let header = [from.port(), to.port(), length, 0].map(u16::to_be_bytes).concat();
        self.packet(from, to, &[], UDP, &[&header, payload].concat());
    }

    /// A connection that begins here. `tags`: the VLAN ids of its packets, the outer one first.
    pub(crate) fn connect(&mut self, client: &str, server: &str, tags: &[u16]) -> Connection<'_> {
        let mut made = Connection {
            capture: self,
            ends: [socket(client), socket(server)],
            tags: tags.to_vec(),
            next: [1000, 5000],
        };
        made.segment(0, SYN, 0, &[]);
        made.segment(1, SYN | ACK, 0, &[]);
        made.next = made.next.map(|next| next + 1);
        made.segment(0, ACK, 0, &[]);
        made
    }

    fn packet(&mut self, from: SocketAddr, to: SocketAddr, tags: &[u16], protocol: u8, transport: &[u8]) {
        let (ethertype, header) = network(from.ip(), to.ip(), protocol, transport.len() as u16);
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        for (index, tag) in tags.iter().enumerate() {
            let kind: u16 = if index + 1 < tags.len() { 0x88a8 } else { 0x8100 };
            frame.extend([kind, *tag].map(u16::to_be_bytes).concat());
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend([&header[..], transport].concat());
        self.now_us += STEP_US;
        let length = frame.len() as u32;
        let record = [1_700_000_000 + self.now_us / 1_000_000, self.now_us % 1_000_000, length, length];
        self.octets.extend(record.map(u32::to_le_bytes).concat());
        self.octets.extend(frame);
    }
}

/// One TCP connection of it. Side 0 is the client.
pub(crate) struct Connection<'a> {
    capture: &'a mut Capture,
    ends: [SocketAddr; 2],
    tags: Vec<u16>,
    next: [u32; 2],
}

impl Connection<'_> {
    /// The client says this, in one segment.
    pub(crate) fn ask(&mut self, octets: &[u8]) -> &mut Self {
        self.say(0, octets)
    }

    /// The server does.
    pub(crate) fn answer(&mut self, octets: &[u8]) -> &mut Self {
        self.say(1, octets)
    }

    /// The client says this in segments that end at these octets.
    pub(crate) fn ask_cut(&mut self, octets: &[u8], cuts: &[usize]) -> &mut Self {
        let ends = cuts.iter().copied().chain([octets.len()]);
        let mut start = 0;
        for end in ends {
            self.ask(&octets[start..end]);
            start = end;
        }
        self
    }

    /// The client says this in two segments, of which the second comes first, and once more at the end.
    pub(crate) fn ask_swapped(&mut self, octets: &[u8], cut: usize) -> &mut Self {
        self.segment(0, ACK | PSH, cut as u32, &octets[cut..]);
        self.segment(0, ACK | PSH, 0, &octets[..cut]);
        self.segment(0, ACK | PSH, cut as u32, &octets[cut..]);
        self.next[0] += octets.len() as u32;
        self
    }

    /// Both say that they have said all.
    pub(crate) fn close(&mut self) {
        for side in [0, 1] {
            self.segment(side, FIN | ACK, 0, &[]);
            self.next[side] += 1;
        }
        self.segment(0, ACK, 0, &[]);
    }

    fn say(&mut self, side: usize, octets: &[u8]) -> &mut Self {
        self.segment(side, ACK | PSH, 0, octets);
        self.next[side] += octets.len() as u32;
        self
    }

    fn segment(&mut self, side: usize, flags: u8, ahead: u32, octets: &[u8]) {
        let (from, to) = (self.ends[side], self.ends[1 - side]);
        let acknowledged = if flags & ACK == 0 { 0 } else { self.next[1 - side] };
        let mut header = [from.port(), to.port()].map(u16::to_be_bytes).concat();
        header.extend([self.next[side] + ahead, acknowledged].map(u32::to_be_bytes).concat());
        header.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        header.extend(octets);
        self.capture.packet(from, to, &self.tags, TCP, &header);
    }
}

fn socket(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

/// The EtherType and the header.
fn network(from: IpAddr, to: IpAddr, protocol: u8, length: u16) -> (u16, Vec<u8>) {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, 0];
            header.extend((length + 20).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            header.extend([from.octets(), to.octets()].concat());
            (0x0800, header)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length.to_be_bytes());
            header.extend([protocol, 64]);
            header.extend([from.octets(), to.octets()].concat());
            (0x86dd, header)
        }
        _ => panic!("{from} and {to} are of two families"),
    }
}
