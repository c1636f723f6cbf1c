use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn read(text: &str) -> SetFile {
    SetFile::parse(text.as_bytes()).unwrap_or_else(|broken| panic!("{broken}"))
}

fn addresses(set: &SetFile) -> &Addresses {
    match &set.entries {
        SetEntries::Addresses(addresses) => addresses,
        other => panic!("no addresses: {other:?}"),
    }
}

fn broken(text: &[u8]) -> Vec<String> {
    let broken = SetFile::parse(text).expect_err("a broken set");
    assert_eq!(broken.first.len(), broken.broken.min(BrokenSet::SHOWN_MAX));
    broken.first.iter().map(ToString::to_string).collect()
}

#[test]
fn comments_blank_lines_line_ends_and_the_mark_are_as_nothing() {
    let plain = read("10.0.0.0/8\n2001:db8::/32\n192.0.2.1-192.0.2.9\n");
    for text in [
        "\u{feff}10.0.0.0/8\r\n2001:db8::/32\r\n192.0.2.1-192.0.2.9\r\n",
        "# head\n\n10.0.0.0/8 # ten\n ; more\n\t2001:db8::/32; documents\n\n192.0.2.1 - 192.0.2.9",
        "2001:db8::/32\n192.0.2.1-192.0.2.9\n10.0.0.0/8#\n",
    ] {
        assert_eq!(read(text), plain, "{text:?}");
    }
    let counts = SetCounts { entries: 3, v4: 2, v6: 1, ..SetCounts::default() };
    assert_eq!(plain.counts, counts);
    let set = addresses(&plain);
    assert!(set.contains_v4(Ipv4Addr::new(10, 200, 3, 4)) && set.contains_v4(Ipv4Addr::new(192, 0, 2, 9)));
    assert!(!set.contains_v4(Ipv4Addr::new(192, 0, 2, 10)) && !set.contains_v4(Ipv4Addr::new(11, 0, 0, 0)));
    assert!(set.contains_v6(Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 1)) && !set.contains_v6(Ipv6Addr::LOCALHOST));
}

#[test]
fn comments_may_be_in_any_encoding() {
    assert_eq!(SetFile::parse(b"10.0.0.1 # caf\xe9\n\xff\xfe").map(|_| ()).expect_err("UTF-16").broken, 1);
    assert_eq!(SetFile::parse(b"10.0.0.1 # caf\xe9\n").map(|set| set.counts.entries), Ok(1));
}

#[test]
fn a_file_without_an_entry_is_an_empty_set() {
    for text in ["", "\n", "\u{feff}", "# nothing yet\r\n\r\n; nor here"] {
        assert_eq!(read(text), SetFile { entries: SetEntries::Empty, counts: SetCounts::default() }, "{text:?}");
    }
}

#[test]
fn duplicates_and_overlaps_are_counted_apart() {
    let set = read("10.0.0.1\n10.0.0.1/32\n10.0.0.1-10.0.0.1\n10.0.0.0/24\n10.0.0.9\n10.0.1.0/24\n");
    assert_eq!((set.counts.entries, set.counts.duplicates, set.counts.overlaps), (6, 2, 2));
    // Neighbours touch without overlapping, and are one range.
    assert_eq!(addresses(&set).v4.as_slice(), [(0x0a00_0000, 0x0a00_01ff)]);
    let set = read("80\n80\n70-90\n443");
    assert_eq!((set.counts.ports, set.counts.duplicates, set.counts.overlaps), (4, 1, 1));
}

#[test]
fn everything_is_everything() {
    let set = read("0.0.0.0/0\n::/0\n10.0.0.0/8\n2001:db8::1\n");
    assert_eq!(addresses(&set).v4.as_slice(), [(0, u32::MAX)]);
    assert_eq!(addresses(&set).v6.as_slice(), [(0, u128::MAX)]);
    assert_eq!(set.counts.overlaps, 2);
}

#[test]
fn host_bits_are_masked_and_counted() {
    let set = read("10.1.2.3/8\n10.0.0.0/8\n::1/64\n");
    assert_eq!((set.counts.masked, set.counts.duplicates), (2, 1));
    assert_eq!(addresses(&set).v4.as_slice(), [(0x0a00_0000, 0x0aff_ffff)]);
}

#[test]
fn broken_lines_are_quoted_with_their_numbers() {
    assert_eq!(
        broken(b"10.0.0.1\n foo \n\n10.0.0.0/40 # long\nx\x1b[31m\n"),
        [
            "line 2: `foo`: not an address, prefix, range or port",
            "line 4: `10.0.0.0/40`: the prefix is longer than the address: at most /32",
            "line 5: `x [31m`: not an address, prefix, range or port",
        ]
    );
    let long = SetFile::parse("é".repeat(500).as_bytes()).expect_err("a long line");
    assert_eq!(long.first[0].text, format!("{}…", "é".repeat(60)));
}

#[test]
fn the_first_ten_broken_lines_are_shown_and_all_are_counted() {
    let text = format!("10.0.0.1\n{}", "nonsense\n".repeat(1_000));
    let broken = SetFile::parse(text.as_bytes()).expect_err("broken");
    assert_eq!((broken.first.len(), broken.broken, broken.lines), (10, 1_000, 1_001));
    assert_eq!((broken.first[0].line, broken.first[0].column), (2, 1));
    let shown = broken.to_string();
    assert!(shown.starts_with("1000 of 1001 lines cannot be read\n  line 2: `nonsense`: not"), "{shown}");
    assert!(shown.ends_with("\n  and 990 more"), "{shown}");
}

#[test]
fn a_set_is_of_one_kind() {
    assert_eq!(
        broken(b"\n80\n10.0.0.1\n"),
        ["line 3: `10.0.0.1`: an address among ports (line 2 has the first port): a set is of one kind"]
    );
    assert_eq!(
        broken(b"::1\n80\n"),
        ["line 2: `80`: a port among addresses (line 1 has the first address): a set is of one kind"]
    );
}

#[test]
fn a_million_lines_are_counted_as_they_are() {
    use std::fmt::Write;
    const LINES: u32 = 1_000_000;
    let mut text = String::with_capacity(24 << 20);
    // An odd multiplier goes through all numbers, in no order, each once.
    let address = |i: u32| Ipv4Addr::from(i.wrapping_mul(2_654_435_761));
    let mut want = SetCounts { entries: LINES as usize, ..SetCounts::default() };
    let mut hosts = std::collections::BTreeSet::new();
    for i in 0..LINES {
        let written = match i % 10 {
            // Said before.
            9 => {
                want.duplicates += 1;
                want.v4 += 1;
                writeln!(text, "{}/32", address(i - 4))
            }
            8 => {
                want.v6 += 1;
                writeln!(text, "2001:db8:{:x}:{:x}::/64", i >> 16, i & 0xffff)
            }
            _ => {
                want.v4 += 1;
                hosts.insert(u32::from(address(i)));
                writeln!(text, "{}", address(i))
            }
        };
        written.expect("a string takes it");
    }
    let set = read(&text);
    assert_eq!(set.counts, want);
    let set = addresses(&set);
    let sum: u64 = set.v4.as_slice().iter().map(|(first, last)| u64::from(last - first) + 1).sum();
    assert_eq!(sum, hosts.len() as u64);
    assert!(hosts.iter().step_by(997).all(|host| set.v4.contains(*host)));
    let sum: u128 = set.v6.as_slice().iter().map(|(first, last)| ((last - first) >> 64) + 1).sum();
    assert_eq!(sum, 100_000);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(broken) = SetFile::parse(&bytes) {
            prop_assert!(broken.broken > 0 && broken.broken <= broken.lines);
            let escapes = broken.to_string().contains('\u{1b}');
            prop_assert!(!escapes);
        }
    }

    #[test]
    fn no_lines_make_it_panic(text in "([0-9a-f.:/# ;-]{0,20}\r?\n){0,10}") {
        if let Ok(set) = SetFile::parse(text.as_bytes()) {
            let counts = set.counts;
            prop_assert_eq!(counts.entries, counts.v4 + counts.v6 + counts.ports);
            prop_assert!(counts.duplicates + counts.overlaps < counts.entries.max(1));
        }
    }
}
