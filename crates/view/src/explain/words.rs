//! What a stage that takes most of the time means, in a few words.

use super::picture::Picture;
use crate::units::nanoseconds;
use netrig_model::{QueueCause, Role, Stage};

/// As many acknowledgements without data tell what the way to the peer's kernel and back takes.
const KNOWN_MIN: u64 = 5;
/// Delays of acknowledgements: Linux' least, with its ticks; and the most of Linux and the habit of others.
const DELAYS_NS: [(u64, u64); 2] = [(35_000_000, 60_000_000), (180_000_000, 240_000_000)];
/// An acknowledgement that is delayed takes so many times as long as the fastest.
const DELAYED_TIMES: u64 = 10;

/// What takes less is no fault of anybody's.
const SLOW_NS: f64 = 100_000.0;

/// The stage that took `ns` nanoseconds as what it is about.
pub(super) fn phrase(picture: &Picture, stage: Stage, ns: f64) -> String {
    let slow = ns >= SLOW_NS;
    match stage {
        Stage::Softirq => "softirq late".to_owned(),
        Stage::Stack => "kernel's receive path".to_owned(),
        Stage::Wakeup if slow => "reader is woken late".to_owned(),
        Stage::Wakeup => "reader is woken".to_owned(),
        Stage::RunQueue => "waits for a CPU: run queue".to_owned(),
        Stage::Read if slow => "application slow to read".to_owned(),
        Stage::Read => "application reads".to_owned(),
        Stage::Think => "application thinks".to_owned(),
        Stage::TcpQueue => match main_cause(picture) {
            Some(cause) => format!("TCP queue: {}", cause_words(cause)),
            None => "TCP's own sending".to_owned(),
        },
        Stage::Qdisc => {
            let what = if slow { "queueing in qdisc" } else { "passing qdisc" };
            picture.iface.as_ref().map_or_else(|| what.to_owned(), |(_, iface)| format!("{what} on {iface}"))
        }
        Stage::Nic => "driver and hardware".to_owned(),
        Stage::Wire => "wire (network)".to_owned(),
        Stage::WirePeer if picture.key.role == Some(Role::Client) => beyond(picture),
        Stage::WirePeer => "peer or wire".to_owned(),
        Stage::Total => "the whole".to_owned(),
    }
}

/// What held messages in TCP's queue, if anything held them for at least half of that time: to send takes a while too.
pub(super) fn main_cause(picture: &Picture) -> Option<QueueCause> {
    let (cause, ns) = picture.causes.iter().max_by_key(|(_, ns)| **ns)?;
    let sum_ns = picture.stage(Stage::TcpQueue)?.sum_ns();
    (ns.saturating_mul(2) >= sum_ns).then_some(*cause)
}

pub(super) fn cause_words(cause: QueueCause) -> &'static str {
    match cause {
        QueueCause::ReceiveWindow => "peer's receive window",
        QueueCause::CongestionWindow => "congestion window",
        QueueCause::Pacing => "pacing",
        QueueCause::Nagle => "Nagle",
        QueueCause::SendBuffer => "send buffer full",
        QueueCause::Other => "other",
    }
}

/// Of a client: what took the time between its question's departure and the answer's arrival.
fn beyond(picture: &Picture) -> String {
    let wire = picture.stage(Stage::Wire).filter(|s| s.samples >= KNOWN_MIN);
    let medians = wire.and_then(|s| s.quantile_ns(0.5)).zip(median(picture, Stage::WirePeer));
    match medians {
        None => "wire or peer".to_owned(),
        Some(_) if delays_acknowledgements(picture) => match fastest(picture) {
            Some(ns) => format!("peer's application (its kernel acknowledged after {} at best)", nanoseconds(ns)),
            None => "peer's application".to_owned(),
        },
        Some((wire, both)) if wire.saturating_mul(2) >= both => "wire (network)".to_owned(),
        Some((wire, _)) => format!("peer's application (its kernel acknowledged after {})", nanoseconds(wire)),
    }
}

/// What happens after a server's answer has left, where that takes longer than `whole_ns`: the stage, its median in nanoseconds,
/// and a sentence.
pub(super) fn after_departure(picture: &Picture, whole_ns: f64) -> Option<(Stage, u64, String)> {
    if picture.key.role == Some(Role::Client) {
        return None;
    }
    // The rest of the way comes after that.
    if let Some(ns) = median(picture, Stage::Nic).filter(|ns| *ns as f64 > whole_ns) {
        let sentence = format!("driver and hardware (nic {} until it has left)", nanoseconds(ns));
        return Some((Stage::Nic, ns, sentence));
    }
    let late = [Stage::Wire, Stage::WirePeer].into_iter().filter_map(|stage| Some((stage, median(picture, stage)?)));
    let late = late.filter(|(_, ns)| *ns as f64 > whole_ns);
    let (stage, ns) = late.max_by_key(|(stage, _)| picture.samples(*stage))?;
    let took = nanoseconds(ns);
    let sentence = match stage {
        Stage::Wire if delays_acknowledgements(picture) => {
            format!("peer delays its acknowledgements (delayed ACK: {took})")
        }
        Stage::Wire if is_usual_delay(ns) => {
            format!("wire: acknowledged {took} after it left (a delayed ACK, by its length, or the network)")
        }
        Stage::Wire => format!("wire: acknowledged {took} after it left (network, or a peer that acknowledges late)"),
        _ => format!("peer acknowledges late: {took} after it left, with data (network or peer's application)"),
    };
    Some((stage, ns, sentence))
}

/// Whether acknowledgements without data come when kernels send those they have put off.
fn delays_acknowledgements(picture: &Picture) -> bool {
    let Some((median, fastest)) = median(picture, Stage::Wire).zip(fastest(picture)) else { return false };
    is_usual_delay(median) && median >= fastest.saturating_mul(DELAYED_TIMES)
}

/// Whether kernels that have nothing to send put acknowledgements off for so long.
fn is_usual_delay(ns: u64) -> bool {
    DELAYS_NS.iter().any(|(from, to)| (*from..=*to).contains(&ns))
}

fn fastest(picture: &Picture) -> Option<u64> {
    picture.stage(Stage::Wire)?.quantile_ns(0.0)
}

fn median(picture: &Picture, stage: Stage) -> Option<u64> {
    picture.stage(stage)?.quantile_ns(0.5)
}
