//! Our files as tshark, capinfos and tcpdump read them, and our lines beside tcpdump's.

use crate::captures::{captures, frames};
use netrig_capture::{
    Interface, InterfaceNumber, Owner, Packet, Section, Statistics, Verdict, Writer, Zone, push_line,
};
use netrig_model::{Direction, Timestamp};
use std::fs::File;
use std::path::Path;
use std::process::Command;

const TIME: i64 = 1_700_000_000_123_456_789;
/// An IPv4 datagram of UDP to port 9, in Ethernet.
const FRAME: &[u8] = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\
    \x45\0\0\x1f\0\x01\0\0\x40\x11\x66\xcb\x0a\0\0\x01\x0a\0\0\x02\x03\xe8\0\x09\0\x0b\0\0abc";

/// What a program prints; it must be there and content.
fn run(program: &str, package: &str, arguments: &[&str], file: &Path) -> String {
    let run = Command::new(program).args(arguments).arg(file).env("TZ", "UTC").output();
    let run = run.unwrap_or_else(|error| panic!("cannot run {program}: {error}; install the package {package}"));
    let complaints = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{program}: {complaints}");
    assert!(!complaints.contains("malformed") && !complaints.contains("damaged"), "{program}: {complaints}");
    String::from_utf8_lossy(&run.stdout).into_owned()
}

fn packet(at: i64, interface: InterfaceNumber) -> Packet<'static> {
    Packet::whole(Timestamp(TIME + at), interface, FRAME)
}

fn write(path: &Path) {
    let section = Section {
        hardware: Some("x86_64".into()),
        os: Some("Linux 6.1".into()),
        application: Some("netrig 0.1".into()),
        comment: Some("drops rose\nfor 3 s".into()),
    };
    let mut writer = Writer::new(File::create(path).expect("a file"), section);
    let interface = |name: &str, hook: &str| Interface {
        name: name.into(),
        hook: hook.into(),
        snaplen: 262_144,
        filter: Some("udp port 9".into()),
        speed_bps: Some(1_000_000_000),
        ..Interface::default()
    };
    let xdp = writer.declare(interface("eth0", "xdp"));
    let owner = Owner { pid: 4711, process: "nginx", container: Some("web") };
    let ours = Packet {
        original: 999,
        direction: Some(Direction::Ingress),
        queue: Some(3),
        lost_before: 7,
        id: 99,
        verdict: Some(Verdict::Xdp(2)),
        owner: Some(owner),
        ..packet(0, xdp)
    };
    writer.packet(&ours).expect("written");
    let tc = writer.declare(interface("eth0", "tcx/egress"));
    let second = Packet {
        direction: Some(Direction::Egress),
        verdict: Some(Verdict::Tc(-1)),
        note: Some("seen"),
        ..packet(1, tc)
    };
    writer.packet(&second).expect("written");
    let dropped = Packet { verdict: Some(Verdict::Dropped("NO_SOCKET")), ..packet(1_000_000_002, xdp) };
    writer.packet(&dropped).expect("written");
    let statistics = Statistics {
        start: Timestamp(TIME),
        end: Timestamp(TIME + 2_000_000_000),
        received: Some(50),
        dropped_by_interface: Some(4),
        accepted: Some(10),
        dropped_by_us: Some(7),
        by_reason: vec![("ring full".into(), 7)],
        ..Statistics::default()
    };
    writer.statistics(xdp, statistics).expect("declared");
    writer.finish().expect("written");
}

#[test]
fn tshark_sees_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pcapng");
    write(&path);
    let fields = [
        "frame.time_epoch",
        "frame.interface_name",
        "frame.interface_description",
        "frame.len",
        "frame.cap_len",
        "frame.packet_flags_direction",
        "frame.drop_count",
        "frame.packet_id",
        "frame.interface_queue",
        "frame.verdict.ebpf_xdp",
        "frame.verdict.ebpf_tc",
        "frame.comment",
        "udp.dstport",
    ];
    let mut arguments = vec!["-n", "-T", "fields", "-E", "separator=|"];
    fields.iter().for_each(|field| arguments.extend(["-e", field]));
    arguments.push("-r");
    let told = run("tshark", "tshark", &arguments, &path);
    let expected = "\
        1700000000.123456789|eth0|xdp|999|45|0x00000001|7|99|3|2||nginx[4711] container=web|9\n\
        1700000000.123456790|eth0|tcx/egress|45|45|0x00000002|||||-1|seen|9\n\
        1700000001.123456791|eth0|xdp|45|45|||||||dropped: NO_SOCKET|9\n";
    assert_eq!(told, expected);
}

#[test]
fn capinfos_finds_nothing_odd() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pcapng");
    write(&path);
    let told = run("capinfos", "wireshark-common", &[], &path);
    for line in [
        "File type:           Wireshark/... - pcapng",
        "File timestamp precision:  nanoseconds (9)",
        "Number of packets:   3",
        "Strict time order:   True",
        "Capture hardware:    x86_64",
        "Capture oper-sys:    Linux 6.1",
        "Capture application: netrig 0.1",
        "Number of interfaces in file: 2",
        "Name = eth0",
        "Description = tcx/egress",
        "Speed = 1000000000",
        "Filter string = udp port 9",
        "Number of stat entries = 1",
        "Number of packets = 2",
    ] {
        assert!(told.contains(line), "no `{line}` in {told}");
    }
    assert!(told.contains("drops rose for 3 s"), "{told}");
}

#[test]
fn tcpdump_reads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pcapng");
    write(&path);
    let told = run("tcpdump", "tcpdump", &["-n", "-t", "-r"], &path);
    assert_eq!(told, "IP 10.0.0.1.1000 > 10.0.0.2.9: UDP, length 3\n".repeat(3));
    let told = run("tcpdump", "tcpdump", &["-n", "-tt", "--nano", "-c", "1", "-r"], &path);
    assert!(told.starts_with("1700000000.123456789 IP "), "{told}");
}

#[test]
fn lines_are_like_those_of_tcpdump() {
    let mut compared = 0;
    let interface = Interface { name: "i".into(), ..Interface::default() };
    for capture in captures() {
        let told = run("tcpdump", "tcpdump", &["-n", "-S", "--nano", "-r"], &capture);
        for (theirs, frame) in
            told.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).zip(frames(&capture))
        {
            let packet = Packet {
                original: frame.original,
                ..Packet::whole(Timestamp(frame.ns), InterfaceNumber(0), &frame.octets)
            };
            let mut ours = String::new();
            push_line(&mut ours, &packet, &interface, &Zone::utc());
            let ours = ours.replacen(" i ?  ", "", 1);
            // Of other protocols tcpdump tells what is in them, and of tunnels in lines of their own.
            if ours.contains(" Flags [")
                && ours.matches(" > ").count() == 1
                && !ours.contains("vlan ")
                && !ours.contains("mpls ")
            {
                assert!(theirs.starts_with(&ours), "{}:\n{ours}\n{theirs}", capture.display());
                compared += 1;
            }
        }
    }
    assert!(compared > 80, "only {compared} lines");
}
