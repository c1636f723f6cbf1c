use super::*;
use netrig_model::{Direction, PacketFamily};
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn key(group: u32) -> DropKey {
    DropKey {
        source: DropSource::Skb,
        reason: 2 + group,
        location: 0x1000,
        ifindex: 2,
        netns: 4_026_531_840,
        direction: Some(Direction::Ingress),
        family: Some(PacketFamily::Ipv4),
    }
}

fn flow(n: u32) -> DropFlowKey {
    let from = Ipv4Addr::from(0x0a00_0000 + n);
    DropFlowKey { protocol: 17, src: (from.into(), Some(9000)), dst: ([10, 9, 9, 9].into(), Some(53)) }
}

fn gain(group: u32, of: u32, packets: u64) -> DropGain {
    DropGain { key: key(group), flow: flow(of), packets, bytes: 100 * packets, pid: Some(7) }
}

fn count(group: u32, packets: u64) -> DropCount {
    DropCount { key: key(group), packets, bytes: 100 * packets, iface: None, program: None }
}

fn seen(group: u32, of: Option<u32>, time: i64) -> DropSighting {
    DropSighting {
        time: Timestamp(time),
        key: key(group),
        flow: of.map(flow),
        pid: None,
        length: 1500,
        octets: vec![0x45, 0, u8::try_from(time).unwrap_or(0)],
    }
}

fn class_of(_: DropSource, reason: &str, _: Option<&str>) -> Option<DropClass> {
    (reason == "NO_SOCKET").then_some(DropClass::Policy)
}

fn teller() -> DropTeller {
    DropTeller::new(Some("host-a".to_owned()), class_of)
}

fn window(n: i64) -> (Timestamp, Timestamp) {
    (Timestamp(n * 10), Timestamp(n * 10 + 10))
}

fn nobody(_: &FlowEnds) -> Option<Owner> {
    None
}

#[test]
fn rows_of_flows_and_of_the_rest_are_all_that_the_group_gained() {
    let mut teller = teller();
    teller.add(&gain(0, 1, 5));
    teller.add(&gain(0, 2, 3));
    teller.take(&[count(0, 20), count(1, 4)]);
    let name = DropName { reason: "NO_SOCKET".into(), place: Some("udp_rcv+0x1".into()), iface: Some("eth0".into()) };
    assert_eq!(teller.nameless().collect::<Vec<_>>(), [key(0), key(1)]);
    teller.name(key(0), name);
    let records = teller.close(window(0), &nobody);
    let told: Vec<_> = records.iter().map(|r| (r.reason.as_str(), r.src_addr.is_some(), r.packets, r.bytes)).collect();
    assert_eq!(
        told,
        [
            ("NO_SOCKET", true, 5, Some(500)),
            ("NO_SOCKET", true, 3, Some(300)),
            ("NO_SOCKET", false, 12, Some(1200)),
            ("#3", false, 4, Some(400)),
        ]
    );
    let first = &records[0];
    assert_eq!((first.class, first.place.as_deref()), (Some(DropClass::Policy), Some("udp_rcv+0x1")));
    assert_eq!((first.iface.as_deref(), first.netns), (Some("eth0"), Some(4_026_531_840)));
    assert_eq!((first.transport.as_deref(), first.src_port, first.dst_port), (Some("udp"), Some(9000), Some(53)));
    assert_eq!((first.pid, records[2].pid, records[2].protocol), (Some(7), None, None));
    assert_eq!(teller.close(window(1), &nobody), [], "nothing was gained");
}

proptest! {
    #[test]
    fn windows_sum_to_what_was_counted_however_far_flows_are_ahead(
        steps in prop::collection::vec((0_u32..3, 0_u32..4, 1_u64..20, 0_u64..20, any::<bool>()), 1..60)
    ) {
        let mut teller = teller();
        let (mut counted, mut of_flows) = ([0_u64; 3], [0_u64; 3]);
        let mut told = [0_u64; 3];
        let close = |teller: &mut DropTeller, told: &mut [u64; 3]| {
            let open = teller.open(window(0), &nobody);
            let records = teller.close(window(0), &nobody);
            assert_eq!(open, records, "looking is the same as telling");
            for record in &records {
                let group: usize = record.reason[1..].parse::<usize>().expect("a number") - 2;
                told[group] += record.packets;
            }
        };
        for (group, of, packets, beside, over) in steps {
            let n = group as usize;
            teller.add(&gain(group, of, packets));
            of_flows[n] += packets;
            counted[n] += packets + beside;
            // The group's count may be read before its latest packets are in it, and is right at last.
            teller.take(&[count(group, if over { counted[n] } else { counted[n] - packets })]);
            if over {
                close(&mut teller, &mut told);
            }
        }
        for group in 0..3 {
            teller.take(&[count(group, counted[group as usize])]);
        }
        close(&mut teller, &mut told);
        prop_assert_eq!(told, counted);
    }
}

#[test]
fn a_row_shows_a_packet_of_its_own_flow_and_the_rest_one_of_no_other_row() {
    let mut teller = teller();
    teller.add(&gain(0, 1, 1));
    teller.show(seen(0, Some(1), 1));
    teller.show(seen(0, Some(2), 2));
    teller.show(seen(0, Some(1), 3));
    teller.take(&[count(0, 5)]);
    let records = teller.close(window(0), &nobody);
    let examples: Vec<_> = records.iter().map(|r| r.example.as_deref()).collect();
    assert_eq!(examples, [Some("450003"), Some("450002")]);
    teller.take(&[count(0, 6)]);
    assert_eq!(teller.close(window(1), &nobody)[0].example, None, "they were of another window");
    let shown = &teller.groups()[0];
    assert_eq!(shown.examples.iter().map(|e| e.time.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((shown.examples[0].flow.packets, shown.examples[0].length), (1, 1500));
}

#[test]
fn rows_have_owners_and_pictures_remember_them() {
    let mut teller = teller();
    teller.add(&gain(0, 1, 5));
    teller.take(&[count(0, 5)]);
    let owner = |ends: &FlowEnds| {
        assert_eq!((ends.protocol, ends.src.1, ends.pid), (17, Some(9000), Some(7)));
        Some(Owner { process: Some("dig".into()), pid: Some(7), ..Owner::default() })
    };
    assert_eq!(teller.close(window(0), &owner)[0].process.as_deref(), Some("dig"));
    let group = &teller.groups()[0];
    assert_eq!((group.packets, group.flows.len()), (5, 1));
    assert_eq!((group.flows[0].process.as_deref(), group.flows[0].packets), (Some("dig"), 5));
}

#[test]
fn other_sources_have_rows_of_their_own() {
    let tally = |packets| DropTally {
        source: DropSource::Device,
        reason: "rx_missed_errors".into(),
        place: None,
        iface: Some("eth0".into()),
        packets,
    };
    let mut teller = teller();
    assert_eq!(teller.take_tallies(vec![tally(1000)]), 0);
    assert_eq!(teller.close(window(0), &nobody), []);
    teller.take_tallies(vec![tally(1007)]);
    let records = teller.close(window(1), &nobody);
    assert_eq!((records.len(), records[0].packets, records[0].source), (1, 7, DropSource::Device));
    assert_eq!((records[0].direction, records[0].bytes), (Some(Direction::Ingress), None));
    assert_eq!(teller.groups()[0].packets, 7);
}

#[test]
fn flows_know_what_was_dropped_of_them() {
    let mut teller = teller();
    teller.add(&gain(0, 1, 5));
    teller.add(&gain(1, 1, 2));
    let iface = InterfaceId(3);
    let seen = |key: &DropKey| if key.reason == 2 { SeenOn::Interface(iface) } else { SeenOn::Any };
    let of = flow(1);
    let ends = FlowEnds { protocol: 17, src: of.dst, dst: of.src, pid: None };
    let _ = teller.close(window(0), &nobody);
    teller.begin_flows();
    assert_eq!(teller.of_flow(&ends, iface, &seen), Dropped { packets: 7, reason: Some("#2".into()) });
    assert_eq!(teller.of_flow(&ends, InterfaceId(4), &seen).packets, 2);
    teller.end_flows();
    assert_eq!(teller.of_flow(&ends, iface, &seen), Dropped::default());
}

#[test]
fn a_place_that_packets_reach_one_way_only_says_which_way_they_went() {
    for (place, told) in [("veth_xdp_rcv_skb+0x27d", Direction::Ingress), ("veth_xmit+0x10", Direction::Egress)] {
        let mut teller = teller();
        let key = DropKey { direction: Some(Direction::Egress), ..key(0) };
        teller.take(&[DropCount { key, ..count(0, 3) }]);
        teller.name(key, DropName { place: Some(place.to_owned()), ..DropName::default() });
        let records = teller.open(window(0), &nobody);
        assert_eq!((records.len(), records[0].direction), (1, Some(told)), "{place}");
        assert_eq!(teller.groups()[0].direction, Some(told), "{place}");
    }
}
