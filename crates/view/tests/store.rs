//! What `netrig store` prints, as golden files.

mod common;

use common::{START, golden};
use netrig_view::{StoredTable, StoredWhole, Style, store_notes, store_table};

fn table(name: &str, rows: u64, bytes: u64, days: i64) -> StoredTable {
    let end = START.plus_ns(days * 86_400_000_000_000);
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
        table("flows", 1_000_000, 22_000_000, 2),
        table("ledger", 0, 4000, 0),
        table("flows_1m", 90_000, 1_800_000, 9),
    ];
    let whole = StoredWhole {
        dir: "/var/lib/netrig".into(),
        files: 1093,
        bytes: 23_804_000,
        budget_bytes,
        detail_days: budget_bytes.map(|_| 31.25),
    };
    let mut text = String::new();
    let style = Style { width: Some(110), color: false };
    store_table(&tables, &whole).render_lines(style, &mut |line| text.push_str(&format!("{line}\n")));
    text + &store_notes(&tables).join("\n") + "\n"
}

#[test]
fn a_store_looks_like_this() {
    golden("store.txt", &text(Some(1 << 30)));
    golden("store_no_budget.txt", &text(None));
}
