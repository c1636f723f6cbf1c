//! Which messages are looked at: some, as they come; all of a connection that is slow, apart; and never none for good.

use crate::support::latency::{Scene, next_address};
use crate::support::wait_for;
use netrig_model::{LatencyRecord, LatencyService, Role, Stage};
use netrig_testkit::{Answers, Fate, Fates, Pair, Questions, Server, require_root};
use std::time::Duration;

const LATE: Duration = Duration::from_millis(1);

#[test]
fn a_sample_tells_the_same_as_all() {
    require_root!();
    const SAMPLING: u32 = 8;
    const COUNT: usize = 1600;
    let pair = Pair::new("sampling");
    let scene = Scene::with(&pair, SAMPLING, "1h");
    let server = Server::answering(&pair.right, next_address(), Answers::default().read_late(LATE).think(LATE));
    let asked = Questions::to(server.address(), COUNT).on_connections(2).ask(&pair.left);
    let expected = COUNT / SAMPLING as usize;
    let way = scene.rig.way(&format!(":{}", server.address().port()), Role::Server, Stage::Total, expected / 2);
    let samples = way.samples(Stage::Total) as usize;
    assert!(samples < expected * 2, "{samples} of {COUNT}, 1 in {SAMPLING}");
    for stage in [Stage::Read, Stage::Think] {
        let ns = way.share_ns(stage);
        assert!((ns - asked.median_ns() / 2.0).abs() < 0.15 * 1e6, "{stage:?}: {ns} of {}", asked.median_ns());
    }
    way.assert_adds_up();
}

#[test]
fn lost_packets_end_no_samples_for_good() {
    require_root!();
    let pair = Pair::with_relay("lossy", Duration::from_micros(100));
    // Repeated soon, or the test takes long.
    pair.left.run("ip route change 10.55.0.0/24 dev eth0 rto_min 5ms");
    pair.right.run("ip route change 10.55.0.0/24 dev eth0 rto_min 5ms");
    let scene = Scene::new(&pair);
    pair.relay().set(Fates::seeded(7, 30, Fate::Drop, |packet| packet.has_data()));
    let run = scene.run(Answers::default(), |q| q.on_connections(3));
    assert!(pair.relay().counts().dropped.iter().all(|dropped| *dropped >= 3), "{:?}", pair.relay().counts());
    run.server.assert_adds_up();
}

#[test]
fn a_slow_connection_is_told_apart_and_stored_as_it_was_told() {
    require_root!();
    const SLOW: Duration = Duration::from_millis(12);
    let pair = Pair::new("slow");
    let scene = Scene::with(&pair, 4, "10ms");
    let asked = |answers, count| {
        let server = Server::answering(&pair.right, next_address(), answers);
        let asked = Questions::to(server.address(), count).ask(&pair.left);
        assert_eq!(asked.count(), count);
        format!(":{}", server.address().port())
    };
    let quick = asked(Answers::default(), 400);
    let slow = asked(Answers::default().think(SLOW), 100);
    // Of its service's sampled messages, and of the slow connection.
    let told = || {
        let services = scene.rig.latency_services(&slow, Role::Server);
        [false, true].map(|slow| samples(services.iter().filter(|s| s.slow_client.is_some() == slow)))
    };
    // A picture may be a fifth of a second old.
    std::thread::sleep(Duration::from_millis(300));
    let [sampled, extra] = wait_for("nearly all of the slow ones are told", Duration::from_secs(5), || {
        Some(told()).filter(|told| told.iter().sum::<u64>() >= 80)
    });
    assert!((5..60).contains(&sampled) && extra > 20, "{sampled} sampled, {extra} because it is slow");
    let services = scene.rig.latency_services(&quick, Role::Server);
    assert!(services.iter().all(|service| service.slow_client.is_none()), "nothing was slow: {services:#?}");
    let text = scene.rig.ask(&["explain", "--since", "1m"]);
    assert!(text.contains(&Pair::LEFT.to_string()), "who is slow:\n{text}");

    let rows = scene.rig.stop().latency;
    let stored = [false, true].map(|slow_one| {
        let is_it = |r: &&LatencyRecord| r.service == slow && r.role == Some(Role::Server) && r.stage == Stage::Total;
        let of_it = rows.iter().filter(is_it).filter(|r| r.slow_client_addr.is_some() == slow_one);
        of_it.map(|r| r.samples).sum::<u64>()
    });
    // The last ones may have been told since.
    let is_told = |(stored, told): (u64, u64)| (told..=told + 3).contains(&stored);
    assert!(stored.into_iter().zip([sampled, extra]).all(is_told), "{stored:?}, and told {sampled} and {extra}");
}

fn samples<'a>(services: impl Iterator<Item = &'a LatencyService>) -> u64 {
    let stages = services.flat_map(|service| &service.stages).filter(|sums| sums.stage == Stage::Total);
    stages.map(|sums| sums.histogram.count()).sum()
}
