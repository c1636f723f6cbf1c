//! Each alert about the rig itself fires for its fault, made on purpose, and for that alone.

use crate::support::drops::send_datagrams;
use crate::support::judged::{Judged, NO_BURSTS, OF_ONE, OF_THE_MACHINE, judged_config};
use crate::support::messages::dns;
use crate::support::scraped::wait_scraped;
use crate::support::street::{FAR, NEAR};
use crate::support::{Rig, Street, alone, change_area, udp_churn};
use netrig_probes::wire::iface_counts;
use netrig_testkit::{XdpDrop, XdpMode, require_root};
use std::fs;
use std::mem::offset_of;
use std::net::{Ipv4Addr, UdpSocket};

const PORT: u16 = 20_902;

#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn packets_that_no_hook_saw() {
    require_root!();
    let street = Street::new("alert-ledger");
    let Some(mut judged) = Judged::start(&street.near, &judged_config("near0", OF_ONE)) else { return };
    let _wall = XdpDrop::attach(&street.near, "near0", XdpMode::Generic);
    judged.assert_only(&["NetrigLedgerUnaccounted"], |_| {
        street.far.inside(|| send_datagrams(ipv4(FAR), (ipv4(NEAR), PORT), 50, 100));
    });
}

/// What is wrong here would be a bug, and none is known: packets that nobody saw are told as such, whoever took them. So somebody
/// else counts a packet in the rig's own memory again and again, which looks like one that was seen and of which nothing is told.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn packets_that_were_seen_and_not_told() {
    require_root!();
    let street = Street::new("alert-balance");
    let Some(mut judged) = Judged::start(&street.near, &judged_config("near0", OF_ONE)) else { return };
    street.far.inside(|| send_datagrams(ipv4(FAR), (ipv4(NEAR), PORT), 50, 100));
    let counts = judged.rig().bpf_objects().map(".data.counts");
    judged.assert_only(&["NetrigLedgerImbalance"], |_| change_area(&counts, count_one_more));
}

/// Where packets were counted that came in: directions take turns, and this one is first.
fn count_one_more(counts: &mut [u8]) {
    let frames = offset_of!(iface_counts, frames);
    let mut coming_in = counts.chunks_exact_mut(size_of::<iface_counts>()).step_by(2);
    let field =
        coming_in.find_map(|entry| Some(&mut entry[frames..frames + 8]).filter(|field| field.iter().any(|b| *b > 0)));
    let field = field.expect("packets were counted");
    let more = u64::from_ne_bytes((&*field).try_into().expect("eight octets")) + 1;
    field.copy_from_slice(&more.to_ne_bytes());
}

/// A policy may take as much as half of the memory, beside what the rig has taken when it started.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_policy_that_remembers_more_sources_than_there_is_memory_for() {
    require_root!();
    let street = Street::new("alert-memory");
    let small = judged_config("near0", &format!("memory = \"16MiB\"\n{OF_ONE}"));
    let Some(mut judged) = Judged::start(&street.near, &small) else { return };
    let policy = judged.rig().folder().join("policy.toml");
    let apply = |judged: &mut Judged<'_>, sources: u32| {
        let limit = format!("{{ packets_per_second = 1000, per = \"src_addr\", sources = {sources} }}");
        let rule = "[[rule]]\nid = \"each\"\nmatch = { protocol = \"udp\" }\n";
        fs::write(&policy, format!("{rule}action = {{ limit = {limit} }}\n")).expect("write");
        judged.rig().ask(&["policy", "apply", policy.to_str().expect("text"), "-i", "near0"]);
    };
    apply(&mut judged, 1_000);
    wait_scraped(&judged.prometheus);
    judged.assert_only(&[], |_| {});
    apply(&mut judged, 120_000);
    judged.assert_only(&["NetrigMemoryOverBudget"], |_| {});
    judged.rig().ask(&["policy", "remove"]);
    judged.wait_until_calm();
}

/// A rig that stands still empties neither rings nor tables.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn rings_and_tables_that_are_full() {
    require_root!();
    let street = Street::new("alert-rings");
    let small = judged_config("near0", &format!("memory = \"16MiB\"\n{OF_ONE}"));
    let Some(mut judged) = Judged::start(&street.near, &small) else { return };
    let question = dns(7, 0x0100, "name.test", 1);
    // Of the payload's ring, the probe says so itself.
    let expected = ["NetrigRingLoss", "NetrigTableFull", "NetrigProbeDegraded"];
    judged.assert_only(&expected, |judged| {
        judged.rig().send("STOP");
        street.near.inside(|| {
            let socket = UdpSocket::bind((NEAR, 0)).expect("bind");
            (0..4_000).for_each(|_| _ = socket.send_to(&question, ("10.78.0.1", 53)).expect("send"));
            udp_churn(60_000, 1, 10);
        });
        judged.rig().send("CONT");
        // What a rig that stands still has room for is the kernel's; its own table it fills when it comes to read.
        street.near.inside(|| udp_churn(60_000, 1, 10));
        // It answers between two times of standing still, and rates have something to go by.
        wait_scraped(&judged.prometheus);
    });
    for ring in ["payload", "flow outboxes"] {
        let lost = format!("ALERTS{{alertname=\"NetrigRingLoss\",ring=\"{ring}\",alertstate=\"firing\"}}");
        judged.prometheus.wait_until(&lost);
    }
}

#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_store_that_cannot_write_and_loses_rows() {
    require_root!();
    let street = Street::new("alert-store");
    let Some(mut judged) = Judged::start(&street.near, &judged_config("near0", OF_ONE)) else { return };
    let store = judged.rig().store_dir();
    fs::remove_dir_all(&store).expect("remove the store");
    fs::write(&store, "in its place").expect("write a file");
    judged.assert_only(&["NetrigStoreNotWriting"], |_| {});
    judged.assert_only(&["NetrigStoreNotWriting", "NetrigStoreRowsLost"], |_| {
        street.near.inside(|| udp_churn(100, 1, 10));
    });
}

/// More flows in a window than there is room for. As many as that may well fill tables, too.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_store_that_has_no_room_for_one_window() {
    require_root!();
    let street = Street::new("alert-window");
    let config = format!(
        "[rig]\ninterfaces = [\"near0\"]\nwindow = \"15s\"\nmemory = \"256MiB\"\n{OF_ONE}[store]\nbudget = \"16MiB\"\n"
    );
    let Some(mut judged) = Judged::start(&street.near, &config) else { return };
    judged.assert_only_beside(&["NetrigTableFull", "NetrigRingLoss"], &["NetrigStoreTooSmall"], |_| {
        street.near.inside(|| udp_churn(1_000_000, 1, 10));
    });
}

#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_probe_that_cannot_attach() {
    require_root!();
    let street = Street::new("alert-probe");
    let _taken = XdpDrop::attach(&street.near, "near0", XdpMode::Native);
    let at_xdp = judged_config("near0", &format!("{OF_ONE}[flow]\nhook = \"xdp\"\n"));
    let Some(mut judged) = Judged::of(Rig::start_unwell(&street.near, &at_xdp), &street.near) else { return };
    judged.assert_only(&["NetrigProbeFailed"], |_| {});
}

#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_rig_that_begins_again_and_again_and_one_that_is_gone() {
    require_root!();
    let street = Street::new("alert-down");
    let Some(mut judged) = Judged::start(&street.near, &judged_config("near0", OF_ONE)) else { return };
    for _ in 0..3 {
        let mut rig = judged.rig.take().expect("it runs");
        rig.signal("KILL");
        judged.rig = Some(rig.again());
        wait_scraped(&judged.prometheus);
    }
    judged.prometheus.wait_until("ALERTS{alertname=\"NetrigRestarting\"}");
    judged.assert_only(&["NetrigRestarting"], |_| {});
    judged.rig().signal("KILL");
    judged.rig = None;
    judged.assert_only(&["NetrigRestarting", "NetrigDown", "NetrigAbsent"], |_| {});
}

/// The least that may be asked for: 0.3 % of a CPU. Everything costs: the machine's other connections, too. A probe that is turned
/// down says that it sees less.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_budget_that_is_too_small() {
    require_root!();
    let _alone = alone();
    let street = Street::new("alert-cpu");
    let cpus = std::thread::available_parallelism().expect("how many CPUs there are").get();
    let tight = judged_config("near0", &format!("cpu = \"0.{:03}%\"\n{NO_BURSTS}", 300_usize.div_ceil(cpus)));
    let Some(mut judged) = Judged::of(Rig::start_with(&street.near, &tight), &street.near) else { return };
    let expected = ["NetrigCpuBudgetPressed", "NetrigCpuBudgetExhausted", "NetrigProbeDegraded"];
    judged.assert_only_beside(&OF_THE_MACHINE, &expected, |_| {
        street.near.inside(|| udp_churn(1000, 10, 64));
    });
}

fn ipv4(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}
