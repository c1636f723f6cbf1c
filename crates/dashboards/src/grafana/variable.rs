//! What can be chosen at a dashboard's head.

use serde_json::{Value, json};

/// A variable.
#[derive(Clone, Debug)]
pub enum Variable {
    /// Which Prometheus.
    DataSource,
    /// Values of a label, as a series that Prometheus has them.
    Label {
        /// Its name: the dashboard's queries say `$name`.
        name: &'static str,
        /// What people read.
        title: &'static str,
        /// The series whose label it is, with the variables before it in it.
        series: String,
        /// The label.
        label: &'static str,
        /// What is chosen at first; all of them where there is none.
        first: Option<&'static str>,
    },
}

impl Variable {
    /// Its name, as queries say it behind `$`; none where they do not say it.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::DataSource => None,
            Self::Label { name, .. } => Some(name),
        }
    }

    /// The query by which Grafana finds the values; none where it needs none.
    #[must_use]
    pub fn query(&self) -> Option<String> {
        match self {
            Self::DataSource => None,
            Self::Label { series, label, .. } => Some(format!("label_values({series}, {label})")),
        }
    }

    pub(super) fn model(&self) -> Value {
        match self {
            Self::DataSource => json!({
                "type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus",
                "hide": 0, "includeAll": false, "multi": false, "refresh": 1, "regex": "", "options": [],
                "skipUrlSync": false,
            }),
            Self::Label { name, title, first, .. } => {
                let current = match first {
                    Some(first) => json!({ "selected": true, "text": first, "value": first }),
                    None => json!({ "selected": true, "text": ["All"], "value": ["$__all"] }),
                };
                let query = self.query();
                let mut model = json!({
                    "type": "query", "name": name, "label": title, "datasource": super::panel::data_source(),
                    "query": { "query": query, "refId": "variable" },
                    // When the time range changes: what was there then may be gone now.
                    "refresh": 2,
                    "sort": 1, "hide": 0, "regex": "", "options": [], "skipUrlSync": false,
                    "includeAll": first.is_none(), "multi": first.is_none(), "current": current,
                });
                if let (None, Some(model)) = (first, model.as_object_mut()) {
                    // Rather than a list of all values: what comes later is of all, too.
                    model.insert("allValue".to_owned(), json!(".*"));
                }
                model
            }
        }
    }
}
