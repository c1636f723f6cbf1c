//! Tables that were full: connection tracking and neighbours, from `/proc/net/stat`.

use netrig_model::{DropSource, DropTally};
use std::fs;

/// File, column, and the name under which it is told.
const COLUMNS: [(&str, &str, &str); 8] = [
    ("nf_conntrack", "drop", "nf_conntrack_drop"),
    ("nf_conntrack", "early_drop", "nf_conntrack_early_drop"),
    ("nf_conntrack", "insert_failed", "nf_conntrack_insert_failed"),
    ("nf_conntrack", "search_restart", "nf_conntrack_search_restart"),
    ("arp_cache", "table_fulls", "arp_cache_table_fulls"),
    ("arp_cache", "unresolved_discards", "arp_cache_unresolved_discards"),
    ("ndisc_cache", "table_fulls", "ndisc_cache_table_fulls"),
    ("ndisc_cache", "unresolved_discards", "ndisc_cache_unresolved_discards"),
];

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|(.., name)| *name)
}

/// What the tables count. A file that is not there is of a module that is not loaded.
pub(super) fn tallies() -> Vec<DropTally> {
    let mut tallies = Vec::new();
    for file in ["nf_conntrack", "arp_cache", "ndisc_cache"] {
        let Ok(text) = fs::read_to_string(format!("/proc/thread-self/net/stat/{file}")) else { continue };
        let columns = COLUMNS.iter().filter(|(of, ..)| *of == file);
        tallies.extend(columns.filter_map(|(_, column, name)| Some(tally(name, sum(&text, column)?))));
    }
    tallies
}

pub(super) fn tally(name: &str, packets: u64) -> DropTally {
    DropTally { source: DropSource::Table, reason: name.to_owned(), place: None, iface: None, packets }
}

/// Of all CPUs, each of which has a row of hexadecimal numbers; the first row names the columns, which differ from kernel to
/// kernel. None where there is no such column.
fn sum(text: &str, column: &str) -> Option<u64> {
    let mut lines = text.lines();
    let at = lines.next()?.split_whitespace().position(|name| name == column)?;
    let numbers = lines.filter_map(|line| u32::from_str_radix(line.split_whitespace().nth(at)?, 16).ok());
    Some(numbers.map(u64::from).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &str = "entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n\
        00000001  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002 0000000a 00000000 00000000  00000000 00000000 00000000 00000000\n\
        00000001  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000006 00000000 00000000  00000000 00000000 00000000 00000003\n";
    const NEW: &str = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n\
        00000000  00000007 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 ffffffff 00000000 00000000  00000000 00000000 00000000 00000000\n\
        00000000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002 00000000 00000000  00000000 00000000 00000000 00000000\n";

    #[test]
    fn columns_are_found_by_name_and_cpus_add_up() {
        let of = |text, column| sum(text, column);
        assert_eq!(
            (of(OLD, "drop"), of(OLD, "insert_failed"), of(OLD, "search_restart")),
            (Some(16), Some(2), Some(3))
        );
        assert_eq!((of(NEW, "drop"), of(NEW, "early_drop")), (Some(u64::from(u32::MAX) + 2), Some(0)));
        assert_eq!(of(NEW, "unheard_of"), None);
        assert_eq!(of("", "drop"), None);
        assert_eq!(of("entries drop\n1\nx y\n1 f\n", "drop"), Some(15), "short and strange rows have none");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-fdrop \n\t-]{0,200}") {
            let _ = sum(&text, "drop");
        }
    }
}
