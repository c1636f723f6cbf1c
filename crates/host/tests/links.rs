//! Listing and watching real interfaces, in namespaces of the test's own.

use netrig_host::{Interface, LinkEvent, LinkLayer, Watch, list, reach, watch, watch_with_buffer};
use netrig_testkit::{NetNs, require_root};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

fn find<'a>(interfaces: &'a [Interface], name: &str) -> &'a Interface {
    interfaces.iter().find(|i| i.name == name).unwrap_or_else(|| panic!("no {name} in {interfaces:?}"))
}

/// What is known after `initial` and all events up to now.
struct Mirror {
    watch: Watch,
    known: BTreeMap<u32, Interface>,
    reach_changes: usize,
}

impl Mirror {
    fn new(watch: Watch) -> Self {
        let known = watch.initial.iter().map(|i| (i.index, i.clone())).collect();
        Self { watch, known, reach_changes: 0 }
    }

    fn follow_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "never came: {what}; known: {:?}", self.names());
            match self.watch.next_within(Duration::from_millis(100)) {
                Some(LinkEvent::Added(i)) => assert!(self.known.insert(i.index, i).is_none(), "added twice"),
                Some(LinkEvent::Changed(i)) => assert!(self.known.insert(i.index, i).is_some(), "changed, never added"),
                Some(LinkEvent::Removed { index, name }) => {
                    let gone = self.known.remove(&index).expect("removed, never added");
                    assert_eq!(gone.name, name);
                }
                Some(LinkEvent::ReachChanged) => self.reach_changes += 1,
                None => {}
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.known.values().map(|i| i.name.as_str()).collect()
    }

    fn values(&self) -> Vec<Interface> {
        self.known.values().cloned().collect()
    }
}

/// Whether `kinds` can be created: kernels are built with more or fewer.
fn make(ns: &NetNs, line: &str) -> bool {
    let made = ns.command("sh").args(["-c", line]).output().expect("sh").status.success();
    if !made {
        netrig_testkit::report_skipped(&format!("this kernel cannot: {line}"));
    }
    made
}

#[test]
fn interfaces_are_described_as_they_are() {
    require_root!();
    let ns = NetNs::new("kinds");
    ns.run_script(
        "ip link add v0 mtu 1400 type veth peer name v1
         ip link add br0 type bridge
         ip link set v1 master br0
         ip link property add dev v0 altname a-name-longer-than-fifteen
         ip link set v0 up",
    );
    let other = NetNs::new("kinds-other");
    ns.veth_to("out0", &other, "eth0");
    let interfaces = ns.inside(list).expect("list");
    let lo = find(&interfaces, "lo");
    assert!(lo.is_loopback && lo.up && lo.kind.is_none());
    assert_eq!(lo.link_layer, LinkLayer::Ethernet);
    let (v0, v1, br0) = (find(&interfaces, "v0"), find(&interfaces, "v1"), find(&interfaces, "br0"));
    assert_eq!((v0.kind.as_deref(), v0.mtu, v0.up, v0.carrier), (Some("veth"), 1400, true, false));
    assert_eq!((v0.lower, v0.lower_is_elsewhere), (Some(v1.index), false));
    assert!(v0.is_called("a-name-longer-than-fifteen"));
    assert_eq!((v1.master, br0.kind.as_deref()), (Some(br0.index), Some("bridge")));
    let out0 = find(&interfaces, "out0");
    assert_eq!((out0.lower, out0.lower_is_elsewhere, out0.carrier), (None, true, true));
}

#[test]
fn link_layers_are_told_apart() {
    require_root!();
    let ns = NetNs::new("layers");
    let cases = [
        ("tun0", "ip tuntap add tun0 mode tun", LinkLayer::None, "tun"),
        ("tap0", "ip tuntap add tap0 mode tap", LinkLayer::Ethernet, "tun"),
        ("wg0", "ip link add wg0 type wireguard", LinkLayer::None, "wireguard"),
        ("ipip9", "ip link add ipip9 type ipip local 127.0.0.1 remote 127.0.0.1", LinkLayer::None, "ipip"),
        ("gre9", "ip link add gre9 type gre local 127.0.0.1 remote 127.0.0.1", LinkLayer::None, "gre"),
        ("dummy9", "ip link add dummy9 type dummy", LinkLayer::Ethernet, "dummy"),
    ];
    for (name, line, link_layer, kind) in cases {
        if make(&ns, line) {
            let interfaces = ns.inside(list).expect("list");
            let interface = find(&interfaces, name);
            assert_eq!((interface.link_layer, interface.kind.as_deref()), (link_layer, Some(kind)), "{name}");
        }
    }
}

#[test]
fn fifty_veths_are_seen_to_come_and_to_go() {
    require_root!();
    let ns = NetNs::new("hotplug");
    let mut mirror = Mirror::new(ns.inside(watch).expect("watch"));
    assert_eq!(mirror.names(), ["lo"]);
    ns.run_script("for i in $(seq 50); do ip link add a$i type veth peer name b$i; ip link set a$i up; done");
    let is_up = |m: &Mirror| m.known.values().filter(|i| i.name.starts_with('a') && i.up).count() == 50;
    mirror.follow_until("50 veths", |m| m.known.len() == 101 && is_up(m));
    ns.run("ip link set a7 name renamed7");
    mirror.follow_until("the new name", |m| m.names().contains(&"renamed7"));
    ns.run_script("for i in $(seq 8 50); do ip link del b$i; done");
    mirror.follow_until("43 pairs to go", |m| m.known.len() == 15);
    let truth = ns.inside(list).expect("list");
    mirror.follow_until("what the kernel does not tell by itself", |m| m.values() == truth);
    assert_eq!(mirror.watch.overruns(), 0);
}

#[test]
fn nothing_is_missed_when_the_kernel_says_more_than_the_buffer_holds() {
    require_root!();
    let ns = NetNs::new("overrun");
    let mut mirror = Mirror::new(ns.inside(|| watch_with_buffer(1)).expect("watch"));
    let lines: String = (0..100)
        .map(|i| format!("link add c{i} type veth peer name d{i}\n"))
        .chain((0..100).step_by(2).map(|i| format!("link del c{i}\n")))
        .collect();
    batch(&ns, &lines);
    let truth = ns.inside(list).expect("list");
    assert_eq!(truth.len(), 101);
    mirror.follow_until("the state after the burst", |m| m.values() == truth);
    assert!(mirror.watch.overruns() > 0, "the buffer was meant to overrun");
}

/// Many commands in one process: faster than anybody reads.
fn batch(ns: &NetNs, lines: &str) {
    use std::io::Write;
    let mut command = ns.command("ip");
    let mut child = command.args(["-batch", "-"]).stdin(std::process::Stdio::piped()).spawn().expect("ip -batch");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("write");
    assert!(child.wait().expect("wait").success());
}

#[test]
fn an_interface_that_moves_to_another_namespace_is_gone() {
    require_root!();
    let (ns, other) = (NetNs::new("from"), NetNs::new("to"));
    ns.veth("stays", "goes");
    let mut mirror = Mirror::new(ns.inside(watch).expect("watch"));
    ns.run(&format!("ip link set goes netns {}", other.name()));
    mirror.follow_until("the move", |m| m.names() == ["lo", "stays"] && m.values()[1].lower_is_elsewhere);
}

#[test]
fn addresses_and_default_routes_are_seen() {
    require_root!();
    let ns = NetNs::new("reach");
    ns.veth("a", "b");
    let mut mirror = Mirror::new(ns.inside(watch).expect("watch"));
    let (a, b) = (find(&mirror.watch.initial, "a").index, find(&mirror.watch.initial, "b").index);
    assert!(!ns.inside(reach).expect("reach").contains(a));
    ns.address("a", "10.9.0.1/24");
    mirror.follow_until("the address", |m| m.reach_changes > 0);
    ns.run("ip route add default via 10.9.0.2 dev a");
    ns.address("b", "fd09::1/64");
    ns.run("ip -6 route add default dev b metric 5000");
    let seen = ns.inside(reach).expect("reach");
    assert_eq!(seen.default_routes.into_iter().collect::<Vec<_>>(), [a.min(b), a.max(b)]);
    assert_eq!(seen.global_addresses.into_iter().collect::<Vec<_>>(), [a.min(b), a.max(b)]);
    ns.run_script(
        "ip route del default
         ip address add 10.8.0.1/24 dev b
         ip route add default nexthop via 10.9.0.2 dev a nexthop via 10.8.0.2 dev b
         ip -6 route del default",
    );
    let seen = ns.inside(reach).expect("reach");
    assert_eq!(seen.default_routes.len(), 2, "both paths of a route count");
}

#[test]
fn the_thread_ends_with_its_watch() {
    require_root!();
    let ns = NetNs::new("end");
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("tasks").flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim() == "netrig-links").count()
    };
    // Other tests of this process watch too, so a count says little: it must be seen to grow and to come back once.
    let many: Vec<_> = (0..20).map(|_| ns.inside(watch).expect("watch")).collect();
    let wait_until = |what: &str, done: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    wait_until("threads do not start", &|| threads() >= 20);
    drop(many);
    wait_until("threads are left", &|| threads() < 20);
}
