//! What the rig itself costs, and what it loses.

use super::{WINDOW, which_rigs};
use crate::grafana::{Dashboard, Panel, Unit, row};
use crate::promql::chosen;
use crate::rules::losses;
use netrig_metrics::names;

const HOST: &str = "{{instance}}";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "netrig-cost",
        title: "netrig: its own cost",
        description: "What does the rig cost, and what does it give up?",
        variables: which_rigs(),
        rows: vec![
            row("Budget", budget()),
            row("Processor", processor()),
            row("Memory", memory()),
            row("What is lost, and what is full", lost()),
            row("Store and flight recorder", kept()),
        ],
    }
}

fn budget() -> Vec<Panel> {
    vec![
        Panel::lines("Cost and budget", "Does the rig keep to its share of the machine?", Unit::Share)
            .query(chosen(&names::OVERHEAD).now(), "{{instance}} costs")
            .query(chosen(&names::CPU_BUDGET).now(), "{{instance}} may cost"),
        Panel::lines("Turned down", "What does it give up to keep its budget?", Unit::Count)
            .query(chosen(&names::GOVERNOR_STEP).now().sum(&["instance", "step"]).above(0.0), "{{instance}} {{step}}")
            .query(chosen(&names::GOVERNOR_EXHAUSTED).now().above(0.0), "{{instance}}: nothing left to turn down"),
    ]
}

fn processor() -> Vec<Panel> {
    let time = chosen(&names::PROBE_CPU).rate(WINDOW).sum(&["probe"]);
    let runs = chosen(&names::PROBE_RUNS).rate(WINDOW).sum(&["probe"]);
    vec![
        Panel::stack("Probes, in the kernel", "Which probe costs most? 1 is a core.", Unit::Share)
            .query(time.clone(), "{{probe}}")
            .wide(8),
        Panel::lines("Time of one run", "What does one run of a probe's programs take?", Unit::Seconds)
            .query(time.per(runs), "{{probe}}")
            .wide(8),
        Panel::stack("Threads", "Which of its threads costs most? 1 is a core.", Unit::Share)
            .query(chosen(&names::THREAD_CPU).rate(WINDOW).sum(&["thread"]), "{{thread}}")
            .wide(8),
    ]
}

fn memory() -> Vec<Panel> {
    let part = |part| chosen(&names::MEMORY_BUDGET).eq("part", part).now();
    vec![
        Panel::lines("In the kernel", "Do its maps keep to their part of the budget?", Unit::Bytes)
            .query(chosen(&names::KERNEL_MEMORY).now(), "{{instance}} maps")
            .query(part("kernel"), "{{instance}} may take")
            .wide(8),
        Panel::stack("Probes", "Whose maps are they?", Unit::Bytes)
            .query(chosen(&names::PROBE_MEMORY).now().sum(&["probe"]), "{{probe}}")
            .wide(8),
        Panel::lines("Resident", "How much memory has its process, its code included?", Unit::Bytes)
            .query(chosen(&names::PROCESS_RESIDENT).now(), HOST)
            .query(part("rig"), "{{instance}} budget of tables")
            .wide(8),
    ]
}

fn lost() -> Vec<Panel> {
    let mut panel = Panel::lines(
        "Lost",
        "Does the rig lose what it should tell? Each is counted; totals of interfaces stay exact.",
        Unit::PerSecond,
    )
    .wide(8);
    for loss in losses() {
        panel = panel.query(loss.rate(chosen, WINDOW), loss.ring);
    }
    let mut full = Panel::lines("How full its tables are", "Which table is too small?", Unit::Share).up_to(1.0).wide(8);
    for table in crate::rules::tables() {
        full = full.query(table.fill(chosen), table.legend);
    }
    vec![
        panel,
        full,
        Panel::lines(
            "Names of labels",
            "How many of the names that may have series of their own are given? At 100 % whoever comes later is summed as other.",
            Unit::Share,
        )
        .query(chosen(&names::LABEL_VALUES).now().per(chosen(&names::LABEL_VALUES_MAX).now()), "{{instance}} {{kind}}")
        .up_to(1.0)
        .wide(8),
        Panel::table("Probes that do not run", "What is missing? The rig's status says why.", Unit::Count)
            .query(
                chosen(&names::PROBE_STATE).like("state", "failed|degraded|off").now().exactly(1.0),
                "{{instance}} {{probe}} {{state}}",
            )
            .wide(24),
    ]
}

fn kept() -> Vec<Panel> {
    vec![
        Panel::lines("Store", "How large is its store?", Unit::Bytes)
            .query(chosen(&names::STORE_SIZE).now(), HOST)
            .wide(8),
        Panel::lines("Rows", "How much does it write, and does it lose any?", Unit::PerSecond)
            .query(chosen(&names::STORE_ROWS_WRITTEN).rate(WINDOW), "{{instance}} written")
            .query(chosen(&names::STORE_ROWS_LOST).rate(WINDOW), "{{instance}} lost")
            .wide(8),
        Panel::lines("Reach of the flight recorder", "How far back does it go?", Unit::Seconds)
            .query(chosen(&names::RECORDER_REACH).now(), "{{instance}} {{iface}}")
            .wide(8),
    ]
}
