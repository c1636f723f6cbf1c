//! A disk that is full, in a mount namespace of its own.

use crate::blocks::{Read, read};
use netrig_capture::{Error, Files, Interface, Packet, Progress, Rotation, Section, Zone};
use netrig_model::Timestamp;
use std::path::Path;
use std::process::Command;

/// Where the disk is, for the test that is run anew inside.
const DISK: &str = "NETRIG_SMALL_DISK";

#[test]
fn a_file_on_a_full_disk_is_whole() {
    on_small_disk("a_file_on_a_full_disk_is_whole", fill);
}

#[test]
fn a_ring_on_a_full_disk_goes_on_over_its_oldest_file() {
    on_small_disk("a_ring_on_a_full_disk_goes_on_over_its_oldest_file", fill_ring);
}

/// Runs the test of this name anew, where there is a disk of half a million octets for it.
fn on_small_disk(name: &str, test: fn(&Path)) {
    if let Some(disk) = std::env::var_os(DISK) {
        test(Path::new(&disk));
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let rights = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none"]).arg(folder.path()).output();
    if !rights.is_ok_and(|run| run.status.success()) {
        eprintln!("SKIPPED: no rights to mount a small disk");
        return;
    }
    let itself = std::env::current_exe().expect("the test");
    let script =
        r#"mount -t tmpfs -o size=512k none "$1" && exec "$0" --exact small_disk::a_file_on_a_full_disk_is_whole"#;
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script]).arg(itself).arg(folder.path()).arg(name).env(DISK, folder.path());
    let run = command.output().expect("unshare");
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&run.stderr));
}

fn fill(disk: &Path) {
    let path = disk.join("a.pcapng");
    let zone = Zone::utc();
    let mut files = Files::create(&path, Rotation::default(), Section::default(), Timestamp(0), zone).expect("a file");
    let interface = files.declare(Interface::default());
    let error = (0..2000).find_map(|at| {
        files.packet(&Packet { id: at + 1, ..Packet::whole(Timestamp(0), interface, &[7; 1000]) }).err()
    });
    let error = error.expect("no room for two million octets in half a million");
    let Error::File { written, lost, .. } = &error else { panic!("{error}") };
    let text = error.to_string();
    assert!(text.contains("a.pcapng after ") && text.contains("make room, or bound the capture"), "{text}");
    assert_eq!(path.metadata().expect("a file").len(), *written);

    let ids = |path: &Path| -> Vec<_> {
        read(&std::fs::read(path).expect("a file")).iter().filter_map(|block| block.number(5)).collect()
    };
    let before = ids(&path).len() as u64;
    let counts = files.counts();
    assert_eq!((counts.written, counts.lost_write, counts.octets), (before, *lost, *written));

    // When there is room again, the file goes on, and says what is missing.
    let remounted = Command::new("mount").args(["-o", "remount,size=4m"]).arg(disk).status();
    assert!(remounted.expect("mount").success());
    let last = Packet { id: 5000, ..Packet::whole(Timestamp(1), interface, b"last") };
    assert_eq!(files.packet(&last).expect("room"), Progress::Going);
    files.finish().expect("room");
    let blocks = read(&std::fs::read(&path).expect("a file"));
    let last = blocks.iter().rfind(|block| matches!(block, Read::Packet { .. })).expect("a packet");
    assert_eq!((last.number(5), last.number(4)), (Some(5000), Some(*lost)));
    assert_eq!(ids(&path), (1..=before).chain([5000]).collect::<Vec<_>>());
}

fn fill_ring(disk: &Path) {
    let path = disk.join("a");
    let rotation = Rotation { size: Some(200_000), count: Some(3), ..Rotation::default() };
    let mut files = Files::create(&path, rotation, Section::default(), Timestamp(0), Zone::utc()).expect("a file");
    let interface = files.declare(Interface::default());
    let mut errors = 0;
    for id in 1..=3000 {
        let packet = Packet { id, ..Packet::whole(Timestamp(0), interface, &[7; 1000]) };
        match files.packet(&packet) {
            Ok(progress) => assert_eq!(progress, Progress::Going),
            Err(error) => {
                assert_eq!(error.io_kind(), Some(std::io::ErrorKind::StorageFull));
                errors += 1;
            }
        }
    }
    let (counts, closed) = files.finish().expect("room");
    assert_eq!((counts.packets, counts.written + counts.lost_write), (3000, 3000));
    assert_eq!(counts.written, closed.iter().map(|closed| closed.packets).sum::<u64>());
    // A file of three has no room for its end, each time round.
    assert!((1..10).contains(&errors) && counts.written > 2000, "{errors} errors, {counts:?}");
    for name in ["a0", "a1", "a2"] {
        assert!(read(&std::fs::read(disk.join(name)).expect("a file")).len() > 50);
    }
}
