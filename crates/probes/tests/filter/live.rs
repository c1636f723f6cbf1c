//! A packet whose octets do not lie in one piece: what comes from a socket over loopback has its headers in front only.

use crate::machines::memory;
use libbpf_rs::{MapCore, MapFlags};
use netrig_filter::{Instruction, Link, Operator, Register, Size, Source, compile, convert};
use netrig_model::Direction;
use netrig_probes::link::attach_tc;
use netrig_probes::program::{RawKind, RawProgram};
use netrig_testkit::{NetNs, require_root};
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};

const LOOPBACK: u32 = 1;
const NEXT: i32 = -1;
const HEADERS: usize = 14 + 20 + 8;
const PAYLOAD: usize = 40_000;

fn octet(at: usize) -> u8 {
    (at * 7 + at / 256) as u8
}

/// As it looks at tcx, as far as the filters here look.
fn packet() -> Vec<u8> {
    let mut packet = vec![0; HEADERS];
    packet[12] = 8;
    packet[14] = 0x45;
    packet[16..18].copy_from_slice(&((PAYLOAD + 28) as u16).to_be_bytes());
    packet[23] = 17;
    packet[26..34].copy_from_slice(&[127, 0, 0, 1, 127, 0, 0, 1]);
    packet[36..38].copy_from_slice(&9000u16.to_be_bytes());
    packet[38..40].copy_from_slice(&((PAYLOAD + 8) as u16).to_be_bytes());
    packet.extend((0..PAYLOAD).map(octet));
    packet
}

/// What a filter says of a datagram at this namespace's loopback, and how much of that lies in one piece.
fn ask(filter: &str) -> (u32, u32) {
    let classic = compile(filter, Link::Ethernet).unwrap_or_else(|error| panic!("{error}"));
    let map = memory(8);
    let mut code = vec![Instruction::mov(Register::R6, Register::R1)];
    code.extend(convert(&classic, Source::Skb).expect("it is converted").instructions);
    let (answers, piece) = (Register::R1, Register::R2);
    code.extend(Instruction::load_map_value(answers, map.as_fd().as_raw_fd(), 0));
    code.extend([
        Instruction::store(Size::Word, answers, 0, Register::R0),
        Instruction::load(Size::Word, piece, Register::R6, 80),
        Instruction::load(Size::Word, Register::R3, Register::R6, 76),
        Instruction::alu64(Operator::Subtract, piece, Register::R3),
        Instruction::store(Size::Word, answers, 4, piece),
        Instruction::mov_imm(Register::R0, NEXT),
        Instruction::exit(),
    ]);
    let program = RawProgram::load("filter", RawKind::SchedCls, &code).unwrap_or_else(|error| panic!("{error}"));
    let _attached = attach_tc(program.as_fd(), "lo", LOOPBACK, Direction::Ingress).expect("it attaches");
    let to = UdpSocket::bind("127.0.0.1:9000").expect("a socket");
    let from = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let payload: Vec<u8> = (0..PAYLOAD).map(octet).collect();
    assert_eq!(from.send_to(&payload, "127.0.0.1:9000").expect("it is sent"), PAYLOAD);
    let mut arrived = vec![0; PAYLOAD];
    assert_eq!(to.recv(&mut arrived).expect("it arrives"), PAYLOAD);
    let told = map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY).expect("a look").expect("a value");
    let word = |at: usize| u32::from_ne_bytes(told[at..at + 4].try_into().expect("four octets"));
    (word(0), word(4))
}

#[test]
fn octets_of_further_pieces_are_found() {
    require_root!();
    let ns = NetNs::new("filterlive");
    ns.run("ip link set dev lo up");
    let packet = packet();
    let word = |at: usize| packet[at..at + 4].iter().fold(0u32, |value, octet| value << 8 | u32::from(*octet));
    let filters = [
        "udp port 9000".to_owned(),
        format!("ether[100:4] = {:#x}", word(100)),
        format!("udp[20000:4] = {:#x}", word(34 + 20_000)),
        format!("udp[20000:4] = {:#x}", word(34 + 20_001)),
        // Over the edge; the half in front is a checksum.
        format!("ether[40:4] & 0xffff = {:#x}", word(40) & 0xffff),
        format!("ether[36000:2] = {:#x}", word(36_000) >> 16),
        format!("ether[len - 1] = {:#x} and len = {}", packet[packet.len() - 1], packet.len()),
        "ether[len - 3:4] >= 0".to_owned(),
        format!("ether[{}:4] = {:#x}", packet.len() - 4, word(packet.len() - 4)),
        format!("ether[{}:4] >= 0", packet.len() - 3),
        format!("udp[(udp[4:2] - 4):4] = {:#x}", word(packet.len() - 4)),
        format!("udp[8] = {} and udp[1000] = {}", octet(0), octet(992)),
    ];
    for filter in filters {
        let classic = compile(&filter, Link::Ethernet).unwrap_or_else(|error| panic!("{error}"));
        let (told, piece) = ns.inside(|| ask(&filter));
        assert!((piece as usize) < packet.len(), "{piece} octets in one piece");
        println!("`{filter}`: {told}, {piece} octets in front");
        assert_eq!(told, classic.run(&packet, packet.len() as u32), "`{filter}`");
    }
}
