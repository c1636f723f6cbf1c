//! Queues and those who empty them, as tables and as lines of JSON.

mod disciplines;
mod emptying;
mod lines;

pub use lines::queue_lines;

use crate::table::{Style, Table};
use netrig_model::QueuesStatus;

/// Lines of a table, where not all are asked for.
const ROWS: usize = 20;

/// Tables one below the other: what waits and how long, what devices hold, how full polls are, and each CPU's receive work.
/// Those that have nothing to say are left out; `all` shows every line of each.
pub fn list_queues(queues: &QueuesStatus, all: bool, style: Style, sink: &mut dyn FnMut(&str)) {
    let rows = if all { usize::MAX } else { ROWS };
    let tables = [
        disciplines::disciplines(queues, rows),
        disciplines::devices(queues, rows),
        emptying::polls(queues, rows),
        emptying::cpus(queues, rows),
    ];
    for (at, table) in tables.into_iter().flatten().enumerate() {
        if at > 0 {
            sink("");
        }
        table.render_lines(style, sink);
    }
}

/// The first `rows` of what is in order already; a footer tells of the rest.
fn table_of<T>(mut table: Table, all: &[T], rows: usize, cells: impl Fn(&T) -> Vec<String>) -> Option<Table> {
    all.iter().take(rows).for_each(|each| table.push(&cells(each)));
    if all.len() > rows {
        table.set_footer(format!("… and {} more: --all", all.len() - rows));
    }
    (!all.is_empty()).then_some(table)
}
