//! The dashboards' panels as pictures, for where there is no Grafana: what each panel's queries have been of late, as lines.

use netrig_dashboards::{Form, PanelQuery};
use netrig_testkit::{Prometheus, Series};
use std::fmt::Write;
use std::time::Duration;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 130.0;
/// More lines than this are a cloud.
const LINES_MAX: usize = 24;
const NAMES_MAX: usize = 6;
const STYLE: &str = "body{font:13px sans-serif;background:#fff;color:#222}section{display:flex;flex-wrap:wrap;gap:10px}\
                     figure{margin:0;border:1px solid #ccc;padding:6px;width:470px}svg{background:#f7f7f7}\
                     small{display:block;color:#555;overflow-wrap:anywhere}.none{color:#b00}";

/// A page with every panel of every dashboard; `other` is the form of histograms that Prometheus does not have.
pub(crate) fn page(prometheus: &Prometheus, other: Form, last: Duration) -> String {
    let mut out =
        format!("<!doctype html><meta charset=\"utf-8\"><title>netrig's panels</title><style>{STYLE}</style>");
    let queries: Vec<_> = netrig_dashboards::queries().into_iter().filter(|query| query.form != other).collect();
    for of_board in queries.chunk_by(|a, b| a.dashboard == b.dashboard) {
        let _ = write!(out, "<h2>{}</h2><section>", of_board[0].dashboard);
        for of_panel in of_board.chunk_by(|a, b| a.panel == b.panel) {
            out.push_str(&panel(prometheus, of_panel, last));
        }
        out.push_str("</section>");
    }
    out
}

fn panel(prometheus: &Prometheus, queries: &[PanelQuery], last: Duration) -> String {
    let ask = |query: &PanelQuery| {
        let expr = netrig_dashboards::substituted(&query.expr, "10s");
        let series = prometheus.query_range(&expr, last, Duration::from_secs(1));
        series.unwrap_or_else(|error| panic!("{}, {}: {expr}: {error}", query.dashboard, query.panel))
    };
    let series: Vec<Series> = queries.iter().flat_map(ask).filter(|series| values(series).next().is_some()).collect();
    let most = series.iter().flat_map(values).map(|(_, value)| value).fold(0.0, f64::max);
    let title = escaped(queries[0].panel);
    if series.is_empty() {
        return format!("<figure><b>{title}</b><small class=\"none\">nothing</small></figure>");
    }
    let begin = series.iter().flat_map(values).map(|(at, _)| at).fold(f64::INFINITY, f64::min);
    let mut lines = String::new();
    for (number, series) in series.iter().take(LINES_MAX).enumerate() {
        let point = |(at, value): (f64, f64)| {
            let x = (at - begin) / last.as_secs_f64() * WIDTH;
            let y = HEIGHT - value.max(0.0) / most.max(f64::MIN_POSITIVE) * (HEIGHT - 4.0) - 2.0;
            format!("{x:.1},{y:.1} {:.1},{y:.1}", x + WIDTH / last.as_secs_f64())
        };
        let points: Vec<_> = values(series).map(point).collect();
        let hue = number * 67 % 360;
        let _ = write!(
            lines,
            "<polyline fill=\"none\" stroke=\"hsl({hue},70%,40%)\" stroke-width=\"1.5\" points=\"{}\"/>",
            points.join(" ")
        );
    }
    let names: Vec<_> = series.iter().take(NAMES_MAX).map(name).collect();
    format!(
        "<figure><b>{title}</b> up to {most:.4}, {} series<svg width=\"{WIDTH}\" height=\"{HEIGHT}\">{lines}</svg><small>{}</small></figure>",
        series.len(),
        escaped(&names.join(" · "))
    )
}

fn values(series: &Series) -> impl Iterator<Item = (f64, f64)> {
    series.samples.iter().copied().filter(|(_, value)| value.is_finite())
}

/// What tells it from others of its panel.
fn name(series: &Series) -> String {
    let labels = series.labels.iter().filter(|(label, _)| !["__name__", "job", "instance"].contains(&label.as_str()));
    labels.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
