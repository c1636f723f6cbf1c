//! Drops and bursts in the live view.

mod common;

use common::golden;
use common::live::{press, screen, snapshot};
use netrig_model::*;
use netrig_view::top::{App, Sample};

fn group(source: DropSource, class: Option<DropClass>, packets: u64) -> DropGroup {
    DropGroup {
        source,
        reason: "SOCKET_RCVBUFF".to_owned(),
        class,
        place: None,
        iface: None,
        netns: None,
        direction: None,
        family: None,
        packets,
        bytes: None,
        flows: Vec::new(),
        examples: Vec::new(),
    }
}

fn strip(iface: &str, direction: Direction, link: Option<u64>, peaks: Vec<u64>) -> BurstInterface {
    BurstInterface {
        iface: iface.to_owned(),
        direction: Some(direction),
        link_bits_per_second: link,
        peaks,
        ..BurstInterface::default()
    }
}

/// A rig that dropped these packets: resource, error, harmless, of no known class.
fn sample(at_s: i64, dropped: [u64; 4]) -> Sample {
    let classes = [Some(DropClass::Resource), Some(DropClass::Error), Some(DropClass::Harmless), None];
    let own = classes.into_iter().zip(dropped).map(|(class, packets)| group(DropSource::Skb, class, packets));
    let again = group(DropSource::Socket, Some(DropClass::Resource), dropped[0]);
    let link = Some(1_000_000_000);
    let interfaces = vec![
        strip("eth0", Direction::Ingress, link, (0..60).map(|n| n % 10 * 100_000_000).collect()),
        strip(
            "eth0",
            Direction::Egress,
            link,
            (0..60).map(|n| if n % 20 == 0 { 980_000_000 } else { 2_000_000 }).collect(),
        ),
        strip("veth7", Direction::Ingress, None, vec![0, 5_000, 1_000]),
        strip("lo", Direction::Ingress, None, vec![1]),
    ];
    let mut snapshot = snapshot(at_s, 1_000_000 * u64::try_from(at_s).expect("later"));
    snapshot.drops = Some(DropStatus { groups: own.chain([again]).collect(), ..DropStatus::default() });
    snapshot.bursts = Some(BurstStatus { bucket_ns: 1_000_000, interfaces, ..BurstStatus::default() });
    Sample { snapshot, talkers: None }
}

fn after(dropped: [u64; 4], color: bool) -> App {
    let mut app = App::new("http://127.0.0.1:9798", color);
    app.update(sample(2, [0; 4]));
    app.update(sample(4, dropped));
    press(&mut app, "3");
    app
}

fn header(dropped: [u64; 4], width: u16) -> String {
    screen(&mut after(dropped, false), width, 10).lines().next().expect("header").trim_end().to_owned()
}

#[test]
fn the_busiest_moment_of_each_second_of_each_interface() {
    for (width, height, file) in [(80, 16, "top-peaks-80.txt"), (120, 16, "top-peaks.txt")] {
        golden(file, &screen(&mut after([2, 0, 0, 0], false), width, height));
    }
    for (width, height) in [(1, 1), (20, 3), (40, 6), (300, 60)] {
        screen(&mut after([2, 0, 0, 0], true), width, height);
    }
}

#[test]
fn what_is_dropped_now_is_in_the_header_by_class() {
    let all = header([2_000, 6, 100, 3], 120);
    assert!(all.contains("drops: error 3.0/s, resource 1.00k/s, unknown 1.5/s, harmless 50/s"), "{all}");
    assert!(header([2_000, 6, 100, 0], 80).contains("drops: 1.00k/s"));
    assert!(header([0, 0, 100, 0], 80).contains("drops: harmless 50/s"));
    assert!(header([0; 4], 80).contains("no drops"));
    assert!(!header([2_000, 6, 100, 0], 50).contains("drops"));
}
