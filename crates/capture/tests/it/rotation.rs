//! Files that rotate, and the folder of dumps.

use crate::blocks::{Read, read};
use netrig_capture::{
    Alike, Closed, Error, Files, Interface, InterfaceNumber, Octets, Packet, Progress, Quota, Rotation, Section,
    Statistics, Zone,
};
use netrig_model::Timestamp;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// 2026-11-27 18:35:23 UTC.
const START: i64 = 1_795_804_523;
const OCTETS: usize = 1000;

fn at(second: i64) -> Timestamp {
    Timestamp((START + second) * 1_000_000_000 + 5)
}

fn create(path: &Path, rotation: Rotation) -> Result<Files, Error> {
    let section = Section { comment: Some("a story".into()), ..Section::default() };
    Files::create(path, rotation, section, at(0), Zone::east(3600))
}

/// Files with an interface, two after the first packet.
fn files(path: &Path, rotation: Rotation) -> Files {
    let mut files = create(path, rotation).expect("a file");
    files.declare(Interface { name: "eth0".into(), hook: "xdp".into(), ..Interface::default() });
    files
}

/// A packet at a second.
fn push(files: &mut Files, second: i64, id: u64) -> Progress {
    let packet = Packet { id, ..Packet::whole(at(second), InterfaceNumber(0), &[1; OCTETS]) };
    files.packet(&packet).expect("written")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Numbers of the packets in a file, which must begin with all that is needed to read it alone.
fn ids(path: PathBuf) -> Vec<u64> {
    let blocks = read(&std::fs::read(path).expect("a file"));
    assert_eq!(blocks[0].comments(), "(a story)");
    assert!(matches!(blocks[1], Read::Interface { .. }));
    blocks.iter().filter(|block| matches!(block, Read::Packet { .. })).filter_map(|block| block.number(5)).collect()
}

#[test]
fn packets_like_others_rotate_as_all_do() {
    let rotation = Rotation { size: Some(5000), seconds: Some(60), count: Some(3) };
    let written = |alike: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = files(&folder.path().join("a.pcapng"), rotation);
        for second in 0..150 {
            let packet = Packet::whole(at(second), InterfaceNumber(0), &[1; OCTETS]);
            let own = Octets { time: packet.time, original: packet.original, octets: packet.octets, lost_before: 0 };
            let taken = if alike { files.alike(&Alike::of(&packet), &own) } else { files.packet(&packet) };
            assert_eq!(taken.expect("written"), Progress::Going);
        }
        let (counts, closed) = files.finish().expect("written");
        let closed: Vec<_> = closed
            .iter()
            .map(|file| (file.path.file_name().map(ToOwned::to_owned), file.packets, file.octets))
            .collect();
        (counts, closed)
    };
    let (counts, closed) = written(true);
    assert!(counts.written == 150 && closed.len() > 20, "{counts:?}, {} files", closed.len());
    assert_eq!((counts, closed), written(false));
}

#[test]
fn one_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pcapng");
    let mut files = files(&path, Rotation::default());
    assert_eq!(push(&mut files, 0, 1), Progress::Going);
    assert_eq!(files.path(), Some(path.as_path()));
    let (counts, closed) = files.finish().expect("written");
    assert_eq!((counts.packets, counts.written, counts.lost_write), (1, 1, 0));
    let about = path.metadata().expect("a file");
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    assert_eq!(closed, [Closed { path: path.clone(), packets: 1, octets: about.len() }]);
    assert_eq!(counts.octets, about.len());
    assert_eq!(ids(path), [1]);
}

#[test]
fn by_size_files_are_numbered_as_tcpdump_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = files(&folder.path().join("f"), Rotation { size: Some(3500), ..Rotation::default() });
    for id in 1..=10 {
        assert_eq!(push(&mut files, 0, id), Progress::Going);
    }
    drop(files);
    assert_eq!(names(folder.path()), ["f", "f1", "f2"]);
    assert_eq!(ids(folder.path().join("f")), [1, 2, 3, 4]);
    assert_eq!(ids(folder.path().join("f2")), [9, 10]);
}

#[test]
fn so_many_files_are_a_ring() {
    let folder = tempfile::tempdir().expect("a folder");
    let rotation = Rotation { size: Some(500), count: Some(11), ..Rotation::default() };
    let mut files = files(&folder.path().join("f"), rotation);
    for id in 1..=13 {
        assert_eq!(push(&mut files, 0, id), Progress::Going);
    }
    let (_, closed) = files.finish().expect("written");
    assert_eq!(closed.len(), 13);
    let names = names(folder.path());
    assert_eq!((names.len(), names[0].as_str(), names[10].as_str()), (11, "f00", "f10"));
    assert_eq!(ids(folder.path().join("f01")), [13]);
    assert_eq!(ids(folder.path().join("f02")), [3]);
}

#[test]
fn by_time_names_are_of_that_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let rotation = Rotation { seconds: Some(10), ..Rotation::default() };
    let mut files = files(&folder.path().join("%H%M%S.pcapng"), rotation);
    for (second, id) in [(0, 1), (9, 2), (10, 3), (8, 4), (27, 5)] {
        assert_eq!(push(&mut files, second, id), Progress::Going);
    }
    assert_eq!(files.take_closed().len(), 2);
    assert_eq!(files.tick(at(36)).expect("written"), Progress::Going);
    assert!(files.take_closed().is_empty());
    assert_eq!(files.tick(at(37)).expect("written"), Progress::Going);
    assert_eq!(files.take_closed().len(), 1);
    drop(files);
    assert_eq!(names(folder.path()), ["193523.pcapng", "193533.pcapng", "193550.pcapng", "193600.pcapng"]);
    assert_eq!(ids(folder.path().join("193533.pcapng")), [3, 4]);
}

#[test]
fn by_time_so_many_files_are_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let rotation = Rotation { seconds: Some(1), count: Some(2), ..Rotation::default() };
    let mut files = files(&folder.path().join("%S"), rotation);
    let progress = [0, 1, 2, 3].map(|second| push(&mut files, second, 1));
    assert_eq!(progress, [Progress::Going, Progress::Going, Progress::Finished, Progress::Finished]);
    assert_eq!(files.tick(at(9)).expect("nothing to do"), Progress::Finished);
    let (counts, closed) = files.finish().expect("written");
    assert_eq!((counts.written, closed.len()), (2, 2));
    assert_eq!(names(folder.path()), ["23", "24"]);
}

#[test]
fn by_both_each_time_has_a_ring() {
    let folder = tempfile::tempdir().expect("a folder");
    let rotation = Rotation { size: Some(500), seconds: Some(10), count: Some(2) };
    let mut files = files(&folder.path().join("%S-"), rotation);
    for (second, id) in [(0, 1), (1, 2), (2, 3), (11, 4)] {
        assert_eq!(push(&mut files, second, id), Progress::Going);
    }
    drop(files);
    assert_eq!(names(folder.path()), ["23-0", "23-1", "34-0"]);
    assert_eq!(ids(folder.path().join("23-0")), [3]);
}

#[test]
fn each_file_ends_with_what_was_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = files(&folder.path().join("f"), Rotation { size: Some(500), ..Rotation::default() });
    for second in 1..=3 {
        let statistics = Statistics { end: at(second), received: Some(second as u64 * 10), ..Statistics::default() };
        files.statistics(InterfaceNumber(0), statistics).expect("declared");
        assert_eq!(push(&mut files, second, 1), Progress::Going);
    }
    files.write_statistics().expect("written");
    drop(files);
    // The second packet is what ends the first file, after its counts were told.
    for (name, received) in [("f", vec![20]), ("f1", vec![30]), ("f2", vec![30, 30])] {
        let blocks = read(&std::fs::read(folder.path().join(name)).expect("a file"));
        let counts = blocks.iter().filter(|block| matches!(block, Read::Statistics { .. }));
        assert_eq!(counts.filter_map(|block| block.number(4)).collect::<Vec<_>>(), received, "{name}");
    }
}

#[test]
fn what_is_no_place_for_a_capture_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let why = |path: &Path| create(path, Rotation::default()).err().expect("refused").to_string();
    let is_folder = why(folder.path());
    assert!(is_folder.ends_with("it is a folder; name a file in it"), "{is_folder}");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/etc/passwd", &link).expect("a link");
    assert!(why(&link).ends_with("it is a symbolic link; name what it leads to"));
    let missing = why(&folder.path().join("none/a"));
    assert!(missing.starts_with("cannot create ") && missing.contains("No such file"), "{missing}");
}

#[test]
fn a_full_device_is_told_and_packets_are_counted() {
    let mut files = files(Path::new("/dev/full"), Rotation::default());
    assert_eq!(push(&mut files, 0, 1), Progress::Going);
    let error = files.flush().expect_err("no room");
    assert_eq!(error.io_kind(), Some(std::io::ErrorKind::StorageFull));
    assert_eq!((error.lost(), files.counts().lost_write, files.counts().written), (1, 1, 0));
}

#[test]
fn the_oldest_dumps_go_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = |name: &str, octets: usize, second: u64| {
        let path = folder.path().join(name);
        std::fs::write(&path, vec![0; octets]).expect("write");
        let file = std::fs::File::options().write(true).open(&path).expect("open");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second)).expect("a time");
        path
    };
    let current = dump("netrig-d.pcapng", 100, 1);
    dump("netrig-c.pcapng", 100, 2);
    dump("netrig-b.pcapng", 100, 3);
    dump("netrig-a.pcapng", 100, 4);
    dump("other.pcapng", 900, 0);
    dump("netrig-a.pcapng.old", 900, 0);
    let keep = |files, bytes| {
        let removed = Quota { files, bytes }.keep(folder.path(), Some(&current)).expect("a folder");
        removed.iter().map(|r| r.path.file_name().expect("a name").to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    assert!(keep(4, 400).is_empty());
    assert_eq!(keep(3, 400), ["netrig-c.pcapng"]);
    assert_eq!(keep(3, 299), ["netrig-b.pcapng"]);
    assert_eq!(keep(0, 0), ["netrig-a.pcapng"]);
    assert_eq!(names(folder.path()), ["netrig-a.pcapng.old", "netrig-d.pcapng", "other.pcapng"]);
    let error = Quota { files: 1, bytes: 1 }.keep(&folder.path().join("none"), None).expect_err("no folder");
    assert!(error.to_string().contains("cannot keep the quota"), "{error}");
}
