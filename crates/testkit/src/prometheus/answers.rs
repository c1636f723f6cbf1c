//! What a Prometheus answers.

use super::{BETWEEN, PATIENCE, Prometheus};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels; the name is `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Times, seconds since 1970, and values, in order; of a native histogram how many values it has.
    pub samples: Vec<(f64, f64)>,
}

impl Series {
    /// A label's value; empty where it has none, as in queries.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// The latest value.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.samples.last().unwrap_or_else(|| panic!("no sample of {:?}", self.labels)).1
    }

    fn of(json: &Value) -> Self {
        let labels = json["metric"].as_object().into_iter().flatten();
        let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        let many = |name: &str| json[name].as_array().into_iter().flatten();
        let one = |name: &str| json.get(name).into_iter();
        let values = one("value").chain(many("values")).map(|pair| (seconds(&pair[0]), number(&pair[1])));
        let histograms = one("histogram").chain(many("histograms"));
        let histograms = histograms.map(|pair| (seconds(&pair[0]), number(&pair[1]["count"])));
        Self { labels: labels.collect(), samples: values.chain(histograms).collect() }
    }
}

/// Whether an alert has been true for long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// Not yet.
    Pending,
    /// It has.
    Firing,
}

/// An alert that is true now.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// Whether it fires.
    pub state: AlertState,
    /// Its labels, its name among them.
    pub labels: BTreeMap<String, String>,
    /// What it tells people, filled in.
    pub annotations: BTreeMap<String, String>,
}

/// A value that stands for many, with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Labels of its series.
    pub series: BTreeMap<String, String>,
    /// Its own.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
    /// Seconds since 1970.
    pub time_s: f64,
}

impl Prometheus {
    /// The exemplars of what a selector finds, of a time between two (seconds since 1970), in their order; waits until there are so many.
    ///
    /// # Panics
    /// When they do not come, or the selector is wrong.
    #[must_use]
    pub fn exemplars(&self, selector: &str, (start_s, end_s): (i64, i64), count: usize) -> Vec<Exemplar> {
        let (start, end) = (start_s.to_string(), end_s.to_string());
        let arguments = [("query", selector), ("start", start.as_str()), ("end", end.as_str())];
        self.wait(selector, || {
            let data = self.ask("/api/v1/query_exemplars", &arguments).unwrap_or_else(|e| panic!("{selector}: {e}"));
            Some(exemplars(&data)).filter(|found| found.len() >= count)
        })
    }

    /// What an expression is now: a vector's series, or a scalar as one without labels.
    ///
    /// # Errors
    /// What Prometheus says is wrong with it.
    pub fn query(&self, expr: &str) -> Result<Vec<Series>, String> {
        self.ask("/api/v1/query", &[("query", expr)]).map(|data| vector(&data))
    }

    /// What it was at a time, seconds since 1970; with a range selector (`up[1m]`), the samples as they were scraped.
    ///
    /// # Errors
    /// What Prometheus says is wrong with it.
    pub fn query_at(&self, expr: &str, time_s: f64) -> Result<Vec<Series>, String> {
        self.ask("/api/v1/query", &[("query", expr), ("time", &format!("{time_s:.3}"))]).map(|data| vector(&data))
    }

    /// What it was over the last so long, at every step.
    ///
    /// # Errors
    /// What Prometheus says is wrong with it.
    pub fn query_range(&self, expr: &str, last: Duration, step: Duration) -> Result<Vec<Series>, String> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        let (start, end) = (format!("{:.3}", now_s - last.as_secs_f64()), format!("{now_s:.3}"));
        let step = format!("{:.3}", step.as_secs_f64());
        self.ask("/api/v1/query_range", &[("query", expr), ("start", &start), ("end", &end), ("step", &step)])
            .map(|data| vector(&data))
    }

    /// The values of an expression now, by one of its labels.
    ///
    /// # Panics
    /// When it is wrong, or two series have the same value of that label.
    #[must_use]
    pub fn by_label(&self, label: &str, expr: &str) -> BTreeMap<String, f64> {
        let series = self.query(expr).unwrap_or_else(|e| panic!("{expr}: {e}"));
        let count = series.len();
        let values: BTreeMap<_, _> = series.iter().map(|s| (s.label(label).to_owned(), s.last())).collect();
        assert_eq!(values.len(), count, "{label} tells them apart: {series:?}");
        values
    }

    /// The one value of an expression now; none where it has none, or it is not a number.
    ///
    /// # Panics
    /// When it is wrong, or has several.
    #[must_use]
    pub fn value(&self, expr: &str) -> Option<f64> {
        let series = self.query(expr).unwrap_or_else(|e| panic!("{expr}: {e}"));
        assert!(series.len() <= 1, "{expr} has several values: {series:#?}");
        series.first().map(Series::last).filter(|value| value.is_finite())
    }

    /// The same, as soon as there is one.
    ///
    /// # Panics
    /// When there is none for a minute and a half.
    #[must_use]
    pub fn wait_value(&self, expr: &str) -> f64 {
        self.wait(expr, || self.value(expr))
    }

    /// Waits until this comparison holds for some series, and returns those for which it does.
    ///
    /// # Panics
    /// When it does for none for a minute and a half.
    pub fn wait_until(&self, expr: &str) -> Vec<Series> {
        self.wait(expr, || {
            Some(self.query(expr).unwrap_or_else(|e| panic!("{expr}: {e}"))).filter(|found| !found.is_empty())
        })
    }

    /// Alerts that are true now.
    ///
    /// # Panics
    /// When it does not tell.
    #[must_use]
    pub fn alerts(&self) -> Vec<Alert> {
        let data = self.ask("/api/v1/alerts", &[]).unwrap_or_else(|e| panic!("its alerts: {e}"));
        let alert = |json: &Value| {
            let labels: BTreeMap<String, String> = texts(&json["labels"]);
            let state = if json["state"] == "firing" { AlertState::Firing } else { AlertState::Pending };
            let name = labels.get("alertname").cloned().unwrap_or_default();
            Alert { name, state, labels, annotations: texts(&json["annotations"]) }
        };
        data["alerts"].as_array().into_iter().flatten().map(alert).collect()
    }

    /// Names of the alerts that fire now.
    #[must_use]
    pub fn firing(&self) -> BTreeSet<String> {
        let firing = self.alerts().into_iter().filter(|alert| alert.state == AlertState::Firing);
        firing.map(|alert| alert.name).collect()
    }

    /// Names of its rules, recording and alerting, with what is wrong with each that cannot be judged; those that have not been
    /// yet are waited for.
    ///
    /// # Panics
    /// When one has not been judged for a minute and a half.
    #[must_use]
    pub fn rules(&self) -> Vec<(String, Option<String>)> {
        self.wait("all rules are judged", || {
            let data = self.ask("/api/v1/rules", &[]).unwrap_or_else(|e| panic!("its rules: {e}"));
            let groups = data["groups"].as_array().into_iter().flatten();
            let rules: Vec<_> = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect();
            let judged = |rule: &&Value| {
                let error = (rule["health"] != "ok").then(|| rule["lastError"].as_str().unwrap_or_default().to_owned());
                (rule["name"].as_str().unwrap_or_default().to_owned(), error)
            };
            rules.iter().all(|rule| rule["health"] != "unknown").then(|| rules.iter().map(judged).collect())
        })
    }

    /// What its own metrics say, all series of a name added up: of what its scrapes refused, for one.
    ///
    /// # Panics
    /// When it has none of this name.
    #[must_use]
    pub fn own(&self, name: &str) -> f64 {
        let page = self.page("/metrics");
        let of_name = page.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            (series.split('{').next() == Some(name)).then(|| value.parse::<f64>().expect("a number"))
        });
        let values: Vec<_> = of_name.collect();
        assert!(!values.is_empty(), "prometheus has no metric {name}");
        values.iter().sum()
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            std::thread::sleep(BETWEEN);
        }
    }
}

fn exemplars(data: &Value) -> Vec<Exemplar> {
    let each = |series: &Value| -> Vec<Exemplar> {
        let of_series = texts(&series["seriesLabels"]);
        let all = series["exemplars"].as_array().into_iter().flatten();
        let one = |exemplar: &Value| Exemplar {
            series: of_series.clone(),
            labels: texts(&exemplar["labels"]),
            value: number(&exemplar["value"]),
            time_s: seconds(&exemplar["timestamp"]),
        };
        all.map(one).collect()
    };
    let mut all: Vec<_> = data.as_array().into_iter().flatten().flat_map(each).collect();
    all.sort_by(|one, other| one.time_s.total_cmp(&other.time_s));
    all
}

fn texts(json: &Value) -> BTreeMap<String, String> {
    let texts = json.as_object().into_iter().flatten();
    texts.map(|(name, text)| (name.clone(), text.as_str().unwrap_or_default().to_owned())).collect()
}

fn vector(data: &Value) -> Vec<Series> {
    if data["resultType"] == "scalar" {
        let samples = vec![(seconds(&data["result"][0]), number(&data["result"][1]))];
        return vec![Series { labels: BTreeMap::new(), samples }];
    }
    data["result"].as_array().into_iter().flatten().map(Series::of).collect()
}

fn seconds(json: &Value) -> f64 {
    json.as_f64().unwrap_or_else(|| panic!("a time: {json}"))
}

/// Numbers come as text, `NaN` and `+Inf` among them.
fn number(json: &Value) -> f64 {
    let text = json.as_str().unwrap_or_else(|| panic!("a number: {json}"));
    text.parse().unwrap_or_else(|_| panic!("a number: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_of_every_kind_are_read() {
        let scalar = vector(&json!({"resultType": "scalar", "result": [1.5, "2"]}));
        assert_eq!((scalar[0].last(), scalar[0].label("job")), (2.0, ""));
        let two = json!({"metric": {"__name__": "up", "job": "a"}, "values": [[1, "0"], [2, "1"]]});
        let native = json!({"metric": {"job": "b"}, "histogram": [3, {"count": "7", "sum": "1"}]});
        let series = vector(&json!({"resultType": "vector", "result": [two, native]}));
        assert_eq!((series[0].label("__name__"), series[0].samples.len(), series[0].last()), ("up", 2, 1.0));
        assert_eq!((series[1].label("job"), series[1].last()), ("b", 7.0));
        let odd = vector(&json!({"resultType": "vector", "result": [{"metric": {}, "value": [1, "+Inf"]}]}));
        assert_eq!(odd[0].last(), f64::INFINITY);
    }
}
