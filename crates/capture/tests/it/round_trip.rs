//! What is written is what is read.

use crate::blocks::{Read, read};
use netrig_capture::{
    Alike, Interface, InterfaceNumber, LinkType, Octets, Owner, Packet, Section, Statistics, Verdict, Writer,
};
use netrig_model::{Direction, Timestamp};
use proptest::prelude::*;

const TIME: Timestamp = Timestamp(1_700_000_000_123_456_789);

fn eth0() -> Interface {
    Interface { name: "eth0".into(), hook: "xdp".into(), snaplen: 100, ..Interface::default() }
}

#[test]
fn everything_that_is_said_is_there() {
    let section = Section {
        hardware: Some("x86_64".into()),
        os: Some("Linux 6.1".into()),
        application: Some("netrig".into()),
        comment: Some("drops > 5/s\nfor 3 s\u{1b}".into()),
    };
    let mut writer = Writer::new(Vec::new(), section);
    let first = writer.declare(Interface {
        filter: Some("tcp port 80".into()),
        speed_bps: Some(10_000_000_000),
        os: Some("Linux".into()),
        comment: Some("in netns web".into()),
        ..eth0()
    });
    let packet = Packet {
        original: 1500,
        direction: Some(Direction::Ingress),
        queue: Some(3),
        lost_before: 7,
        id: 99,
        verdict: Some(Verdict::Xdp(2)),
        owner: Some(Owner { pid: 4711, process: "ngi\0nx", container: Some("web") }),
        note: Some("seen"),
        ..Packet::whole(TIME, first, &[5; 103])
    };
    writer.packet(&packet).expect("taken");
    let second = writer.declare(Interface { hook: "tcx/egress".into(), link: LinkType::Raw, ..eth0() });
    let dropped = Verdict::Dropped("NO_SOCKET");
    let packet = Packet { verdict: Some(dropped), ..Packet::whole(TIME, second, b"abc") };
    writer.packet(&packet).expect("taken");
    let tc = Packet {
        verdict: Some(Verdict::Tc(-1)),
        direction: Some(Direction::Egress),
        ..Packet::whole(TIME, second, b"")
    };
    writer.packet(&tc).expect("taken");
    let statistics = Statistics {
        start: TIME,
        end: TIME.plus_ns(5),
        received: Some(10),
        dropped_by_interface: Some(1),
        accepted: Some(4),
        dropped_by_us: Some(2),
        delivered: None,
        by_reason: vec![("ring full".into(), 2), ("none".into(), 0), ("too old".into(), 1)],
    };
    writer.statistics(second, statistics).expect("declared");
    assert_eq!(writer.counts().packets, 3);
    let octets = writer.finish().expect("written");

    let blocks = read(&octets);
    let [head, eth, packet, raw, dropped, tc, counts] = &blocks[..] else { panic!("{blocks:#?}") };
    assert_eq!([2, 3, 4].map(|code| head.text(code)), ["x86_64", "Linux 6.1", "netrig"].map(|t| Some(t.to_owned())));
    assert_eq!(head.comments(), "(drops > 5/s\nfor 3 s?)");
    assert!(matches!(eth, Read::Interface { link: 1, snaplen: 100, .. }));
    assert_eq!(
        (eth.text(2), eth.text(3), eth.text(11)),
        (Some("eth0".into()), Some("xdp".into()), Some("\0tcp port 80".into()))
    );
    assert_eq!((eth.number(8), eth.number(9), eth.text(12)), (Some(10_000_000_000), Some(9), Some("Linux".into())));
    assert_eq!(eth.comments(), "(in netns web)");
    let Read::Packet { interface: 0, ns, original: 1500, octets, .. } = packet else { panic!("{packet:?}") };
    assert_eq!((*ns, octets.as_slice()), (TIME.0 as u64, &[5; 100][..]));
    assert_eq!([2, 4, 5, 6].map(|code| packet.number(code)), [1, 7, 99, 3].map(Some));
    assert_eq!(packet.option(7), Some(&[2, 2, 0, 0, 0, 0, 0, 0, 0][..]));
    assert_eq!(packet.option(8), Some(&[0x67, 0x12, 0, 0, 0, 0, 0, 0][..]));
    assert_eq!(packet.comments(), "(ngi?nx[4711] container=web)(seen)");
    assert!(matches!(raw, Read::Interface { link: 101, .. }));
    assert!(matches!(dropped, Read::Packet { interface: 1, original: 3, .. }));
    assert_eq!(dropped.comments(), "(dropped: NO_SOCKET)");
    assert_eq!((tc.number(2), tc.option(7)), (Some(2), Some(&[1, 255, 255, 255, 255, 255, 255, 255, 255][..])));
    assert!(matches!(counts, Read::Statistics { interface: 1, ns, .. } if *ns == TIME.0 as u64 + 5));
    assert_eq!([4, 5, 6, 7, 8].map(|code| counts.number(code)), [10, 1, 4, 2, 2].map(Some));
    assert_eq!(counts.comments(), "(lost: ring full 2, too old 1)");
}

#[test]
fn an_interface_nobody_declared_is_an_error() {
    let mut writer = Writer::new(Vec::new(), Section::default());
    let error = writer.packet(&Packet::whole(TIME, InterfaceNumber(0), b"a")).expect_err("no interface");
    assert_eq!(error.to_string(), "a packet of interface 0, but only 0 have been declared: declare it first");
}

#[test]
fn a_pipe_nobody_reads_is_a_broken_pipe() {
    let (reader, pipe) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut writer = Writer::new(pipe, Section::default());
    let error = writer.flush().expect_err("nobody reads");
    assert_eq!(error.io_kind(), Some(std::io::ErrorKind::BrokenPipe));
}

/// Time, interface, octets, length on the wire, queue, lost before, identity, note.
type AnyPacket = (i64, u32, Vec<u8>, u32, Option<u32>, u64, u64, Option<String>);

fn any_packets() -> impl Strategy<Value = Vec<AnyPacket>> {
    let octets = prop::collection::vec(any::<u8>(), 0..200);
    let note = prop::option::of(".{0,40}");
    let packet = (0..i64::MAX, 0..3_u32, octets, any::<u32>(), any::<Option<u32>>(), any::<u64>(), any::<u64>(), note);
    prop::collection::vec(packet, 0..40)
}

proptest! {
    #[test]
    fn a_packet_like_others_is_written_as_if_it_were_told_whole(packets in any_packets(), pid in any::<Option<u32>>()) {
        let writer = || {
            let mut writer = Writer::new(Vec::new(), Section::default());
            for snaplen in [0, 50, 5000] {
                writer.declare(Interface { name: "eth0".into(), snaplen, ..Interface::default() });
            }
            writer
        };
        let (mut whole, mut alike) = (writer(), writer());
        for (time, interface, octets, original, queue, lost_before, id, note) in &packets {
            let packet = Packet {
                original: *original,
                queue: *queue,
                id: *id,
                note: note.as_deref(),
                owner: pid.map(|pid| Owner { pid, process: "nginx", container: Some("web") }),
                ..Packet::whole(Timestamp(*time), InterfaceNumber(*interface), octets)
            };
            // Of another one of its kind.
            let kind = Alike::of(&Packet { time: TIME, original: 7, lost_before: 3, octets: b"other", ..packet });
            let own = Octets { time: packet.time, original: *original, octets, lost_before: *lost_before };
            whole.packet(&Packet { lost_before: *lost_before, ..packet }).expect("taken");
            alike.alike(&kind, &own).expect("taken");
        }
        prop_assert_eq!(whole.finish().expect("written"), alike.finish().expect("written"));
    }

    #[test]
    fn any_packets_come_back(packets in any_packets(), name in ".*", hook in ".*") {
        let mut writer = Writer::new(Vec::new(), Section { comment: Some(hook.clone()), ..Section::default() });
        for snaplen in [0, 50, 5000] {
            writer.declare(Interface { name: name.clone(), hook: hook.clone(), snaplen, ..Interface::default() });
        }
        for (time, interface, octets, original, queue, lost_before, id, note) in &packets {
            let packet = Packet {
                original: *original,
                queue: *queue,
                lost_before: *lost_before,
                id: *id,
                note: note.as_deref(),
                ..Packet::whole(Timestamp(*time), InterfaceNumber(*interface), octets)
            };
            writer.packet(&packet).expect("taken");
        }
        let blocks = read(&writer.finish().expect("written"));
        prop_assert_eq!(blocks.len(), 4 + packets.len());
        for (block, (time, of, octets, original, queue, lost, id, note)) in blocks[4..].iter().zip(&packets) {
            let Read::Packet { interface, ns, original: whole, octets: kept, .. } = block else { panic!("{block:?}") };
            let most = if *of == 1 { 50 } else { 5000 };
            prop_assert_eq!((*ns, interface, *whole), (*time as u64, of, (*original).max(octets.len() as u32)));
            prop_assert_eq!(kept, &octets[..octets.len().min(most)]);
            prop_assert_eq!(block.number(6), queue.map(u64::from));
            prop_assert_eq!(block.number(4).unwrap_or(0), *lost);
            prop_assert_eq!(block.number(5).unwrap_or(0), *id);
            prop_assert_eq!(block.option(1).is_some(), note.is_some());
            prop_assert!(!block.comments().contains(|c: char| c.is_control()));
        }
    }
}
