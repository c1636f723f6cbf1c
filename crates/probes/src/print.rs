//! libbpf's own messages: never to the terminal, kept for the error that follows.

use libbpf_rs::{PrintLevel, set_print};
use std::cell::RefCell;
use std::sync::{Mutex, Once};

static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());
static INSTALL: Once = Once::new();
const KEPT_MAX: usize = 400;
/// Before what the kernel itself said of a request by netlink.
const OF_KERNEL: &str = "Kernel error message: ";

thread_local! {
    /// libbpf speaks in the thread that asked it.
    static OF_KERNEL_HERE: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn keep(level: PrintLevel, text: String) {
    let line = text.trim_end();
    match level {
        PrintLevel::Debug => tracing::trace!(target: "libbpf", "{line}"),
        _ => {
            tracing::debug!(target: "libbpf", "{line}");
            if let Some((_, words)) = line.split_once(OF_KERNEL) {
                // As C has it where there are none.
                let words = Some(words).filter(|words| !words.is_empty() && *words != "(null)");
                OF_KERNEL_HERE.with_borrow_mut(|here| *here = words.map(str::to_owned));
            }
            if let Ok(mut kept) = KEPT.lock()
                && kept.len() < KEPT_MAX
            {
                kept.push(line.to_owned());
            }
        }
    }
}

/// From now on.
pub(crate) fn install() {
    INSTALL.call_once(|| {
        set_print(Some((PrintLevel::Debug, keep)));
    });
}

/// What the kernel itself says while `ask` asks it by libbpf's netlink.
pub(crate) fn words_of_kernel<T>(ask: impl FnOnce() -> T) -> (T, Option<String>) {
    install();
    OF_KERNEL_HERE.take();
    let answer = ask();
    (answer, OF_KERNEL_HERE.take())
}

/// Starts keeping messages anew.
pub(crate) fn begin() {
    install();
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
