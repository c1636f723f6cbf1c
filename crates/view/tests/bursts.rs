//! What `netrig bursts` prints, as golden files.

mod common;

use common::bursts::burst;
use common::golden;
use netrig_model::{BurstRecord, Direction};
use netrig_view::{
    BurstList, GroupBy, Grouper, Limits, ListedBursts, Style, burst_interface_table, burst_table, group_line,
    record_line,
};

const BUCKETS: [u64; 5] = [60_000, 120_000, 125_000, 110_000, 30_000];

/// Bursts of a link whose speed is known, and of one where it is not, each a second after the one before.
fn records() -> Vec<BurstRecord> {
    let ticks = (0..4).map(|n| {
        let gap_ns = (n > 0).then_some(995_000_000);
        let scaled = BUCKETS.map(|bytes| bytes - u64::try_from(n).expect("small") * 1000);
        BurstRecord { link_bits_per_second: Some(1_000_000_000), ..burst("eth0", n * 1000, &scaled, gap_ns) }
    });
    let long: Vec<u64> = (0..60).map(|n| 20_000 + n % 3 * 1000).collect();
    let no_flows = "[]".to_owned();
    let unknown = BurstRecord {
        direction: Some(Direction::Ingress),
        retransmits: None,
        top_flows: no_flows,
        ce_packets: 7,
        ..burst("veth7", 12_345, &long, None)
    };
    ticks.chain([unknown]).collect()
}

fn listed(top: usize) -> ListedBursts {
    let mut list = BurstList::new(top);
    records().into_iter().for_each(|r| list.add(r));
    list.finish()
}

#[test]
fn the_highest_come_first_with_the_flows_that_made_them() {
    let shown = |top, style| burst_table(&listed(top), style).render(style);
    golden("bursts.txt", &shown(usize::MAX, Style::default()));
    for width in [80, 120] {
        let text = shown(usize::MAX, Style { width: Some(width), color: false });
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        golden(&format!("bursts-{width}.txt"), &text);
    }
    let text = shown(2, Style::default());
    assert!(text.ends_with("… and 3 bursts, 2.12 MB more, all lower\n"), "{text}");
}

#[test]
fn lengths_and_gaps_of_each_interface() {
    let table = burst_interface_table(&listed(1));
    golden("burst-interfaces.txt", &table.render(Style::default()));
    let narrow = table.render(Style { width: Some(80), color: false });
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
}

#[test]
fn groups_and_records() {
    let mut grouper = Grouper::new(GroupBy::parse("iface,direction").expect("columns"), Limits::default());
    records().iter().for_each(|r| grouper.add(r));
    let grouped = grouper.finish(None);
    golden("burst-groups.txt", &grouped.table().render(Style::default()));
    let lines: Vec<String> = grouped.groups.iter().map(|g| group_line(&grouped, g).expect("json") + "\n").collect();
    golden("burst-groups.jsonl", &lines.concat());
    golden("burst.jsonl", &(record_line(&records()[0]).expect("json") + "\n"));
}

#[test]
fn of_very_many_only_the_highest_are_held() {
    let mut list = BurstList::new(usize::MAX);
    for n in 0..25_000u64 {
        list.add(burst("eth0", 0, &[1_000 + n], None));
    }
    let listed = list.finish();
    assert_eq!((listed.bursts.len(), listed.rest.bursts), (10_000, 15_000));
    assert_eq!(listed.bursts[0].bytes, 25_999);
}
