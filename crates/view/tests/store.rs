//! What `netrig store` prints, as golden files.

mod common;

use common::{START, golden};
use netrig_view::{StoredTable, StoredWhole, Style, store_notes, store_table};

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

fn table(name: &str, rows: u64, bytes: u64, span_ns: i64) -> StoredTable {
    let end = START.plus_ns(span_ns);
    StoredTable {
        table: name.to_owned(),
        files: rows / 1000 + 1,
        rows,
        bytes,
        bytes_per_row: (rows > 0).then(|| bytes as f64 / rows as f64),
        start: START,
        end,
        bytes_per_day: StoredTable::per_day(bytes, end.0 - START.0),
        forgets: name.strip_prefix("flows_").map(|level| format!("all but {level}")),
    }
}

fn text(budget_bytes: Option<u64>) -> String {
    let tables = [
        table("flows", 1_000_000, 22_000_000, 2 * DAY_NS),
        table("ledger", 0, 4000, 0),
        table("flows_1m", 90_000, 1_800_000, 9 * DAY_NS),
    ];
    let whole = StoredWhole {
        dir: "/var/lib/netrig".into(),
        files: 1093,
        bytes: 23_804_000,
        budget_bytes,
        detail_days: budget_bytes.map(|_| 31.25),
        detail_rate_span_ns: Some(HOUR_NS),
    };
    rendered(&tables, &whole)
}

fn rendered(tables: &[StoredTable], whole: &StoredWhole) -> String {
    let mut text = String::new();
    let style = Style { width: Some(110), color: false };
    store_table(tables, whole).render_lines(style, &mut |line| text.push_str(&format!("{line}\n")));
    text + &store_notes(tables).join("\n") + "\n"
}

#[test]
fn a_store_looks_like_this() {
    golden("store.txt", &text(Some(1 << 30)));
    golden("store_no_budget.txt", &text(None));
}

#[test]
fn a_store_that_is_too_young_to_tell_a_rate_says_so_and_tells_none() {
    let young = |span_ns| {
        let tables = [table("flows", 5000, 110_000, span_ns), table("ledger", 40, 4000, span_ns)];
        let days = tables[0].bytes_per_day.map(|per_day| 1e9 / per_day);
        let whole = StoredWhole {
            dir: "/var/lib/netrig".into(),
            files: 8,
            bytes: 114_000,
            budget_bytes: Some(1 << 30),
            detail_days: days,
            detail_rate_span_ns: Some(span_ns),
        };
        let json = serde_json::to_string(&(&tables[0], &whole)).expect("json");
        (rendered(&tables, &whole), json)
    };
    let (text, json) = young(40_000_000_000);
    golden("store_young.txt", &text);
    golden("store_young.json", &(json + "\n"));
    let (text, json) = young(HOUR_NS / 6);
    assert!(text.contains("days of detail of flows at the present rate"), "{text}");
    assert!(!json.contains("null,\"detail_rate_span_ns"), "{json}");
}
