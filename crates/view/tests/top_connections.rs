//! The screen of connections: golden screens, rates by difference, and what is said when there is nothing.

mod common;

use common::golden;
use common::live::{press, screen, snapshot};
use netrig_model::*;
use netrig_view::top::{App, Key, Sample};

/// `n` values of about `seconds` each.
fn times(n: u64, seconds: f64) -> Histogram {
    let bucket = (seconds.log2() * f64::from(Histogram::BUCKETS_PER_OCTAVE)).ceil() as i32;
    Histogram { buckets: vec![(bucket, n)], sum_ns: (n as f64 * seconds * 1e9) as u64 }
}

fn both(a: Histogram, b: &Histogram) -> Histogram {
    let mut sum = a;
    sum.add(b);
    sum
}

fn service(role: Role, addr: Option<&str>, port: u16, n: u64, rtt_s: f64) -> ServiceStatus {
    ServiceStatus {
        role: Some(role),
        addr: addr.map(|a| a.parse().expect("address")),
        port,
        connections: n,
        rtt: both(times(99 * n, rtt_s), &times(n, rtt_s * 40.0)),
        rtt_pure: times(50 * n, rtt_s / 2.0),
        connect: both(times(9 * n, rtt_s), &times(n, 1.0)),
    }
}

fn listener(addr: &str, port: u16, waiting: u32, drops: u64) -> ListenerStatus {
    ListenerStatus {
        addr: addr.parse().expect("address"),
        port,
        netns: 4_026_531_840,
        accept_queue: waiting,
        accept_queue_max: 128,
        syn_queue: 3,
        drops,
        syn_ack_retransmits: 2 * drops,
        process: Some("nginx".to_owned()),
        pid: Some(99),
        container: Some("nginx.service".to_owned()),
    }
}

fn words(all: &[(&str, u64)]) -> Vec<(String, u64)> {
    all.iter().map(|(word, n)| ((*word).to_owned(), *n)).collect()
}

/// The host's TCP after `n` seconds, each of which is like the others.
fn tcp(n: u64) -> TcpStatus {
    TcpStatus {
        opened: [12 * n, 30 * n],
        established: [10 * n, 30 * n],
        ended: words(&[("closed", 38 * n), ("refused", 2 * n), ("timeout", n)]),
        errors: words(&[("ECONNREFUSED", 2 * n), ("ETIMEDOUT", n), ("EHOSTUNREACH", 0)]),
        resets_sent: words(&[("tcp_abort_on_close", 4 * n), ("no_socket", 7)]),
        resets_received: 3 * n,
        retransmits: words(&[("timeout", 5 * n), ("fast", 40 * n), ("tlp", 1), ("syn", 0)]),
        open: vec![(TcpState::CloseWait, 10), (TcpState::Established, 1_200), (TcpState::SynSent, 0)],
        half_open: 3,
        kernel: Some(KernelTcp {
            listen_overflows: 5,
            syn_cookies: n,
            time_wait: 12,
            memory_bytes: 1_204_224,
            ..KernelTcp::default()
        }),
        listeners: vec![listener("0.0.0.0", 22, 0, 0), listener("::", 443, 12, 0), listener("10.0.0.1", 8080, 100, 7)],
        services: vec![
            service(Role::Client, Some("10.0.0.2"), 5432, 2 * n, 0.0004),
            service(Role::Server, None, 443, 30 * n, 0.012),
            service(Role::Client, Some("2001:db8:aaaa:bbbb::2"), 443, 3, 0.15),
            ServiceStatus::default(),
        ],
        table: TcpTableStatus {
            entries: 1_213,
            capacity: 16_384,
            bytes: 8_388_608,
            adopted: 40,
            ..TcpTableStatus::default()
        },
    }
}

fn sample(at_s: i64, tcp: Option<TcpStatus>) -> Sample {
    Sample { snapshot: Snapshot { tcp, ..snapshot(at_s, 0) }, talkers: None }
}

fn running() -> App {
    let mut app = App::new("http://127.0.0.1:9798", false);
    for n in 2..5u8 {
        app.update(sample(n.into(), Some(tcp(n.into()))));
    }
    press(&mut app, "2");
    app
}

fn shown(app: &mut App) -> String {
    screen(app, 120, 40)
}

fn line<'a>(text: &'a str, part: &str) -> &'a str {
    text.lines().find(|l| l.contains(part)).unwrap_or_else(|| panic!("{part} in {text}"))
}

#[test]
fn connections_on_terminals_of_80_and_160() {
    golden("top-connections.txt", &screen(&mut running(), 80, 24));
    golden("top-connections-160.txt", &screen(&mut running(), 160, 30));
}

#[test]
fn the_rig_tells_of_the_table_of_connections() {
    let mut app = running();
    press(&mut app, "5");
    golden("top-rig-tcp.txt", &screen(&mut app, 80, 28));
}

#[test]
fn rates_are_differences() {
    let text = shown(&mut running());
    assert!(line(&text, "new ").contains("12/s as client, 30/s as server; failed 3.0/s, 12 in all"), "{text}");
    assert!(line(&text, "sent again").contains("fast 160 (40/s), timeout 20 (5.0/s), tlp 1"), "{text}");
    assert!(line(&text, "resets").contains("received 12 (3.0/s), sent 23 (4.0/s)"), "{text}");
    assert!(line(&text, ":443 ").contains(" 30/s "), "{text}");
}

#[test]
fn quantiles_are_of_the_last_minute() {
    let mut app = App::new("", false);
    press(&mut app, "2");
    let service = |slow, fast| ServiceStatus {
        rtt: both(times(slow, 0.2), &times(fast, 0.001)),
        ..service(Role::Server, None, 443, 1, 0.01)
    };
    let with = |slow, fast| Some(TcpStatus { services: vec![service(slow, fast)], ..TcpStatus::default() });
    app.update(sample(0, with(1_000_000, 0)));
    // As long as nothing new has come, what was before is shown.
    app.update(sample(1, with(1_000_000, 0)));
    assert!(line(&shown(&mut app), ":443").contains(" 19"), "about 200 ms: {}", shown(&mut app));
    app.update(sample(2, with(1_000_000, 100)));
    let text = shown(&mut app);
    assert!(!line(&text, ":443").contains(" 19") && text.contains("of the last 2s"), "{text}");
    // A minute on, the oldest pictures are forgotten.
    for at_s in 3..200u8 {
        app.update(sample(at_s.into(), with(1_000_000 + 1000 * u64::from(at_s.min(100)), 100)));
    }
    let text = shown(&mut app);
    // At 199 s the oldest of four pictures, 15 s apart, is of 150 s. Nothing but slow ones came later, and those until 100 s.
    assert!(text.contains("of the last 49s") && line(&text, ":443").contains(" 19"), "{text}");
}

#[test]
fn a_probe_that_is_off_says_how_to_switch_it_on() {
    let mut app = App::new("", false);
    press(&mut app, "2");
    let mut off = sample(1, None);
    off.snapshot.probes.retain(|p| p.name != "tcp");
    app.update(off.clone());
    golden("top-connections-off.txt", &screen(&mut app, 80, 12));
    off.snapshot.probes.push(ProbeStatus {
        name: "tcp".to_owned(),
        state: ProbeState::Failed,
        detail: "no BTF".to_owned(),
    });
    app.update(off);
    assert!(shown(&mut app).contains("The TCP probe has failed: no BTF"));
}

#[test]
fn a_quiet_host_has_a_screen() {
    let mut app = App::new("", false);
    press(&mut app, "2");
    app.update(sample(1, Some(TcpStatus::default())));
    golden("top-connections-quiet.txt", &screen(&mut app, 80, 16));
}

#[test]
fn what_is_not_told_is_said() {
    let mut app = App::new("", false);
    press(&mut app, "2");
    let table = TcpTableStatus { evicted: 1, untracked: 2_000, lost: 3, ..TcpTableStatus::default() };
    app.update(sample(1, Some(TcpStatus { table, ..TcpStatus::default() })));
    let text = shown(&mut app);
    assert!(line(&text, "not told").contains("1 made room for others, 2,000 found none, 3 ended unseen"), "{text}");
}

#[test]
fn a_listener_that_drops_now_comes_before_one_that_once_did() {
    let mut app = running();
    let mut status = tcp(5);
    status.listeners[0].drops = 1;
    app.update(sample(5, Some(status)));
    let text = screen(&mut app, 80, 24);
    let (now, once) = (text.find("0.0.0.0:22"), text.find("10.0.0.1:8080"));
    assert!(now.is_some() && now < once, "{text}");
}

#[test]
fn filter_and_order_are_of_services_and_listeners() {
    let mut app = running();
    let services = |text: &str| {
        let names = [":443 ", "10.0.0.2:5432", "[2001:"];
        let mut found: Vec<_> = names.iter().filter_map(|n| text.find(n).map(|at| (at, *n))).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, n)| n).collect::<Vec<_>>()
    };
    assert_eq!(services(&screen(&mut app, 80, 24)), [":443 ", "10.0.0.2:5432", "[2001:"]);
    press(&mut app, "sss");
    assert_eq!(services(&screen(&mut app, 80, 24)), ["10.0.0.2:5432", "[2001:", ":443 "]);
    press(&mut app, "/5432");
    app.key(Key::Enter);
    let text = screen(&mut app, 80, 24);
    assert!(services(&text) == ["10.0.0.2:5432"] && !text.contains("LISTENER"), "{text}");
}

#[test]
fn many_services_scroll_under_their_listeners() {
    let mut app = App::new("", false);
    press(&mut app, "2");
    let services = (1..=100).map(|port| service(Role::Server, None, port, 100 - u64::from(port), 0.01)).collect();
    let status = TcpStatus { services, ..tcp(1) };
    app.update(sample(1, Some(status)));
    assert!(screen(&mut app, 80, 24).contains("\n:1 "));
    for _ in 0..20 {
        app.key(Key::PageDown);
    }
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("\n:100 ") && text.contains("10.0.0.1:8080"), "{text}");
}

#[test]
fn every_size_can_be_drawn() {
    for (width, height) in [(1, 1), (5, 2), (20, 3), (40, 10), (80, 6), (80, 12), (300, 100)] {
        screen(&mut running(), width, height);
    }
}

#[test]
fn a_probe_that_comes_and_goes_is_not_compared_across() {
    let mut app = App::new("", false);
    press(&mut app, "2");
    app.update(sample(1, Some(tcp(100))));
    app.update(sample(2, None));
    app.update(sample(3, Some(tcp(500))));
    let text = shown(&mut app);
    assert!(line(&text, "new ").contains("0/s as client, 0/s as server"), "{text}");
}
