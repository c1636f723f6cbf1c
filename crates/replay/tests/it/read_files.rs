//! Files as people have them: packed, damaged, or no captures at all.

use crate::written::pcap::PcapBuilder;
use crate::written::{read, read_bytes};
use flate2::{Compression, write::GzEncoder};
use netrig_replay::capture::{CaptureFault, CaptureReader};
use std::io::Write;
use std::path::Path;

fn capture() -> Vec<u8> {
    (0..200u32)
        .fold(PcapBuilder::ethernet(), |b, n| b.packet(n, 0, &n.wrapping_mul(0x9e37_79b9).to_le_bytes().repeat(100)))
        .bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("into memory")
}

#[test]
fn packed_captures_are_known_by_their_first_bytes() {
    let plain = capture();
    let (first, second) = plain.split_at(10_000);
    let all = [
        plain.clone(),
        gzip(&plain),
        zstd(&plain),
        gzip(&zstd(&plain)),
        zstd(&gzip(&gzip(&plain))),
        [gzip(first), gzip(second)].concat(),
        [zstd(first), zstd(second)].concat(),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for (number, bytes) in all.iter().enumerate() {
        let path = folder.path().join(format!("{number}.anything"));
        std::fs::write(&path, bytes).expect("write");
        let (seen, error) = read(CaptureReader::open(&path).expect("open"));
        assert!(error.is_none(), "{number}: {error:?}");
        assert_eq!(seen.len(), 200, "{number}");
    }
}

#[test]
fn packed_too_often_is_refused() {
    let bytes = (0..6).fold(capture(), |bytes, _| gzip(&bytes));
    assert!(matches!(read_bytes(&bytes).1.expect("told").fault, CaptureFault::PackedTooDeep(4)));
}

#[test]
fn damage_in_a_packed_file_loses_only_what_comes_after() {
    for packed in [gzip(&capture()), zstd(&[capture(), vec![0; 0]].concat())] {
        let (seen, error) = read_bytes(&packed[..packed.len() - 9]);
        let error = error.expect("the cut is told");
        assert!(matches!(error.fault, CaptureFault::Packed { .. }), "{error}");
        assert_eq!(error.place.map_or(0, |p| p.packet), if error.place.is_some() { seen.len() as u64 + 1 } else { 0 });
    }
    // In gzip, what comes before the cut can still be unpacked.
    let packed = gzip(&capture());
    assert!(read_bytes(&packed[..packed.len() - 9]).0.len() > 190);
}

#[test]
fn what_is_no_capture_is_told_so() {
    let of = |bytes: &[u8]| read_bytes(bytes).1.expect("told").to_string();
    assert_eq!(of(b""), "test.pcap: is empty: not even a capture's header was written; capture again");
    assert_eq!(
        of(b"hello, world"),
        "test.pcap: is not a pcap or pcapng capture (it begins with \"hello, w\"); captures may also be packed with gzip or zstd"
    );
    assert!(of(b"\x7fELF\x02\x01\x01\0").contains("it begins with 7f 45 4c 46 02 01 01 00"));
    assert!(of(&gzip(b"hello")).contains("\"hello\""));
    assert!(of(&gzip(b"")).contains("is empty"));
    assert!(of(b"\xfd7zXZ\0\0\0").contains("packed with xz"));
    assert!(of(b"snoop\0\0\0").contains("editcap"));
    assert!(of(&[0x1f, 0x8b, 8, 0, 0]).contains("gzip"));
    assert!(
        of(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0]).contains("ends inside the capture's header: 24 bytes should follow, 6 do")
    );
}

#[test]
fn a_missing_file_and_a_folder_are_told_so() {
    let missing = CaptureReader::open(Path::new("no/such/file.pcap")).expect_err("there is none").to_string();
    assert!(missing.starts_with("no/such/file.pcap: cannot be opened: No such file"), "{missing}");
    let folder = tempfile::tempdir().expect("a folder");
    let error = CaptureReader::open(folder.path()).expect_err("a folder is none");
    assert!(matches!(error.fault, CaptureFault::Directory), "{error}");
}
