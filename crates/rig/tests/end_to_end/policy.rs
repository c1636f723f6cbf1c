//! Policies in a running rig, between two namespaces: what is dropped, what goes on, and what comes back by itself.

use crate::support::{Rig, wait_for};
use netrig_model::{Direction, PolicyEventRecord, PolicyRuleStatus, PolicyStatus, PolicyVerdict};
use netrig_testkit::{NetNs, Pair, Spoofed, XdpDrop, XdpMode, require_root};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const WEB: u16 = 8080;
const FLOODED: u16 = 9;
/// 10.128.0.0/9.
const FIRST_SOURCE: u32 = 0x0a80_0000;
const SOURCES: u32 = 100_000;

/// A rig at the right end, and what policies are written to there.
struct Scene<'a> {
    rig: Rig<'a>,
}

impl<'a> Scene<'a> {
    fn of(pair: &'a Pair) -> Self {
        Self { rig: Rig::start(&pair.right, &[Pair::IFACE]) }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.rig.folder().join(name);
        fs::write(&path, text).expect("write");
        path
    }

    /// Applies rules, with these further arguments.
    fn apply(&self, rules: &str, arguments: &[&str]) -> std::process::Output {
        let file = self.write("policy.toml", rules);
        let command = ["policy", "apply", file.to_str().expect("text"), "-i", Pair::IFACE];
        self.rig.run(&[&command, arguments].concat())
    }

    #[track_caller]
    fn applied(&self, rules: &str, arguments: &[&str]) {
        let done = self.apply(rules, arguments);
        assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stderr), self.rig.log());
    }

    fn rule(&self, id: &str) -> PolicyRuleStatus {
        let shown = self.rig.ask(&["policy", "show", "--json"]);
        let rules = shown.lines().map(|line| serde_json::from_str(line).expect("a rule"));
        let mut named = rules.filter(|rule: &PolicyRuleStatus| rule.id == id);
        named.next().unwrap_or_else(|| panic!("no rule {id} in {shown}"))
    }

    fn status(&self) -> Option<PolicyStatus> {
        serde_json::from_str(&self.rig.get("/api/v1/policy")).expect("a status")
    }
}

/// Answers requests for as long as it lives, as a web server would.
struct Web {
    stop: Arc<AtomicBool>,
    address: SocketAddr,
}

impl Web {
    fn at(ns: &NetNs) -> Self {
        let listener = ns.inside(|| TcpListener::bind((Pair::RIGHT, WEB))).expect("listen");
        let (address, stop) = (listener.local_addr().expect("bound"), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !stopped.load(Ordering::Relaxed)) {
                let _ = answer(stream);
            }
        });
        Self { stop, address }
    }

    /// Whether a request from `ns` is answered.
    fn answers(&self, ns: &NetNs) -> bool {
        ns.inside(|| ask(self.address)).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut request = [0; 1024];
    let _ = stream.read(&mut request)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: web\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// One datagram from each source; `meanwhile` is called now and then.
fn flood(ns: &NetNs, sources: u32, mut meanwhile: impl FnMut()) {
    let spoofed = ns.inside(Spoofed::open);
    for n in 0..sources {
        spoofed.send(Ipv4Addr::from(FIRST_SOURCE + n), SocketAddrV4::new(Pair::RIGHT, FLOODED), 18);
        if n % 20_000 == 10_000 {
            meanwhile();
        }
    }
}

/// Whether datagrams from the left end reach a socket at the right one.
fn reaches(pair: &Pair, port: u16) -> bool {
    let receiver = pair.right.inside(|| UdpSocket::bind((Pair::RIGHT, port))).expect("bind");
    receiver.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    pair.left.inside(|| {
        let sender = UdpSocket::bind((Pair::LEFT, 0)).expect("bind");
        sender.send_to(b"anyone?", (Pair::RIGHT, port)).expect("send");
    });
    receiver.recv(&mut [0; 16]).is_ok()
}

fn flood_rule(mode: &str) -> String {
    format!(
        "[[rule]]\nid = \"flood\"\nmatch = {{ src = \"10.128.0.0/9\", protocol = \"udp\" }}\naction = \"drop\"\nmode = \"{mode}\"\n"
    )
}

#[test]
fn a_flood_is_dropped_while_a_service_answers_and_shadow_mode_had_said_how_much() {
    require_root!();
    let pair = Pair::new("flood");
    let scene = Scene::of(&pair);
    let web = Web::at(&pair.right);
    scene.applied(&flood_rule("shadow"), &[]);
    flood(&pair.left, SOURCES, || ());
    let shadow = scene.rule("flood");
    assert_eq!((shadow.packets, shadow.over_packets), (SOURCES.into(), SOURCES.into()), "{shadow:?}");
    // A rig that takes in so many flows shows a picture of a moment ago.
    let dropped =
        || wait_for("the picture shows the interface", PATIENCE, || Some(scene.status()?.interfaces.first()?.dropped));
    assert_eq!(dropped().packets, 0, "a shadow takes nothing away");

    scene.applied(&flood_rule("enforce"), &[]);
    let mut asked = 0;
    flood(&pair.left, SOURCES, || {
        asked += 1;
        assert!(web.answers(&pair.left), "the service answers during the flood");
    });
    assert!(asked >= 5);
    let enforced = scene.rule("flood");
    // Counters go on with the rule's id: what shadow mode said has come again, and is gone this time.
    assert_eq!(enforced.over_packets - shadow.over_packets, u64::from(SOURCES), "{enforced:?}");
    wait_for("the interface's account", PATIENCE, || (dropped().packets == u64::from(SOURCES)).then_some(()));
    assert_eq!(scene.status().expect("a policy").fell_back_packets, 0);

    let stored = scene.rig.stop();
    let of_flood = stored.ledger.iter().filter(|row| row.direction == Some(Direction::Ingress));
    let (policy, unaccounted) = of_flood.fold((0, 0), |(policy, unaccounted), row| {
        (policy + row.policy_packets.unwrap_or(0), unaccounted + row.unaccounted_packets.unwrap_or(0))
    });
    assert_eq!((policy, unaccounted), (u64::from(SOURCES), 0), "the account of the interface adds up");
}

#[test]
fn a_rig_that_is_killed_while_its_policy_waits_leaves_traffic_as_it_was() {
    require_root!();
    let pair = Pair::new("confirm");
    let mut scene = Scene::of(&pair);
    assert!(reaches(&pair, 7000));
    scene.applied("[[rule]]\nid = \"all\"\nmatch = { protocol = \"udp\" }\naction = \"drop\"\n", &["--confirm", "30s"]);
    assert!(!reaches(&pair, 7000));
    scene.rig.signal("KILL");
    assert!(reaches(&pair, 7000), "the door goes with the rig");
    assert!(!pair.right.run(&format!("ip link show {}", Pair::IFACE)).contains("xdp"), "nothing stays attached");
}

#[test]
fn what_nobody_confirms_comes_back_and_what_is_confirmed_stays() {
    require_root!();
    let pair = Pair::new("deadline");
    let scene = Scene::of(&pair);
    let drop_port = |port: u16| {
        format!("[[rule]]\nid = \"p\"\nmatch = {{ protocol = \"udp\", dst_port = {port} }}\naction = \"drop\"\n")
    };
    scene.applied(&drop_port(7001), &[]);
    scene.applied(&drop_port(7002), &["--confirm", "5s"]);
    assert!(reaches(&pair, 7001) && !reaches(&pair, 7002));
    assert!(scene.status().and_then(|s| s.in_force).is_some_and(|policy| policy.confirm_until.is_some()));
    let early = scene.apply(&drop_port(7004), &[]);
    assert_eq!(
        early.status.code(),
        Some(2),
        "one that waits is not replaced: {}",
        String::from_utf8_lossy(&early.stderr)
    );
    wait_for("what was before comes back", PATIENCE, || (reaches(&pair, 7002) && !reaches(&pair, 7001)).then_some(()));
    wait_for("and is told so", PATIENCE, || {
        let policy = scene.status().and_then(|status| status.in_force)?;
        policy.confirm_until.is_none().then_some(())
    });
    let late = scene.rig.run(&["policy", "confirm"]);
    assert_eq!(late.status.code(), Some(2), "{}", String::from_utf8_lossy(&late.stderr));

    scene.applied(&drop_port(7003), &["--confirm", "5s"]);
    scene.rig.ask(&["policy", "confirm"]);
    std::thread::sleep(Duration::from_millis(5_500));
    assert!(!reaches(&pair, 7003) && reaches(&pair, 7001));
    scene.rig.ask(&["policy", "remove"]);
    assert!(reaches(&pair, 7003));
    wait_for("that nothing is in force is told", PATIENCE, || scene.status()?.in_force.is_none().then_some(()));
    assert!(!pair.right.run(&format!("ip link show {}", Pair::IFACE)).contains("xdp"));
}

#[test]
fn a_feed_is_followed_and_its_last_good_version_stays() {
    require_root!();
    let pair = Pair::new("feed");
    let scene = Scene::of(&pair);
    let feed = scene.write("feed.txt", "192.0.2.0/24\n");
    let rules = "[[set]]\nname = \"feed\"\nfile = \"feed.txt\"\n\n[[rule]]\nid = \"feed\"\nmatch = { src = \"@feed\" }\naction = \"drop\"\n";
    scene.applied(rules, &[]);
    assert!(reaches(&pair, 7010));
    fs::write(&feed, format!("192.0.2.0/24\n{}\n", Pair::LEFT)).expect("write");
    wait_for("the feed is followed", PATIENCE, || (!reaches(&pair, 7010)).then_some(()));
    let warned =
        || wait_for("it is said", PATIENCE, || scene.status()?.warnings.into_iter().find(|w| w.contains("feed.txt")));
    fs::write(&feed, "no address at all\n").expect("write");
    warned();
    assert!(!reaches(&pair, 7010), "the last good one stays");
    fs::remove_file(&feed).expect("remove");
    warned();
    assert!(!reaches(&pair, 7010));
    fs::write(&feed, "192.0.2.0/24\n").expect("write");
    wait_for("a good one is taken over", PATIENCE, || reaches(&pair, 7010).then_some(()));
    wait_for("and nothing is wrong any more", PATIENCE, || scene.status()?.warnings.is_empty().then_some(()));
}

#[test]
fn a_feed_that_changes_while_its_policy_waits_is_taken_over_once_it_is_confirmed() {
    require_root!();
    let pair = Pair::new("feedwaits");
    let scene = Scene::of(&pair);
    let feed = scene.write("feed.txt", "192.0.2.0/24\n");
    let rules = "[[set]]\nname = \"feed\"\nfile = \"feed.txt\"\n\n[[rule]]\nid = \"feed\"\nmatch = { src = \"@feed\" }\naction = \"drop\"\n";
    scene.applied(rules, &["--confirm", "60s"]);
    fs::write(&feed, format!("{}\n", Pair::LEFT)).expect("write");
    scene.rig.ask(&["policy", "confirm"]);
    wait_for("the feed is taken over", PATIENCE, || (!reaches(&pair, 7080)).then_some(()));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place_and_changes_nothing() {
    require_root!();
    let pair = Pair::new("wrong");
    let scene = Scene::of(&pair);
    let rules = "[[rule]]\nid = \"p\"\nmatch = { protocol = \"udp\", dst_port = 7020 }\naction = \"drop\"\n";
    scene.applied(rules, &[]);
    let refused = |rules: &str, arguments: &[&str], words: &[&str]| {
        let done = scene.apply(rules, arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
        assert!(!reaches(&pair, 7020), "nothing has changed");
    };
    refused(
        "[[rule]]\nid = \"a\"\nmatch = { srcc = \"10.0.0.1\", dst_port = 70000 }\naction = \"dorp\"\n",
        &[],
        &["line 3", "`src`", "70000", "line 4", "drop"],
    );
    refused(rules, &["-i", "nosuch0"], &["nosuch0", Pair::IFACE]);
    refused(
        "[[rule]]\nid = \"r\"\nmatch = {}\naction = { redirect = { interface = \"nosuch1\" } }\n",
        &[],
        &["line", "nosuch1"],
    );
    refused(
        "[[set]]\nname = \"s\"\nfile = \"nowhere.txt\"\n[[rule]]\nid = \"r\"\nmatch = { src = \"@s\" }\naction = \"drop\"\n",
        &[],
        &["nowhere.txt"],
    );
}

#[test]
fn who_manages_the_host_is_not_locked_out() {
    require_root!();
    let pair = Pair::new("lockout");
    let scene = Scene::of(&pair);
    let file =
        scene.write("policy.toml", "[[rule]]\nid = \"net\"\nmatch = { src = \"10.55.0.0/24\" }\naction = \"drop\"\n");
    let mut command = pair.right.command(crate::support::netrig());
    command.args(["policy", "apply", file.to_str().expect("text"), "-i", Pair::IFACE]);
    command.env("NETRIG_POLICY__SOCKET", scene.rig.folder().join("control.sock"));
    command.env("SSH_CONNECTION", format!("{} 50000 {} 22", Pair::LEFT, Pair::RIGHT));
    let done = command.output().expect("start netrig");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("`net`") && said.contains(&Pair::LEFT.to_string()), "{said}");
    assert!(reaches(&pair, 7030));
}

#[test]
fn a_hook_that_is_held_is_left_alone() {
    require_root!();
    let pair = Pair::new("held");
    let scene = Scene::of(&pair);
    let _other = XdpDrop::attach(&pair.right, Pair::IFACE, XdpMode::Native);
    let done = scene.apply("[[rule]]\nid = \"p\"\nmatch = {}\naction = \"count\"\n", &[]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains(Pair::IFACE), "{said}");
    assert!(scene.status().is_none_or(|status| status.in_force.is_none()));
}

#[test]
fn packets_are_sent_out_of_another_interface() {
    require_root!();
    let pair = Pair::new("redirect");
    let beyond = NetNs::new("beyond");
    pair.right.veth_to("out0", &beyond, "in0");
    pair.right.run("ip link set out0 up");
    beyond.run_script("ip link set lo up\nip addr add 10.60.0.2/24 dev in0\nip link set in0 up");
    // A driver takes redirected frames only while the other end is ready for them.
    let counter = XdpDrop::attach(&beyond, "in0", XdpMode::Native);
    let scene = Scene::of(&pair);
    scene.applied(
        "[[rule]]\nid = \"away\"\nmatch = { protocol = \"udp\", dst_port = 7040 }\naction = { redirect = { interface = \"out0\" } }\n",
        &[],
    );
    let before = received(&beyond, "in0");
    pair.left.inside(|| {
        let sender = UdpSocket::bind((Pair::LEFT, 0)).expect("bind");
        (0..50).for_each(|_| assert!(sender.send_to(b"anyone?", (Pair::RIGHT, 7040)).is_ok()));
    });
    wait_for("they arrive there", PATIENCE, || (received(&beyond, "in0") - before >= 50).then_some(()));
    let rule =
        wait_for("the rule has met them all", PATIENCE, || Some(scene.rule("away")).filter(|rule| rule.packets == 50));
    assert_eq!(rule.over_packets, 50);
    // A picture may be of a moment ago.
    wait_for("the interface's account", PATIENCE, || {
        (scene.status()?.interfaces.first()?.redirected.packets == 50).then_some(())
    });
    drop(counter);
}

fn received(ns: &NetNs, iface: &str) -> u64 {
    let text = ns.inside(|| fs::read_to_string("/proc/thread-self/net/dev")).expect("counters");
    let line = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{iface}:")).map(str::to_owned));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).expect("a counter")
}

/// As every host with systemd has it.
fn ensure_bpffs() {
    if !fs::read_to_string("/proc/mounts").is_ok_and(|mounts| mounts.contains(" /sys/fs/bpf bpf ")) {
        let mounted = std::process::Command::new("mount").args(["-t", "bpf", "bpf", "/sys/fs/bpf"]).status();
        assert!(mounted.is_ok_and(|status| status.success()), "the kernel's file system of programs");
    }
}

#[test]
fn a_policy_that_is_to_outlive_the_rig_does_and_is_found_again() {
    require_root!();
    ensure_bpffs();
    let pair = Pair::new("outlive");
    let mut scene = Scene::of(&pair);
    let persist =
        "persist = true\n[[rule]]\nid = \"p\"\nmatch = { protocol = \"udp\", dst_port = 7060 }\naction = \"drop\"\n";
    scene.applied(persist, &[]);
    assert!(!reaches(&pair, 7060));
    scene.rig.signal("KILL");
    assert!(!reaches(&pair, 7060), "it outlives the rig");
    let mut scene = Scene { rig: scene.rig.again() };
    assert!(!reaches(&pair, 7060));
    let rule = wait_for("its counts go on", PATIENCE, || Some(scene.rule("p")).filter(|rule| rule.packets == 3));
    assert_eq!(rule.over_packets, 3);
    scene.rig.signal("TERM");
    assert!(!reaches(&pair, 7060));
    // No rig runs: it is found all the same.
    scene.rig.ask(&["policy", "remove"]);
    assert!(reaches(&pair, 7060));
    assert!(!pair.right.run(&format!("ip link show {}", Pair::IFACE)).contains("xdp"), "nothing stays attached");
}

/// The time of day in whose reckoning a policy was applied two hours ago, that is what a clock that was set leaves.
#[test]
fn a_clock_that_is_set_ends_no_rule_before_its_time() {
    require_root!();
    ensure_bpffs();
    let pair = Pair::new("clockset");
    let mut scene = Scene::of(&pair);
    let hour = "persist = true\n[[rule]]\nid = \"p\"\nttl = \"1h\"\nmatch = { protocol = \"udp\", dst_port = 7061 }\naction = \"drop\"\n";
    scene.applied(hour, &[]);
    assert!(!reaches(&pair, 7061));
    scene.rig.signal("KILL");
    let kept = scene.rig.folder().join("control.policy.json");
    let mut told: serde_json::Value =
        serde_json::from_slice(&fs::read(&kept).expect("what it wrote down")).expect("JSON");
    let since = &mut told["in_force"]["shown"]["since"];
    let at: netrig_model::Timestamp = serde_json::from_value(since.clone()).expect("a time");
    *since = serde_json::to_value(at.plus_ns(-2 * 3600 * 1_000_000_000)).expect("a time");
    fs::write(&kept, told.to_string()).expect("write");
    // The rig that comes after puts the rule in force again, with what is left of its time.
    let scene = Scene { rig: scene.rig.again() };
    wait_for("it goes on with it", PATIENCE, || scene.rig.log().contains("A set has changed").then_some(()));
    assert!(!reaches(&pair, 7061));
    scene.rig.ask(&["policy", "remove"]);
}

#[test]
fn two_interfaces_share_a_policy_and_a_rule_may_be_of_one_of_them() {
    require_root!();
    let pair = Pair::new("twice");
    pair.left.veth_to("side", &pair.right, "side");
    let (left, right) = (Ipv4Addr::new(10, 61, 0, 1), Ipv4Addr::new(10, 61, 0, 2));
    pair.left.run(&format!("ip addr add {left}/24 dev side"));
    pair.right.run(&format!("ip addr add {right}/24 dev side"));
    for end in [&pair.left, &pair.right] {
        end.run("ip link set side up");
    }
    let sent = |from: Ipv4Addr, to: Ipv4Addr, port: u16| {
        let receiver = pair.right.inside(|| UdpSocket::bind((to, port))).expect("bind");
        receiver.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        let sender = pair.left.inside(|| UdpSocket::bind((from, 0))).expect("bind");
        sender.send_to(b"anyone?", (to, port)).expect("send");
        receiver.recv(&mut [0; 16]).is_ok()
    };
    wait_for("the second wire works", PATIENCE, || sent(left, right, 7070).then_some(()));
    let scene = Scene::of(&pair);
    let rules = "[[rule]]\nid = \"both\"\nmatch = { protocol = \"udp\", dst_port = 7071 }\naction = \"drop\"\n\
                 [[rule]]\nid = \"side\"\nmatch = { protocol = \"udp\", dst_port = 7072, iface = \"side\" }\naction = \"drop\"\n";
    scene.applied(rules, &["-i", "side"]);
    assert!(!sent(Pair::LEFT, Pair::RIGHT, 7071) && !sent(left, right, 7071));
    assert!(sent(Pair::LEFT, Pair::RIGHT, 7072) && !sent(left, right, 7072));
    assert_eq!((scene.rule("both").over_packets, scene.rule("side").packets), (2, 1));
    let dropped = wait_for("both are told", PATIENCE, || {
        let doors = scene.status()?.interfaces;
        let dropped: Vec<_> = doors.iter().map(|door| (door.iface.clone(), door.dropped.packets)).collect();
        (dropped.iter().map(|(_, packets)| packets).sum::<u64>() == 3).then_some(dropped)
    });
    assert_eq!(dropped, [(Pair::IFACE.to_owned(), 1), ("side".to_owned(), 2)]);
    scene.rig.ask(&["policy", "remove", "-i", "side"]);
    assert!(sent(left, right, 7071) && !sent(Pair::LEFT, Pair::RIGHT, 7071));
}

#[test]
fn packets_that_rules_met_are_told_as_records() {
    require_root!();
    let pair = Pair::new("events");
    // A window that closes right after the packet was fetched would have it in the store before anyone asks.
    let config = format!("[rig]\ninterfaces = [{:?}]\nwindow = \"1h\"\n", Pair::IFACE);
    let scene = Scene { rig: Rig::start_with(&pair.right, &config) };
    scene.applied("[[rule]]\nid = \"p\"\nmatch = { protocol = \"udp\", dst_port = 7050 }\naction = \"drop\"\n", &[]);
    assert!(!reaches(&pair, 7050));
    wait_for("the packet is told", PATIENCE, || {
        let text = scene.rig.get("/api/v1/policy_events");
        let mut events = text.lines().filter_map(|line| serde_json::from_str::<PolicyEventRecord>(line).ok());
        events.find(|event| event.rule == "p")
    });
    let stored = scene.rig.stop();
    let event = stored.policy_events.iter().find(|event| event.rule == "p").expect("it is stored");
    assert_eq!((event.verdict, event.iface.as_deref()), (PolicyVerdict::Dropped, Some(Pair::IFACE)));
    assert_eq!((event.src_addr, event.dst_addr), (Some(IpAddr::V4(Pair::LEFT)), Some(IpAddr::V4(Pair::RIGHT))));
    assert_eq!((event.dst_port, event.transport.as_deref()), (Some(7050), Some("udp")));
}
