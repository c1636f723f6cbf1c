//! Files that rotate, disks that fill, readers that leave.

use crate::support::{Capture, Folder, ask, count};
use netrig_testkit::{NetNs, Pair, require_root};
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

fn send(ns: &NetNs, count: usize, octets: usize) {
    ns.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("a socket");
        for _ in 0..count {
            let _ = socket.send_to(&vec![0; octets], (Pair::RIGHT, 4000));
        }
    });
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn a_ring_of_files_overwrites_the_oldest() {
    require_root!();
    let pair = Pair::new("cap-ring");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let word = file.to_str().expect("text");
    let capture =
        Capture::start(&pair.left, &["-i", Pair::IFACE, "-w", word, "-C", "1", "-W", "3", "udp dst port 4000"]);
    for _ in 0..5 {
        send(&pair.left, 1_000, 1_000);
    }
    let account = capture.stop().fine().account();
    account.assert_adds_up();
    assert_eq!(account.written, 5_000);
    let names = folder.names();
    assert_eq!(names, ["out.pcapng0", "out.pcapng1", "out.pcapng2"]);
    for name in &names {
        // Each can be read alone: it has its interfaces and statistics.
        let file = folder.file(name);
        assert!(count(&file, "") > 100, "{name}");
        assert!(ask("capinfos", &["-M"], &file).contains("Number of interfaces in file: 2"));
    }
}

#[test]
fn a_capture_ends_with_its_last_files_time() {
    require_root!();
    let pair = Pair::new("cap-time");
    let folder = Folder::new();
    let file = folder.file("out-%s.pcapng");
    let word = file.to_str().expect("text");
    let capture =
        Capture::start(&pair.left, &["-i", Pair::IFACE, "-w", word, "-G", "1", "-W", "2", "udp dst port 4000"]);
    send(&pair.left, 10, 10);
    capture.wait().fine();
    assert_eq!(folder.names().len(), 2, "{:?}", folder.names());
}

#[test]
fn a_disk_that_is_full_ends_it_with_a_file_that_can_be_read() {
    require_root!();
    let pair = Pair::new("cap-disk");
    let folder = Folder::new();
    let disk = folder.file("disk");
    std::fs::create_dir(&disk).expect("a folder");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "none"]).arg(&disk).status();
    assert!(mounted.expect("run mount").success());
    let file = disk.join("out.pcapng");
    let word = file.to_str().expect("text");
    let capture = Capture::start(&pair.left, &["-i", Pair::IFACE, "-w", word, "udp dst port 4000"]);
    send(&pair.left, 1_000, 1_000);
    let ended = capture.wait();
    let kept = count(&file, "");
    let unmounted = Command::new("umount").arg("-l").arg(&disk).status();
    assert!(unmounted.expect("run umount").success());
    assert_eq!(ended.status.code(), Some(1), "{}", ended.said);
    assert!(ended.said.contains("No space left on device") && ended.said.contains("make room"), "{}", ended.said);
    let account = ended.account();
    account.assert_adds_up();
    assert_eq!(account.written, kept, "{}", ended.said);
    assert!(kept > 10, "{kept}");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    require_root!();
    let pair = Pair::new("cap-pipe");
    for arguments in [&["-w", "-"][..], &[]] {
        let mut capture = Capture::start(&pair.left, &[&["-i", Pair::IFACE, "udp"], arguments].concat());
        capture.close_output();
        send(&pair.left, 10, 10);
        let ended = capture.wait().fine();
        assert!(!ended.said.contains("panicked"), "{}", ended.said);
    }
}

#[test]
fn what_goes_to_a_pipe_is_a_whole_file() {
    require_root!();
    let pair = Pair::new("cap-stream");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let script = format!(
        "{} capture -i {} -c 5 -w - 'udp dst port 4000' > {}",
        crate::support::netrig(),
        Pair::IFACE,
        file.display()
    );
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]);
    let mut child = pair.left.inside(|| shell.spawn()).expect("start bash");
    crate::support::wait_for("it ends", || {
        send(&pair.left, 5, 10);
        child.try_wait().expect("ask for it")
    });
    assert_eq!(count(&file, ""), 5);
    ask("capinfos", &[], &file);
}

#[test]
fn frames_of_64_kib_are_whole() {
    require_root!();
    let pair = Pair::new("cap-large");
    for ns in [&pair.left, &pair.right] {
        ns.run(&format!("ip link set dev {} mtu 65535", Pair::IFACE));
    }
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let word = file.to_str().expect("text");
    let capture = Capture::start(&pair.right, &["-i", Pair::IFACE, "-w", word, "udp dst port 4000 and udp[60000] = 0"]);
    send(&pair.left, 20, 65_000);
    let account = capture.stop().fine().account();
    account.assert_adds_up();
    assert_eq!(account.written, 20, "{account:?}");
    assert_eq!(count(&file, "len = 65042"), 20);
}
