//! What somebody's rule throws away: a firewall's, a program's.

use crate::support::drops::send_datagrams;
use crate::support::{Rig, wait_for};
use netrig_model::{Direction, DropClass, DropSource};
use netrig_testkit::{NetNs, Pair, XdpDrop, XdpMode, report_skipped, require_root};
use std::time::Duration;

const PORT: u16 = 4547;
const COUNT: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(5);

/// Packets counted by the one rule of a namespace.
fn rule_counter(ns: &NetNs) -> u64 {
    let text = ns.run("nft list ruleset");
    let after = text.split("counter packets ").nth(1).unwrap_or_else(|| panic!("a rule with a counter: {text}"));
    after.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

#[test]
fn a_firewalls_rule() {
    require_root!();
    if std::process::Command::new("nft").arg("--version").output().is_err() {
        report_skipped("the `nft` command is missing: install nftables");
        return;
    }
    let pair = Pair::new("rule");
    pair.right.run_script(&format!(
        "nft add table ip walls; nft 'add chain ip walls in {{ type filter hook input priority 0; }}'
         nft add rule ip walls in udp dport {PORT} counter drop"
    ));
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let to = (Pair::RIGHT, PORT);
    let from = pair.left.inside(|| send_datagrams(Pair::LEFT, to, COUNT, 100));
    wait_for("all have met the rule", PATIENCE, || (rule_counter(&pair.right) == COUNT).then_some(()));
    let stored = rig.stop();
    let dropped = stored.dropped(&pair.right, "NETFILTER_DROP");
    assert_eq!((dropped.packets(), dropped.of_udp(from, to)), (COUNT, COUNT), "{dropped:#?}");
    dropped.assert_all(DropClass::Policy, Direction::Ingress, Pair::IFACE);
    dropped.assert_place(&["nf_hook_slow", "nft_do_chain", "nft_do_chain_inet"]);
    dropped.assert_example();
}

#[test]
fn a_program_in_the_drivers_stead() {
    require_root!();
    let pair = Pair::new("xdpgeneric");
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let to = (Pair::RIGHT, PORT);
    let program = XdpDrop::attach(&pair.right, Pair::IFACE, XdpMode::Generic);
    let from = pair.left.inside(|| send_datagrams(Pair::LEFT, to, COUNT, 100));
    drop(program);
    let stored = rig.stop();
    // Kernels give no reason for it: the place says what it was.
    let mut dropped = stored.dropped(&pair.right, "NOT_SPECIFIED");
    dropped.0.retain(|row| row.dst_port == Some(PORT));
    assert_eq!((dropped.packets(), dropped.of_udp(from, to)), (COUNT, COUNT), "{dropped:#?}");
    dropped.assert_place(&["do_xdp_generic", "netif_receive_generic_xdp", "bpf_prog_run_generic_xdp"]);
    dropped.assert_all(DropClass::Policy, Direction::Ingress, Pair::IFACE);
}

#[test]
fn what_a_program_in_the_driver_drops_came_in() {
    require_root!();
    let pair = Pair::new("xdpway");
    let program = XdpDrop::attach(&pair.right, Pair::IFACE, XdpMode::Native);
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let to = (Pair::RIGHT, PORT);
    let from = pair.left.inside(|| send_datagrams(Pair::LEFT, to, COUNT, 100));
    wait_for("all have met the program", PATIENCE, || {
        (driver_counter(&pair.right, "xdp_drops") == COUNT).then_some(())
    });
    let stored = rig.stop();
    drop(program);
    // It looks like one that is to be sent: its link header has been put back before it. The place knows better. Kernels that free
    // it otherwise tell of no packet here.
    let mut dropped = stored.rows(DropSource::Skb, &pair.right, "NOT_SPECIFIED");
    dropped.0.retain(|row| row.dst_port == Some(PORT));
    if !dropped.0.is_empty() {
        assert_eq!((dropped.packets(), dropped.of_udp(from, to)), (COUNT, COUNT), "{dropped:#?}");
        dropped.assert_all(DropClass::Policy, Direction::Ingress, Pair::IFACE);
    }
}

/// By `ethtool -S`, all queues together.
fn driver_counter(ns: &NetNs, name: &str) -> u64 {
    let text = ns.run(&format!("ethtool -S {}", Pair::IFACE));
    let lines = text.lines().filter_map(|line| line.trim().split_once(": "));
    lines.filter(|(key, _)| key.ends_with(name)).filter_map(|(_, value)| value.trim().parse::<u64>().ok()).sum()
}

#[test]
fn a_program_in_the_driver() {
    require_root!();
    let pair = Pair::new("xdpnative");
    let program = XdpDrop::attach(&pair.right, Pair::IFACE, XdpMode::Native);
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let before = driver_counter(&pair.right, "xdp_drops");
    pair.left.inside(|| send_datagrams(Pair::LEFT, (Pair::RIGHT, PORT), COUNT, 100));
    wait_for("all have met the program", PATIENCE, || {
        (driver_counter(&pair.right, "xdp_drops") - before == COUNT).then_some(())
    });
    let stored = rig.stop();
    drop(program);
    let rows = stored.drops.iter().filter(|row| row.source == DropSource::Device && row.reason.ends_with("xdp_drops"));
    let rows: Vec<_> = rows.filter(|row| row.iface.as_deref() == Some(Pair::IFACE)).collect();
    assert_eq!(rows.iter().map(|row| row.packets).sum::<u64>(), COUNT, "{rows:#?}");
    assert!(rows.iter().all(|row| row.class == Some(DropClass::Policy)), "{rows:#?}");
}
