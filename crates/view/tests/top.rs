//! The live view, drawn into memory: golden screens, keys, and rates by difference.

mod common;

use common::live::{SECOND, press, screen, snapshot};
use common::{START, WINDOW_NS, flow, golden};
use netrig_model::{GovernorStatus, OverheadStatus};
use netrig_view::top::{Action, App, Key, PAIRS_MAX, Sample, TalkerCounts};

fn talkers(flows: impl IntoIterator<Item = (&'static str, &'static str, u64, i64)>) -> Option<TalkerCounts> {
    let mut counts = TalkerCounts::default();
    for (src, dst, bytes, window) in flows {
        counts.add(flow(src, dst, "tcp", bytes, window));
    }
    Some(counts)
}

fn sample(at_s: i64, bytes: u64, window: i64) -> Sample {
    let flows = [
        ("10.0.0.1:43210", "192.0.2.80:443", bytes, window),
        ("10.0.0.1:43211", "192.0.2.80:443", bytes, window),
        ("10.0.0.2:50000", "192.0.2.53:53", bytes / 10, window),
        ("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:40000", "[2001:db8::2]:22", bytes / 3, window),
    ];
    Sample { snapshot: snapshot(at_s, bytes), talkers: talkers(flows) }
}

fn running() -> App {
    let mut app = App::new("http://127.0.0.1:9798", false);
    app.update(sample(2, 1_000_000, 0));
    app.update(sample(3, 3_000_000, 0));
    app
}

#[test]
fn all_screens_at_80_by_24() {
    for (key, file) in [("1", "talkers"), ("3", "interfaces"), ("4", "ledger"), ("5", "rig")] {
        let mut app = running();
        press(&mut app, key);
        golden(&format!("top-{file}.txt"), &screen(&mut app, 80, 24));
    }
}

#[test]
fn talkers_with_room_for_long_addresses() {
    golden("top-talkers-160.txt", &screen(&mut running(), 160, 12));
}

#[test]
fn every_size_can_be_drawn() {
    for (width, height) in [(1, 1), (5, 2), (20, 3), (40, 10), (80, 4), (300, 100)] {
        for key in ["1", "2", "3", "4", "5", "6"] {
            let mut app = running();
            press(&mut app, key);
            screen(&mut app, width, height);
        }
    }
}

#[test]
fn a_rig_that_is_gone_is_named_and_what_was_seen_stays() {
    let mut app = App::new("http://127.0.0.1:9798", false);
    app.lost("connection refused");
    golden("top-gone.txt", &screen(&mut app, 80, 10));
    let mut app = running();
    app.lost("connection refused");
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("no answer") && text.contains("connection refused") && text.contains("192.0.2.80"), "{text}");
}

#[test]
fn rates_are_differences() {
    let text = screen(&mut running(), 160, 24);
    let line = text.lines().find(|l| l.contains("192.0.2.80")).expect("pair");
    // Two flows, each 2 MB more in a second, half of that back: 32 Mbit/s and 16 Mbit/s.
    assert!(line.contains("32.0 Mbit/s") && line.contains("16.0 Mbit/s"), "{line}");
}

#[test]
fn a_window_stored_between_two_polls_does_not_bend_the_rates() {
    let mut app = App::new("", false);
    app.update(Sample { snapshot: snapshot(9, 0), talkers: talkers([("10.0.0.1:1", "10.0.0.2:2", 9_000_000, 0)]) });
    // Half a second into the next window, of which 0.5 MB are live; the last window went to the store.
    let mut next = snapshot(10, 0);
    next.taken = START.plus_ns(WINDOW_NS + SECOND / 2);
    app.update(Sample { snapshot: next, talkers: talkers([("10.0.0.1:1", "10.0.0.2:2", 500_000, 1)]) });
    let text = screen(&mut app, 120, 10);
    assert!(text.contains("8.00 Mbit/s"), "{text}");
}

#[test]
fn a_restarted_rig_is_not_compared_with_the_last() {
    let mut app = running();
    let mut again = sample(4, 10, 0);
    again.snapshot.started = START.plus_ns(3 * SECOND);
    app.update(again);
    assert!(screen(&mut app, 80, 24).contains("No traffic"));
}

#[test]
fn what_is_not_told_apart_is_said() {
    let mut app = App::new("", false);
    for (at_s, bytes) in [(1, 100), (2, 200)] {
        let mut counts = TalkerCounts::default();
        for n in 0..PAIRS_MAX + 7 {
            let mut record = flow("10.0.0.1:1", "10.0.0.2:2", "tcp", bytes, 0);
            record.src_addr = u32::try_from(n).ok().map(|n| std::net::Ipv4Addr::from(n).into());
            counts.add(record);
        }
        app.update(Sample { snapshot: snapshot(at_s, 0), talkers: Some(counts) });
    }
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("\n7 live records of more than 100,000 pairs"), "{text}");
}

#[test]
fn what_the_rig_costs_is_on_its_screen() {
    let mut app = running();
    let mut sample = sample(4, 4_000_000, 0);
    let governor = GovernorStatus { level: 2, ..GovernorStatus::default() };
    let overhead =
        OverheadStatus { ratio: Some(0.0042), cpu_budget_ratio: 0.01, governor, ..OverheadStatus::default() };
    sample.snapshot.overhead = Some(overhead);
    app.update(sample);
    press(&mut app, "5");
    let text = screen(&mut app, 100, 30);
    let told = "0.420 % of the machine, budget 1.000 %, 2 turned down to keep it";
    assert!(text.contains(told), "{text}");
}

#[test]
fn keys_filter_sort_pause_and_quit() {
    let mut app = running();
    press(&mut app, "/2.53");
    app.key(Key::Enter);
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("192.0.2.53") && !text.contains("192.0.2.80"), "{text}");
    app.key(Key::Escape);
    assert!(screen(&mut app, 80, 24).contains("192.0.2.80"));
    press(&mut app, "s");
    assert!(screen(&mut app, 80, 24).contains("sort: packets"));
    press(&mut app, "p");
    let before = screen(&mut app, 80, 24);
    app.update(sample(5, 900_000_000, 0));
    assert_eq!(screen(&mut app, 80, 24), before);
    assert!(before.contains("paused"));
    press(&mut app, "/q");
    app.key(Key::Escape);
    assert_eq!(app.key(Key::Char('q')), Action::Quit);
}
