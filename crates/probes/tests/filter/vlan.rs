//! Packets whose VLAN tag was taken out are judged as they came.

use crate::expressions::EXPRESSIONS;
use crate::machines::Converted;
use crate::packets::{Packet, Random, SHORTEST, real, shapes, spoilt};
use netrig_filter::{Classic, Instruction, Link, Register, Source, compile};
use netrig_probes::program::RawKind;
use netrig_testkit::require_root;

/// Puts a tag on a packet, beside it as a driver does.
const HELPER_VLAN_PUSH: i32 = 18;
const SHAPES: usize = 40;

/// A tag as octets: what says that it is one, and what it says.
pub(crate) type Tag = [u8; 4];
pub(crate) const TAGS: [Tag; 3] = [[0x81, 0, 0, 10], [0x81, 0, 0xef, 0xff], [0x88, 0xa8, 0x20, 100]];

/// A filter at tcx that finds each packet's tag taken out.
pub(crate) fn behind_a_tag(classic: &Classic, tag: Tag) -> Converted {
    let protocol = u16::from_ne_bytes([tag[0], tag[1]]);
    let number = u16::from_be_bytes([tag[2], tag[3]]);
    let push = [
        Instruction::mov(Register::R1, Register::R6),
        Instruction::mov_imm(Register::R2, protocol.into()),
        Instruction::mov_imm(Register::R3, number.into()),
        Instruction::call(HELPER_VLAN_PUSH),
    ];
    Converted::at(RawKind::SchedCls, Source::Skb, classic, &push)
}

/// The packet with the tag in it, as it came.
pub(crate) fn with_tag(packet: &[u8], tag: Tag) -> Vec<u8> {
    [&packet[..12], &tag, &packet[12..]].concat()
}

#[test]
fn a_tag_that_was_taken_out_is_where_it_was() {
    require_root!();
    let packets = real();
    let mut random = Random(7);
    // Tagged packets, and all others once they have a tag.
    let packets: Vec<&Packet> = shapes(&packets, SHAPES);
    let (mut counted, mut wanted) = (0, 0);
    for (at, expression) in EXPRESSIONS.iter().enumerate() {
        let classic = compile(expression, Link::Ethernet).unwrap_or_else(|error| panic!("{error}"));
        let tag = TAGS[at % TAGS.len()];
        let machine = behind_a_tag(&classic, tag);
        for packet in &packets {
            let [cut, changed] = spoilt(&packet.data, &mut random);
            for data in [&packet.data, &cut, &changed] {
                if data.len() < SHORTEST {
                    continue;
                }
                let Some(told) = machine.run(data) else { continue };
                let whole = with_tag(data, tag);
                let right = classic.run(&whole, whole.len() as u32);
                assert_eq!(told, right, "`{expression}` on {whole:02x?}\n{classic}");
                counted += 1;
                wanted += usize::from(right > 0);
            }
        }
    }
    println!("{counted} verdicts, {wanted} packets wanted");
    assert!(counted > 20_000 && wanted > 2000, "{counted} {wanted}");
}

/// Programs of one load each, at every place around the tag, by every size, and by a constant and by X.
#[test]
fn every_octet_around_the_tag_is_where_it_was() {
    require_root!();
    let packet: Vec<u8> = (0..60).map(|octet| 0xa0 + octet).collect();
    let tag = TAGS[2];
    let whole = with_tag(&packet, tag);
    for from in 0..26 {
        let loads = [(0x20, 0x40), (0x28, 0x48), (0x30, 0x50)];
        for (absolute, relative) in loads {
            let by_x = |x: u32| vec![(1, x), (relative, from - x), (0x16, 0)];
            for program in [vec![(absolute, from), (0x16, 0)], by_x(0), by_x(from), by_x(from / 2)] {
                let classic = classic(&program);
                let machine = behind_a_tag(&classic, tag);
                // The shorter ones end where the load is.
                for length in [60, 34, from as usize, from as usize + 1, 14, 15, 16, 17, 18] {
                    let data = &packet[..length.clamp(SHORTEST, packet.len())];
                    let whole = &whole[..data.len() + 4];
                    let right = classic.run(whole, whole.len() as u32);
                    assert_eq!(machine.run(data), Some(right), "{length} octets\n{classic}");
                }
            }
        }
        let nibble = classic(&[(0xb1, from), (0x87, 0), (0x16, 0)]);
        let right = nibble.run(&whole, whole.len() as u32);
        assert_eq!(behind_a_tag(&nibble, tag).run(&packet), Some(right), "{nibble}");
    }
    let length = classic(&[(0x80, 0), (0x16, 0)]);
    assert_eq!(behind_a_tag(&length, tag).run(&packet), Some(64));
}

fn classic(program: &[(u16, u32)]) -> Classic {
    let instructions = program.iter().map(|&(code, k)| netrig_filter::ClassicInstruction { code, jt: 0, jf: 0, k });
    Classic::new(instructions.collect()).expect("a program")
}
