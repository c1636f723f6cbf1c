//! The flight recorder: something is made to happen at a known time, and its file holds what passed before it and after it.

use crate::support::captures::{Seen, dumps, packets, text};
use crate::support::drops::send_datagrams;
use crate::support::{Rig, alone, wait_for};
use netrig_model::{DumpOutcome, RecorderStatus};
use netrig_testkit::{Connect, Pair, Server, report_skipped, require_root};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PATIENCE: Duration = Duration::from_secs(15);
const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
const PORT: u16 = 4548;

fn config(recorder: &str) -> String {
    format!("[rig]\ninterfaces = [\"eth*\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n[recorder]\n{recorder}\n")
}

fn now_ns() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()).expect("before 2262")
}

fn status(rig: &Rig<'_>) -> RecorderStatus {
    rig.status().recorder.expect("the recorder runs")
}

fn count(status: &RecorderStatus, trigger: &str, outcome: DumpOutcome) -> u64 {
    let found = status.dumps.iter().find(|(name, what, _)| name == trigger && *what == outcome);
    found.map_or(0, |(.., count)| *count)
}

/// Waits until a trigger has had its file written.
fn wait_written(rig: &Rig<'_>, trigger: &str, times: u64) -> RecorderStatus {
    wait_for(&format!("{trigger} is written"), PATIENCE, || {
        let status = status(rig);
        (count(&status, trigger, DumpOutcome::Written) >= times).then_some(status)
    })
}

/// Asks for a dump, as root does.
fn dump(rig: &Rig<'_>, after: &str) -> PathBuf {
    PathBuf::from(rig.ask(&["capture", "--dump", "--after", after]).trim_end())
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        report_skipped(&format!("the `{program}` command is missing"));
    }
    found
}

/// Drops what comes to the right one for this port.
fn drop_at(pair: &Pair, transport: &str, port: u16) {
    pair.right.run_script(&format!(
        "nft add table ip walls; nft 'add chain ip walls in {{ type filter hook input priority 0; }}'
         nft add rule ip walls in {transport} dport {port} drop"
    ));
}

#[test]
fn a_storm_leaves_a_file_that_begins_before_it() {
    require_root!();
    if !has("nft") {
        return;
    }
    let _alone = alone();
    let pair = Pair::new("storm");
    let trigger = |above: u32| {
        let around = "before = \"3s\"\nafter = \"2s\"\n[[recorder.trigger]]\nname = \"storm\"\non = \"retransmits\"";
        config(&format!("{around}\nabove = {above}"))
    };
    let rig = Rig::start_with(&pair.left, &trigger(1_000_000));
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    // So many that each round of what is sent again is more than the trigger's, and so few that one CPU's ring holds all.
    let mut clients: Vec<_> =
        (0..12).map(|_| Connect::to(server.address()).from(&pair.left).expect("connect")).collect();
    let mut write_for = |rounds: u32| {
        for _ in 0..rounds {
            clients.iter_mut().for_each(|client| client.write_all(&[7; 200]).expect("write"));
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    write_for(50);
    let began_ns = now_ns();
    drop_at(&pair, "tcp", server.address().port());
    // Not before: what others on this host send again counts too.
    rig.reload(&trigger(5));
    write_for(60);
    let status = wait_written(&rig, "storm", 1);
    let folder = rig.store_dir().join("captures");
    let files = dumps(&folder);
    assert_eq!(files.len(), 1, "the trigger rests: {status:?}");
    let name = files[0].file_name().expect("a name").to_string_lossy().into_owned();
    assert!(name.starts_with("netrig-") && name.ends_with("-storm.pcapng"), "{name}");
    let seen = packets(&files[0]);
    assert!(seen[0].time_ns < began_ns - SECOND, "it begins before the storm");
    let last_ns = seen[seen.len() - 1].time_ns;
    // Retransmissions are a quarter second apart at first, then twice as long each time: in two seconds there are some.
    assert!(last_ns > began_ns + SECOND, "and ends after it: {} ns", last_ns - began_ns);
    assert!(seen.windows(2).all(|two| two[0].time_ns <= two[1].time_ns), "in order");
    let story = text(&files[0]);
    assert!(story.contains("storm at ") && story.contains(" segments were sent again in "), "the section tells it");
    assert!(story.contains("eth0: ") && story.contains("every one that passed"), "{story}");
    assert!(story.contains(&format!("[{}]", std::process::id())), "packets have owners");
    if has("tshark") {
        let again = tshark(&files[0], "tcp.analysis.retransmission");
        let before = |line: &&str| line.parse::<f64>().expect("a time") * 1e9 < began_ns as f64;
        assert!(again.lines().count() > 10, "the storm itself is in it");
        assert_eq!(again.lines().filter(before).count(), 0, "before it nothing was sent again");
    }
    wait_for("it cools down", PATIENCE, || {
        (count(&self::status(&rig), "storm", DumpOutcome::CooledDown) > 0).then_some(())
    });
    assert_eq!(dumps(&folder).len(), 1);
}

fn tshark(file: &Path, filter: &str) -> String {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-Y", filter, "-T", "fields", "-e", "frame.time_epoch"]);
    let out = command.output().expect("tshark");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

#[test]
fn drops_of_a_reason_leave_a_file() {
    require_root!();
    if !has("nft") {
        return;
    }
    let pair = Pair::new("recdrops");
    drop_at(&pair, "udp", PORT);
    let trigger = "[[recorder.trigger]]\nname = \"wall\"\non = \"drops\"\nreason = \"NETFILTER_DROP\"\nabove = 100";
    let rig = Rig::start_with(&pair.right, &config(&format!("after = \"200ms\"\n{trigger}")));
    pair.left.run(&format!("ping -q -c 3 -i 0.2 {}", Pair::RIGHT));
    // What was counted before the first look is not the rig's.
    std::thread::sleep(Duration::from_millis(1500));
    pair.left.inside(|| send_datagrams(Pair::LEFT, (Pair::RIGHT, PORT), 500, 100));
    wait_written(&rig, "wall", 1);
    let files = dumps(&rig.store_dir().join("captures"));
    let story = text(&files[0]);
    let told = story.split_once("wall at ").map(|(_, after)| after.chars().take(150).collect::<String>());
    let told = told.expect("the trigger's story");
    // Other tests' drops are this host's too.
    assert!(told.contains(" packets were dropped (NETFILTER_DROP "), "{told}");
    let seen = packets(&files[0]);
    assert_eq!(seen.iter().filter(|packet| packet.len == 142).count(), 500, "all that met the wall");
    assert!(seen.iter().filter(|packet| packet.len == 98).count() >= 6, "and what was there before");
}

#[test]
fn a_dump_has_every_packet_that_tcpdump_saw() {
    require_root!();
    if !has("tcpdump") {
        return;
    }
    let pair = Pair::new("recboth");
    let rig = Rig::start_with(&pair.left, &config("before = \"20s\""));
    let file = rig.folder().join("seen.pcap");
    let words = format!("tcpdump -i eth0 -Z root -B 16384 -s 96 --time-stamp-precision=nano -U -w {}", file.display());
    let mut tcpdump = pair.left.spawn(&words);
    wait_for("tcpdump's file", PATIENCE, || std::fs::metadata(&file).is_ok_and(|m| m.len() > 0).then_some(()));
    std::thread::sleep(Duration::from_millis(200));
    let began_ns = now_ns();
    pair.left.run(&format!("ping -q -c 5 -s 1200 -i 0.2 {}", Pair::RIGHT));
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    client.write_all(&[9; 400_000]).expect("send");
    server.wait_received(400_000);
    pair.left.inside(|| send_datagrams(Pair::LEFT, (Pair::RIGHT, PORT), 300, 20));
    // tcpdump's buffer is flushed a packet at a time; the last ones get the time to arrive.
    std::thread::sleep(Duration::from_secs(1));
    let ended_ns = now_ns();
    let dumped = packets(&dump(&rig, "100ms"));
    assert!(tcpdump.is_running());
    drop(tcpdump);
    let within = |packet: &Seen| (began_ns..ended_ns).contains(&packet.time_ns);
    let by_packet = |seen: Vec<Seen>| -> BTreeMap<(Vec<u8>, u32), Vec<i64>> {
        let mut all = BTreeMap::<_, Vec<i64>>::new();
        for packet in seen.into_iter().filter(within) {
            all.entry((packet.octets, packet.len)).or_default().push(packet.time_ns);
        }
        all
    };
    let (ours, theirs) = (by_packet(dumped), by_packet(packets(&file)));
    assert!(theirs.values().map(Vec::len).sum::<usize>() > 320, "there was traffic");
    for (packet, times) in &theirs {
        let found = ours.get(packet).unwrap_or_else(|| panic!("only tcpdump saw {packet:?}"));
        assert_eq!(found.len(), times.len(), "{packet:?}");
        assert!(found.iter().zip(times).all(|(a, b)| (a - b).abs() < MS), "{found:?} but {times:?}");
    }
    assert_eq!(ours.len(), theirs.len(), "nothing that tcpdump did not see");
}

#[test]
fn two_interfaces_are_in_one_file_and_old_files_go() {
    require_root!();
    let pair = Pair::new("rectwo");
    pair.left.veth_to("eth1", &pair.right, "eth1");
    pair.left.address("eth1", "10.59.0.1/24");
    pair.right.address("eth1", "10.59.0.2/24");
    let rig = Rig::start_with(&pair.left, &config("files = 2\nbefore = \"20s\"\nafter = \"100ms\"\nautomatic = false"));
    pair.left.run(&format!("ping -q -c 3 -i 0.2 {}", Pair::RIGHT));
    pair.left.run("ping -q -c 3 -i 0.2 10.59.0.2");
    for times in 1..=4 {
        rig.send("USR1");
        wait_written(&rig, "signal", times);
    }
    let files = dumps(&rig.store_dir().join("captures"));
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(wait_written(&rig, "signal", 4).files_removed, 2);
    let seen = packets(&files[1]);
    for iface in ["eth0", "eth1"] {
        let pings = seen.iter().filter(|packet| packet.iface == iface && packet.len == 98).count();
        assert_eq!(pings, 6, "{iface}");
    }
    assert!(text(&files[1]).contains("SIGUSR1 came"));
}

#[test]
fn an_interface_that_came_and_went_is_in_the_file() {
    require_root!();
    let pair = Pair::new("recplug");
    let rig = Rig::start_with(&pair.left, &config("before = \"20s\"\nautomatic = false"));
    pair.left.veth_to("eth1", &pair.right, "eth1");
    pair.left.address("eth1", "10.59.0.1/24");
    pair.right.address("eth1", "10.59.0.2/24");
    wait_for("it is recorded", PATIENCE, || {
        status(&rig).interfaces.iter().any(|each| each.iface == "eth1").then_some(())
    });
    pair.left.run("ping -q -c 3 -i 0.2 10.59.0.2");
    pair.left.run("ip link del eth1");
    wait_for("it is gone", PATIENCE, || status(&rig).interfaces.iter().all(|each| each.iface != "eth1").then_some(()));
    let seen = packets(&dump(&rig, "100ms"));
    assert_eq!(seen.iter().filter(|packet| packet.iface == "eth1" && packet.len == 98).count(), 6);
}

#[test]
fn what_was_overwritten_is_counted_to_the_packet() {
    require_root!();
    const SENT: u64 = 30_000;
    let pair = Pair::new("recsmall");
    let rig = Rig::start_with(&pair.left, &config("memory = \"1MiB\"\nbefore = \"30s\"\nautomatic = false\nrate = 0"));
    pair.left.inside(|| send_datagrams(Pair::LEFT, (Pair::NOBODY, PORT), SENT, 20));
    let file = dump(&rig, "100ms");
    let status = wait_written(&rig, "command", 1);
    assert!(status.overwritten_packets > 10_000, "{status:?}");
    assert_eq!(packets(&file).len() as u64, status.dumped_packets);
    assert_eq!(status.dumped_packets + status.overwritten_packets, status.packets, "{status:?}");
    assert!(status.packets >= SENT && status.held_packets <= status.capacity_packets, "{status:?}");
    assert!(status.interfaces.iter().any(|each| each.iface == "eth0" && each.reach_ns.is_some()), "{status:?}");
    assert!(text(&file).contains("were overwritten before they could be read, none since "));
}

#[test]
fn of_a_flood_an_even_part_is_recorded_and_the_rest_counted() {
    require_root!();
    const SENT: u64 = 60_000;
    let pair = Pair::new("recpace");
    let rig =
        Rig::start_with(&pair.left, &config("rate = 100\nbefore = \"30s\"\nautomatic = false\nmemory = \"1MiB\""));
    pair.left.inside(|| send_datagrams(Pair::LEFT, (Pair::NOBODY, PORT), SENT, 20));
    // What was left out is counted with the next one that is recorded, on each CPU and in each direction: now there is time for some.
    pair.left.run("ping -q -c 20 -i 0.05 10.55.0.2");
    let file = dump(&rig, "100ms");
    let status = wait_written(&rig, "command", 1);
    assert!(status.left_out_packets > SENT / 2, "{status:?}");
    let all = status.packets + status.left_out_packets;
    assert!(all >= SENT - SENT / 5, "{all} of {SENT}: {status:?}");
    let story = text(&file);
    assert!(story.contains("an even part of a flood: ") && story.contains(" between them were left out"), "{story}");
    if has("tshark") {
        let gaps = tshark(&file, "frame.drop_count > 0");
        assert!(gaps.lines().count() > 3, "packets say what is missing before them: {gaps}");
    }
}

#[test]
fn a_full_disk_is_told_and_the_rig_goes_on() {
    require_root!();
    let pair = Pair::new("recfull");
    let folder = tempfile::tempdir().expect("a folder");
    let mount = |options: &str| {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder.path()).status();
        assert!(done.expect("mount").success());
    };
    mount("size=64k");
    // Of more than half a ring in one go the pace would leave some out.
    let settings = format!("dir = {:?}\nbefore = \"30s\"\nautomatic = false\nrate = 0", folder.path());
    let rig = Rig::start_with(&pair.left, &config(&settings));
    pair.left.inside(|| send_datagrams(Pair::LEFT, (Pair::NOBODY, PORT), 1_500, 20));
    let out = rig.run(&["capture", "--dump", "--after", "100ms"]);
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{words}");
    assert!(words.contains("cannot write") && words.contains("No space left"), "{words}");
    let after = wait_for("it is told", PATIENCE, || {
        Some(status(&rig)).filter(|status| count(status, "command", DumpOutcome::Failed) == 1)
    });
    assert!(after.detail.contains("No space left"), "{after:?}");
    mount("remount,size=16m");
    let file = dump(&rig, "100ms");
    let recorded = packets(&file).len();
    assert!(recorded >= 1_500, "{recorded} of 1500: {:?}", status(&rig));
    assert_eq!(wait_written(&rig, "command", 1).detail, "");
    drop(rig);
    assert!(Command::new("umount").arg(folder.path()).status().expect("umount").success());
}

#[test]
fn who_switches_it_off_is_told_so() {
    require_root!();
    let pair = Pair::new("recoff");
    let rig = Rig::start_with(&pair.left, &config("enabled = false"));
    assert!(rig.status().recorder.is_none());
    let out = rig.run(&["capture", "--dump"]);
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && words.contains("the flight recorder does not run"), "{words}");
    rig.send("USR1");
    assert!(rig.status().probes.iter().any(|probe| probe.name == "recorder"), "it lives on");
}

#[test]
fn a_reload_brings_other_triggers() {
    require_root!();
    let pair = Pair::new("recreload");
    let rig = Rig::start_with(&pair.left, &config("automatic = false\nafter = \"100ms\""));
    rig.reload(&config(
        "after = \"100ms\"\ncooldown = \"0s\"\n[[recorder.trigger]]\nname = \"blips\"\non = \"burst\"\niface = \"eth0\"",
    ));
    wait_for("the reload", PATIENCE, || rig.log().contains("Read the configuration again").then_some(()));
    // A burst is what stands out of the seconds before it.
    std::thread::sleep(Duration::from_secs(2));
    pair.left.inside(|| send_datagrams(Pair::LEFT, (Pair::NOBODY, PORT), 2_000, 1_000));
    wait_written(&rig, "blips", 1);
    let files = dumps(&rig.store_dir().join("captures"));
    assert!(text(&files[0]).contains("bursts on eth0 (egress), peak "));
}

#[test]
fn slow_round_trips_and_a_slow_stage_are_told() {
    require_root!();
    let pair = Pair::with_relay("recslow", Duration::from_millis(40));
    let triggers = "after = \"2s\"
        [[recorder.trigger]]\nname = \"far\"\non = \"rtt\"\nabove = \"50ms\"
        [[recorder.trigger]]\nname = \"wire\"\non = \"latency\"\nstage = \"wire\"\nabove = \"50ms\"";
    let rig = Rig::start_with(&pair.left, &format!("{}\n[latency]\nsampling = 1\n", config(triggers)));
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    // Else small writes are gathered, and there are too few round trips for a percentile.
    client.set_nodelay(true).expect("a TCP socket");
    // For as long as it takes: on a busy machine round trips are fewer, and a percentile wants some of them within a second.
    wait_for("both are told", 2 * PATIENCE, || {
        for _ in 0..100 {
            client.write_all(&[7; 100]).expect("write");
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = status(&rig);
        let told = |name| count(&status, name, DumpOutcome::Written) + count(&status, name, DumpOutcome::Joined) > 0;
        (told("far") && told("wire")).then_some(())
    });
    wait_for("the last file is whole", PATIENCE, || (!status(&rig).recording).then_some(()));
    // One fires before the other: into its file, or into another.
    let story: String = dumps(&rig.store_dir().join("captures")).iter().map(|file| text(file)).collect();
    let far = format!("the 99th percentile of round trips of {} was ", server.address());
    assert!(story.contains(&far), "the round trips");
    assert!(story.contains("the 99th percentile of the stage wire was "), "the stage");
}

#[test]
fn a_policys_rule_leaves_a_file() {
    require_root!();
    let pair = Pair::new("recrule");
    let trigger =
        "after = \"100ms\"\n[[recorder.trigger]]\nname = \"flood\"\non = \"policy\"\nrule = \"lab\"\nabove = 50";
    let rig = Rig::start_with(&pair.right, &config(trigger));
    let file = rig.folder().join("policy.toml");
    let rule =
        format!("[[rule]]\nid = \"lab\"\nmatch = {{ protocol = \"udp\", dst_port = {PORT} }}\naction = \"count\"\n");
    std::fs::write(&file, rule).expect("write the policy");
    rig.ask(&["policy", "apply", file.to_str().expect("text"), "-i", Pair::IFACE]);
    std::thread::sleep(Duration::from_millis(1500));
    pair.left.inside(|| send_datagrams(Pair::LEFT, (Pair::RIGHT, PORT), 400, 50));
    wait_written(&rig, "flood", 1);
    let written = &dumps(&rig.store_dir().join("captures"))[0];
    assert!(text(written).contains("400 packets matched the rule lab in "));
    assert_eq!(packets(written).iter().filter(|packet| packet.len == 92).count(), 400);
}
