//! Time lost on purpose between a server's driver and its application: the stage in which it was lost carries it, by the
//! asker's clock, and no other stage moves.

use crate::support::latency::{Scene, undisturbed};
use netrig_model::Stage;
use netrig_testkit::{Answers, Pair, Questions, Spinners, require_root};
use std::time::Duration;

const LATE: Duration = Duration::from_millis(3);
const THOUGHT: Duration = Duration::from_millis(2);

fn as_they_come(questions: Questions) -> Questions {
    questions
}

#[test]
fn a_server_that_reads_late_and_one_that_thinks_and_one_that_does_both() {
    require_root!();
    undisturbed(|| {
        let pair = Pair::new("latency");
        let scene = Scene::new(&pair);
        let prompt = scene.run(Answers::default(), as_they_come);
        let late = scene.run(Answers::default().read_late(LATE), as_they_come);
        let thoughtful = scene.run(Answers::default().think(THOUGHT), as_they_come);
        let both = scene.run(Answers::default().read_late(LATE).think(THOUGHT), as_they_come);
        let (read_ns, think_ns) = (late.added_ns(&prompt), thoughtful.added_ns(&prompt));
        late.assert_server_carries(&prompt, &[(Stage::Read, read_ns)]);
        thoughtful.assert_server_carries(&prompt, &[(Stage::Think, think_ns)]);
        both.assert_server_carries(&prompt, &[(Stage::Read, read_ns), (Stage::Think, think_ns)]);
        // To its client either is the peer.
        late.assert_client_carries(&prompt, &[(Stage::WirePeer, read_ns)]);
        thoughtful.assert_client_carries(&prompt, &[(Stage::WirePeer, think_ns)]);
        scene.assert_explained(&late, "slow to read");
        scene.assert_explained(&thoughtful, "thinks");
        scene.assert_explained(&both, "slow to read");
    });
}

#[test]
fn a_server_that_waits_for_its_cpu() {
    require_root!();
    undisturbed(|| {
        let pair = Pair::new("cpu");
        let scene = Scene::new(&pair);
        let answers = Answers::default().on_cpu(1).at_ordinary_priority();
        let ask = |q: Questions| q.on_cpu(0).on_connections(1);
        let idle = scene.run(answers, ask);
        let spinner = Spinners::on(1, 1);
        let busy = scene.run(answers, ask);
        drop(spinner);
        busy.assert_server_carries(&idle, &[(Stage::RunQueue, busy.added_ns(&idle))]);
        scene.assert_explained(&busy, "run queue");
    });
}

/// Long enough for several segments, short enough for one write and one buffer of the kernel's.
const ANSWER_BYTES: usize = 60_000;

#[test]
fn answers_that_wait_in_a_queueing_discipline() {
    require_root!();
    undisturbed(|| {
        let pair = Pair::new("qdisc");
        // Others pace: then it is TCP that waits, and not the discipline.
        pair.right.sysctl("net.ipv4.tcp_congestion_control", "reno");
        let scene = Scene::new(&pair);
        let answers = Answers::default().of_bytes(ANSWER_BYTES).send_buffer_bytes(1 << 20);
        let ask = |q: Questions| q.for_answers_of(ANSWER_BYTES).on_connections(1);
        let fast = scene.run(answers, ask);
        pair.right.limit_rate(Pair::IFACE, 80);
        let slow = scene.run(answers, ask);
        slow.assert_server_carries(&fast, &[(Stage::Qdisc, slow.added_ns(&fast))]);
        assert_eq!(slow.server.iface.as_deref(), Some(Pair::IFACE));
        scene.assert_explained(&slow, "qdisc on eth0");
    });
}
