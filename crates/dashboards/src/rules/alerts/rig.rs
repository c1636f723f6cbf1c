//! Of the rig itself: whether what it tells is whole.

use crate::promql::{Expr, all};
use crate::rules::recording::{FILL, LOST};
use crate::rules::{Alert, Severity};
use netrig_metrics::names;

/// What Prometheus itself notes of each scrape: 1 if it was answered.
fn up() -> Expr {
    Expr::recorded("up", &[])
}

pub(super) fn alerts() -> Vec<Alert> {
    vec![
        down(),
        absent(),
        restarting(),
        probe_failed(),
        probe_degraded(),
        ledger_imbalance(),
        ledger_unaccounted(),
        ring_loss(),
        table_full(),
        cpu_budget_exhausted(),
        cpu_budget_pressed(),
        memory_over_budget(),
        store_not_writing(),
        store_rows_lost(),
        store_too_small(),
    ]
}

fn down() -> Alert {
    let was_a_rig = all(&names::BUILD_INFO).over("present_over_time", "1d").aggregate("max", &["job", "instance"]);
    Alert {
        name: "NetrigDown",
        expr: up().exactly(0.0).binary("and on (job, instance)", was_a_rig).to_string(),
        lasts: "5m",
        severity: Severity::Critical,
        summary: "The rig on {{ $labels.instance }} does not answer",
        description: "Prometheus cannot scrape {{ $labels.instance }}, which was a rig within the last day.",
        why: "A restart takes seconds. Which targets are rigs is known by what they told, whatever their job is called; one \
              that service discovery no longer has is not missed.",
        action: "`systemctl status netrig` and its log on the host; `netrig check` says what the kernel and rights allow.",
    }
}

fn absent() -> Alert {
    Alert {
        name: "NetrigAbsent",
        expr: all(&names::BUILD_INFO).now().wrap("absent(", ")").to_string(),
        lasts: "15m",
        severity: Severity::Warning,
        summary: "No rig is scraped",
        description: "Prometheus has these rules and no rig at all: targets, relabelling or the way to them is broken.",
        why: "Fifteen minutes, for Prometheus may come up before the rigs do.",
        action: "Look at Status → Targets. The rig listens on loopback only: see \"How to be scraped\".",
    }
}

fn restarting() -> Alert {
    Alert {
        name: "NetrigRestarting",
        expr: all(&names::START_TIME).over("changes", "1h").above(2.0).to_string(),
        lasts: "1m",
        severity: Severity::Warning,
        summary: "The rig on {{ $labels.instance }} keeps starting again",
        description: "It started {{ $value }} times in the last hour.",
        why: "An upgrade and a change of mind are two.",
        action: "Its log says why it ended; for want of memory the kernel's log does (`journalctl -k`).",
    }
}

fn probe_failed() -> Alert {
    Alert {
        name: "NetrigProbeFailed",
        expr: all(&names::PROBE_STATE).eq("state", "failed").now().exactly(1.0).to_string(),
        lasts: "5m",
        severity: Severity::Warning,
        summary: "The probe {{ $labels.probe }} on {{ $labels.instance }} failed",
        description: "What the probe {{ $labels.probe }} would tell is missing; the rest of the rig goes on.",
        why: "Probes are attached in seconds.",
        action: "`netrig check` and the rig's status (`/api/v1/status`) say what the kernel refused and what to do about it.",
    }
}

fn probe_degraded() -> Alert {
    Alert {
        name: "NetrigProbeDegraded",
        expr: all(&names::PROBE_STATE).eq("state", "degraded").now().exactly(1.0).to_string(),
        lasts: "1h",
        severity: Severity::Info,
        summary: "The probe {{ $labels.probe }} on {{ $labels.instance }} sees less than it could",
        description: "The probe {{ $labels.probe }} is attached in part, or by a fallback.",
        why: "An interface that goes and comes degrades it for moments; an hour is a state.",
        action: "The rig's status (`/api/v1/status`) says what is missing. If the kernel cannot do better, silence this one.",
    }
}

fn ledger_imbalance() -> Alert {
    let imbalance = all(&names::LEDGER_IMBALANCE);
    let above = imbalance.over("max_over_time", "10m").above(0.0);
    let below = imbalance.over("min_over_time", "10m").wrap("(", ") < 0");
    Alert {
        name: "NetrigLedgerImbalance",
        expr: above.or(below).to_string(),
        lasts: "1m",
        severity: Severity::Warning,
        summary: "The ledger of {{ $labels.instance }} does not add up",
        description: "On {{ $labels.iface }} {{ $labels.direction }} there was a window whose packets seen and told differ by \
                      {{ $value }}.",
        why: "One packet is too many: what is seen is told, or counted as not told.",
        action: "This is a bug of netrig's. Report it with the ledger of that time: `netrig query \"SELECT * FROM ledger\"`.",
    }
}

fn ledger_unaccounted() -> Alert {
    let gained = || all(&names::LEDGER_UNACCOUNTED).over("delta", "15m");
    let passed = all(&names::INTERFACE_KERNEL_PACKETS).increase("15m");
    Alert {
        name: "NetrigLedgerUnaccounted",
        expr: gained().above(100.0).and(gained().binary("> 0.001 *", passed)).to_string(),
        lasts: "5m",
        severity: Severity::Warning,
        summary: "Packets pass {{ $labels.iface }} of {{ $labels.instance }} that no hook sees",
        description: "In 15 minutes the kernel counted {{ $value | humanize }} packets {{ $labels.direction }} that the rig did \
                      not see and that nothing explains.",
        why: "A hundred packets, and a thousandth of what passed: counters of devices are told late, in steps.",
        action: "Somebody takes packets before the hook (another XDP or tcx program: `bpftool net`), or the rig attached late. \
                 `netrig top`, key 4, shows the ledger.",
    }
}

fn ring_loss() -> Alert {
    Alert {
        name: "NetrigRingLoss",
        expr: LOST.now().above(1.0).to_string(),
        lasts: "10m",
        severity: Severity::Warning,
        summary: "The rig on {{ $labels.instance }} loses what goes through {{ $labels.ring }}",
        description: "{{ $value | humanize }} a second find no room in {{ $labels.ring }}: records are missing, though counted.",
        why: "One a second for ten minutes: a burst may overrun a ring, a state should not.",
        action: "Raise `[rig] memory`, or `[rig] cpu` if the dashboard of the rig's own cost shows something turned down; the \
                 table below says what is missing for each ring.",
    }
}

fn table_full() -> Alert {
    Alert {
        name: "NetrigTableFull",
        expr: FILL.now().above(0.95).to_string(),
        lasts: "15m",
        severity: Severity::Warning,
        summary: "The rig's table of {{ $labels.table }} on {{ $labels.instance }} is full",
        description: "{{ $value | humanizePercentage }} of the table of {{ $labels.table }} are taken: what finds no room is told \
                      less finely.",
        why: "Tables are sized by `[rig] memory`; a peak empties by itself within minutes.",
        action: "Raise `[rig] memory`. Totals hold all the same.",
    }
}

fn cpu_budget_exhausted() -> Alert {
    Alert {
        name: "NetrigCpuBudgetExhausted",
        expr: all(&names::GOVERNOR_EXHAUSTED).now().exactly(1.0).to_string(),
        lasts: "10m",
        severity: Severity::Warning,
        summary: "The rig on {{ $labels.instance }} costs more than its budget",
        description: "All that can be turned down is turned down, and it still costs more than `[rig] cpu`.",
        why: "The governor answers within seconds; ten minutes are a load that the budget is too small for.",
        action: "`netrig overhead` says which probe costs most. Raise `[rig] cpu`, sample flows (`[flow] sampling`), watch fewer \
                 interfaces, or switch a probe off.",
    }
}

fn cpu_budget_pressed() -> Alert {
    Alert {
        name: "NetrigCpuBudgetPressed",
        expr: all(&names::GOVERNOR_LEVEL).now().above(0.0).to_string(),
        lasts: "1h",
        severity: Severity::Info,
        summary: "The rig on {{ $labels.instance }} gives something up to keep its budget",
        description: "{{ $value }} steps have been turned down for an hour.",
        why: "Turning down for a peak is what the governor is for; an hour is no peak.",
        action: "`netrig overhead` says what is turned down and what that costs you; raise `[rig] cpu` if you miss it.",
    }
}

fn memory_over_budget() -> Alert {
    let budget = all(&names::MEMORY_BUDGET).eq("part", "kernel").now();
    Alert {
        name: "NetrigMemoryOverBudget",
        expr: all(&names::KERNEL_MEMORY).now().binary("> ignoring (part)", budget).to_string(),
        lasts: "15m",
        severity: Severity::Warning,
        summary: "The rig's tables on {{ $labels.instance }} take more than their budget",
        description: "Its maps take {{ $value | humanize1024 }}B of the kernel's memory, more than their part of `[rig] memory`.",
        why: "Tables are sized when the rig starts, and a policy comes on top of them: it may take half of `[rig] memory`.",
        action: "`netrig overhead` says whose maps they are, and `netrig policy check FILE` what of a policy takes them: limits \
                 remember sources, sets have addresses. Raise `[rig] memory`, or let there be fewer.",
    }
}

fn store_not_writing() -> Alert {
    Alert {
        name: "NetrigStoreNotWriting",
        expr: all(&names::STORE_WRITING).now().exactly(0.0).to_string(),
        lasts: "5m",
        severity: Severity::Critical,
        summary: "The rig on {{ $labels.instance }} cannot write its store",
        description: "No history is kept: records are given up as windows close.",
        why: "It tries again by itself; five minutes are no hiccup of a disk.",
        action: "The rig's status says why: a full or read-only disk, or rights on `[store] dir`.",
    }
}

fn store_rows_lost() -> Alert {
    Alert {
        name: "NetrigStoreRowsLost",
        expr: all(&names::STORE_ROWS_LOST).increase("15m").above(100.0).to_string(),
        lasts: "1m",
        severity: Severity::Warning,
        summary: "The store of {{ $labels.instance }} loses rows",
        description: "{{ $value | humanize }} rows were given up in 15 minutes: the disk is full, or slower than what is told.",
        why: "A hundred rows are more than a window of an idle host has.",
        action: "Free or faster disk, a smaller `[store] budget`, or a longer `[rig] window`, so that there is less to write.",
    }
}

fn store_too_small() -> Alert {
    Alert {
        name: "NetrigStoreTooSmall",
        expr: all(&names::STORE_WINDOWS_OVER).increase("1h").above(2.0).to_string(),
        lasts: "1m",
        severity: Severity::Warning,
        summary: "The store of {{ $labels.instance }} has room for less than a window",
        description: "{{ $value | humanize }} windows of an hour were larger than `[store] budget`: nothing older than the newest is kept.",
        why: "The store removes what is oldest by itself, and is always full once it is old enough: only what is newest must have room.",
        action: "A larger `[store] budget`, a shorter `[rig] window`, or `[flow] sampling`; `netrig store` tells what a window takes.",
    }
}
