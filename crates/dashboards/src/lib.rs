//! Dashboards for Grafana and rules for Prometheus, for whoever has rigs scraped.
//!
//! All of it is made here from [`netrig_metrics::names`], so that a query of a metric that is gone does not compile, and is
//! handed out as text: [`files`] has what `netrig dashboards` writes, [`queries`] each query of each panel, for those who run
//! them. Nothing here reads, writes or listens.

mod boards;
pub mod grafana;
pub mod page;
pub mod promql;
pub mod rules;

pub use boards::all as dashboards;
pub use grafana::Form;

/// A file, and where it belongs.
#[derive(Debug)]
pub struct File {
    /// Its path below the folder that was asked for, with `/`.
    pub path: String,
    /// All of its text.
    pub text: String,
}

/// All files: `grafana/*.json` to import, and `prometheus/*.rules.yml` for `rule_files`.
#[must_use]
pub fn files() -> Vec<File> {
    let boards = dashboards();
    let boards = boards.iter().map(|board| File { path: format!("grafana/{}.json", board.uid), text: board.json() });
    let rules = [("recording", rules::recording_yaml()), ("alerts", rules::alerts_yaml())];
    let rules = rules.map(|(name, text)| File { path: format!("prometheus/{name}.rules.yml"), text });
    boards.chain(rules).collect()
}

/// A query of a panel.
#[derive(Clone, Debug)]
pub struct PanelQuery {
    /// The uid of its dashboard.
    pub dashboard: &'static str,
    /// The title of its panel.
    pub panel: &'static str,
    /// The query, with the dashboard's variables in it: see [`substituted`].
    pub expr: String,
    /// What its answer looks like.
    pub form: Form,
}

/// Each query of each panel of each dashboard. Those of form [`Form::NativeHistogram`] answer where native histograms are
/// scraped, those of form [`Form::ClassicBuckets`] where they are not; all others answer in either case, if the rig has
/// anything to say there.
#[must_use]
pub fn queries() -> Vec<PanelQuery> {
    let boards = dashboards();
    let of_board = boards.iter().flat_map(|board| board.panels().map(|panel| (board.uid, panel)));
    of_board
        .flat_map(|(dashboard, panel)| {
            let query = |target: &grafana::Target| PanelQuery {
                dashboard,
                panel: panel.title,
                expr: target.expr.clone(),
                form: target.form,
            };
            panel.targets.iter().map(query).collect::<Vec<_>>()
        })
        .collect()
}

/// The query as Grafana sends it when everything is chosen: each variable is the expression `.*`, and times are as long as
/// `window`, such as `5m` (for `$__rate_interval`, which is four scrapes or more, and for `$__range`).
#[must_use]
pub fn substituted(expr: &str, window: &str) -> String {
    let times = expr.replace("$__rate_interval", window).replace("$__range", window);
    let variables = dashboards()
        .iter()
        .flat_map(|board| board.variables.iter().filter_map(grafana::Variable::name))
        .collect::<Vec<_>>();
    variables.iter().fold(times, |expr, name| expr.replace(&format!("\"${name}\""), "\".*\""))
}
