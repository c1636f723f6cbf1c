//! Errors as a person reads them: what is wrong with the query and what was likely meant.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use netrig_store::Table;
use std::fmt;
use std::io::ErrorKind;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The query or the command line is wrong.
    Usage(String),
    /// It should have worked and did not.
    Run(anyhow::Error),
    /// Whoever read the answer has seen enough.
    PipeClosed,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::PipeClosed => 0,
            Self::Run(_) => 1,
            Self::Usage(_) => 2,
        }
    }

    /// Of an error before the first row: the query is at fault.
    pub(crate) fn planning(error: &DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) | DataFusionError::IoError(_) | DataFusionError::External(_) => {
                Self::running(error)
            }
            DataFusionError::SchemaError(inner, _) => match &**inner {
                SchemaError::FieldNotFound { field, valid_fields } => {
                    let known: Vec<_> = valid_fields.iter().map(|c| c.name.as_str()).collect();
                    Self::Usage(unknown("column", &field.name, &known))
                }
                other => Self::Usage(first_lines(&other.to_string())),
            },
            root => {
                let text = root.strip_backtrace();
                Self::Usage(unknown_table(&text).unwrap_or_else(|| first_lines(&text)))
            }
        }
    }

    /// Of an error while rows are made.
    pub(crate) fn running(error: &DataFusionError) -> Self {
        let root = error.find_root();
        let text = first_lines(&root.strip_backtrace());
        Self::Run(match root {
            DataFusionError::ResourcesExhausted(_) => anyhow::anyhow!(
                "the query needs more than it may use ({text}): narrow it with WHERE window_start > …, group by fewer columns, \
                 or give it more with --memory or --spill"
            ),
            _ => anyhow::anyhow!(text),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Run(error) => write!(f, "{error:#}"),
            Self::PipeClosed => f.write_str("the reader of the answer went away"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Run(error)
    }
}

impl From<netrig_store::StoreError> for Failure {
    fn from(error: netrig_store::StoreError) -> Self {
        Self::Run(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::Run(anyhow::Error::from(error).context("cannot write the answer")),
        }
    }
}

/// The engine's words up to its own backtraces, without the class names it puts in front.
fn first_lines(text: &str) -> String {
    let text = text.split("\n\nbacktrace").next().unwrap_or(text).trim();
    let known = [
        "Error during planning: ",
        "SQL error: ",
        "Schema error: ",
        "Execution error: ",
        "Arrow error: ",
        "This feature is not implemented: ",
        "External error: ",
        "Parquet error: ",
        "Resources exhausted: ",
    ];
    let mut text = text;
    if let Some((_, inner)) = text.split_once("ParserError(\"") {
        text = inner.trim_end_matches("\")");
    }
    while let Some(rest) = known.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    text.to_owned()
}

fn unknown_table(text: &str) -> Option<String> {
    let name = text.split_once("table '")?.1.split_once("' not found")?.0;
    let name = name.strip_prefix("netrig.public.").unwrap_or(name);
    Some(unknown("table", name, &Table::ALL.map(Table::name)))
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let mut names: Vec<_> = known.to_vec();
    names.dedup();
    let nearest = names.iter().map(|k| (strsim::damerau_levenshtein(&name.to_lowercase(), k), *k)).min();
    // Further off than a third of its letters it is no slip of the pen.
    let meant = match nearest {
        Some((distance, k)) if distance <= name.len().div_ceil(3).max(2) => format!("; did you mean {k}?"),
        _ => ".".to_owned(),
    };
    format!("there is no {what} '{name}'{meant} There are: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_if_it_is_near() {
        assert_eq!(
            unknown("table", "flow", &["flows", "ledger"]),
            "there is no table 'flow'; did you mean flows? There are: flows, ledger"
        );
        assert_eq!(
            unknown("table", "users", &["flows", "ledger"]),
            "there is no table 'users'. There are: flows, ledger"
        );
        assert!(unknown("column", "scr_addr", &["dst_addr", "src_addr"]).contains("mean src_addr?"));
    }
}
