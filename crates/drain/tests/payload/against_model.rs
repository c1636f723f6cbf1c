//! Random packets of a few flows: the programs copy what the rules say, no more and no less.

use crate::model::Flow;
use crate::packets::{ACK, FIN, PSH, Packet, RST, SYN, tcp, udp};
use crate::runs::{COPY, Run};
use netrig_testkit::require_root;
use std::collections::HashMap;

const PACKETS: u32 = 12_000;

/// A small generator with a fixed seed: a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

const BEGINNINGS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /abc HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.0 404",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    &[0, 0, 12, 4, 0, 0, 0, 0, 0, 1, 1, 1],
    &[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3],
    &[0x15, 3, 1, 0, 2, 2, 40],
    &[0x17, 3, 3, 0, 40, 1, 2, 3, 4],
    &[0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4],
    &[0xd3, 0x6b, 0x33, 0x43, 0xcf, 8, 1, 2, 3, 4],
    &[0x43, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    b"SSH-2.0-x\r\n",
    b"a body of no kind\r\n\r\n",
];

fn payload(random: &mut Random) -> Vec<u8> {
    let mut payload = match random.below(8) {
        0 => Vec::new(),
        1 => (0..random.below(12)).map(|_| random.below(256) as u8).collect(),
        _ => random.pick(BEGINNINGS).to_vec(),
    };
    match random.below(6) {
        0 => payload.truncate(random.below(10) as usize),
        1 => payload.resize(payload.len() + random.below(700) as usize, b'x'),
        2 => payload.extend(b"\r\n\r\n"),
        3 if !payload.is_empty() => {
            let at = random.below(payload.len().min(9) as u64) as usize;
            payload[at] = random.below(256) as u8;
        }
        _ => {}
    }
    payload
}

fn packet(random: &mut Random) -> Packet {
    let ports = (1 + random.below(5) as u16, random.pick(&[80, 80, 443, 53]));
    let payload = payload(random);
    let mut packet = if random.below(4) == 0 {
        udp(ports, &payload)
    } else {
        let flags = random.pick(&[ACK, ACK, ACK, ACK, ACK, ACK, ACK | PSH, ACK | PSH, FIN | ACK, RST, SYN]);
        tcp(ports, random.below(1 << 32) as u32, &payload).flags(flags)
    };
    packet.is_ipv6 = random.below(2) == 0;
    packet.tcp_options = random.pick(&[0, 0, 3, 10]);
    // Neither of these is of another flow.
    packet.ip_options = random.pick(&[0, 0, 0, 2]);
    packet.extension = random.below(4) == 0;
    packet.padding = random.pick(&[0, 0, 9]);
    packet
}

#[test]
fn the_programs_follow_the_rules() {
    require_root!();
    for mut run in Run::both() {
        let mut random = Random(11);
        let mut flows: HashMap<_, Flow> = HashMap::new();
        let (mut told, mut octets) = (0, 0);
        for number in 0..PACKETS {
            let packet = packet(&mut random);
            let flow = flows.entry((packet.ports, packet.is_ipv6, packet.tcp.is_some())).or_default();
            let before = flow.clone();
            let expected = flow.see(&packet, COPY as usize);
            let seen = run.octets(&packet);
            let right = expected.map(|octets| &packet.payload[..octets]);
            assert_eq!(seen.as_deref(), right, "packet {number}, {packet:?} after {before:?}");
            told += u64::from(expected.is_some());
            octets += expected.unwrap_or(0);
            // Flows end too: all that is known of them goes by a SYN, or stays.
            if random.below(40) == 0 {
                let syn = tcp(packet.ports, 1, &[]).flags(SYN);
                let syn = Packet { is_ipv6: packet.is_ipv6, ..syn };
                flows.entry((syn.ports, syn.is_ipv6, true)).or_default().see(&syn, COPY as usize);
                assert_eq!(run.octets(&syn), None);
            }
        }
        assert!(
            told > u64::from(PACKETS) / 8 && octets > 100_000,
            "the test means to have much to tell: {told}, {octets}"
        );
        assert_eq!(run.counts().wanted, told);
    }
}
