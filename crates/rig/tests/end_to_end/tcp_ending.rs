//! However it ends, the TCP probe leaves nothing behind; and without it the rest goes on.

use crate::support::{Rig, Stored, Street, inode_of, udp_churn, wait_for};
use netrig_model::{ConnectionEnd, ProbeState};
use netrig_testkit::{Connect, Pair, Server, require_root};
use std::process::Command;
use std::time::Duration;

/// Ids of programs that are attached to control groups.
fn programs_of_cgroups() -> String {
    let out = Command::new("bpftool").args(["cgroup", "tree"]).output();
    out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default()
}

#[test]
fn a_killed_rig_leaves_no_program_at_sockets_or_control_groups() {
    require_root!();
    const ENDED: usize = 50;
    let pair = Pair::new("tcpkill");
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    let mut rig = Rig::of_tcp(&pair.left);
    let held = rig.bpf_objects();
    assert_eq!(held.alive(), held, "they are in the kernel now");
    assert!(held.links.len() > 8, "tracepoints, control groups and interfaces: {held:?}");
    for _ in 0..ENDED {
        drop(Connect::to(server.address()).from(&pair.left).expect("connect"));
    }
    let open = Connect::to(server.address()).from(&pair.left).expect("connect");
    wait_for("some are told", Duration::from_secs(10), || (of_left(&rig, &pair) >= ENDED).then_some(()));
    // Of several windows.
    std::thread::sleep(Duration::from_millis(1200));
    rig.signal("KILL");
    held.wait_until_gone();
    let tree = programs_of_cgroups();
    for id in &held.programs {
        let attached = tree.lines().any(|line| line.split_whitespace().next() == Some(&id.to_string()));
        assert!(!attached, "program {id} is still at a control group: {tree}");
    }
    // Files are whole, and the next rig takes what the killed one left open for a connection that is older than it.
    let stored = Stored::read(&rig.store_dir());
    assert!(stored.connections.iter().any(|r| r.netns == Some(inode_of(&pair.left))), "whole windows are in the store");
    let rig = rig.again();
    let port = open.local_addr().expect("a socket has an address").port();
    let found = rig.connections().into_iter().find(|r| r.src_port == Some(port) && r.pid == Some(std::process::id()));
    assert!(found.is_some_and(|r| r.older_than_rig && r.end_reason == ConnectionEnd::Open));
}

/// Ended connections of the left namespace that are told and not stored yet, or stored.
fn of_left(rig: &Rig<'_>, pair: &Pair) -> usize {
    let netns = format!("\"netns\":{},", inode_of(&pair.left));
    let text = rig.ask(&["connections", "--json", "--since", "1h"]);
    text.lines().filter(|line| line.contains(&netns) && line.contains("\"end_reason\":\"closed\"")).count()
}

#[test]
fn without_the_tcp_probe_flows_go_on() {
    require_root!();
    let street = Street::new("notcp");
    let rig =
        Rig::start_with(&street.near, "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\n[tcp]\nenabled = false\n");
    let status = rig.status();
    let probe = status.probes.iter().find(|p| p.name == "tcp").expect("it is named");
    assert_eq!(probe.state, ProbeState::Off);
    assert!(probe.detail.contains("[tcp] enabled = false"), "{}", probe.detail);
    assert!(status.tcp.is_none());
    assert!(rig.connections().is_empty());
    let sent = street.near.inside(|| udp_churn(100, 3, 10));
    let stored = rig.stop();
    stored.assert_balanced();
    assert_eq!(stored.sum("near0", |f| f.protocol == 17).0, sent);
    assert!(stored.connections.is_empty() && stored.flows.iter().all(|f| f.process.is_none()));
}
