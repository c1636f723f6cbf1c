//! A disk that fills up stops the store, says so, and loses no more than it counts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{config, flows, stored, window};
use netrig_store::StoreWriter;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A small file system of its own, gone again however the test ends.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Result<Self, String> {
        let dir = tempfile::tempdir().unwrap();
        let out = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "netrig-test"]).arg(dir.path()).output();
        match out {
            Ok(out) if out.status.success() => Ok(Self(dir)),
            Ok(out) => Err(String::from_utf8_lossy(&out.stderr).trim().to_owned()),
            Err(e) => Err(e.to_string()),
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, so that files still open hold nothing up.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_stops_the_store_and_room_starts_it_again() {
    let disk = match SmallDisk::mount() {
        Ok(disk) => disk,
        Err(reason) => return eprintln!("SKIPPED: a small tmpfs cannot be mounted ({reason}); run as root"),
    };
    let dir = disk.path().join("store");
    let mut writer = StoreWriter::open(config(&dir)).unwrap();
    writer.append_flows(window(0), &flows(window(0), 0, 1000)).unwrap();
    let ballast = disk.path().join("ballast");
    fill(&ballast);

    for i in 1..=2 {
        let error = writer.append_flows(window(i * 10), &flows(window(i * 10), 0, 1000)).unwrap_err();
        assert!(error.is_full(), "{error}");
        let status = writer.status();
        assert!(!status.writing);
        assert_eq!((status.rows_written, status.rows_lost), (1000, 1000 * i as u64));
        assert!(status.detail.contains("No space left") && status.detail.contains("free space"), "{}", status.detail);
        writer.maintain(window(i * 10).1).unwrap();
    }
    assert_eq!(stored(&dir).len(), 1000, "what was stored stays readable");

    fs::remove_file(&ballast).unwrap();
    writer.append_flows(window(30), &flows(window(30), 0, 1000)).unwrap();
    let status = writer.status();
    assert!(status.writing && status.detail.contains("2000 rows were lost"), "{}", status.detail);
    assert_eq!((status.rows_written, status.rows_lost), (2000, 2000));
    assert_eq!(stored(&dir).len(), 2000);

    // Full while an hour is joined: its files stay apart and all rows stay.
    fill(&ballast);
    let later = window(3 * 3600).0;
    assert!(writer.maintain(later).unwrap_err().is_full());
    assert_eq!(stored(&dir).len(), 2000);
    // And a new writer on the full disk still opens.
    drop(writer);
    StoreWriter::open(config(&dir)).unwrap();
}

fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 512]).is_ok() {}
}
