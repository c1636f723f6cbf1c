//! What entries of `rig.interfaces` select, on hosts as they are found.

use netrig_host::{Interface, LinkLayer, Reach, SelectError, SelectProblem, Selection, Selector};
use proptest::prelude::*;

/// `eth0`, or `name:kind`, with ports `>master` and layers `/lower`: `bond0:bond`, `eth0>bond0`, `eth0.5:vlan/eth0`;
/// `@` puts the interface below into another namespace.
fn host(descriptions: &[&str]) -> Vec<Interface> {
    let names: Vec<_> = descriptions.iter().map(|d| d.split([':', '>', '/', '@']).next().expect("a name")).collect();
    let index_of = |name: &str| names.iter().position(|n| *n == name).and_then(|at| u32::try_from(at + 1).ok());
    let part = |d: &str, mark: char| {
        d.split_once(mark).map(|(_, rest)| rest.split([':', '>', '/', '@']).next().unwrap_or_default().to_owned())
    };
    let describe = |(at, d): (usize, &&str)| Interface {
        index: u32::try_from(at + 1).expect("few"),
        name: names[at].to_owned(),
        alternative_names: vec![format!("alt-{}", names[at])],
        kind: part(d, ':'),
        link_layer: LinkLayer::Ethernet,
        mtu: 1500,
        up: true,
        carrier: true,
        is_loopback: names[at] == "lo",
        master: part(d, '>').and_then(|name| index_of(&name)),
        lower: part(d, '/').and_then(|name| index_of(&name)),
        lower_is_elsewhere: d.contains('@'),
    };
    descriptions.iter().enumerate().map(describe).collect()
}

fn indices(interfaces: &[Interface], names: &[&str]) -> impl Iterator<Item = u32> {
    names.iter().map(|n| interfaces.iter().find(|i| i.name == *n).expect("a name of the host").index)
}

fn select(entries: &[&str], interfaces: &[Interface], reach: &Reach) -> Selection {
    let entries: Vec<_> = entries.iter().map(|e| (*e).to_owned()).collect();
    Selector::parse(&entries).expect("entries").select(interfaces, reach)
}

/// Names that `auto` selects, when those in `addresses` and `routes` have such.
fn auto(descriptions: &[&str], addresses: &[&str], routes: &[&str]) -> Vec<String> {
    let interfaces = host(descriptions);
    let reach = Reach {
        default_routes: indices(&interfaces, routes).collect(),
        global_addresses: indices(&interfaces, addresses).collect(),
    };
    let selected = select(&["auto"], &interfaces, &reach).indices;
    selected.iter().map(|at| interfaces[*at as usize - 1].name.clone()).collect()
}

#[test]
fn a_plain_host_watches_its_card() {
    assert_eq!(auto(&["lo", "eth0", "eth1", "dummy0:dummy"], &["eth0", "dummy0"], &["eth0"]), ["eth0"]);
    assert_eq!(auto(&["lo", "eth0", "eth1"], &["eth0", "eth1"], &["eth0"]), ["eth0", "eth1"]);
}

#[test]
fn containers_on_the_host_are_not_uplinks() {
    let docker = ["lo", "eth0", "docker0:bridge", "veth1:veth>docker0@", "cali1:veth@"];
    assert_eq!(auto(&docker, &["eth0", "docker0", "cali1"], &["eth0"]), ["eth0"]);
}

#[test]
fn in_a_container_the_way_out_is_a_veth_or_a_layer_over_the_hosts_card() {
    assert_eq!(auto(&["lo", "eth0:veth@"], &["eth0"], &["eth0"]), ["eth0"]);
    assert_eq!(auto(&["lo", "eth0:netkit@", "net1:macvlan@"], &["eth0", "net1"], &["eth0"]), ["eth0", "net1"]);
}

#[test]
fn bonds_and_bridges_are_watched_at_their_cards() {
    let bonded = ["lo", "eth0>bond0", "eth1>bond0", "bond0:bond"];
    assert_eq!(auto(&bonded, &["bond0"], &["bond0"]), ["eth0", "eth1"]);
    let bridged = ["lo", "eth0>br0", "tap0:tun>br0", "veth0:veth>br0@", "br0:bridge"];
    assert_eq!(auto(&bridged, &["br0"], &["br0"]), ["eth0"]);
    let vswitch = ["eth0>ovs-system", "ovs-system:openvswitch", "br-ex:openvswitch", "gnv:geneve>ovs-system"];
    assert_eq!(auto(&vswitch, &["br-ex"], &["br-ex"]), ["eth0"]);
}

#[test]
fn layers_are_followed_to_the_ground_and_counted_once() {
    let layered =
        ["lo", "eth0>bond0", "eth1>bond0", "bond0:bond", "bond0.7:vlan/bond0", "br7:bridge", "port:vlan>br7/bond0"];
    assert_eq!(auto(&layered, &["bond0", "bond0.7", "br7"], &["br7"]), ["eth0", "eth1"]);
}

#[test]
fn tunnels_are_seen_as_what_carries_them() {
    let vpn = ["lo", "eth0", "wg0:wireguard", "tun0:tun"];
    assert_eq!(auto(&vpn, &["eth0", "wg0", "tun0"], &["eth0", "wg0"]), ["eth0"]);
    assert_eq!(auto(&["lo", "eth0", "ppp0:ppp"], &["ppp0"], &["ppp0"]), ["ppp0"]);
}

#[test]
fn a_circle_ends() {
    assert_eq!(auto(&["a:vlan/b", "b:vlan/a"], &["a"], &[]), [""; 0]);
}

#[test]
fn no_uplink_is_said_with_what_there_is() {
    let selection = select(&["auto"], &host(&["lo", "eth0"]), &Reach::default());
    assert_eq!(selection.indices, [0; 0]);
    assert_eq!(
        selection.problems[0].to_string(),
        "no uplink was found (an interface with a default route or a global address); there are lo, eth0: name those to watch"
    );
    assert_eq!(selection.start_error(), None, "the network may come later");
}

#[test]
fn names_that_are_not_there_are_an_error_and_patterns_wait() {
    let interfaces = host(&["lo", "enp3s0", "docker0:bridge"]);
    let selection = select(&["emp3s0", "wlan7", "veth*", "lo"], &interfaces, &Reach::default());
    assert_eq!(selection.indices, [1]);
    let error = selection.start_error().expect("two names are missing");
    assert_eq!(
        error.to_string(),
        "there is no interface \"emp3s0\": did you mean \"enp3s0\"?; \
         there is no interface \"wlan7\"; there are lo, enp3s0, docker0"
    );
    assert!(selection.problems.contains(&SelectProblem::NoMatch { pattern: "veth*".to_owned() }));
    let selection = select(&["veth*"], &interfaces, &Reach::default());
    assert_eq!(selection.start_error(), None);
}

#[test]
fn exclusions_beat_everything_and_alternative_names_count() {
    let interfaces = host(&["lo", "eth0", "eth1", "docker0:bridge"]);
    let select = |entries: &[&str]| select(entries, &interfaces, &Reach::default()).indices;
    assert_eq!(select(&["*", "!lo", "!docker*"]), [2, 3]);
    assert_eq!(select(&["!eth1", "eth?"]), [2]);
    assert_eq!(select(&["alt-eth1"]), [3]);
    assert_eq!(select(&["*", "!alt-eth1"]), [1, 2, 4]);
}

#[test]
fn entries_that_stand_for_nothing_are_refused() {
    let parse = |entries: &[&str]| Selector::parse(&entries.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>());
    assert_eq!(parse(&["!docker0"]), Err(SelectError::Nothing));
    assert_eq!(parse(&[]), Err(SelectError::Nothing));
    let error = parse(&["eth0", "a/b"]).expect_err("a slash");
    assert_eq!(error.to_string(), "the interface \"a/b\" contains '/', which no interface name can");
}

prop_compose! {
    fn any_interface(index: u32)(
        name in "[ab]{1,3}",
        kind in prop::option::of(prop::sample::select(vec!["bond", "bridge", "vlan", "veth", "tun", "openvswitch"])),
        master in prop::option::of(1u32..10),
        lower in prop::option::of(1u32..10),
        lower_is_elsewhere in any::<bool>(),
    ) -> Interface {
        Interface {
            index, name, kind: kind.map(str::to_owned), master, lower, lower_is_elsewhere, alternative_names: Vec::new(),
            link_layer: LinkLayer::Ethernet, mtu: 1500, up: true, carrier: true, is_loopback: index == 1,
        }
    }
}

proptest! {
    #[test]
    fn selections_hold_their_promises(
        interfaces in (1u32..10).prop_flat_map(|n| (1..=n).map(any_interface).collect::<Vec<_>>()),
        default_routes in prop::collection::btree_set(1u32..10, 0..4),
        global_addresses in prop::collection::btree_set(1u32..10, 0..4),
        entries in prop::collection::vec("!?[ab*?]{1,3}|auto", 1..4),
    ) {
        let reach = Reach { default_routes, global_addresses };
        let Ok(selector) = Selector::parse(&entries) else { return Ok(()) };
        let selection = selector.select(&interfaces, &reach);
        prop_assert!(selection.indices.is_sorted_by(|a, b| a < b), "ascending, each once");
        prop_assert!(selection.indices.iter().all(|at| interfaces.iter().any(|i| i.index == *at)), "none but existing");

        let auto = select(&["auto"], &interfaces, &reach).indices;
        let kind = |at: &u32| interfaces[*at as usize - 1].kind.as_deref();
        let masters = |at: &u32| matches!(kind(at), Some("bond" | "bridge" | "openvswitch" | "tun"));
        prop_assert!(!auto.iter().any(masters), "what stands on others is never an uplink");
        prop_assert!(!auto.contains(&1), "nor is loopback");

        let positive = |e: &&String| !e.starts_with('!');
        let told = selection.problems.len();
        prop_assert!(told <= entries.iter().filter(positive).count());
        if entries.iter().all(|e| positive(&e)) {
            prop_assert_eq!(selection.indices.is_empty(), told == entries.len(), "nothing found is always said");
        }
    }
}
