//! What matched is written or lost, and for each loss there is a reason.

use crate::support::{Capture, Folder, ask, count, fields};
use netrig_testkit::{Pair, require_root};
use std::net::UdpSocket;
use std::time::Duration;

const PACKETS: u64 = 2_000;

fn send(pair: &Pair, count: u64) {
    pair.left.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("a socket");
        for number in 0..count {
            socket.send_to(&number.to_be_bytes(), (Pair::RIGHT, 4000)).expect("send");
        }
    });
    std::thread::sleep(Duration::from_millis(300));
}

/// What is said of packets, and the file's own statistics: dropped and accepted, summed over its interfaces.
fn captured(label: &str, arguments: &[&str]) -> (crate::support::Account, Folder) {
    let pair = Pair::new(label);
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let common = ["-i", Pair::IFACE, "-w", file.to_str().expect("text"), "udp dst port 4000"];
    let capture = Capture::start(&pair.left, &[&common[..], arguments].concat());
    send(&pair, PACKETS);
    let account = capture.stop().fine().account();
    account.assert_adds_up();
    assert_eq!(account.matched, PACKETS, "{account:?}");
    assert_eq!(count(&file, ""), account.written, "{account:?}");
    (account, folder)
}

#[test]
fn all_is_written() {
    require_root!();
    let (account, folder) = captured("cap-all", &[]);
    assert_eq!(account.written, PACKETS, "{account:?}");
    let told = ask("capinfos", &["-M"], &folder.file("out.pcapng"));
    assert!(told.contains(&format!("Number of packets:   {PACKETS}")), "{told}");
    assert!(told.contains("nanoseconds") && told.contains("Filter string = udp dst port 4000"), "{told}");
    assert!(told.contains("Name = eth0") && told.contains("tcx/egress"), "{told}");
    let rows = fields(&folder.file("out.pcapng"), &["frame.packet_flags_direction", "frame.interface_name"]);
    assert_eq!(rows.len() as u64, PACKETS);
    assert!(rows.iter().all(|row| row[0] == "0x00000002" && row[1] == "eth0"), "{:?}", rows.first());
}

#[test]
fn one_in_so_many_is_taken() {
    require_root!();
    let (account, _folder) = captured("cap-sample", &["--sample", "1/10"]);
    // On each CPU one in ten.
    assert!(account.written.abs_diff(PACKETS / 10) <= 16, "{account:?}");
    assert_eq!(account.lost_to("--sample"), PACKETS - account.written);
}

#[test]
fn so_many_a_second_are_taken() {
    require_root!();
    let (account, _folder) = captured("cap-rate", &["--rate", "100/s"]);
    assert!((100..=400).contains(&account.written), "{account:?}");
    assert_eq!(account.lost_to("--rate"), PACKETS - account.written);
}

#[test]
fn it_ends_after_so_many_packets() {
    require_root!();
    let pair = Pair::new("cap-count");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let capture = Capture::start(
        &pair.left,
        &["-i", Pair::IFACE, "-c", "7", "-w", file.to_str().expect("text"), "udp dst port 4000"],
    );
    send(&pair, 50);
    let account = capture.wait().fine().account();
    account.assert_adds_up();
    assert_eq!((account.written, count(&file, "")), (7, 7), "{account:?}");
}

#[test]
fn a_ring_that_is_full_loses_by_name() {
    require_root!();
    let pair = Pair::new("cap-full");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let word = file.to_str().expect("text");
    let capture = Capture::start(&pair.left, &["-i", Pair::IFACE, "-B", "64", "-w", word, "udp dst port 4000"]);
    // It cannot look while it is stopped.
    capture.signal("STOP");
    send(&pair, 20_000);
    capture.signal("CONT");
    let account = capture.stop().fine().account();
    account.assert_adds_up();
    assert_eq!(account.matched, 20_000, "{account:?}");
    assert!(account.lost_to("room in the ring") > 1_000, "{account:?}");
    let rows = fields(&file, &["frame.drop_count"]);
    let told: u64 = rows.iter().filter_map(|row| row[0].parse::<u64>().ok()).sum();
    // What was lost after the last packet that was written has no packet to be told by.
    assert!(told <= account.lost_to("room in the ring"), "{told} of {account:?}");
    let statistics = ask("tshark", &["-q", "-z", "io,stat,0"], &file);
    assert!(statistics.contains("Frames"), "{statistics}");
}
