//! Of what the rig sends to a server of metrics itself.

use crate::promql::all;
use crate::rules::{Alert, Severity};
use netrig_metrics::names::{
    REMOTE_WRITE_CAPACITY as CAPACITY, REMOTE_WRITE_QUEUE as QUEUE, REMOTE_WRITE_SAMPLES as SAMPLES,
    REMOTE_WRITE_SUCCESS as SUCCESS,
};

pub(super) fn alerts() -> Vec<Alert> {
    vec![queue_filling(), losing(), stalled()]
}

fn queue_filling() -> Alert {
    Alert {
        name: "NetrigRemoteWriteQueueFilling",
        expr: all(&QUEUE).now().per(all(&CAPACITY).now()).above(0.5).to_string(),
        lasts: "10m",
        severity: Severity::Warning,
        summary: "What {{ $labels.instance }} sends to its server of metrics piles up",
        description: "{{ $value | humanizePercentage }} of its queue are taken: the server does not take them as fast as they \
                      come, and what finds no room will be given up.",
        why: "The queue is empty while the server answers; half of it, for ten minutes, is an outage or a server too slow.",
        action: "The rig's status says what the server answers. Once it answers, the queue is sent by itself.",
    }
}

fn losing() -> Alert {
    let lost = all(&SAMPLES).like("outcome", "dropped|rejected").rate("5m");
    Alert {
        name: "NetrigRemoteWriteLosing",
        expr: lost.above(1.0).to_string(),
        lasts: "5m",
        severity: Severity::Warning,
        summary: "Samples of {{ $labels.instance }} do not reach the server of metrics",
        description: "{{ $value | humanize }} samples a second are {{ $labels.outcome }}.",
        why: "One a second for five minutes: a few that are too old after a restart do not count.",
        action: "`rejected`: the server refuses them, and says why in its log (labels, age, limits). `dropped`: the queue was full \
                 for longer than it reaches; see NetrigRemoteWriteQueueFilling.",
    }
}

fn stalled() -> Alert {
    let since = all(&SUCCESS).now().above(0.0).wrap("time() - (", ")");
    Alert {
        name: "NetrigRemoteWriteStalled",
        expr: since.above(300.0).to_string(),
        lasts: "5m",
        severity: Severity::Warning,
        summary: "The server of metrics takes nothing from {{ $labels.instance }}",
        description: "It last took something {{ $value | humanizeDuration }} ago.",
        why: "It is sent to several times a minute. Only a Prometheus that scrapes the rig as well, or another one, can tell: the \
              server itself has nothing to tell it by.",
        action: "The rig's status says what the server answers: the way to it, its certificate, or the rights are gone.",
    }
}
