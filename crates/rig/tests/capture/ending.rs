//! Interfaces that come and go, captures that are killed, hooks that others hold.

use crate::support::{Capture, Folder, count, wait_for};
use netrig_testkit::{Pair, require_root};
use std::time::Duration;

/// The kernel's numbers of all links that a process holds.
fn links_of(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("its descriptors");
    let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    let number = |text: String| text.lines().find_map(|line| line.strip_prefix("link_id:")?.trim().parse().ok());
    texts.filter_map(number).collect()
}

#[test]
fn an_interface_that_goes_in_the_middle_is_said_and_what_was_captured_is_kept() {
    require_root!();
    let pair = Pair::new("cap-gone");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let capture = Capture::start(&pair.left, &["-i", Pair::IFACE, "icmp", "-w", file.to_str().expect("text")]);
    pair.left.run(&format!("ping -q -c 2 -i 0.01 {}", Pair::RIGHT));
    pair.left.run(&format!("ip link del dev {}", Pair::IFACE));
    let ended = capture.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.said);
    assert!(ended.said.contains("eth0 is gone"), "{}", ended.said);
    assert_eq!(count(&file, ""), 4, "{}", ended.said);
    ended.account().assert_adds_up();
}

#[test]
fn of_any_one_that_comes_later_is_captured_too() {
    require_root!();
    let pair = Pair::new("cap-come");
    let capture = Capture::start(&pair.left, &["-i", "any", "icmp and host 10.66.0.2"]);
    pair.left.veth_to("late0", &pair.right, "late1");
    pair.left.address("late0", "10.66.0.1/24");
    pair.right.address("late1", "10.66.0.2/24");
    std::thread::sleep(Duration::from_millis(1500));
    pair.left.run("ping -q -c 2 -i 0.01 10.66.0.2");
    std::thread::sleep(Duration::from_millis(200));
    let ended = capture.stop().fine();
    assert!(ended.said.contains("late0 has come"), "{}", ended.said);
    assert_eq!(ended.out.lines().filter(|line| line.contains(" late0 ")).count(), 4, "{}", ended.out);
}

#[test]
fn killed_it_leaves_nothing_attached() {
    require_root!();
    let pair = Pair::new("cap-killed");
    let hooks = ["--hook", "ingress", "--hook", "egress", "--hook", "xdp", "--hook", "drop"];
    let capture = Capture::start(&pair.left, &[&["-i", Pair::IFACE, "tcp"], &hooks[..]].concat());
    let links = links_of(capture.id());
    assert!(links.len() >= hooks.len() / 2, "a link for each hook: {links:?}");
    capture.signal("KILL");
    drop(capture);
    let there = || libbpf_rs::query::LinkInfoIter::default().filter(|link| links.contains(&link.id)).count();
    wait_for("all is taken off", || (there() == 0).then_some(()));
}

#[test]
fn at_xdp_packets_are_seen_as_they_come() {
    require_root!();
    let pair = Pair::new("cap-xdp");
    let capture = Capture::start(&pair.left, &["-i", Pair::IFACE, "--hook", "xdp", "icmp"]);
    pair.left.run(&format!("ping -q -c 3 -i 0.01 {}", Pair::RIGHT));
    std::thread::sleep(Duration::from_millis(200));
    let ended = capture.stop().fine();
    assert_eq!(ended.out.lines().filter(|line| line.contains("ICMP echo reply")).count(), 3, "{}", ended.out);
    assert_eq!(ended.out.lines().count(), 3, "only what arrives: {}", ended.out);
}

#[test]
fn a_hook_that_another_holds_is_left_to_it_and_its_holder_named() {
    require_root!();
    let pair = Pair::new("cap-held");
    let first = Capture::start(&pair.left, &["-i", Pair::IFACE, "--hook", "xdp"]);
    let mut second = std::process::Command::new(crate::support::netrig());
    second.args(["capture", "-i", Pair::IFACE, "--hook", "xdp"]);
    let out = pair.left.inside(|| second.output()).expect("start netrig");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("XDP hook is held by") && said.contains(&first.id().to_string()), "{said}");
}
