//! Payload through the real kernel programs, read back by the drain. Needs root.
#![allow(clippy::expect_used, reason = "tests")]
use netrig_drain::PayloadDrain;
use netrig_model::{Direction, InterfaceId, Timestamp};
use netrig_probes::flow::{FlowHook, FlowOptions, FlowProbe, Frame, LinkKind};
use netrig_probes::payload::PayloadOptions;
use netrig_testkit::require_root;

#[test]
fn every_form_of_the_programs_is_accepted() {
    require_root!();
    let payload = Some(PayloadOptions::default());
    for tunnels in [false, true] {
        for options in [
            FlowOptions { payload: payload.clone(), tunnels, ..FlowOptions::live(8 << 20) },
            FlowOptions { payload: payload.clone(), tunnels, hook: FlowHook::Xdp, ..FlowOptions::live(8 << 20) },
            FlowOptions { payload: payload.clone(), ..FlowOptions::replay(tunnels, 8 << 20) },
        ] {
            let probe = FlowProbe::load(&options).unwrap_or_else(|e| panic!("{e:?}"));
            assert!(probe.payload().is_some());
        }
    }
    let off = FlowProbe::load(&FlowOptions::live(8 << 20)).expect("load");
    assert!(off.payload().is_none());
}

#[test]
fn a_dns_question_is_copied_whole() {
    require_root!();
    let options = FlowOptions { payload: Some(PayloadOptions::default()), ..FlowOptions::replay(false, 8 << 20) };
    let mut probe = FlowProbe::load(&options).expect("load");
    let mut drain = PayloadDrain::new(probe.payload().expect("on"));
    let mut p = vec![0; 80];
    p[12..14].copy_from_slice(&[0x08, 0x00]);
    p[14] = 0x45;
    p[16..18].copy_from_slice(&60_u16.to_be_bytes());
    p[23] = 17;
    p[30..34].copy_from_slice(&[192, 0, 2, 1]);
    p[34..36].copy_from_slice(&4000_u16.to_be_bytes());
    p[36..38].copy_from_slice(&53_u16.to_be_bytes());
    p[38..40].copy_from_slice(&40_u16.to_be_bytes());
    p[42..74].copy_from_slice(&[7; 32]);
    let f = Frame {
        data: &p,
        wire_len: 80,
        link: LinkKind::Ethernet,
        iface: InterfaceId(1),
        direction: Direction::Ingress,
    };
    probe.replay(1, &f).expect("run");
    let n =
        drain.take_all(Timestamp(5), &mut |s| assert_eq!((s.octets, s.length, s.key.dst_port), (&[7; 32][..], 32, 53)));
    assert_eq!(n, 1);
}
