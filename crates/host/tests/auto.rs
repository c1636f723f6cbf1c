//! What `auto` finds among real interfaces: the same road that the rig goes at its start.

use netrig_host::{Selector, list, reach};
use netrig_testkit::{NetNs, require_root};

/// Names of what `entries` select in a namespace.
fn selected(ns: &NetNs, entries: &[&str]) -> Vec<String> {
    let entries: Vec<_> = entries.iter().map(|e| (*e).to_owned()).collect();
    let (interfaces, reach) = ns.inside(|| (list().expect("list"), reach().expect("reach")));
    let selection = Selector::parse(&entries).expect("entries").select(&interfaces, &reach);
    let name = |index: &u32| interfaces.iter().find(|i| i.index == *index).map(|i| i.name.clone());
    selection.indices.iter().filter_map(name).collect()
}

#[test]
fn a_container_on_a_bridge_watches_its_own_end_and_the_host_neither() {
    require_root!();
    let (host, container) = (NetNs::new("host"), NetNs::new("container"));
    host.veth_to("veth1", &container, "eth0");
    host.run_script("ip link add br0 type bridge; ip link set br0 up; ip link set veth1 master br0");
    host.address("br0", "172.30.0.1/24");
    container.address("eth0", "172.30.0.2/24");
    assert_eq!(selected(&container, &["auto"]), [""; 0], "a veth without the default route may lead anywhere");
    container.run("ip route add default via 172.30.0.1");
    assert_eq!(selected(&container, &["auto"]), ["eth0"]);
    assert_eq!(selected(&host, &["auto"]), [""; 0], "a bridge of containers leads nowhere");
    assert_eq!(selected(&host, &["veth*", "br0"]).len(), 2);
}

#[test]
fn a_vlan_over_the_way_out_is_watched_below() {
    require_root!();
    let (host, other) = (NetNs::new("vlan"), NetNs::new("vlan-other"));
    host.veth_to("eth0", &other, "peer");
    let made = host.command("sh").args(["-c", "ip link add link eth0 name eth0.7 type vlan id 7"]).output();
    if !made.expect("ip").status.success() {
        return netrig_testkit::report_skipped("this kernel has no VLAN interfaces");
    }
    host.run("ip link set dev eth0.7 up");
    host.address("eth0", "10.6.0.1/24");
    host.address("eth0.7", "10.7.0.1/24");
    host.run("ip route add default via 10.6.0.2");
    assert_eq!(selected(&host, &["auto"]), ["eth0"]);
}
