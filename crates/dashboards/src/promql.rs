//! PromQL made of metrics rather than of strings: a metric that does not exist does not compile, a label that its metrics
//! do not have panics, and every query is made by every test.

use netrig_metrics::names::{self, Kind, Metric};
use std::collections::BTreeSet;
use std::fmt;

/// Labels that Prometheus itself gives to whatever it scrapes from a rig.
pub const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// Variables of the dashboards that say which rigs are meant.
const CHOSEN_RIGS: [(&str, &str); 2] = [("job", "$job"), ("instance", "$instance")];

/// A metric, and which of its series.
#[derive(Clone, Debug)]
pub struct Selector {
    metric: &'static Metric,
    matchers: Vec<String>,
}

/// All series of `metric`, of all rigs that are scraped: for rules.
#[must_use]
pub fn all(metric: &'static Metric) -> Selector {
    Selector { metric, matchers: Vec::new() }
}

/// Series of `metric` of the rigs that the dashboard's variables choose.
#[must_use]
pub fn chosen(metric: &'static Metric) -> Selector {
    CHOSEN_RIGS.iter().fold(all(metric), |selector, (label, value)| selector.matching(label, "=~", value))
}

impl Selector {
    fn matching(mut self, label: &str, operator: &str, value: &str) -> Self {
        let known = self.metric.labels.contains(&label) || TARGET_LABELS.contains(&label);
        assert!(known, "{} has no label {label}", self.metric.name);
        self.matchers.push(format!("{label}{operator}\"{value}\""));
        self
    }

    /// Only series whose label is this.
    #[must_use]
    pub fn eq(self, label: &str, value: &str) -> Self {
        self.matching(label, "=", value)
    }

    /// Only series whose label is not this.
    #[must_use]
    pub fn ne(self, label: &str, value: &str) -> Self {
        self.matching(label, "!=", value)
    }

    /// Only series whose label is wholly matched by this expression.
    #[must_use]
    pub fn like(self, label: &str, regex: &str) -> Self {
        self.matching(label, "=~", regex)
    }

    /// Only series whose label is not wholly matched by this expression.
    #[must_use]
    pub fn unlike(self, label: &str, regex: &str) -> Self {
        self.matching(label, "!~", regex)
    }

    fn text(&self, suffix: &str) -> String {
        let name = self.metric.name;
        if self.matchers.is_empty() {
            format!("{name}{suffix}")
        } else {
            format!("{name}{suffix}{{{}}}", self.matchers.join(","))
        }
    }

    fn expr(&self, text: String) -> Expr {
        Expr { text, labels: self.metric.labels.iter().copied().chain(TARGET_LABELS).collect() }
    }

    /// What it is now.
    #[must_use]
    pub fn now(&self) -> Expr {
        self.expr(self.text(""))
    }

    /// A function over a time, such as `rate` over `5m`.
    #[must_use]
    pub fn over(&self, function: &str, window: &str) -> Expr {
        self.expr(format!("{function}({}[{window}])", self.text("")))
    }

    /// What a counter grows by a second.
    #[must_use]
    pub fn rate(&self, window: &str) -> Expr {
        self.over("rate", window)
    }

    /// What a counter of the rig's own grows by a second, with what a series begins with: that [`Self::rate`] does not see. A series
    /// that was not there when the window began has grown from 0 since, if its rig was there then, or has started since.
    #[must_use]
    pub fn growth(&self, window: &str) -> Expr {
        let seconds = window_s(window);
        let on_target = format!("and on ({})", TARGET_LABELS.join(", "));
        let there = all(&names::BUILD_INFO).now().ago(window);
        let started = all(&names::START_TIME).now().wrap("", &format!(" > time() - {seconds}"));
        let new = self.now().unless(self.now().ago(window));
        let mut new = new.binary(&on_target, there.or(started)).wrap("(", &format!(") / {seconds}"));
        new.labels = self.now().labels;
        new.or(self.rate(window))
    }

    /// What a counter grows by in that time.
    #[must_use]
    pub fn increase(&self, window: &str) -> Expr {
        self.over("increase", window)
    }

    /// The rates of a histogram's native form, or of a part of the classic one, such as `_bucket`.
    pub(crate) fn part(&self, suffix: &str, window: &str) -> Expr {
        let is_histogram = matches!(self.metric.kind, Kind::Histogram(_));
        assert!(is_histogram, "{} is no histogram", self.metric.name);
        let mut expr = self.expr(format!("rate({}[{window}])", self.text(suffix)));
        if suffix == "_bucket" {
            expr.labels.insert("le");
        }
        expr
    }

    /// A histogram's rate, summed by labels, in the native form.
    #[must_use]
    pub fn native(&self, window: &str, by: &[&str]) -> Expr {
        self.part("", window).sum(by)
    }

    /// A histogram's rate, summed by labels and `le`, in the classic form.
    #[must_use]
    pub fn classic(&self, window: &str, by: &[&str]) -> Expr {
        let by: Vec<&str> = by.iter().copied().chain(["le"]).collect();
        self.part("_bucket", window).sum(&by)
    }

    /// The value below which a share `q` of a histogram's values lies: from its native form, or where there is none from the
    /// classic one.
    #[must_use]
    pub fn quantile(&self, q: f64, window: &str, by: &[&str]) -> Expr {
        let of = |form: Expr| form.wrap(&format!("histogram_quantile({q}, "), ")");
        of(self.native(window, by)).or(of(self.classic(window, by)))
    }

    /// How many values a histogram gains a second, whichever form it is scraped in.
    #[must_use]
    pub fn values(&self, window: &str, by: &[&str]) -> Expr {
        self.native(window, by).wrap("histogram_count(", ")").or(self.part("_count", window).sum(by))
    }

    /// What a histogram's values add up to a second, whichever form it is scraped in.
    #[must_use]
    pub fn sums(&self, window: &str, by: &[&str]) -> Expr {
        self.native(window, by).wrap("histogram_sum(", ")").or(self.part("_sum", window).sum(by))
    }
}

/// Seconds of a time such as `5m`.
fn window_s(window: &str) -> u64 {
    let (number, unit) = window.split_at(window.len() - 1);
    let of_unit = [("s", 1), ("m", 60), ("h", 3_600)].into_iter().find(|(name, _)| *name == unit);
    let seconds = number.parse::<u64>().ok().zip(of_unit).map(|(number, (_, seconds))| number * seconds);
    seconds.unwrap_or_else(|| panic!("`{window}` is no number of seconds, minutes or hours"))
}

/// A query, and the labels its result may have.
#[derive(Clone, Debug)]
pub struct Expr {
    text: String,
    labels: BTreeSet<&'static str>,
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expr {
    /// What a recording rule of this name keeps.
    #[must_use]
    pub fn recorded(name: &str, labels: &[&'static str]) -> Self {
        Self { text: name.to_owned(), labels: labels.iter().copied().chain(TARGET_LABELS).collect() }
    }

    /// Only series that these labels, operators and values match; to be said of a bare name.
    #[must_use]
    pub(crate) fn matching(self, matchers: &[(&str, &str, &str)]) -> Self {
        if matchers.is_empty() {
            return self;
        }
        let matcher = |(label, operator, value): &(&str, &str, &str)| {
            self.known(&[label]);
            format!("{label}{operator}\"{value}\"")
        };
        let matchers: Vec<String> = matchers.iter().map(matcher).collect();
        self.wrap("", &format!("{{{}}}", matchers.join(",")))
    }

    /// What it was that long ago; to be said of a bare name and its matchers.
    #[must_use]
    pub(crate) fn ago(self, time: &str) -> Self {
        self.wrap("", &format!(" offset {time}"))
    }

    /// The labels the result may have, those of the target included.
    pub fn labels(&self) -> impl Iterator<Item = &'static str> {
        self.labels.iter().copied()
    }

    fn known(&self, labels: &[&str]) {
        for label in labels {
            assert!(self.labels.contains(label), "`{}` has no label {label}", self.text);
        }
    }

    /// The same with text around it, such as a function.
    #[must_use]
    pub fn wrap(mut self, before: &str, after: &str) -> Self {
        self.text = format!("{before}{}{after}", self.text);
        self
    }

    /// An aggregation, such as `max`, by labels.
    #[must_use]
    pub fn aggregate(mut self, function: &str, by: &[&str]) -> Self {
        self.known(by);
        self.labels.retain(|label| by.contains(label));
        let by = if by.is_empty() { String::new() } else { format!(" by ({})", by.join(", ")) };
        self.wrap(&format!("{function}{by} ("), ")")
    }

    /// Summed by labels.
    #[must_use]
    pub fn sum(self, by: &[&str]) -> Self {
        self.aggregate("sum", by)
    }

    /// Summed over labels: all others stay, those that a target was given by hand too.
    #[must_use]
    pub fn sum_over(mut self, labels: &[&str]) -> Self {
        self.known(labels);
        self.labels.retain(|label| !labels.contains(label));
        self.wrap(&format!("sum without ({}) (", labels.join(", ")), ")")
    }

    /// The `n` largest.
    #[must_use]
    pub fn top(self, n: u32) -> Self {
        self.wrap(&format!("topk({n}, "), ")")
    }

    /// Two results, in parentheses of their own, with an operator between them.
    #[must_use]
    pub fn binary(mut self, operator: &str, other: Self) -> Self {
        self.labels.extend(other.labels.iter().copied());
        self.text = format!("({})\n{operator}\n({})", self.text, other.text);
        self
    }

    /// One divided by the other, label by label; where nothing is divided by nothing, there is nothing.
    #[must_use]
    pub fn per(self, other: Self) -> Self {
        let divisor = other.above(0.0);
        self.binary("/", divisor)
    }

    /// This one, and where it is absent the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.binary("or", other)
    }

    /// This one, where the other has something too.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.binary("and", other)
    }

    /// This one, where the other has nothing.
    #[must_use]
    pub fn unless(self, other: Self) -> Self {
        self.binary("unless", other)
    }

    /// Only what is above a number.
    #[must_use]
    pub fn above(self, number: f64) -> Self {
        self.wrap("(", &format!(") > {number}"))
    }

    /// Only what is exactly that number.
    #[must_use]
    pub fn exactly(self, number: f64) -> Self {
        self.wrap("(", &format!(") == {number}"))
    }

    /// Multiplied.
    #[must_use]
    pub fn times(self, number: f64) -> Self {
        self.wrap("(", &format!(") * {number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_say_which_series() {
        let text = chosen(&names::DROPS).ne("class", "harmless").rate("5m").sum(&["class"]).to_string();
        assert_eq!(
            text,
            r#"sum by (class) (rate(netrig_drops_total{job=~"$job",instance=~"$instance",class!="harmless"}[5m]))"#
        );
    }

    #[test]
    fn growth_has_what_a_series_began_with_where_its_rig_was_there() {
        let text = all(&names::DROPS).eq("class", "error").growth("5m").to_string();
        assert_eq!(
            text,
            "((((netrig_drops_total{class=\"error\"})\nunless\n(netrig_drops_total{class=\"error\"} offset 5m))\n\
             and on (job, instance)\n((netrig_build_info offset 5m)\nor\n(netrig_start_time_seconds > time() - 300))) / 300)\n\
             or\n(rate(netrig_drops_total{class=\"error\"}[5m]))"
        );
    }

    #[test]
    fn a_quantile_is_of_either_form() {
        let text = all(&names::DNS_TIME).quantile(0.99, "5m", &["server"]).to_string();
        assert_eq!(
            text,
            "(histogram_quantile(0.99, sum by (server) (rate(netrig_dns_seconds[5m]))))\nor\n\
             (histogram_quantile(0.99, sum by (server, le) (rate(netrig_dns_seconds_bucket[5m]))))"
        );
    }

    #[test]
    #[should_panic(expected = "netrig_drops_total has no label iface")]
    fn a_label_that_a_metric_lacks_is_refused() {
        let _ = all(&names::DROPS).eq("iface", "eth0");
    }

    #[test]
    #[should_panic(expected = "has no label reason")]
    fn a_label_that_was_summed_away_is_refused() {
        let _ = all(&names::DROPS).rate("5m").sum(&["class"]).sum(&["reason"]);
    }
}
