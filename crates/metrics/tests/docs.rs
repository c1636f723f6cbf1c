//! `docs/prometheus.md` lists what the code exports. `NETRIG_BLESS=1` rewrites its table.

use netrig_metrics::names::ALL;
use netrig_metrics::{CPUS_MAX, Caps, ETHERTYPES_MAX, REASONS_MAX, WORDS_MAX};
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str = "<!-- metrics -->\n";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut out = String::from("| name | kind | labels | meaning |\n|---|---|---|---|\n");
    for metric in ALL {
        let kind = metric.kind.as_str();
        let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        let _ = writeln!(out, "| `{}` | {kind} | {} | {} |", metric.name, labels.join(", "), metric.help);
    }
    out
}

#[test]
fn the_documentation_lists_every_metric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/prometheus.md");
    let page = std::fs::read_to_string(&path).expect("docs/prometheus.md");
    let (head, rest) = page.split_once(BEGIN).expect("a place for the table");
    let (found, tail) = rest.split_once(END).expect("an end of the table");
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{}{END}{tail}", table())).expect("write docs/prometheus.md");
        return;
    }
    assert_eq!(found, table(), "docs/prometheus.md differs; NETRIG_BLESS=1 rewrites its table");
}

#[test]
fn the_documentation_tells_the_bounds() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/prometheus.md"));
    let Caps {
        interfaces,
        services,
        latency_services,
        listeners,
        drop_counters,
        queues,
        policy_rules,
        request_servers,
    } = Caps::default();
    let bounds = format!(
        "At most {interfaces} interfaces, {ETHERTYPES_MAX} EtherTypes, {services} services, {latency_services} services in \
         latencies, {listeners} listeners, {WORDS_MAX} errors, {WORDS_MAX} reasons for resets, {REASONS_MAX} reasons for \
         drops, {drop_counters} other counters of drops, {queues} queues, {policy_rules} rules of policies, \
         {request_servers} servers of each DNS, TLS and HTTP and {CPUS_MAX} CPUs have"
    );
    let words = page.expect("docs/prometheus.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&bounds), "docs/prometheus.md must say: {bounds}");
}
