//! libbpf's own messages: never to the terminal, kept for the error that follows.

use libbpf_rs::{PrintLevel, set_print};
use std::sync::{Mutex, Once};

static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());
static INSTALL: Once = Once::new();
const KEPT_MAX: usize = 400;

fn keep(level: PrintLevel, text: String) {
    let line = text.trim_end();
    match level {
        PrintLevel::Debug => tracing::trace!(target: "libbpf", "{line}"),
        _ => {
            tracing::debug!(target: "libbpf", "{line}");
            if let Ok(mut kept) = KEPT.lock()
                && kept.len() < KEPT_MAX
            {
                kept.push(line.to_owned());
            }
        }
    }
}

/// Starts keeping messages anew.
pub(crate) fn begin() {
    INSTALL.call_once(|| {
        set_print(Some((PrintLevel::Debug, keep)));
    });
    if let Ok(mut kept) = KEPT.lock() {
        kept.clear();
    }
}

/// The last words that say why, for an error message; the whole is in the debug log.
pub(crate) fn reason() -> Option<String> {
    let kept = KEPT.lock().ok()?;
    let telling = kept
        .iter()
        .flat_map(|m| m.lines())
        .filter(|l| !l.is_empty() && !l.starts_with("processed ") && !l.contains("-- END") && !l.contains("-- BEGIN"))
        .filter(|l| !l.contains("failed to load object") && !l.contains("skeleton"));
    let last: Vec<&str> = telling.collect();
    let from = last.len().saturating_sub(3);
    (!last.is_empty()).then(|| last[from..].join("; "))
}
