//! Time lost beyond this host: by a wire, by a peer's kernel that acknowledges late, by a peer's application.

use crate::support::latency::{Run, SLACK_NS, Scene, undisturbed};
use netrig_model::{Role, Stage};
use netrig_testkit::{Answers, End, Fate, Fates, Pair, Questions, require_root};
use std::time::Duration;

const MS: f64 = 1e6;

/// Nothing but what comes after the answer took longer: that by so much.
#[track_caller]
fn assert_no_part_moved(run: &Run, control: &Run, after_ns: f64) {
    for stage in Stage::ALL.iter().copied().filter(|stage| stage.is_part_of_total(Some(Role::Server))) {
        let moved_ns = run.server.moved_ns(&control.server, stage);
        assert!(moved_ns.abs() <= 0.1 * after_ns + SLACK_NS, "{stage:?} moved by {moved_ns} ns");
    }
}

#[test]
fn a_peer_that_delays_its_acknowledgements() {
    require_root!();
    undisturbed(|| {
        let pair = Pair::new("delayed");
        let scene = Scene::new(&pair);
        let ask = |q: Questions| q.on_connections(20);
        let prompt = scene.run(Answers::default(), ask);
        let late = scene.run(Answers::default(), |q| ask(q).delay_acknowledgements().pause(Duration::from_millis(60)));
        let wire_ns = late.server.median_ns(Stage::Wire).expect("most are acknowledged without data");
        // The kernel's least delay, and its ticks of 4 ms or so.
        assert!((35.0 * MS..55.0 * MS).contains(&wire_ns), "{wire_ns}");
        assert!(late.server.samples(Stage::Wire) > 200, "{:#?}", late.server);
        assert_no_part_moved(&late, &prompt, wire_ns);
        scene.assert_explained(&late, "delays its acknowledgements");
        // Nagle's algorithm waits for the acknowledgement of an answer's first half before it sends the second.
        let halves = scene.run(Answers::default().in_two_writes(), |q| ask(q).delay_acknowledgements());
        let took_ns = halves.asked.median_ns();
        assert!(took_ns > 35.0 * MS, "{took_ns}");
        let wire_ns = halves.server.median_ns(Stage::Wire).expect("the first half is acknowledged without data");
        assert!((wire_ns - took_ns).abs() < 0.1 * took_ns, "{wire_ns} of {took_ns}: {halves:#?}");
        scene.assert_explained(&halves, "delays its acknowledgements");
    });
}

#[test]
fn a_wire_that_delays_acknowledgements_only() {
    require_root!();
    undisturbed(|| {
        const LATE: Duration = Duration::from_millis(20);
        let pair = Pair::with_relay("ackwire", Duration::ZERO);
        let scene = Scene::new(&pair);
        // A pause, so that answers are not acknowledged by the next question.
        let ask = |q: Questions| q.on_connections(20).pause(Duration::from_millis(60));
        let prompt = scene.run(Answers::default(), ask);
        pair.relay().set(Fates::each(Fate::Late(LATE), |packet| {
            packet.from == End::Left && packet.tcp().is_some_and(|tcp| tcp.payload_bytes == 0 && tcp.flags == 16)
        }));
        let late = scene.run(Answers::default(), ask);
        let wire_ns = |run: &Run| run.server.median_ns(Stage::Wire).expect("most are acknowledged without data");
        let added_ns = wire_ns(&late) - wire_ns(&prompt);
        assert!((18.0 * MS..23.0 * MS).contains(&added_ns), "{added_ns}");
        assert_no_part_moved(&late, &prompt, added_ns);
        scene.assert_explained(&late, "wire: acknowledged");
    });
}

#[test]
fn a_client_tells_the_wire_from_its_peer() {
    require_root!();
    undisturbed(|| {
        const ONE_WAY: Duration = Duration::from_millis(2);
        const THOUGHT: Duration = Duration::from_millis(4);
        let pair = Pair::with_relay("client", ONE_WAY);
        let scene = Scene::new(&pair);
        let ask = |q: Questions| q.on_connections(10);
        let prompt = scene.run(Answers::default(), ask);
        let thoughtful = scene.run(Answers::default().think(THOUGHT), ask);
        thoughtful.assert_client_carries(&prompt, &[(Stage::WirePeer, thoughtful.added_ns(&prompt))]);
        let prompt_ns = prompt.client.median_ns(Stage::WirePeer).expect("every answer tells it");
        assert!((4.0 * MS..5.0 * MS).contains(&prompt_ns), "both ways over the wire: {prompt_ns}");
        // A server that acknowledges at once tells how much of it is the wire.
        let open = scene.run(Answers::default().think(THOUGHT).acknowledge_at_once(), ask);
        let wire_ns = open.client.median_ns(Stage::Wire).expect("questions are acknowledged without data");
        assert!((4.0 * MS..5.0 * MS).contains(&wire_ns), "{wire_ns}");
        let peer_ns = open.client.median_ns(Stage::WirePeer).expect("every answer tells it");
        assert!((8.0 * MS..9.5 * MS).contains(&peer_ns), "{peer_ns}");
        assert!(open.client.samples(Stage::Wire) > 200, "{:#?}", open.client);
    });
}
