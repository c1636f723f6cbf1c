//! Sets and lists: what they hold, who shares them, and what is warned of.

use super::{errors, read, rules};
use netrig_policy::words::Match;
use netrig_policy::{SetCounts, SetEntries, SetError, SetFile, SetSource};
use proptest::prelude::*;
use std::sync::Arc;

const SETS: &str = r#"
[[set]]
name = "blocklist"
file = "lists/blocklist.txt"
[[set]]
name = "more"
file = "more.txt"
[[set]]
name = "web"
entries = [80, 443, "8000-8080"]
[[set]]
name = "nothing"
file = "empty.txt"
[[set]]
name = "none"
entries = []
"#;

/// One rule for each match.
fn matches(of: &[&str]) -> Vec<Match> {
    let rule = |(i, of)| format!("[[rule]]\nid = \"r{i}\"\naction = \"drop\"\nmatch = {of}\n");
    let text: String = of.iter().enumerate().map(rule).collect();
    rules(&format!("{SETS}{text}")).into_iter().flat_map(|rule| rule.alternatives).collect()
}

fn src_v4(of: &str) -> Vec<(u32, u32)> {
    matches(&[&format!("{{ src = {of} }}")])[0].src.as_ref().expect("src").v4.as_slice().to_vec()
}

fn ports(of: &str) -> Vec<(u16, u16)> {
    matches(&[&format!("{{ dst_port = {of} }}")])[0].dst_port.as_ref().expect("dst_port").as_slice().to_vec()
}

#[test]
fn lists_take_in_and_take_out_in_any_order() {
    assert_eq!(src_v4("[\"10.0.0.2\", \"!10.0.0.0/31\", \"10.0.0.0/30\"]"), [(0x0a00_0002, 0x0a00_0003)]);
    assert_eq!(src_v4("[\"@blocklist\", \"!10.0.0.0/9\"]"), [(0x0a80_0000, 0x0aff_ffff), (0xc000_0201, 0xc000_0201)]);
    assert_eq!(src_v4("[\"10.0.0.0/7\", \"!@blocklist\"]"), [(0x0b00_0000, 0x0bff_ffff)]);
    assert_eq!(src_v4("[\"@blocklist\", \"@more\", \"10.0.0.1-11.0.0.1\"]")[0], (0x0a00_0000, 0x0b00_0001));
    let (ten, other, eleven) = ((0x0a00_0000, 0x0aff_ffff), (0xc000_0201, 0xc000_0201), (0x0b00_0001, 0x0b00_0001));
    for of in [
        "[\"@blocklist\", \"11.0.0.1\"]",
        "[\"11.0.0.1\", \"@blocklist\"]",
        "[\"@blocklist\", \"@nothing\", \"11.0.0.1\"]",
    ] {
        assert_eq!(src_v4(of), [ten, eleven, other], "{of}");
    }
    assert_eq!(src_v4("[\"@blocklist\", \"@nothing\"]"), [ten, other]);
    assert_eq!(src_v4("[\"10.0.0.0/7\", \"!@blocklist\", \"!11.0.0.0/9\"]"), [(0x0b80_0000, 0x0bff_ffff)]);
    assert_eq!(ports("[\"@web\", 81]"), [(80, 81), (443, 443), (8000, 8080)]);
    assert_eq!(ports("80"), [(80, 80)]);
    assert_eq!(
        ports("[\"80\", 81, \"90-99\", \"!95\", \"@web\"]"),
        [(80, 81), (90, 94), (96, 99), (443, 443), (8000, 8080)]
    );
}

#[test]
fn a_list_that_only_takes_out_is_of_all_else() {
    assert_eq!(src_v4("\"!128.0.0.0/1\""), [(0, 0x7fff_ffff)]);
    let all = matches(&["{ src = \"!128.0.0.0/1\" }", "{ src = \"!@nothing\" }", "{ src = \"!::/1\" }"]);
    assert_eq!(all[0].src.as_ref().expect("src").v6.as_slice(), [(0, u128::MAX)]);
    assert_eq!(all[1].src.as_ref().expect("src").v4.as_slice(), [(0, u32::MAX)]);
    assert_eq!(all[2].src.as_ref().expect("src").v6.as_slice(), [(1 << 127, u128::MAX)]);
    assert_eq!(ports("[\"!22\", \"!@web\"]"), [(0, 21), (23, 79), (81, 442), (444, 7999), (8081, 65535)]);
}

#[test]
fn everything_and_mapped_addresses() {
    let all = matches(&["{ src = [\"0.0.0.0/0\", \"::/0\"] }", "{ dst = \"::ffff:10.0.0.1\" }"]);
    let src = all[0].src.as_ref().expect("src");
    assert_eq!((src.v4.as_slice(), src.v6.as_slice()), (&[(0, u32::MAX)][..], &[(0, u128::MAX)][..]));
    let dst = all[1].dst.as_ref().expect("dst");
    assert_eq!((dst.v4.as_slice(), dst.v6.is_empty()), (&[(0x0a00_0001, 0x0a00_0001)][..], true));
}

#[test]
fn a_whole_set_is_shared_and_so_are_lists_of_the_same_words() {
    let all = matches(&[
        "{ src = \"@blocklist\" }",
        "{ dst = [\"@blocklist\"], any = [{}, { src = \"@more\" }] }",
        "{ src = [\"@blocklist\", \"@more\"] }",
        "{ src = [\"@blocklist\", \"@more\"], dst_port = \"@web\" }",
        "{ src = \"@blocklist\", any = [{ src = \"@blocklist\", src_port = [\"@web\"] }] }",
        "{ src = \"@nothing\", dst = \"@none\", dst_port = \"@nothing\" }",
    ]);
    let src = |at: usize| all[at].src.as_ref().expect("src");
    let blocklist = src(0);
    for at in [1, 2] {
        assert!(Arc::ptr_eq(blocklist, all[at].dst.as_ref().expect("dst")));
    }
    assert!(Arc::ptr_eq(src(3), src(4)) && !Arc::ptr_eq(src(3), blocklist));
    assert!(Arc::ptr_eq(src(5), blocklist), "a set with itself is itself");
    let port = |at: usize| all[at].dst_port.as_ref().or(all[at].src_port.as_ref()).expect("ports");
    assert!(Arc::ptr_eq(port(4), port(5)));
    assert!(src(6).is_empty() && all[6].dst.as_ref().expect("dst").is_empty() && port(6).is_empty());
}

#[test]
fn what_the_source_hands_out_is_what_rules_hold() {
    /// Has read its only file long ago.
    struct Kept(Arc<SetFile>, usize);
    impl SetSource for Kept {
        fn load(&mut self, path: &str) -> Result<Arc<SetFile>, SetError> {
            assert_eq!(path, "feed.txt");
            self.1 += 1;
            Ok(self.0.clone())
        }
    }
    let text = "[[set]]\nname = \"a\"\nfile = \"feed.txt\"\n[[set]]\nname = \"b\"\nfile = \"feed.txt\"\n\
                [[rule]]\nid = \"r\"\nmatch = { src = \"@a\", dst = \"@b\" }\naction = \"drop\"\n";
    let mut kept = Kept(Arc::new(SetFile::parse(b"10.0.0.0/8").expect("a set")), 0);
    let read = netrig_policy::read(text, "policy.toml", &mut kept).expect("a policy");
    let SetEntries::Addresses(addresses) = &kept.0.entries else { panic!("no addresses") };
    let found = &read.policy.rules[0].alternatives[0];
    assert!([&found.src, &found.dst].iter().all(|set| Arc::ptr_eq(set.as_ref().expect("a set"), addresses)));
    assert_eq!((kept.1, read.files.as_slice()), (1, &["feed.txt".to_owned()][..]), "fetched once");
}

#[test]
fn sets_and_their_files_are_told_in_order() {
    let read = read(SETS);
    let names: Vec<_> = read.sets.iter().map(|set| (set.name.as_str(), set.file.as_deref(), set.line)).collect();
    let want = [
        ("blocklist", Some("lists/blocklist.txt"), 2),
        ("more", Some("more.txt"), 5),
        ("web", None, 8),
        ("nothing", Some("empty.txt"), 11),
        ("none", None, 14),
    ];
    assert_eq!(names, want);
    assert_eq!(read.files, ["lists/blocklist.txt", "more.txt", "empty.txt"]);
    assert_eq!(read.sets[0].counts, SetCounts { entries: 3, v4: 2, v6: 1, ..SetCounts::default() });
    assert_eq!(read.sets[2].counts, SetCounts { entries: 3, ports: 3, ..SetCounts::default() });
}

#[test]
fn what_is_likely_not_meant_is_warned_of() {
    let rules = "[[rule]]\nid = \"r\"\naction = \"drop\"\nmatch = { src = [\"@more\", \"10.0.0.1/8\"], dst = \"@nothing\", dst_port = [80, \"!80\"] }\n\
                 [[rule]]\nid = \"s\"\naction = \"drop\"\nmatch = { src = \"10.0.0.0/8\", any = [{ src = \"11.0.0.0/8\" }] }\n";
    let warnings = read(&format!("{SETS}{rules}")).warnings;
    let told: Vec<_> = warnings.iter().map(|w| (w.place.line().expect("a line"), w.message.as_str())).collect();
    let want = [
        (3, "the set `blocklist` is used by no rule"),
        (
            7,
            "of the 4 entries of the set `more`, 1 say what another says; 1 overlap another; 1 have bits set beyond their \
             prefix, which are left out",
        ),
        (9, "the set `web` is used by no rule"),
        (13, "the set `nothing` is empty"),
        (15, "the set `none` is used by no rule"),
        (16, "the set `none` is empty"),
        (20, "`10.0.0.1/8` has bits set beyond its prefix, which are left out"),
        (20, "`dst` is empty: nothing matches it"),
        (20, "`dst_port` is empty: nothing matches it"),
        (24, "`src` has nothing in common with that of the match around it: nothing matches"),
    ];
    assert_eq!(told, want);
}

#[test]
fn a_set_that_could_not_be_read_is_told_once() {
    let text = "[[set]]\nname = \"gone\"\nfile = \"gone.txt\"\n[[rule]]\nid = \"r\"\naction = \"drop\"\nmatch = { src = \"@gone\" }\n";
    let errors = errors(text);
    assert_eq!(errors.lines().count(), 3, "{errors}");
    assert!(
        errors.starts_with(
            "policy.toml, line 3, column 8: the set file \"gone.txt\" cannot be read: there is no such file"
        )
    );
}

/// Words of lists, and what each stands for among the addresses 10.0.0.0 to 10.0.0.15 and the ports 0 to 15.
fn words() -> impl Strategy<Value = Vec<(String, String, u16)>> {
    let range = (0u16..16, 0u16..16).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let word = (range, any::<bool>(), prop_oneof![Just(0), Just(1), Just(2), Just(3)]);
    let word = word.prop_map(|((first, last), out, set)| {
        let bits = |first: u16, last: u16| (first..=last).fold(0u16, |bits, i| bits | 1 << i);
        let (address, port, held) = match set {
            0 => ("@a".to_owned(), "@p".to_owned(), bits(3, 7)),
            1 => ("@b".to_owned(), "@q".to_owned(), bits(6, 9)),
            _ => (format!("10.0.0.{first}-10.0.0.{last}"), format!("{first}-{last}"), bits(first, last)),
        };
        let before = if out { "!" } else { "" };
        (format!("{before}{address}"), format!("{before}{port}"), held)
    });
    proptest::collection::vec(word, 1..6)
}

proptest! {
    #[test]
    fn a_list_is_what_it_takes_in_without_what_it_takes_out(words in words()) {
        let sets = [("a", "10.0.0.3-10.0.0.7"), ("b", "10.0.0.6-10.0.0.9"), ("p", "3-7"), ("q", "6-9")];
        let sets = sets.map(|(name, entry)| format!("[[set]]\nname = \"{name}\"\nentries = [\"{entry}\"]\n")).concat();
        let list = |of: fn(&(String, String, u16)) -> &String| {
            words.iter().map(|word| format!("\"{}\"", of(word))).collect::<Vec<_>>().join(", ")
        };
        let (src, port) = (list(|word| &word.0), list(|word| &word.1));
        let rule = format!("[[rule]]\nid = \"r\"\naction = \"drop\"\nmatch = {{ src = [{src}], dst_port = [{port}] }}\n");
        let found = rules(&(sets + &rule)).swap_remove(0).alternatives.swap_remove(0);
        let all = |out| words.iter().filter(move |word| word.0.starts_with('!') == out);
        let taken = if all(false).count() == 0 { u16::MAX } else { all(false).fold(0, |bits, word| bits | word.2) };
        let want = taken & !all(true).fold(0, |bits, word| bits | word.2);
        for i in 0..16u16 {
            let wanted = want & (1 << i) != 0;
            prop_assert_eq!(found.src.as_ref().expect("src").v4.contains(0x0a00_0000 + u32::from(i)), wanted);
            prop_assert_eq!(found.dst_port.as_ref().expect("ports").contains(i), wanted);
        }
    }
}
