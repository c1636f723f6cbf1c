//! Packets for filters: real ones, and what can be made of them.

use pcap::{Capture, Linktype};
use std::fs;
use std::path::{Path, PathBuf};

/// Test runs take no less: an Ethernet header.
pub(crate) const SHORTEST: usize = 14;

/// A packet of a capture.
pub(crate) struct Packet {
    pub data: Vec<u8>,
    /// How long it was on the wire.
    pub wire_length: u32,
}

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../replay/tests/captures");
    let files = fs::read_dir(folder).expect("the captures");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "pcap"));
    files.sort();
    files
}

/// All packets of the captures that are of Ethernet.
pub(crate) fn real() -> Vec<Packet> {
    let mut packets = Vec::new();
    for file in captures() {
        let mut capture = Capture::from_file(&file).expect("a capture");
        if capture.get_datalink() != Linktype(1) {
            continue;
        }
        while let Ok(packet) = capture.next_packet() {
            packets.push(Packet { data: packet.data.to_vec(), wire_length: packet.header.len });
        }
    }
    packets
}

/// A capture file of them.
pub(crate) fn file(packets: &[Packet]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, 1u32] {
        file.extend(word.to_le_bytes());
    }
    for packet in packets {
        for word in [0, 0, packet.data.len() as u32, packet.wire_length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&packet.data);
    }
    file
}

/// Numbers that are the same every time.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.next() % limit
    }
}

/// One of each shape that the captures have, so that many filters can be tried on all.
pub(crate) fn shapes(packets: &[Packet], most: usize) -> Vec<&Packet> {
    let shape = |packet: &Packet| {
        let octet = |at: usize| packet.data.get(at).copied().unwrap_or(0);
        let length = packet.data.len().ilog2();
        (octet(12), octet(13), octet(14), octet(16), octet(17), octet(20), octet(23), octet(36) == 0, length)
    };
    let mut seen = Vec::new();
    let mut chosen = Vec::new();
    for packet in packets {
        let shape = shape(packet);
        if !seen.contains(&shape) {
            seen.push(shape);
            chosen.push(packet);
        }
    }
    chosen.truncate(most);
    chosen
}

/// A packet's cut copy, and one with a few other octets.
pub(crate) fn spoilt(packet: &[u8], random: &mut Random) -> [Vec<u8>; 2] {
    let far = packet.len().min(80) - SHORTEST.min(packet.len().min(80));
    let cut = packet[..SHORTEST + random.below(far as u32 + 1) as usize].to_vec();
    let mut changed = packet.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(changed.len().min(64) as u32) as usize;
        changed[at] = random.next() as u8;
    }
    [cut, changed]
}
