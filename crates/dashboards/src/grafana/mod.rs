//! Grafana's dashboard model, as far as it is used here: what is written is what Grafana 10 and 11 import.

mod panel;
mod variable;

pub use panel::{Form, Panel, Target, Unit};
pub use variable::Variable;

use serde::Serialize;
use serde_json::{Value, json};

/// The version of the model: that of Grafana 10.4; later ones read it.
const SCHEMA_VERSION: u32 = 39;

/// By this the dashboards know one another.
const TAG: &str = "netrig";

/// The grid is so many columns wide.
const COLUMNS: u32 = 24;

/// Where a panel lies on the grid.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Place {
    h: u32,
    w: u32,
    x: u32,
    y: u32,
}

/// One dashboard.
#[derive(Debug)]
pub struct Dashboard {
    /// Its name in addresses: it never changes.
    pub uid: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Which question it answers.
    pub description: &'static str,
    /// What can be chosen at its head.
    pub variables: Vec<Variable>,
    /// Its panels, row by row.
    pub rows: Vec<Row>,
}

/// Panels under a heading.
#[derive(Debug)]
pub struct Row {
    /// The heading.
    pub title: &'static str,
    /// Its panels, from left to right, as many beside one another as there is room for.
    pub panels: Vec<Panel>,
}

/// A row of panels.
#[must_use]
pub fn row(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { title, panels }
}

impl Dashboard {
    /// Every panel, in order.
    pub fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.rows.iter().flat_map(|row| &row.panels)
    }

    /// The text of the file that Grafana imports.
    #[must_use]
    pub fn json(&self) -> String {
        let mut text = format!("{:#}", self.model());
        text.push('\n');
        text
    }

    fn model(&self) -> Value {
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": true,
            // A shared cross-hair: what happens together is seen together.
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "30s",
            "time": { "from": "now-1h", "to": "now" },
            "annotations": { "list": [] },
            "links": [{
                "type": "dashboards",
                "title": "netrig",
                "tags": [TAG],
                "asDropdown": false,
                "includeVars": true,
                "keepTime": true,
                "targetBlank": false,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }],
            "templating": { "list": self.variables.iter().map(Variable::model).collect::<Vec<_>>() },
            "panels": self.placed(),
        })
    }

    fn placed(&self) -> Vec<Value> {
        let mut placed = Vec::new();
        let mut next_id = 1..;
        let mut id = || next_id.next().unwrap_or_default();
        let mut y = 0;
        for row in &self.rows {
            let place = Place { h: 1, w: COLUMNS, x: 0, y };
            placed.push(json!({
                "type": "row", "id": id(), "title": row.title, "gridPos": place, "collapsed": false, "panels": [],
            }));
            y += 1;
            let (mut x, mut tallest) = (0, 0);
            for panel in &row.panels {
                if x + panel.width > COLUMNS {
                    (x, y) = (0, y + tallest);
                    tallest = 0;
                }
                placed.push(panel.model(id(), Place { h: panel.height, w: panel.width, x, y }));
                x += panel.width;
                tallest = tallest.max(panel.height);
            }
            y += tallest;
        }
        placed
    }
}
