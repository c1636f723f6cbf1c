//! Which messages are looked at: some, as they come; all of a connection that is slow, apart; and never none for good.

use crate::support::latency::{Scene, next_address};
use crate::support::wait_for;
use netrig_model::{LatencyRecord, LatencyService, Role, Stage};
use netrig_testkit::{Answers, Fate, Fates, Pair, Questions, Server, require_root};
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Two connections whose questions keep both ends busy for as long as `while_busy` takes.
fn beside_many_messages<T>(pair: &Pair, while_busy: impl FnOnce() -> T) -> T {
    let server = Server::answering(&pair.right, next_address(), Answers::default());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let _ = Questions::to(server.address(), 4_000).on_connections(2).ask(&pair.left);
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(while_busy));
        over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Whether a process has a program at a tracepoint, as the kernel tells of its files.
fn is_attached(pid: u32, tracepoint: &str) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("the rig's files");
    let mut told = files.flatten().filter_map(|file| std::fs::read_to_string(file.path()).ok());
    told.any(|file| file.lines().any(|line| line.starts_with("tp_name:") && line.ends_with(tracepoint)))
}

#[test]
fn where_many_messages_come_hooks_are_attached_by_spells_and_tell_the_same() {
    require_root!();
    const SAMPLING: usize = 16;
    let pair = Pair::new("spells");
    let scene = Scene::with(&pair, SAMPLING as u32, "1h");
    let detail = || {
        let probe = scene.rig.status().probes.into_iter().find(|probe| probe.name == "latency");
        probe.expect("the latency probe runs").detail
    };
    let server = Server::answering(&pair.right, next_address(), Answers::default().read_late(LATE).think(LATE));
    // Long enough for some spells: one is eight seconds away from the next at most.
    let (asked, looks) = beside_many_messages(&pair, || {
        wait_for("spells", Duration::from_secs(10), || detail().contains("by spells").then_some(()));
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| Questions::to(server.address(), 8_000).on_connections(2).ask(&pair.left));
            let mut looks = Vec::new();
            while !asking.is_finished() {
                looks.push(is_attached(scene.rig.pid(), "tcp_sendmsg_locked"));
                std::thread::sleep(Duration::from_millis(50));
            }
            (asking.join().expect("all are answered"), looks)
        })
    });
    let hooked = looks.iter().filter(|is_hooked| **is_hooked).count();
    assert!(hooked > 0 && hooked * 4 < looks.len(), "an eighth of the time: {hooked} of {} looks", looks.len());
    let way = scene.rig.way(&format!(":{}", server.address().port()), Role::Server, Stage::Total, 1);
    let (samples, expected) = (way.samples(Stage::Total) as usize, asked.count() / SAMPLING);
    assert!((expected / 3..expected * 3).contains(&samples), "{samples} of {}, 1 in {SAMPLING}", asked.count());
    let longest_s = way.stage(Stage::Total).and_then(|told| told.histogram.quantile_s(1.0)).expect("some");
    let asked_s = asked.longest_ns() / 1e9;
    assert!(longest_s < 1.1 * asked_s + 0.1, "{longest_s} s, and no question took longer than {asked_s}");
    way.assert_adds_up();
}

fn samples<'a>(services: impl Iterator<Item = &'a LatencyService>) -> u64 {
    let stages = services.flat_map(|service| &service.stages).filter(|sums| sums.stage == Stage::Total);
    stages.map(|sums| sums.histogram.count()).sum()
}
