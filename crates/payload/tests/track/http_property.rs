//! Whole conversations of HTTP/1, cut, shuffled a little, sent again and seen twice: what went in comes out, once.

use super::build::*;
use netrig_model::{Direction, RequestOutcome};
use proptest::prelude::*;

const ENDS: [(u8, u16); 2] = [(1, 40_000), (2, 8080)];

#[derive(Clone, Debug)]
struct Plan {
    method: usize,
    padding: usize,
    body: Body,
    status: u16,
    answer_body: Body,
    has_interim: bool,
    /// The next request does not wait for this one's answer.
    is_ahead: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Body {
    Short(usize),
    /// Nothing of it is copied.
    Long(usize),
    Chunked(usize),
}

/// A part of a side's stream: octets that may be cut anywhere, or must not be, or are not copied.
enum Part {
    Free(Vec<u8>),
    Whole(Vec<u8>),
    Hidden(usize),
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let short = || (0usize..600).prop_map(Body::Short);
    let long = || (1000usize..3_000_000).prop_map(Body::Long);
    let body = || prop_oneof![3 => short(), 1 => long()];
    let answer_body = prop_oneof![3 => short(), 2 => long(), 1 => (1usize..400).prop_map(Body::Chunked)];
    let status = prop_oneof![Just(200u16), Just(204), Just(304), Just(404), Just(503)];
    let plan = (0usize..3, 0usize..300, body(), status, answer_body, any::<bool>(), any::<bool>()).prop_map(
        |(method, padding, body, status, answer_body, has_interim, is_ahead)| Plan {
            method,
            padding,
            body,
            status,
            answer_body,
            has_interim,
            is_ahead,
        },
    );
    prop::collection::vec(plan, 1..14)
}

fn request(number: usize, plan: &Plan) -> Vec<Part> {
    let method = ["GET", "POST", "HEAD"][plan.method];
    let padding = "x".repeat(plan.padding);
    let head = format!("{method} /{number} HTTP/1.1\r\nHost: a.org\r\nX-Padding: {padding}\r\n");
    match plan.body {
        _ if method != "POST" => vec![Part::Free(format!("{head}\r\n").into_bytes())],
        body => with_body(&head, body),
    }
}

fn answer(plan: &Plan) -> Vec<Part> {
    let interim = if plan.has_interim { "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" } else { "" };
    let head = format!("{interim}HTTP/1.1 {} Word\r\nX-Padding: {}\r\n", plan.status, "x".repeat(plan.padding));
    if plan.method == 2 || plan.status == 204 || plan.status == 304 {
        return vec![Part::Free(format!("{head}Content-Length: 345\r\n\r\n").into_bytes())];
    }
    with_body(&head, plan.answer_body)
}

fn with_body(head: &str, body: Body) -> Vec<Part> {
    match body {
        Body::Short(length) => {
            let body = "GET / HTTP/1.1\r\n\r\n".repeat(40);
            vec![Part::Free(format!("{head}Content-Length: {length}\r\n\r\n{}", &body[..length]).into_bytes())]
        }
        Body::Long(length) => {
            let head = format!("{head}Content-Length: {length}\r\n\r\n");
            vec![Part::Free(head.into_bytes()), Part::Hidden(length)]
        }
        Body::Chunked(length) => {
            let chunk = "c".repeat(length);
            let body = format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{chunk}\r\n0\r\n\r\n");
            vec![Part::Whole(body.into_bytes())]
        }
    }
}

/// A side's parts as segments: where each begins, and its octets.
fn cut(parts: Vec<Part>, at: &mut u32, sizes: &mut impl Iterator<Item = usize>) -> Vec<(u32, Vec<u8>)> {
    let mut segments = Vec::new();
    let mut free = Vec::new();
    let mut flush = |free: &mut Vec<u8>, at: &mut u32, segments: &mut Vec<(u32, Vec<u8>)>| {
        while !free.is_empty() {
            let size = sizes.next().unwrap_or(100).min(free.len());
            segments.push((*at, free.drain(..size).collect()));
            *at = at.wrapping_add(size as u32);
        }
    };
    for part in parts {
        match part {
            Part::Free(octets) => free.extend(octets),
            Part::Whole(octets) => {
                flush(&mut free, at, &mut segments);
                let length = octets.len() as u32;
                segments.push((*at, octets));
                *at = at.wrapping_add(length);
            }
            Part::Hidden(length) => {
                flush(&mut free, at, &mut segments);
                *at = at.wrapping_add(length as u32);
            }
        }
    }
    flush(&mut free, at, &mut segments);
    segments
}

/// All segments in order, as both sides take turns.
fn conversation(plans: &[Plan], sizes: &[usize], starts: [u32; 2]) -> Vec<(usize, u32, Vec<u8>)> {
    let mut sizes = sizes.iter().copied().cycle();
    let mut at = starts;
    let mut segments = Vec::new();
    let mut batches: Vec<Vec<usize>> = vec![Vec::new()];
    for (number, plan) in plans.iter().enumerate() {
        batches.last_mut().expect("one at least").push(number);
        if !plan.is_ahead {
            batches.push(Vec::new());
        }
    }
    for batch in batches {
        let requests = batch.iter().flat_map(|n| request(*n, &plans[*n])).collect();
        let answers = batch.iter().flat_map(|n| answer(&plans[*n])).collect();
        for (side, parts) in [requests, answers].into_iter().enumerate() {
            segments.extend(cut(parts, &mut at[side], &mut sizes).into_iter().map(|(at, octets)| (side, at, octets)));
        }
    }
    segments
}

/// So many places of a millisecond each a segment may come late.
const LATE_PLACES: usize = 8;

/// Changes places, sends again, sees twice.
fn disturb(mut segments: Vec<(usize, u32, Vec<u8>)>, faults: &[u8]) -> Vec<Packet> {
    let faults: Vec<u8> = faults.iter().copied().cycle().take(segments.len()).collect();
    let mut places = 0;
    for at in 0..segments.len().saturating_sub(1) {
        // Where a connection begins, nothing says what comes before what comes first.
        let is_early = |side| segments[..at].iter().all(|(other, ..)| *other != side);
        let is_swapped = faults[at] == 1 && segments[at].0 == segments[at + 1].0 && !is_early(segments[at].0);
        // One that is swapped again and again comes later with each: later than so many milliseconds it is not waited for.
        places = if is_swapped && places < LATE_PLACES { places + 1 } else { 0 };
        if places > 0 {
            segments.swap(at, at + 1);
        }
    }
    let mut packets = Vec::new();
    for (at, (side, sequence, octets)) in segments.into_iter().enumerate() {
        let time = at as i64 * MS;
        let packet = segment(time, ENDS[side], ENDS[1 - side], sequence, &octets);
        match faults[at] {
            2 => packets.push(packet.clone().at(1, Direction::Ingress).later(2000)),
            3 => packets.push(packet.clone().later(7 * MS + 500)),
            _ => {}
        }
        packets.push(packet);
    }
    packets.sort_by_key(|packet| packet.time_ns);
    packets
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn requests_are_told_once_with_their_statuses(
        plans in plans(),
        sizes in prop::collection::vec(1usize..900, 1..40),
        faults in prop::collection::vec(0u8..8, 1..60),
        starts in any::<[u32; 2]>(),
    ) {
        let mut road = Road::telling_all();
        let mut end = 0;
        for packet in disturb(conversation(&plans, &sizes, starts), &faults) {
            end = packet.time_ns;
            road.tick(end).see(&packet);
            prop_assert!(road.tracker.bytes() < 100_000);
        }
        road.tick(end + 20 * MS).finish();
        let expected: Vec<_> = plans.iter().enumerate()
            .map(|(n, plan)| (format!("/{n}"), Some(plan.status), RequestOutcome::Answered)).collect();
        prop_assert_eq!(road.http(), expected, "counts: {:?}", road.tracker.counts());
    }
}
