//! What holds an answer in TCP's own queue: the peer's window, the congestion window, the send buffer.

use crate::support::latency::{Run, Scene, undisturbed};
use netrig_model::{QueueCause, Stage};
use netrig_testkit::{Answers, Pair, Questions, require_root};
use std::time::Duration;

/// Several segments, and more than the first congestion window.
const ANSWER_BYTES: usize = 60_000;

/// Nearly all of the time in the queue is this cause's.
#[track_caller]
fn assert_cause(run: &Run, expected: QueueCause) {
    let way = &run.server;
    let (cause, ns) = way.cause().expect("something held it");
    assert_eq!(cause, expected, "{way:#?}");
    let held_ns = way.share_ns(Stage::TcpQueue) * way.samples(Stage::Total) as f64;
    assert!(ns as f64 > 0.9 * held_ns, "{ns} of {held_ns} ns: {way:#?}");
}

#[test]
fn answers_that_wait_for_the_peers_window() {
    require_root!();
    undisturbed(|| {
        let pair = Pair::new("window");
        let scene = Scene::new(&pair);
        let answers = Answers::default().of_bytes(ANSWER_BYTES).send_buffer_bytes(1 << 20);
        let ask = |q: Questions| q.for_answers_of(ANSWER_BYTES).receive_buffer_bytes(8192);
        let prompt = scene.run(answers, ask);
        let late = scene.run(answers, |q| ask(q).read_late(Duration::from_millis(6)));
        late.assert_server_carries(&prompt, &[(Stage::TcpQueue, late.added_ns(&prompt))]);
        assert_cause(&late, QueueCause::ReceiveWindow);
        scene.assert_explained(&late, "receive window");
    });
}

#[test]
fn answers_that_wait_for_the_congestion_window_or_for_room_in_the_send_buffer() {
    require_root!();
    undisturbed(|| {
        let pair = Pair::with_relay("congestion", Duration::from_millis(2));
        // Others pace as well.
        pair.right.sysctl("net.ipv4.tcp_congestion_control", "reno");
        let scene = Scene::new(&pair);
        congestion_window(&scene);
        send_buffer(&scene);
    });
}

/// Of a new connection the window is small: an answer that fits leaves at once.
fn congestion_window(scene: &Scene<'_>) {
    let ask = |q: Questions, bytes| q.for_answers_of(bytes).connect_for_each();
    let answers = Answers::default().send_buffer_bytes(1 << 20);
    let small = scene.run(answers.of_bytes(10_000), |q| ask(q, 10_000));
    let large = scene.run(answers.of_bytes(ANSWER_BYTES), |q| ask(q, ANSWER_BYTES));
    large.assert_server_carries(&small, &[(Stage::TcpQueue, large.added_ns(&small))]);
    assert_cause(&large, QueueCause::CongestionWindow);
    scene.assert_explained(&large, "congestion window");
}

/// A buffer always has room for one segment as TCP makes them, which is nearly 64 KiB.
fn send_buffer(scene: &Scene<'_>) {
    let answers = Answers::default().of_bytes(4 * ANSWER_BYTES);
    let ask = |q: Questions| q.for_answers_of(4 * ANSWER_BYTES);
    let large = scene.run(answers.send_buffer_bytes(1 << 20), ask);
    let small = scene.run(answers.send_buffer_bytes(8192), ask);
    // What leaves in one go has a queue before it on the wire, of which the server's host knows nothing: the asker gains less.
    let (held_ns, added_ns) = (small.server.moved_ns(&large.server, Stage::TcpQueue), small.added_ns(&large));
    assert!(held_ns > 0.9 * added_ns && added_ns > 4e6, "{held_ns} of {added_ns}");
    let whole_ns = small.server.moved_ns(&large.server, Stage::Total);
    assert!((whole_ns - held_ns).abs() < 0.1 * held_ns, "{held_ns} of {whole_ns}");
    assert_cause(&small, QueueCause::SendBuffer);
    scene.assert_explained(&small, "send buffer");
}
