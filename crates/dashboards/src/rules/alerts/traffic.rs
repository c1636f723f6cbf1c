//! Of the host's network.

use crate::promql::{Expr, all};
use crate::rules::recording::{DROP_RATIO, DROPS, RETRANSMIT_RATIO, STAGE_P99, STAGE_VALUES};
use crate::rules::{Alert, Severity};
use netrig_metrics::names;

pub(super) fn alerts() -> Vec<Alert> {
    vec![
        latency_regressed(),
        resource_drops_rising(),
        drop_ratio_high(),
        retransmits_high(),
        listener_dropping(),
        accept_queue_filling(),
        bursts_saturate(),
        policy_waiting(),
        policy_passed_over(),
        policy_warnings(),
    ]
}

/// Of one form: so many times what it was a week ago, a millisecond more at least, from some 180 values at either time.
fn regressed(form: &'static str, times: u32) -> Expr {
    let of_form = ("form", "=", form);
    let stages = [of_form, ("stage", "!=", "total")];
    let p99 = || STAGE_P99.only(&stages);
    let before = || STAGE_P99.only(&stages).ago("1w");
    let enough = |values: Expr| values.above(0.2);
    let think = STAGE_P99.only(&[("role", "=", "client"), ("stage", "=", "think")]);
    p99()
        .binary(&format!("> {times} *"), before())
        .and(p99().binary("-", before()).above(0.001))
        .and(enough(STAGE_VALUES.only(&[of_form])))
        .and(enough(STAGE_VALUES.only(&[of_form]).ago("1w")))
        .unless(think)
}

fn latency_regressed() -> Alert {
    Alert {
        name: "NetrigLatencyStageRegressed",
        expr: regressed("native", 2).or(regressed("classic", 5)).to_string(),
        lasts: "15m",
        severity: Severity::Warning,
        summary: "{{ $labels.stage }} of {{ $labels.service }} on {{ $labels.instance }} is slower than a week ago",
        description: "One in a hundred messages of {{ $labels.service }} ({{ $labels.role }}) takes \
                      {{ $value | humanizeDuration }} or longer in the stage {{ $labels.stage }}: several times what it was \
                      at this time a week ago.",
        why: "Twice the p99 of the same time last week, so that daily and weekly tides do not count. Classic buckets are a \
              factor of four apart and a quantile may jump by as much where nothing happened: there it is five times. It \
              must be a millisecond more, and both weeks must have 180 messages measured in 15 minutes. The whole \
              (`total`) is left out, for one of its stages tells more, and so is the time a client thinks.",
        action: "Ask the host `netrig explain SERVICE --since 1h --against 24h`: it says in words what moved. The stage says \
                 whose it is: `think` and `read` are the application's, `wakeup` and `run_queue` the processors', \
                 `tcp_queue` the peer's or the path's, `qdisc` and `driver` the interface's, `wire` and `wire_peer` are \
                 beyond the host.",
    }
}

fn resource_drops_rising() -> Alert {
    let now = || DROPS.only(&[("class", "=", "resource")]);
    let usual = DROPS.mean("1d", "1h", &[("class", "=", "resource")]);
    Alert {
        name: "NetrigResourceDropsRising",
        expr: now().above(1.0).unless(now().binary("<= 3 *", usual)).to_string(),
        lasts: "10m",
        severity: Severity::Warning,
        summary: "{{ $labels.instance }} drops more packets for want of resources than it did",
        description: "{{ $value | humanize }} packets a second are dropped because a buffer, a queue or memory is full: more \
                      than three times the mean of the day before.",
        why: "One a second for ten minutes, and three times what is usual on this host: some hosts always lose a few. A host \
              without a past day is held against nothing.",
        action: "`netrig drops` names reasons, places, processes and what to enlarge; the dashboard of drops shows since when.",
    }
}

fn drop_ratio_high() -> Alert {
    Alert {
        name: "NetrigDropRatioHigh",
        expr: DROP_RATIO
            .now()
            .above(0.01)
            .and(DROPS.only(&[("class", "=~", "resource|error")]).sum_over(&["class"]).above(10.0))
            .to_string(),
        lasts: "10m",
        severity: Severity::Critical,
        summary: "{{ $labels.instance }} loses packets",
        description: "Packets dropped for want of resources or by error are {{ $value | humanizePercentage }} of what the \
                      host receives.",
        why: "From a hundredth on TCP's throughput breaks down. More than ten packets a second, so that an idle host's few do \
              not count.",
        action: "`netrig drops` names reasons, places, processes and what to do about each.",
    }
}

fn retransmits_high() -> Alert {
    let resent = all(&names::TCP_RETRANSMITS).rate("10m").sum_over(&["cause"]);
    Alert {
        name: "NetrigRetransmitsHigh",
        expr: RETRANSMIT_RATIO.now().above(0.02).and(resent.above(1.0)).to_string(),
        lasts: "15m",
        severity: Severity::Warning,
        summary: "TCP of {{ $labels.instance }} sends much again",
        description: "{{ $value | humanizePercentage }} of TCP's packets sent are sent again.",
        why: "Paths in order lose less than a thousandth, and 2 % halve the throughput of long connections. Segments of \
              all interfaces are held against packets of the watched ones; one a second at least.",
        action: "`netrig connections --slow` shows whose; by cause (dashboard of the host) `timeout` is a path that is dead or \
                 full, `fast` one that loses, `syn` a peer that does not answer, `tlp` the end of short answers.",
    }
}

fn listener_dropping() -> Alert {
    Alert {
        name: "NetrigListenerDropping",
        expr: all(&names::TCP_LISTENER_DROPS).rate("5m").above(0.1).to_string(),
        lasts: "5m",
        severity: Severity::Critical,
        summary: "{{ $labels.listener }} on {{ $labels.instance }} turns connections away",
        description: "The listener drops {{ $value | humanize }} connections or SYNs a second: clients see timeouts.",
        why: "One in ten seconds, for five minutes: a burst at start-up passes, an application that does not accept does not.",
        action: "Its accept queue is full (`netrig top`, key 2): let the application accept faster, or give `listen()` and \
                 `net.core.somaxconn` a larger backlog. `netrig explain` says whether it reads late too.",
    }
}

fn accept_queue_filling() -> Alert {
    let fill = all(&names::TCP_ACCEPT_QUEUE).now().per(all(&names::TCP_ACCEPT_QUEUE_CAPACITY).now());
    Alert {
        name: "NetrigAcceptQueueFilling",
        expr: fill.above(0.8).to_string(),
        lasts: "5m",
        severity: Severity::Warning,
        summary: "The accept queue of {{ $labels.listener }} on {{ $labels.instance }} is nearly full",
        description: "{{ $value | humanizePercentage }} of its places are taken by connections that nobody accepts.",
        why: "A queue that is four fifths full whenever it is looked at drops between looks.",
        action: "As for NetrigListenerDropping: this comes before it.",
    }
}

fn bursts_saturate() -> Alert {
    let share = all(&names::BURST_PEAK)
        .now()
        .binary("/ ignoring (direction) group_left ()", all(&names::INTERFACE_SPEED).now());
    Alert {
        name: "NetrigBurstsSaturateLink",
        expr: share.above(0.9).to_string(),
        lasts: "15m",
        severity: Severity::Warning,
        summary: "{{ $labels.iface }} of {{ $labels.instance }} is full for milliseconds, every minute",
        description: "In the busiest millisecond of the last minute {{ $labels.direction }} used \
                      {{ $value | humanizePercentage }} of the link, whatever its average says.",
        why: "Preamble, gaps and FCS are not counted: 98 % is all there is for large packets, less for small ones. One full \
              millisecond is ordinary; one in every minute of fifteen fills queues.",
        action: "`netrig bursts --since 15m` names the flows; `netrig queues` says how long what leaves has to wait. Pacing at \
                 the sender (fq), or a faster link.",
    }
}

fn policy_waiting() -> Alert {
    Alert {
        name: "NetrigPolicyWaiting",
        expr: all(&names::POLICY_CONFIRMATION).now().above(0.0).to_string(),
        lasts: "1m",
        severity: Severity::Warning,
        summary: "A policy on {{ $labels.instance }} waits to be confirmed",
        description: "In {{ $value | humanizeDuration }} the policy before it comes back.",
        why: "Whoever applies a policy and is still connected confirms it within a minute.",
        action: "`netrig policy confirm` on the host if it is as meant; otherwise do nothing, and it goes.",
    }
}

fn policy_passed_over() -> Alert {
    Alert {
        name: "NetrigPolicyPassedOver",
        // There is no series before the first policy, and the first may lapse between two scrapes.
        expr: all(&names::POLICY_FELL_BACK).growth("5m").above(1.0).to_string(),
        lasts: "2m",
        severity: Severity::Critical,
        summary: "Packets pass {{ $labels.instance }} without a policy",
        description: "{{ $value | humanize }} packets a second meet no policy where there should be one, and pass: none is in \
                      force, or one that waited was not confirmed.",
        why: "Packets in flight while a policy is swapped are a few; one a second that lasts is a policy that is not there.",
        action: "`netrig policy show` says what is in force and what became of the last one; apply it again, and confirm it.",
    }
}

fn policy_warnings() -> Alert {
    Alert {
        name: "NetrigPolicyWarning",
        expr: all(&names::POLICY_WARNINGS).now().above(0.0).to_string(),
        lasts: "5m",
        severity: Severity::Warning,
        summary: "Something is wrong with the policy of {{ $labels.instance }}",
        description: "The policy in force has {{ $value }} warnings, such as a set's file that vanished.",
        why: "A file that is being replaced is missing for a moment only.",
        action: "`netrig policy show` says what is wrong.",
    }
}
