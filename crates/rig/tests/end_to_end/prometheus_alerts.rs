//! Each alert about the host's network fires for its fault, made on purpose, and for that alone.

use crate::support::drops::send_datagrams;
use crate::support::judged::{DROPS_ALONE, Judged, LISTENER, OF_ONE, TCP_ALONE, judged_config};
use crate::support::scraped::EVERY;
use crate::support::street::{FAR, NEAR};
use crate::support::{Street, alone, wait_for};
use netrig_testkit::{Connect, Datagrams, Fate, Fates, Pair, Server, require_root};
use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

const PORT: u16 = LISTENER;
const PATIENCE: Duration = Duration::from_secs(90);
const BURSTS_OF_ONE: &str = "[tcp]\nenabled = false\n[drop]\nenabled = false\n[latency]\nenabled = false\n";

#[test]
fn every_alert_is_made_to_fire() {
    let made = [
        include_str!("prometheus_alerts.rs"),
        include_str!("prometheus_alerts_latency.rs"),
        include_str!("prometheus_alerts_remote.rs"),
        include_str!("prometheus_alerts_rig.rs"),
    ]
    .concat();
    for alert in netrig_dashboards::rules::alerts() {
        assert!(made.contains(&format!("{:?}", alert.name)), "{} is made to fire by no test", alert.name);
    }
}

/// All of the machine is seen by each rig: one fault after the other, and no other rig's test beside. What others do on it may be
/// of the same kind.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn drops_for_want_of_room_a_queue_that_nobody_accepts_from_and_data_that_is_sent_again() {
    require_root!();
    let _alone = alone();
    datagrams_find_their_buffer_full();
    nobody_accepts();
    data_is_sent_again();
}

/// First some, then more of them than a hundredth of what is received; of that, others may have dropped as many before.
fn datagrams_find_their_buffer_full() {
    let street = Street::new("alert-drops");
    let Some(mut judged) = Judged::start(&street.near, &judged_config("near0", DROPS_ALONE)) else { return };
    let _full = street.near.inside(|| UdpSocket::bind((NEAR, PORT))).expect("bind");
    let send = |count| {
        street.far.inside(|| send_datagrams(ipv4(FAR), (ipv4(NEAR), PORT), count, 1400));
    };
    // Once: a reason's series begins with them, which a rate alone would not see.
    send(600);
    judged.assert_only_beside(&["NetrigDropRatioHigh"], &["NetrigResourceDropsRising"], |_| {});
    judged.assert_only(&["NetrigResourceDropsRising", "NetrigDropRatioHigh"], |_| send(1_000));
}

/// First the queue is full, then somebody is turned away.
fn nobody_accepts() {
    let street = Street::new("alert-accept");
    let Some(mut judged) = Judged::start(&street.near, &judged_config("near0", TCP_ALONE)) else { return };
    let server = Server::never_accepting(&street.near, (IpAddr::V4(ipv4(NEAR)), PORT), 1);
    let connect = || TcpStream::connect_timeout(&server.address(), Duration::from_millis(20));
    let _taken: Vec<_> = street.far.inside(|| (0..2).map(|_| connect()).collect());
    let others = ["NetrigRetransmitsHigh", "NetrigTableFull"];
    judged.assert_only_beside(&others, &["NetrigAcceptQueueFilling"], |_| {});
    judged.assert_only_beside(&others, &["NetrigAcceptQueueFilling", "NetrigListenerDropping"], |_| {
        street.far.inside(|| (0..10).for_each(|_| drop(connect())));
    });
}

/// One packet with data in ten is lost.
fn data_is_sent_again() {
    const BYTES: usize = 2_000_000;
    let pair = Pair::with_relay("alert-loss", Duration::from_millis(1));
    let Some(mut judged) = Judged::start(&pair.left, &judged_config(Pair::IFACE, TCP_ALONE)) else { return };
    let server = Server::sink(&pair.right, (Pair::RIGHT, PORT));
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    pair.relay().set(Fates::seeded(1, 100, Fate::Drop, |packet| packet.has_data()));
    let mut sent = 0;
    judged.assert_only_beside(&["NetrigTableFull"], &["NetrigRetransmitsHigh"], |_| {
        client.write_all(&[0; BYTES]).expect("send");
        sent += BYTES as u64;
        server.wait_received(sent);
    });
}

#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_burst_that_fills_its_link() {
    require_root!();
    let pair = Pair::with_relay("alert-burst", Duration::from_millis(1));
    // A veth pair says 10 Gbit/s, whatever is asked of it.
    pair.left.run(&format!("ethtool -s {} speed 100 duplex full", Pair::IFACE));
    let Some(mut judged) = Judged::start(&pair.left, &judged_config(Pair::IFACE, BURSTS_OF_ONE)) else { return };
    let to = SocketAddr::from((Pair::NOBODY, 9));
    judged.assert_only(&["NetrigBurstsSaturateLink"], |_| {
        pair.left.inside(|| drop(Datagrams::to(to).send()));
    });
}

/// First it waits; once it is confirmed, a file of its vanishes.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_policy_that_waits_and_one_that_lacks_a_file() {
    require_root!();
    let street = Street::new("alert-policy");
    let Some(mut judged) = Judged::start(&street.near, &judged_config("near0", OF_ONE)) else { return };
    let folder = judged.rig().folder().to_owned();
    let (policy, list) = (folder.join("policy.toml"), folder.join("list.txt"));
    let rule = "[[rule]]\nid = \"listed\"\nmatch = { src = \"@list\" }\naction = \"drop\"\n";
    fs::write(&policy, format!("[[set]]\nname = \"list\"\nfile = \"list.txt\"\n{rule}")).expect("write");
    fs::write(&list, "192.0.2.1\n").expect("write");
    let policy = policy.to_str().expect("text");
    judged.rig().ask(&["policy", "apply", policy, "-i", "near0", "--confirm", "1h"]);
    judged.assert_only(&["NetrigPolicyWaiting"], |_| {});
    judged.rig().ask(&["policy", "confirm"]);
    judged.wait_until_calm();
    fs::remove_file(&list).expect("remove the list");
    // The probe says so too.
    judged.assert_only(&["NetrigPolicyWarning", "NetrigProbeDegraded"], |_| {});
}

/// Nobody confirms, and nothing was in force before: until the rig has taken the door away, packets pass it without a policy.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_policy_that_lapses_while_packets_come() {
    // Of five minutes, which the rate looks back for: more than one a second.
    const ENOUGH: u64 = 400;
    require_root!();
    let street = Street::new("alert-lapse");
    let Some(mut judged) = Judged::start(&street.near, &judged_config("near0", OF_ONE)) else { return };
    let policy = judged.rig().folder().join("policy.toml");
    fs::write(&policy, "[[rule]]\nid = \"all\"\nmatch = { protocol = \"tcp\" }\naction = \"count\"\n").expect("write");
    let policy = policy.to_str().expect("text").to_owned();
    judged.assert_only(&["NetrigPolicyPassedOver"], |judged| {
        let passed = judged.rig().status().policy.map_or(0, |policy| policy.fell_back_packets);
        if passed >= ENOUGH {
            return;
        }
        judged.rig().ask(&["policy", "apply", &policy, "-i", "near0", "--confirm", "1s"]);
        wait_for("it lapses", PATIENCE, || {
            street.far.inside(|| send_datagrams(ipv4(FAR), (ipv4(NEAR), PORT), 200, 100));
            judged.rig().ask(&["policy", "show"]).is_empty().then_some(())
        });
        // Nobody waits for so long as to be called for it, were it to be done again.
        std::thread::sleep(EVERY * 2);
    });
    judged.prometheus.wait_until("netrig_policy_rules == 0 and netrig_policy_confirmation_seconds == 0");
}

fn ipv4(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}
