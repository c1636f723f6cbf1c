//! Panels.

use super::Place;
use crate::promql::Expr;
use serde_json::{Value, json};

/// What numbers are of, in Grafana's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bits a second, in thousands.
    BitsPerSecond,
    /// Packets a second.
    PacketsPerSecond,
    /// Requests a second.
    RequestsPerSecond,
    /// Things a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Octets, by powers of 1024.
    Bytes,
    /// A share: 1 is all.
    Share,
    /// A count.
    Count,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::BitsPerSecond => "bps",
            Self::PacketsPerSecond => "pps",
            Self::RequestsPerSecond => "reqps",
            Self::PerSecond => "cps",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Share => "percentunit",
            Self::Count => "short",
        }
    }
}

/// How a panel shows its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Lines over time.
    Lines,
    /// Areas over time that add up.
    Stack,
    /// A number each, the latest.
    Numbers,
    /// How values are distributed, over time.
    Heatmap,
    /// A row each, the latest.
    Table,
}

/// What a query's answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Series over a time.
    Range,
    /// The latest values.
    Instant,
    /// Native histograms over a time; nothing where classic ones are scraped.
    NativeHistogram,
    /// Rates of classic buckets over a time, by `le`; nothing where native histograms are scraped.
    ClassicBuckets,
}

/// One query of a panel.
#[derive(Clone, Debug)]
pub struct Target {
    /// The query, with the dashboard's variables in it.
    pub expr: String,
    /// What its series are called, with `{{label}}` in it.
    pub legend: &'static str,
    /// What its answer looks like.
    pub form: Form,
}

/// One panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its heading.
    pub title: &'static str,
    /// The question that it answers.
    pub question: &'static str,
    /// Its queries.
    pub targets: Vec<Target>,
    pub(super) width: u32,
    pub(super) height: u32,
    shape: Shape,
    unit: Unit,
    max: Option<f64>,
    limit: Option<f64>,
    repeat: Option<&'static str>,
    link: Option<&'static str>,
}

/// The Prometheus that is chosen at the dashboard's head.
pub(super) fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Panel {
    fn new(shape: Shape, title: &'static str, question: &'static str, unit: Unit) -> Self {
        let (width, height) = match shape {
            Shape::Numbers => (4, 4),
            Shape::Lines | Shape::Stack | Shape::Heatmap | Shape::Table => (12, 8),
        };
        let (targets, max, limit, repeat, link) = (Vec::new(), None, None, None, None);
        Self { title, question, targets, width, height, shape, unit, max, limit, repeat, link }
    }

    /// Lines over time.
    #[must_use]
    pub fn lines(title: &'static str, question: &'static str, unit: Unit) -> Self {
        Self::new(Shape::Lines, title, question, unit)
    }

    /// Areas over time, for what adds up.
    #[must_use]
    pub fn stack(title: &'static str, question: &'static str, unit: Unit) -> Self {
        Self::new(Shape::Stack, title, question, unit)
    }

    /// The latest numbers.
    #[must_use]
    pub fn numbers(title: &'static str, question: &'static str, unit: Unit) -> Self {
        Self::new(Shape::Numbers, title, question, unit)
    }

    /// How values are distributed over time. The native form and the classic one are queries of their own, of which one
    /// answers: the classic one gives way where there are native histograms.
    #[must_use]
    pub fn heatmap(title: &'static str, question: &'static str, native: Expr, classic: Expr) -> Self {
        let mut panel = Self::new(Shape::Heatmap, title, question, Unit::Seconds);
        let classic = format!("({classic})\nunless on ()\n({native})");
        let form = Form::NativeHistogram;
        panel.targets.push(Target { expr: native.to_string(), legend: "", form });
        panel.targets.push(Target { expr: classic, legend: "{{le}}", form: Form::ClassicBuckets });
        panel
    }

    /// A table of the latest values.
    #[must_use]
    pub fn table(title: &'static str, question: &'static str, unit: Unit) -> Self {
        Self::new(Shape::Table, title, question, unit)
    }

    /// With a query.
    #[must_use]
    pub fn query(mut self, expr: Expr, legend: &'static str) -> Self {
        let form = match self.shape {
            Shape::Numbers | Shape::Table => Form::Instant,
            Shape::Lines | Shape::Stack | Shape::Heatmap => Form::Range,
        };
        self.targets.push(Target { expr: expr.to_string(), legend, form });
        self
    }

    /// So many of 24 columns wide.
    #[must_use]
    pub fn wide(mut self, columns: u32) -> Self {
        self.width = columns;
        self
    }

    /// Its axis ends there.
    #[must_use]
    pub fn up_to(mut self, max: f64) -> Self {
        self.max = Some(max);
        self
    }

    /// Red from that value on.
    #[must_use]
    pub fn bad_from(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Once for each value of a variable.
    #[must_use]
    pub fn for_each(mut self, variable: &'static str) -> Self {
        self.repeat = Some(variable);
        self
    }

    /// A click on a host leads to that dashboard of it.
    #[must_use]
    pub fn leads_to(mut self, uid: &'static str) -> Self {
        self.link = Some(uid);
        self
    }

    pub(super) fn model(&self, id: u32, place: Place) -> Value {
        let kind = match self.shape {
            Shape::Lines | Shape::Stack => "timeseries",
            Shape::Numbers => "stat",
            Shape::Heatmap => "heatmap",
            Shape::Table => "table",
        };
        let mut model = json!({
            "type": kind,
            "id": id,
            "title": self.title,
            "description": self.question,
            "gridPos": place,
            "datasource": data_source(),
            "targets": self.targets.iter().zip('A'..='Z').map(|(t, name)| self.target(t, name)).collect::<Vec<_>>(),
            "fieldConfig": { "defaults": self.defaults(), "overrides": [] },
            "options": self.options(),
            "transformations": self.transformations(),
        });
        if let (Some(repeat), Some(model)) = (self.repeat, model.as_object_mut()) {
            model.insert("repeat".to_owned(), json!(repeat));
            model.insert("repeatDirection".to_owned(), json!("h"));
            model.insert("maxPerRow".to_owned(), json!(3));
        }
        model
    }

    fn target(&self, target: &Target, name: char) -> Value {
        let format = match self.shape {
            Shape::Heatmap => "heatmap",
            Shape::Table => "table",
            Shape::Lines | Shape::Stack | Shape::Numbers => "time_series",
        };
        let instant = target.form == Form::Instant;
        json!({
            "refId": name.to_string(), "datasource": data_source(), "expr": target.expr,
            "legendFormat": target.legend, "format": format, "instant": instant, "range": !instant,
            "editorMode": "code",
        })
    }

    fn defaults(&self) -> Value {
        let mut steps = vec![json!({ "color": "green", "value": null })];
        steps.extend(self.limit.map(|limit| json!({ "color": "red", "value": limit })));
        let mut defaults = json!({
            "unit": self.unit.as_str(),
            "custom": self.custom(),
            "thresholds": { "mode": "absolute", "steps": steps },
            "color": { "mode": if self.shape == Shape::Numbers { "thresholds" } else { "palette-classic" } },
            "links": self.link.iter().map(|uid| self.link_to(uid)).collect::<Vec<_>>(),
        });
        if let Some(defaults) = defaults.as_object_mut() {
            // Counts, rates, times and shares have a natural end; a graph that hides it exaggerates.
            if matches!(self.shape, Shape::Lines | Shape::Stack) {
                defaults.insert("min".to_owned(), json!(0));
            }
            if let Some(max) = self.max {
                defaults.insert("max".to_owned(), json!(max));
            }
        }
        defaults
    }

    fn custom(&self) -> Value {
        match self.shape {
            Shape::Lines => json!({
                "drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "never", "spanNulls": false,
                "thresholdsStyle": { "mode": if self.limit.is_some() { "line" } else { "off" } },
            }),
            Shape::Stack => json!({
                "drawStyle": "line", "lineWidth": 1, "fillOpacity": 40, "showPoints": "never", "spanNulls": false,
                "stacking": { "mode": "normal", "group": "A" },
            }),
            Shape::Numbers | Shape::Heatmap | Shape::Table => json!({}),
        }
    }

    fn options(&self) -> Value {
        match self.shape {
            Shape::Lines | Shape::Stack => json!({
                "legend": {
                    "displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"],
                },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Shape::Numbers => json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                "textMode": "auto",
            }),
            Shape::Heatmap => json!({
                "calculate": false,
                "cellGap": 0,
                "color": { "mode": "scheme", "scheme": "Spectral", "reverse": true, "steps": 64, "exponent": 0.5, "fill": "dark-orange" },
                "cellValues": { "unit": Unit::PerSecond.as_str() },
                "yAxis": { "unit": self.unit.as_str(), "axisPlacement": "left" },
                "rowsFrame": { "layout": "auto" },
                "filterValues": { "le": 1e-9 },
                "legend": { "show": true },
                "showValue": "never",
                "exemplars": { "color": "rgba(255,0,255,0.7)" },
                "tooltip": { "mode": "single", "yHistogram": true, "showColorScale": false },
            }),
            Shape::Table => json!({ "showHeader": true, "cellHeight": "sm" }),
        }
    }

    fn transformations(&self) -> Value {
        if self.shape != Shape::Table {
            return json!([]);
        }
        // Several queries are several tables: joined by their labels they are columns of one.
        json!([
            { "id": "merge", "options": {} },
            { "id": "organize", "options": { "excludeByName": { "Time": true, "__name__": true } } },
        ])
    }

    /// To another dashboard, at the host that was clicked on and the same times.
    fn link_to(&self, uid: &str) -> Value {
        // In a table a label is a column, elsewhere it is the series'.
        let host = if self.shape == Shape::Table { "${__data.fields.instance}" } else { "${__field.labels.instance}" };
        json!({
            "title": format!("{host} alone"),
            "url": format!("/d/{uid}?${{datasource:queryparam}}&var-instance={host}&${{__url_time_range}}"),
            "targetBlank": false,
        })
    }
}
