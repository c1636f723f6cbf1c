//! Latency of services: where the time goes.

use super::{WINDOW, which_rigs};
use crate::grafana::{Dashboard, Panel, Unit, Variable, row};
use crate::promql::{Expr, Selector, chosen};
use netrig_metrics::names::{self, Metric};

/// Neither the whole nor what is no part of it: `wire` and `softirq` of either role, and each role's own.
const PARTS: [(&str, &str); 2] = [("server", "total|softirq|wire|wire_peer"), ("client", "total|softirq|wire|think")];

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "netrig-latency",
        title: "netrig: service latency",
        description: "Where does the time of requests go?",
        variables: variables(),
        rows: vec![
            row("The whole", whole()),
            row("Stage by stage", stages()),
            row("How each stage is distributed", vec![stage_heatmap()]),
            row("Round trips", round_trips()),
            row("Requests, as they pass", requests()),
            row("How much of it was seen?", coverage()),
        ],
    }
}

fn variables() -> Vec<Variable> {
    let eligible = |more: &str| {
        let series = chosen(&names::LATENCY_ELIGIBLE).like("role", "$role").now().to_string();
        if more.is_empty() { series } else { series.replace('}', &format!(",{more}}}")) }
    };
    let role = chosen(&names::LATENCY_ELIGIBLE).now().to_string();
    let stage = eligible("service=~\"$service\"");
    let mut variables = which_rigs();
    variables.extend([
        // One at a time: what a client waits for contains what the server needs.
        Variable::Label { name: "role", title: "Role", series: role, label: "role", first: Some("server") },
        Variable::Label { name: "service", title: "Service", series: eligible(""), label: "service", first: None },
        Variable::Label { name: "stage", title: "Stage", series: stage, label: "stage", first: None },
    ]);
    variables
}

/// Of the role and the services that are chosen.
fn of_services(metric: &'static Metric) -> Selector {
    chosen(metric).like("role", "$role").like("service", "$service")
}

fn whole() -> Vec<Panel> {
    let total = |q| of_services(&names::LATENCY_STAGE).eq("stage", "total").quantile(q, WINDOW, &["service"]);
    vec![
        Panel::lines("Whole way, p50", "How long does an ordinary message take? UDP has no whole.", Unit::Seconds)
            .query(total(0.5), "{{service}}"),
        Panel::lines("Whole way, p99", "How long does one in a hundred take?", Unit::Seconds)
            .query(total(0.99), "{{service}}"),
    ]
}

/// What each stage adds to a message, of one role: sums of the stage by wholes of the services.
fn added((role, not_a_part): (&str, &str)) -> Expr {
    let of_role = || of_services(&names::LATENCY_STAGE).eq("role", role);
    let stages = of_role().unlike("stage", not_a_part).sums(WINDOW, &["service", "stage"]);
    let whole = of_role().eq("stage", "total").values(WINDOW, &["service"]);
    stages.binary("/ on (service) group_left ()", whole.above(0.0))
}

fn stages() -> Vec<Panel> {
    let by = &["service", "stage"];
    let of_stages = || of_services(&names::LATENCY_STAGE).ne("stage", "total").like("stage", "$stage");
    let cause = of_services(&names::LATENCY_TCP_QUEUE).rate(WINDOW).sum(&["service", "cause"]);
    let messages = of_services(&names::LATENCY_TCP_QUEUE_MESSAGES).rate(WINDOW).sum(&["service", "cause"]);
    let [server, client] = PARTS.map(added);
    vec![
        Panel::stack(
            "What each stage adds to a message",
            "Where does the time go? Sums of each stage, divided by the messages whose whole was measured: these add up \
             to the mean of the whole, of one service at a time.",
            Unit::Seconds,
        )
        .query(server, "{{service}} {{stage}}")
        .query(client, "{{service}} {{stage}}")
        .wide(24),
        Panel::lines("Stages, p50", "How long does each stage take as a rule?", Unit::Seconds)
            .query(of_stages().quantile(0.5, WINDOW, by), "{{service}} {{stage}}"),
        Panel::lines("Stages, p99", "How long does each stage take at worst? Quantiles do not add up.", Unit::Seconds)
            .query(of_stages().quantile(0.99, WINDOW, by), "{{service}} {{stage}}"),
        Panel::lines("Held in TCP's queue", "What keeps messages in TCP's queue, and for how long each?", Unit::Seconds)
            .query(cause.per(messages), "{{service}} {{cause}}")
            .wide(24),
    ]
}

fn stage_heatmap() -> Panel {
    let stage = of_services(&names::LATENCY_STAGE).like("stage", "$stage");
    Panel::heatmap(
        "$stage",
        "How are the times of this stage distributed: one hump, two, or a long tail?",
        stage.native(WINDOW, &[]),
        stage.classic(WINDOW, &[]),
    )
    .wide(8)
    .for_each("stage")
}

fn round_trips() -> Vec<Panel> {
    // The same round trips are in kind all and in kind pure.
    let trips = |kind| of_services(&names::TCP_RTT).eq("kind", kind);
    let by = &["service"];
    vec![
        Panel::heatmap(
            "Round trips",
            "How are round trips distributed, with what the peer's application took?",
            trips("all").native(WINDOW, &[]),
            trips("all").classic(WINDOW, &[]),
        ),
        Panel::heatmap(
            "Round trips without data",
            "How are round trips of the wire alone distributed?",
            trips("pure").native(WINDOW, &[]),
            trips("pure").classic(WINDOW, &[]),
        ),
        Panel::lines("Round trips, p50 and p99", "Which services' peers are slow or far away?", Unit::Seconds)
            .query(trips("all").quantile(0.5, WINDOW, by), "{{service}} p50")
            .query(trips("all").quantile(0.99, WINDOW, by), "{{service}} p99"),
        Panel::lines("Time to connect, p99", "How long does it take until a connection is open?", Unit::Seconds)
            .query(of_services(&names::TCP_CONNECT).quantile(0.99, WINDOW, by), "{{service}}"),
    ]
}

fn requests() -> Vec<Panel> {
    let http = chosen(&names::HTTP_TIME).quantile(0.99, WINDOW, &["host"]);
    let errors = chosen(&names::HTTP_REQUESTS).eq("status", "5xx").rate(WINDOW).sum(&["host"]);
    let dns = chosen(&names::DNS_TIME).quantile(0.99, WINDOW, &["server"]);
    let tls = chosen(&names::TLS_TIME).quantile(0.99, WINDOW, &["server"]);
    vec![
        Panel::lines("HTTP, p99", "Which hosts answer slowly?", Unit::Seconds).query(http.top(10), "{{host}}"),
        Panel::lines("HTTP errors", "Which hosts answer with errors of theirs?", Unit::RequestsPerSecond)
            .query(errors.top(10), "{{host}}"),
        Panel::lines("DNS, p99", "Which resolvers are slow?", Unit::Seconds).query(dns.top(10), "{{server}}"),
        Panel::lines("TLS, p99", "Which servers take long to shake hands?", Unit::Seconds)
            .query(tls.top(10), "{{server}}"),
    ]
}

fn coverage() -> Vec<Panel> {
    let by = &["service", "stage"];
    let measured = of_services(&names::LATENCY_STAGE).values(WINDOW, by);
    let eligible = || of_services(&names::LATENCY_ELIGIBLE).rate(WINDOW).sum(by);
    let censored = of_services(&names::LATENCY_CENSORED).rate(WINDOW).sum(by);
    vec![
        Panel::lines(
            "Coverage",
            "Of the messages that should have passed a stage, how many were measured?",
            Unit::Share,
        )
        .query(measured.per(eligible()), "{{service}} {{stage}}")
        .up_to(1.0)
        .wide(8),
        Panel::lines("Censored", "Of how many was the beginning seen, and not the end?", Unit::Share)
            .query(censored.per(eligible()), "{{service}} {{stage}}")
            .up_to(1.0)
            .wide(8),
        Panel::table("Stages that are not seen", "Which stages can this host not show at all?", Unit::Count)
            .query(chosen(&names::LATENCY_UNSEEN).now().exactly(1.0), "{{instance}} {{stage}}")
            .wide(8),
    ]
}
