//! Time lost on purpose: as much as was asked for by the asker's clock, and where it was meant to be by the kernel's counters.

use netrig_testkit::{
    Answers, Asked, DatagramServer, Nstat, Pair, Questions, ReadBy, Server, Spinners, TcpInfo, WaitBy, WriteBy,
    require_root,
};
use std::time::Duration;

const MS: f64 = 1e6;

/// Asks a server with these habits.
fn asked(pair: &Pair, answers: Answers, ask: impl FnOnce(Questions) -> Questions) -> Asked {
    let server = Server::answering(&pair.right, (Pair::RIGHT, 0), answers);
    ask(Questions::to(server.address(), 100)).ask(&pair.left)
}

#[test]
fn reading_late_and_thinking_take_their_time_however_it_is_done() {
    require_root!();
    let pair = Pair::new("asking");
    let prompt = asked(&pair, Answers::default(), |q| q);
    assert_eq!(prompt.count(), 100);
    assert!(prompt.median_ns() < 1.0 * MS, "{}", prompt.median_ns());
    let late = Answers::default().read_late(Duration::from_millis(3));
    let thinking = Answers::default().think(Duration::from_millis(3));
    for slow in [
        late,
        thinking,
        late.wait_by(WaitBy::Epoll),
        thinking.wait_by(WaitBy::Reading),
        late.read_by(ReadBy::Splice),
        late.write_by(WriteBy::SendFile),
        late.write_by(WriteBy::Splice),
        late.acknowledge_at_once(),
    ] {
        let took = asked(&pair, slow, |q| q).median_ns();
        assert!((3.0 * MS..5.0 * MS).contains(&took), "{slow:?}: {took}");
    }
    let each = asked(&pair, thinking, |q| q.connect_for_each().on_connections(4));
    assert!(each.count() == 100 && each.median_ns() > 3.0 * MS);
}

#[test]
fn a_limited_rate_makes_packets_wait() {
    require_root!();
    const ANSWER_BYTES: usize = 60_000;
    let pair = Pair::new("rate");
    pair.right.sysctl("net.ipv4.tcp_congestion_control", "reno");
    pair.right.limit_rate(Pair::IFACE, 20);
    let answers = Answers::default().of_bytes(ANSWER_BYTES);
    let took = asked(&pair, answers, |q| q.for_answers_of(ANSWER_BYTES)).median_ns();
    // 60 kB and headers at 20 Mbit/s.
    assert!((24.0 * MS..30.0 * MS).contains(&took), "{took}");
    let qdisc = pair.right.run(&format!("tc -s qdisc show dev {}", Pair::IFACE));
    assert!(qdisc.contains("dropped 0") && !qdisc.contains("overlimits 0"), "{qdisc}");
}

#[test]
fn a_small_window_makes_the_answer_wait() {
    require_root!();
    const ANSWER_BYTES: usize = 60_000;
    let pair = Pair::new("small");
    let answers = Answers::default().of_bytes(ANSWER_BYTES).send_buffer_bytes(1 << 20);
    let server = Server::answering(&pair.right, (Pair::RIGHT, 0), answers);
    let ask = Questions::to(server.address(), 100).for_answers_of(ANSWER_BYTES).read_late(Duration::from_millis(10));
    let (took, connection) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask.receive_buffer_bytes(8192).ask(&pair.left));
        // Held, it can be asked when all is over.
        let connection = loop {
            if let Some(connection) = server.connections().pop() {
                break connection;
            }
            assert!(!asking.is_finished(), "it is open as long as something is asked");
        };
        (asking.join().expect("all is answered").median_ns(), connection)
    });
    assert!((10.0 * MS..14.0 * MS).contains(&took), "{took}");
    let limited_us = TcpInfo::of(&*connection).expect("a TCP socket").limited_receiver_us;
    assert!(limited_us > 900_000, "{limited_us}");
}

#[test]
fn acknowledgements_are_delayed() {
    require_root!();
    let pair = Pair::new("acks");
    let before = Nstat::of(&pair.left);
    let asked = asked(&pair, Answers::default(), |q| {
        q.on_connections(5).delay_acknowledgements().pause(Duration::from_millis(60))
    });
    assert!(asked.median_ns() < 1.0 * MS, "the asker does not feel it: {}", asked.median_ns());
    let delayed = Nstat::of(&pair.left).since(&before, "TcpExtDelayedACKs");
    assert!(delayed >= 90, "{delayed} of 100");
}

#[test]
fn an_answer_in_two_writes_waits_for_an_acknowledgement_that_is_delayed() {
    require_root!();
    let pair = Pair::new("nagle");
    let answers = Answers::default().in_two_writes();
    let took = asked(&pair, answers, |q| q.on_connections(5).delay_acknowledgements()).median_ns();
    assert!((35.0 * MS..60.0 * MS).contains(&took), "{took}");
}

#[test]
fn a_busy_processor_makes_the_server_wait() {
    require_root!();
    let pair = Pair::new("busy");
    let server = Server::answering(&pair.right, (Pair::RIGHT, 0), Answers::default().on_cpu(1).at_ordinary_priority());
    let ask = || Questions::to(server.address(), 300).on_cpu(0).ask(&pair.left).mean_ns();
    let idle = ask();
    // It goes before the server, which has to wait until it has had its small share.
    let _spinner = Spinners::on(1, 1);
    let busy = ask();
    assert!(busy > idle + 1.0 * MS, "{idle} and {busy}");
}

#[test]
fn datagrams_are_answered() {
    require_root!();
    let pair = Pair::new("datagrams");
    for address in [std::net::IpAddr::from(Pair::RIGHT), Pair::RIGHT6.into()] {
        let prompt = DatagramServer::echo(&pair.right, (address, 0), Duration::ZERO, Duration::ZERO);
        let late = DatagramServer::echo(&pair.right, (address, 0), Duration::from_millis(2), Duration::from_millis(1));
        let ask = |server: &DatagramServer| Questions::to(server.address(), 100).ask_by_datagrams(&pair.left);
        assert!(ask(&prompt).median_ns() < 1.0 * MS);
        assert!((3.0 * MS..5.0 * MS).contains(&ask(&late).median_ns()));
    }
}
