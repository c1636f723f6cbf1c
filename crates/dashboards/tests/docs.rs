//! `docs/prometheus.md` says what dashboards answer and what to do about alerts. `NETRIG_BLESS=1` rewrites those parts.

use netrig_dashboards::page;
use netrig_dashboards::rules::alerts;
use std::path::{Path, PathBuf};

const END: &str = "<!-- end -->";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/prometheus.md")
}

#[test]
fn the_page_says_what_the_files_do() {
    let mut page = std::fs::read_to_string(path()).expect("docs/prometheus.md");
    let parts = [("dashboards", page::questions()), ("recorded", page::recorded()), ("alerts", page::runbook())];
    for (name, part) in parts {
        let begin = format!("<!-- {name} -->\n");
        let (head, rest) =
            page.split_once(&begin).unwrap_or_else(|| panic!("docs/prometheus.md has no place for {name}"));
        let (found, tail) = rest.split_once(END).expect("an end of the part");
        let blessed = std::env::var_os("NETRIG_BLESS").is_some();
        assert!(blessed || found == part, "docs/prometheus.md differs in {name}; NETRIG_BLESS=1 rewrites it");
        page = format!("{head}{begin}{part}{END}{tail}");
    }
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(path(), page).expect("write docs/prometheus.md");
    }
}

/// A runbook's address ends in what a heading's anchor is.
#[test]
fn every_runbook_leads_to_a_heading() {
    let page = std::fs::read_to_string(path()).expect("docs/prometheus.md");
    let anchors: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    for alert in alerts() {
        let runbook = alert.runbook();
        let (page, anchor) = runbook.split_once('#').expect("an anchor");
        assert!(page.ends_with("/docs/prometheus.md") && anchors.iter().any(|a| a == anchor), "{runbook}");
    }
}
