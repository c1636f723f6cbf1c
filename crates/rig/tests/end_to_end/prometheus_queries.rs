//! Every query that people are given, asked of a real Prometheus that scrapes a rig to which everything happens, in either form of
//! histograms: none is in error, and none is empty but those that say so when all is well.

use crate::support::mix::Mix;
use crate::support::panels;
use crate::support::scraped::{scraping, wait_scraped};
use crate::support::{Rig, Street};
use netrig_dashboards::Form;
use netrig_testkit::{Prometheus, require_root};
use std::path::Path;
use std::time::{Duration, Instant};

/// Every message is looked at; whatever is sent again is worth a recording.
const CONFIG: &str = "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n\
                      [latency]\nsampling = 1\n[recorder]\nafter = \"100ms\"\n\
                      [[recorder.trigger]]\non = \"retransmits\"\nabove = 1\n";
const PATIENCE: Duration = Duration::from_secs(90);
const GUIDE: &str = include_str!("../../../../docs/prometheus.md");

/// A query as people have it: where it stands, and what it says.
struct Query {
    place: String,
    expr: String,
}

/// Why a query is empty when all is well, and what is in it or says where it stands. None of these may have data.
const EMPTY_IN_HEALTH: [(&str, &str); 11] = [
    ("the rig accounts for every packet", "netrig_ledger_imbalance_packets != 0"),
    ("the rig accounts for every packet", "netrig-fleet, Ledger's imbalance"),
    ("no packet is sent around the hooks", "increase(netrig_ledger_unaccounted_packets[10m]) > 0"),
    ("no packet is sent around the hooks", "netrig-fleet, Packets no hook saw"),
    ("the policy is in order", "netrig_policy_warnings > 0"),
    ("the flow tables are large enough", "rate(netrig_table_overflows_total[5m]) > 0"),
    ("nothing is turned down with a budget of the whole machine", "netrig_governor_level > 0"),
    ("nothing is turned down with a budget of the whole machine", "netrig_governor_step_down == 1"),
    ("nothing is turned down with a budget of the whole machine", "netrig-cost, Turned down"),
    ("the rig is well", "netrig_probe_state{state=\"failed\"} == 1 or"),
    ("every probe runs", "netrig-cost, Probes that do not run"),
];

/// Why a query has data or not for reasons that are the machine's, and what else it does meanwhile.
const OF_THE_MACHINE: [(&str, &str); 6] = [
    ("receive polls have their budget, or not", "rate(netrig_napi_exhausted_polls_total[5m])"),
    ("CPUs have time to receive, or not", "rate(netrig_softirq_squeezed_total[5m]) > 0"),
    ("a source is told from its first drop on", "netrig-drops, XDP"),
    ("a source is told from its first drop on", "netrig-drops, Queueing disciplines"),
    ("a source is told from its first drop on", "netrig-drops, Backlogs"),
    ("a source is told from its first drop on", "netrig-drops, Tables"),
];

impl Query {
    fn is_among(&self, list: &[(&str, &str)]) -> bool {
        list.iter().any(|(_, words)| self.told().contains(words))
    }

    fn told(&self) -> String {
        format!("{}: {}", self.place, self.expr)
    }
}

/// Those of the dashboards' panels, everything chosen, but those for the form that Prometheus does not have histograms in.
fn of_the_dashboards(other: Form) -> Vec<Query> {
    let panels = netrig_dashboards::queries().into_iter().filter(|query| query.form != other);
    panels
        .map(|query| Query {
            place: format!("{}, {}", query.dashboard, query.panel),
            expr: netrig_dashboards::substituted(&query.expr, "1m"),
        })
        .collect()
}

/// Those of the guide's table of questions: what stands between backquotes in its second column.
fn of_the_guide() -> Vec<Query> {
    let table = GUIDE.lines().skip_while(|line| !line.starts_with("| question | query |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let mut queries = Vec::new();
    for row in rows {
        let row = row.replace("\\|", "\u{1}");
        let [_, question, answer, _] = row.split('|').collect::<Vec<_>>()[..] else { panic!("a row of two: {row}") };
        for expr in answer.split('`').skip(1).step_by(2) {
            queries.push(Query { place: question.trim().to_owned(), expr: expr.replace('\u{1}', "|") });
        }
    }
    assert!(queries.len() > 20, "{} queries", queries.len());
    queries
}

/// A query of the guide where histograms are scraped in the classic form, by the recipe that stands above its table.
fn classic(expr: &str) -> String {
    let mut expr = expr.to_owned();
    for suffix in ["sum", "count"] {
        while let Some((before, rest)) = expr.split_once(&format!("histogram_{suffix}(rate(")) {
            let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').expect("a name ends");
            let end = rest.find("))").expect("it is closed");
            expr = format!("{before}rate({}_{suffix}{}){}", &rest[..name], &rest[name..end], &rest[end + 2..]);
        }
    }
    let Some((before, quantile)) = expr.split_once("histogram_quantile(") else { return expr };
    let (by, rate) = quantile.split_once("rate(").expect("a quantile is of rates");
    let name = rate.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').expect("a name ends");
    let by = by.replace(") (", ", le) (");
    format!("{before}histogram_quantile({by}rate({}_bucket{}", &rate[..name], &rate[name..])
}

#[test]
fn the_recipe_for_the_classic_form_is_as_it_is_told() {
    let recipe = |native: &str, told: &str| {
        assert_eq!(classic(native), told);
        assert!(GUIDE.contains(&format!("`{native}` is `{told}`")), "the guide has this recipe: {native}");
    };
    recipe(
        "histogram_quantile(0.9, sum by (a) (rate(x[5m])))",
        "histogram_quantile(0.9, sum by (a, le) (rate(x_bucket[5m])))",
    );
    recipe("histogram_sum(rate(x[5m]))", "rate(x_sum[5m])");
    recipe("histogram_count(rate(x[5m]))", "rate(x_count[5m])");
}

/// A Prometheus, and what it is asked.
struct Asked {
    prometheus: Prometheus,
    /// Those that must have an answer.
    wanted: Vec<Query>,
    /// Those that must have none.
    quiet: Vec<Query>,
    either: Vec<Query>,
}

impl Asked {
    /// `other` is the form that it does not have.
    fn of(prometheus: Prometheus, guide: Vec<Query>, other: Form) -> Self {
        let all = guide.into_iter().chain(of_the_dashboards(other));
        let (quiet, loud): (Vec<_>, Vec<_>) = all.partition(|query| query.is_among(&EMPTY_IN_HEALTH));
        let (either, wanted) = loud.into_iter().partition(|query| query.is_among(&OF_THE_MACHINE));
        Self { prometheus, wanted, quiet, either }
    }

    fn missing(&self) -> Vec<String> {
        self.wanted.iter().filter(|query| !has_data(&self.prometheus, query)).map(Query::told).collect()
    }

    /// What is to be empty is, and nothing is in error.
    fn judge_the_rest(&self) {
        for query in &self.quiet {
            assert!(!has_data(&self.prometheus, query), "{} has data: it is to be taken off the list", query.told());
        }
        self.either.iter().for_each(|query| _ = has_data(&self.prometheus, query));
        for (why, words) in EMPTY_IN_HEALTH.iter().chain(&OF_THE_MACHINE) {
            let asked = |query: &Query| query.told().contains(words);
            assert!(self.quiet.iter().chain(&self.either).any(asked), "nobody asks {words} ({why})");
        }
    }
}

#[test]
fn every_query_that_people_are_given_has_an_answer() {
    require_root!();
    let street = Street::new("queried");
    street.near.run("tc qdisc replace dev near0 root handle 8001: tbf rate 500mbit burst 70kb latency 50ms");
    let Some(mix) = Mix::of(&street) else { return };
    let rig = Rig::start_with(&street.near, CONFIG);
    let Some(native) = scraping().native_histograms().start(Some(&street.near)) else { return };
    let Some(text) = scraping().start(Some(&street.near)) else { return };
    mix.apply_policy(&rig);
    let in_classic = of_the_guide().into_iter().map(|query| Query { expr: classic(&query.expr), ..query }).collect();
    let both =
        [Asked::of(native, of_the_guide(), Form::ClassicBuckets), Asked::of(text, in_classic, Form::NativeHistogram)];
    both.iter().for_each(|asked| wait_scraped(&asked.prometheus));
    let deadline = Instant::now() + PATIENCE;
    let mut rounds = 0;
    loop {
        mix.round();
        rounds += 1;
        both.iter().for_each(|asked| wait_scraped(&asked.prometheus));
        let missing = both.each_ref().map(Asked::missing);
        if missing.iter().all(Vec::is_empty) && rounds >= 2 {
            break;
        }
        assert!(Instant::now() < deadline, "without an answer after {rounds} rounds, native and classic: {missing:#?}");
    }
    both.iter().for_each(Asked::judge_the_rest);
}

/// Any number will do: of 0 by 0 there is none.
fn has_data(prometheus: &Prometheus, query: &Query) -> bool {
    let series = prometheus.query(&query.expr).unwrap_or_else(|e| panic!("{}: {e}", query.told()));
    series.iter().any(|series| !series.last().is_nan())
}

/// Where `./dev panels` says that its page is.
const DRAWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/panels");

/// A burst, a slow service and a lossy link among all else, as the dashboards show them.
#[test]
#[ignore = "a page to be looked at: ./dev panels draws it"]
fn panels_are_drawn() {
    const ROUNDS: u32 = 6;
    require_root!();
    let begun = Instant::now();
    let street = Street::new("drawn");
    street.near.run("tc qdisc replace dev near0 root handle 8001: tbf rate 500mbit burst 70kb latency 50ms");
    let Some(mix) = Mix::of(&street) else { return };
    let rig = Rig::start_with(&street.near, CONFIG);
    let Some(prometheus) = scraping().start(Some(&street.near)) else { return };
    mix.apply_policy(&rig);
    for _ in 0..ROUNDS {
        mix.round();
    }
    wait_scraped(&prometheus);
    let page = panels::page(&prometheus, Form::NativeHistogram, begun.elapsed());
    std::fs::create_dir_all(DRAWN).expect("a folder");
    std::fs::write(Path::new(DRAWN).join("index.html"), page).expect("write the page");
}
