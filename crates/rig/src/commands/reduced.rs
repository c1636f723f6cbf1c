//! Saying which part of an answer is told from reduced flows, and what that leaves out.

use crate::output::say;
use netrig_model::Timestamp;
use netrig_store::reduce::Level;
use std::collections::BTreeMap;

/// Columns that no reduced row has.
const IN_NO_LEVEL: [&str; 5] = ["pid", "cgroup", "dscp", "end_reason", "src"];

/// The times that were read at a level below detail.
#[derive(Default)]
pub(crate) struct ReducedSpans(BTreeMap<Level, (Timestamp, Timestamp)>);

impl ReducedSpans {
    pub(crate) fn add(&mut self, level: Level, start: Timestamp, end: Timestamp) {
        let span = self.0.entry(level).or_insert((start, end));
        *span = (span.0.min(start), span.1.max(end));
    }

    /// Says so on stderr; `asked` are the columns of `--by`.
    pub(crate) fn say(&self, asked: &[&str]) {
        self.sentences(asked).iter().for_each(|sentence| say(sentence));
    }

    fn sentences(&self, asked: &[&str]) -> Vec<String> {
        let mut said: Vec<_> = self
            .0
            .iter()
            .map(|(level, (start, end))| {
                let (table, forgets) = (level.table(), level.forgets());
                format!("netrig: {start} to {end} is told from {table}, which has no longer: {forgets}")
            })
            .collect();
        let lacking: Vec<_> = asked.iter().filter(|column| lacks(column)).copied().collect();
        if !self.0.is_empty() && !lacking.is_empty() {
            said.push(format!(
                "netrig: of that time {} is not known any more: it is summed where there is none (-)",
                lacking.join(", ")
            ));
        }
        said
    }
}

fn lacks(column: &str) -> bool {
    column == "src_port" || IN_NO_LEVEL.contains(&column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_once_for_each_level_with_what_it_lacks() {
        let mut spans = ReducedSpans::default();
        assert!(spans.sentences(&["src_port"]).is_empty(), "all is detail");
        let at = |s: i64| Timestamp(1_700_000_000_000_000_000 + s * 1_000_000_000);
        spans.add(Level::Minute, at(60), at(120));
        spans.add(Level::Minute, at(0), at(60));
        let said = spans.sentences(&["src_port", "dst_port"]);
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("netrig: 2023-11-14T22:13:20"), "{}", said[0]);
        assert!(said[0].contains("22:15:20") && said[0].contains("flows_1m") && said[0].contains("ports of clients"));
        assert!(said[1].contains("src_port is not known") && !said[1].contains("dst_port"), "{}", said[1]);
        spans.add(Level::Hour, at(-7200), at(-3600));
        assert_eq!(spans.sentences(&["dst_addr"]).len(), 2);
    }
}
