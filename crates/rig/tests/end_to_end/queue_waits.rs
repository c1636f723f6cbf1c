//! What waits in front of a slow device, and how long, held against `tc` and the rate the device was given.

use crate::support::{Rig, Street, udp_churn, wait_for};
use netrig_model::{Direction, ProbeState, QueueStatus, QueuesStatus, SoftirqStatus};
use netrig_testkit::require_root;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Of 8 Mbit/s.
const BYTES_PER_SECOND: u64 = 1_000_000;
const LIMIT_BYTES: u64 = 64_000;
const SLOW: &str = "tc qdisc replace dev near0 root handle 8001: tbf rate 8mbit burst 5000 limit 64000";

/// Keeps the queue full while it lives.
struct Flood<'scope> {
    goes_on: &'scope AtomicBool,
}

impl Drop for Flood<'_> {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
    }
}

fn queues(rig: &Rig<'_>) -> QueuesStatus {
    rig.status().queues.expect("queues are looked at")
}

fn discipline(queues: &QueuesStatus) -> QueueStatus {
    let found = queues.queues.iter().find(|queue| queue.qdisc.is_some());
    found.unwrap_or_else(|| panic!("near0 has a discipline: {queues:?}")).clone()
}

/// Octets sent, packets dropped, and packets held back, by `tc`.
fn of_tc(street: &Street) -> [u64; 3] {
    let text = street.near.run("tc -s qdisc show dev near0");
    let after = |word: &str| {
        let rest = text.split_once(word).unwrap_or_else(|| panic!("{word}: {text}")).1.trim_start();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("{word}: {text}"))
    };
    [after("Sent"), after("dropped"), after("overlimits")]
}

fn processed(cpus: &[SoftirqStatus]) -> u64 {
    cpus.iter().map(|cpu| cpu.processed).sum()
}

#[test]
fn a_full_queue_is_told_with_what_waits_and_how_long() {
    require_root!();
    let street = Street::new("waits");
    if !street.near.command("sh").args(["-c", SLOW]).output().expect("tc").status.success() {
        return netrig_testkit::report_skipped("this kernel has no token bucket (tbf)");
    }
    let rig = Rig::start(&street.near, &["near0"]);
    let probe = rig.status().probes.into_iter().find(|probe| probe.name == "queue").expect("the queue probe");
    assert_eq!(probe.state, ProbeState::Running, "{}", probe.detail);
    let at_first = wait_for("a first look at queues", Duration::from_secs(5), || {
        Some(queues(&rig)).filter(|queues| !queues.queues.is_empty() && !queues.cpus.is_empty())
    });
    let quiet = discipline(&at_first);
    assert_eq!((quiet.iface.as_str(), quiet.direction), ("near0", Some(Direction::Egress)));
    assert_eq!((quiet.queue, quiet.qdisc.as_deref()), (None, Some("tbf 8001:")));

    let goes_on = AtomicBool::new(true);
    // A sender may hold more than the queue: what is beyond is dropped.
    let socket = street.near.inside(|| UdpSocket::bind("0.0.0.0:0").expect("bind"));
    std::thread::scope(|scope| {
        let flood = Flood { goes_on: &goes_on };
        scope.spawn(|| {
            while goes_on.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    let _ = socket.send_to(&[0; 958], "10.78.0.1:9");
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        while_it_is_full(&street, &rig);
        polls_and_cpus(&rig, &at_first);
        drop(flood);
    });
    after_it_has_run_empty(&street, &rig);
}

fn while_it_is_full(street: &Street, rig: &Rig<'_>) {
    // By then it has been full for more than the second over which its rate is taken.
    std::thread::sleep(Duration::from_secs(2));
    // A look may be half a second old, or older on a machine that has much to do.
    let full = wait_for("a look between two of tc's", Duration::from_secs(20), || {
        let before = of_tc(street);
        std::thread::sleep(Duration::from_millis(600));
        let full = discipline(&queues(rig));
        let after = of_tc(street);
        let told = [full.sent_bytes?, full.dropped_packets?, full.overlimit_packets?];
        let between = |((told, before), after)| (before..=after).contains(&told);
        told.into_iter().zip(before).zip(after).all(between).then_some(full)
    });
    let waits = full.backlog_bytes.expect("known");
    assert!((LIMIT_BYTES * 8 / 10..=LIMIT_BYTES).contains(&waits), "{full:?}");
    assert_eq!(full.backlog_packets, Some(waits / 1000), "packets of 1000 octets: {full:?}");
    let delay_ns = full.delay_ns.expect("known") as f64;
    let by_rate_ns = waits as f64 * 1e9 / BYTES_PER_SECOND as f64;
    assert!((delay_ns / by_rate_ns - 1.0).abs() < 0.1, "{delay_ns} ns, by the rate {by_rate_ns}: {full:?}");
    assert!(full.delay_ns_max >= full.delay_ns && full.backlog_bytes_max >= full.backlog_bytes, "{full:?}");

    let text = rig.ask(&["queues"]);
    assert!(text.contains("tbf 8001:") && text.contains(" kB") && text.contains(" ms"), "{text}");
    let metrics = rig.get("/metrics");
    let line = |name: &str| metrics.lines().any(|line| line.starts_with(name) && line.contains("tbf 8001:"));
    assert!(line("netrig_queue_delay_seconds{") && line("netrig_queue_backlog_bytes{"), "{metrics}");
}

/// The far end's packets arrive through the CPUs' own queues, for a veth polls only where it is asked to.
fn polls_and_cpus(rig: &Rig<'_>, at_first: &QueuesStatus) {
    let backlog = wait_for("a slice in which polls are counted", Duration::from_secs(20), || {
        queues(rig).polls.into_iter().find(|poll| poll.iface == "backlog" && poll.packets > 0)
    });
    assert!(backlog.polls > 0 && backlog.exhausted <= backlog.polls, "{backlog:?}");
    let now = wait_for("packets that CPUs received meanwhile", Duration::from_secs(10), || {
        Some(queues(rig)).filter(|now| processed(&now.cpus) > processed(&at_first.cpus) + 1000)
    });
    assert!((0.01..0.3).contains(&now.polls_looked_at), "{}", now.polls_looked_at);
    assert_eq!(now.cpus.len(), cpus_at_work(), "{:?}", now.cpus);
    assert!(now.cpus.iter().all(|cpu| (0.0..=1.0).contains(&cpu.softirq_share)), "{:?}", now.cpus);
}

fn cpus_at_work() -> usize {
    std::fs::read_to_string("/proc/net/softnet_stat").expect("/proc").lines().count()
}

fn after_it_has_run_empty(street: &Street, rig: &Rig<'_>) {
    let empty = wait_for("the queue runs empty", Duration::from_secs(20), || {
        Some(discipline(&queues(rig))).filter(|queue| queue.backlog_bytes == Some(0))
    });
    assert_eq!(empty.delay_ns, Some(0));
    assert!(empty.delay_ns_max > Some(40_000_000), "the minute's longest stays: {empty:?}");
    // Neighbours may still ask for each other's address.
    wait_for("the rig tells what tc does", Duration::from_secs(5), || {
        let [sent, dropped, _] = of_tc(street);
        let told = discipline(&queues(rig));
        (told.sent_bytes == Some(sent) && told.dropped_packets == Some(dropped)).then_some(())
    });
}

/// Packets that all CPUs have received, by the kernel's own count.
fn received() -> u64 {
    let text = std::fs::read_to_string("/proc/net/softnet_stat").expect("the kernel counts");
    let first = text.lines().filter_map(|line| line.split_whitespace().next());
    first.map(|word| u64::from_str_radix(word, 16).expect("a count")).sum()
}

/// Pictures are given again for a moment, and the loop makes one at each window's end: whoever always came right behind that was told what
/// had been read long ago, or nothing.
#[test]
fn a_picture_of_a_windows_end_is_as_new_as_one_that_is_asked_for() {
    require_root!();
    let street = Street::new("picture");
    let rig = Rig::start(&street.near, &["near0"]);
    street.near.inside(|| udp_churn(100, 50, 10));
    let received = received();
    let since_window_end = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").subsec_millis();
    std::thread::sleep(Duration::from_millis(1120 - u64::from(since_window_end)));
    let told: u64 = queues(&rig).cpus.iter().map(|cpu| cpu.processed).sum();
    assert!(told >= received, "{told} packets are told, and the kernel had counted {received}");
    rig.stop().assert_balanced();
}
