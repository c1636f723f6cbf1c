//! Attaching to XDP in the real kernel: what is asked for and what is got, and whose the hook is where another has it.

use netrig_probes::ProbeError;
use netrig_probes::holder::{AttachedBy, XdpMode, driver_takes_xdp, xdp_holder};
use netrig_probes::link::attach_xdp;
use netrig_probes::policy::PolicyProbe;
use netrig_testkit::{NetNs, Pair, XdpDrop, report_skipped, require_root};
use std::fs;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

static ALONE: Mutex<()> = Mutex::new(());

/// One test after another: a command that a test starts holds for a moment, until it begins, all that this process holds, links too.
fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ifindex(ns: &NetNs, iface: &str) -> u32 {
    let text = ns.inside(|| fs::read_to_string("/proc/thread-self/net/igmp")).expect("the kernel's list");
    let line = text.lines().find(|line| line.split_whitespace().nth(1) == Some(iface));
    let index = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    index.unwrap_or_else(|| panic!("{iface}: {text}"))
}

/// What the door got on an interface, and why no more.
fn attach(ns: &NetNs, iface: &str) -> Result<(&'static str, Option<String>), ProbeError> {
    let index = ifindex(ns, iface);
    ns.inside(|| {
        let mut probe = PolicyProbe::load(0)?;
        let hook = probe.attach(iface, index)?;
        Ok((hook, probe.why_not_native(index)))
    })
}

#[test]
fn a_free_hook_is_held_by_none_and_then_by_us() {
    require_root!();
    let _alone = alone();
    let ns = NetNs::new("xdpfree");
    ns.veth("a", "b");
    let index = ifindex(&ns, "a");
    ns.inside(|| {
        assert_eq!(xdp_holder(index).expect("netlink"), None);
        let mut probe = PolicyProbe::load(0).expect("the door is loaded");
        assert_eq!(probe.attach("a", index).expect("it attaches"), "xdp-native");
        assert_eq!(probe.why_not_native(index), None);
        let holder = xdp_holder(index).expect("netlink").expect("the door");
        assert_eq!((holder.name.as_deref(), holder.mode), (Some("policy_entry"), XdpMode::Native));
        assert!(matches!(holder.by, AttachedBy::Link(_)), "{holder:?}");
        assert_eq!(holder.processes.iter().map(|p| p.pid).collect::<Vec<_>>(), [std::process::id()]);
        assert!(holder.loaded_ago.expect("a time").as_secs() < 60, "{holder:?}");
        let error = PolicyProbe::load(0).expect("another").attach("a", index).expect_err("it is taken").to_string();
        assert!(error.contains("that is a policy of netrig's"), "{error}");
        println!("{error}");
        drop(probe);
        assert_eq!(xdp_holder(index).expect("netlink"), None);
    });
}

#[test]
fn what_another_holds_is_left_to_it_and_it_is_named() {
    require_root!();
    let _alone = alone();
    let pair = Pair::new("xdpheld");
    let modes = [
        (netrig_testkit::XdpMode::Native, "(native, loaded", "xdpdrv off"),
        (netrig_testkit::XdpMode::Generic, "(generic, loaded", "xdpgeneric off"),
    ];
    for (mode, loaded, way_out) in modes {
        let held = XdpDrop::attach(&pair.right, Pair::IFACE, mode);
        let error = attach(&pair.right, Pair::IFACE).expect_err("it is taken").to_string();
        let pid = format!("of process {} `", std::process::id());
        for part in ["eth0's XDP hook is held by program ", " `drop_udp4` ", loaded, &pid, "by netlink"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        println!("{error}");
        let index = ifindex(&pair.right, Pair::IFACE);
        let mut holder = pair.right.inside(|| xdp_holder(index)).expect("netlink").expect("a program");
        assert_eq!((holder.by, holder.name.as_deref()), (AttachedBy::Netlink, Some("drop_udp4")));
        holder.processes.clear();
        assert!(holder.advice(Pair::IFACE).contains(way_out), "{}", holder.advice(Pair::IFACE));
        drop(held);
        assert_eq!(attach(&pair.right, Pair::IFACE).expect("it is free"), ("xdp-native", None));
    }
}

#[test]
fn where_the_driver_takes_none_the_stack_does_and_the_kernel_says_why() {
    require_root!();
    let _alone = alone();
    let ns = NetNs::new("xdpgeneric");
    ns.veth("a", "b");
    let made = [
        ("lo", ""),
        ("dummy0", "ip link add dummy0 type dummy"),
        ("br0", "ip link add br0 type bridge"),
        ("vlan5", "ip link add link a name vlan5 type vlan id 5"),
        ("mac0", "ip link add link a name mac0 type macvlan mode bridge"),
        // More queues of the other end than of this one.
        ("few", "ip link add few numrxqueues 1 numtxqueues 1 type veth peer name many numrxqueues 4 numtxqueues 4"),
    ];
    let mut seen = 0;
    for (iface, make) in made {
        let out = ns.command("sh").args(["-ec", make]).output().expect("start sh");
        if !out.status.success() {
            report_skipped(&format!("{iface}: {}", String::from_utf8_lossy(&out.stderr).trim()));
            continue;
        }
        ns.run(&format!("ip link set {iface} up"));
        let (hook, why) = attach(&ns, iface).unwrap_or_else(|error| panic!("{iface}: {error}"));
        let why = why.unwrap_or_else(|| panic!("{iface}: a reason ({hook})"));
        let told = ns.inside(|| driver_takes_xdp(ifindex(&ns, iface))).expect("netlink");
        println!("{iface}: asked for the driver's, got {hook}: {why}; the driver says {told:?}");
        assert_eq!(hook, "xdp-generic", "{iface}");
        let words = if iface == "few" { "queues" } else { "does not support XDP in native mode" };
        assert!(why.contains(words), "{iface}: {why}");
        seen += 1;
    }
    assert!(seen > 0, "not even on the loopback device");
}

#[test]
fn what_a_driver_says_of_packets_that_are_too_long_reaches_the_user() {
    require_root!();
    let _alone = alone();
    let ns = NetNs::new("xdplong");
    ns.run("ip link add name a mtu 9000 type veth peer name b mtu 9000");
    ns.run_script("ip link set dev a up; ip link set dev b up");
    let (index, program) = (ifindex(&ns, "a"), XdpDrop::program());
    let attached = ns.inside(|| attach_xdp(program.as_fd(), "a", index)).expect("the generic form");
    println!("{:?}", attached.why_not_native());
    assert_eq!(attached.hook(), "xdp-generic");
    assert!(attached.why_not_native().is_some_and(|why| why.contains("MTU")), "{:?}", attached.why_not_native());
    // netrig's own takes packets in several parts.
    drop(attached);
    assert_eq!(attach(&ns, "a").expect("it attaches"), ("xdp-native", None));
}
