//! However a server waits, reads and writes, and however short a connection is: it is measured, or it is told that it was not.

use crate::support::latency::{SLACK_NS, Scene, Way, next_address};
use netrig_model::{Role, Stage};
use netrig_testkit::{Answers, DatagramServer, Pair, Questions, ReadBy, WaitBy, WriteBy, require_root};
use std::time::Duration;

const LATE: Duration = Duration::from_millis(2);

#[test]
fn every_way_to_wait_read_and_write_is_seen() {
    require_root!();
    let pair = Pair::new("ways");
    let scene = Scene::new(&pair);
    let prompt = scene.run(Answers::default(), |q| q);
    let late = Answers::default().read_late(LATE);
    for answers in [
        late.wait_by(WaitBy::Epoll),
        late.read_by(ReadBy::Splice),
        late.write_by(WriteBy::SendFile),
        late.write_by(WriteBy::Splice),
        late.read_by(ReadBy::Splice).write_by(WriteBy::Splice),
    ] {
        let run = scene.run(answers, |q| q);
        run.assert_server_carries(&prompt, &[(Stage::Read, run.added_ns(&prompt))]);
        for stage in [Stage::Read, Stage::Think, Stage::TcpQueue, Stage::Qdisc, Stage::Total] {
            assert!(run.server.coverage(stage) > 0.95, "{stage:?}: {:#?}", run.server);
        }
    }
}

#[test]
fn sleeping_readers_and_brief_connections_are_covered() {
    require_root!();
    let pair = Pair::new("woken");
    let scene = Scene::new(&pair);
    sleeping_readers(&scene);
    brief_connections(&scene);
}

fn sleeping_readers(scene: &Scene<'_>) {
    for way in [WaitBy::Poll, WaitBy::Epoll, WaitBy::Reading] {
        let run = scene.run(Answers::default().wait_by(way), |q| q.pause(Duration::from_micros(500)));
        for stage in [Stage::Wakeup, Stage::RunQueue] {
            assert!(run.server.samples(stage) > 250, "{way:?}, {stage:?}: {:#?}", run.server);
            assert!(run.server.median_ns(stage) < Some(SLACK_NS), "{way:?}, {stage:?}: {:#?}", run.server);
        }
        run.server.assert_adds_up();
    }
}

/// One question each.
fn brief_connections(scene: &Scene<'_>) {
    let prompt = scene.run(Answers::default(), Questions::connect_for_each);
    let late = scene.run(Answers::default().read_late(LATE), Questions::connect_for_each);
    late.assert_server_carries(&prompt, &[(Stage::Read, late.added_ns(&prompt))]);
    late.assert_client_carries(&prompt, &[(Stage::WirePeer, late.added_ns(&prompt))]);
}

#[test]
fn datagrams_that_are_read_late() {
    require_root!();
    const COUNT: usize = 300;
    let pair = Pair::new("datagrams");
    let scene = Scene::new(&pair);
    let run = |late| {
        let server = DatagramServer::echo(&pair.right, next_address(), late, Duration::ZERO);
        let asked = Questions::to(server.address(), COUNT).ask_by_datagrams(&pair.left);
        let (serves, asks) = (format!(":{}/udp", server.address().port()), format!("{}/udp", server.address()));
        let server = scene.rig.way(&serves, Role::Server, Stage::Read, COUNT);
        let client = scene.rig.way(&asks, Role::Client, Stage::Read, COUNT);
        (asked, server, client)
    };
    let (asked, server, client) = run(Duration::ZERO);
    let (asked_late, server_late, client_late) = run(LATE);
    let added_ns = asked_late.median_ns() - asked.median_ns();
    let read_ns = |way: &Way| way.median_ns(Stage::Read).expect("it is measured");
    let moved_ns = read_ns(&server_late) - read_ns(&server);
    assert!((moved_ns - added_ns).abs() < 0.1 * added_ns + SLACK_NS, "{moved_ns} of {added_ns}");
    assert!((read_ns(&client_late) - read_ns(&client)).abs() < SLACK_NS);
    assert!(server_late.coverage(Stage::Read) > 0.95, "{server_late:#?}");
    let text = scene.rig.ask(&["explain", "--since", "1m"]);
    let read_late = |line: &str| line.contains("/udp") && line.contains("slow to read");
    assert_eq!(text.lines().filter(|line| read_late(line)).count(), 1, "{text}");
}
