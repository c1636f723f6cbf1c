//! A past that a Prometheus was not there for: rules that look back for a week need not be waited for as long.

use super::{Prometheus, Series};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// As often as rules keep what they make.
const EVERY_S: u64 = 60;
const FILE: &str = "past.om";

impl Prometheus {
    /// Has it remember that what an expression is now it was so long `ago`, too, for `around` before and after: its store gets blocks of
    /// that time, and it starts anew on them. Of what has a name only, as recording rules make it.
    ///
    /// # Panics
    /// When the expression is wrong or finds nothing, and when promtool, which makes blocks, does not.
    pub fn remember(&mut self, expr: &str, ago: Duration, around: Duration) {
        let series = self.query(expr).unwrap_or_else(|e| panic!("{expr}: {e}"));
        assert!(!series.is_empty(), "{expr} finds nothing that could be remembered");
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let then_s = now_s - ago.as_secs();
        let times_s = (then_s - around.as_secs()..=then_s + around.as_secs()).step_by(EVERY_S as usize);
        self.end();
        let file = self.dir.path().join(FILE);
        std::fs::write(&file, open_metrics(&series, &times_s.collect::<Vec<_>>())).expect("write the past");
        make_blocks(&file, &self.dir.path().join("data"));
        self.again();
    }
}

fn make_blocks(file: &Path, store: &Path) {
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(file).arg(store);
    let made = promtool.output().expect("start promtool, which comes with prometheus");
    assert!(made.status.success(), "promtool makes no blocks: {}", String::from_utf8_lossy(&made.stderr));
}

/// The latest value of each series, at each of these times. All of one name stand together, as the format has it.
fn open_metrics(series: &[Series], times_s: &[u64]) -> String {
    let mut series: Vec<_> = series.iter().collect();
    series.sort_by_key(|series| series.label("__name__"));
    let mut text = String::new();
    for series in series {
        let labels = series.labels.iter().filter(|(name, _)| *name != "__name__");
        let labels: Vec<_> = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        for time_s in times_s {
            let (name, value) = (series.label("__name__"), series.last());
            writeln!(text, "{name}{{{}}} {value} {time_s}", labels.join(",")).expect("write to a string");
        }
    }
    text + "# EOF\n"
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[(&str, &str)], value: f64) -> Series {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Series { labels, samples: vec![(1.0, value)] }
    }

    #[test]
    fn a_past_is_written_name_by_name_with_the_time_of_each_sample() {
        let two = [
            series(&[("__name__", "b:p99"), ("job", "netrig"), ("service", "a \"b\" \\")], 0.25),
            series(&[("__name__", "a:rate")], 3.0),
            series(&[("__name__", "b:p99")], f64::NAN),
        ];
        let text = "a:rate{} 3 100\na:rate{} 3 160\n\
                    b:p99{job=\"netrig\",service=\"a \\\"b\\\" \\\\\"} 0.25 100\n\
                    b:p99{job=\"netrig\",service=\"a \\\"b\\\" \\\\\"} 0.25 160\n\
                    b:p99{} NaN 100\nb:p99{} NaN 160\n# EOF\n";
        assert_eq!(open_metrics(&two, &[100, 160]), text);
    }
}
