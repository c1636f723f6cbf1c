//! Copies that never came: nothing hangs, and nothing is paired wrongly.

use super::build::*;
use super::http::{Talk, answer, get};
use netrig_model::RequestOutcome;

const ANSWERED: RequestOutcome = RequestOutcome::Answered;

fn told(talk: &mut Talk) -> Vec<(String, Option<u16>, RequestOutcome)> {
    talk.waits(20 * MS);
    talk.road.http()
}

#[test]
fn an_answer_whose_request_was_lost_is_told_by_its_status() {
    let mut talk = Talk::new();
    talk.asks(&get("/1")).answers(&answer(200, 0)).misses(0, 40).answers(&answer(500, 900)).misses(1, 900);
    talk.asks(&get("/3")).answers(&answer(204, 0));
    let mut told = told(&mut talk);
    told.sort();
    let expected =
        [("", 500), ("/1", 200), ("/3", 204)].map(|(path, status)| (path.to_owned(), Some(status), ANSWERED));
    assert_eq!(told, expected);
}

#[test]
fn when_an_answer_was_lost_those_that_wait_are_unknown_and_the_next_pair_is_right() {
    let mut talk = Talk::new();
    talk.asks(&get("/1")).answers(&answer(200, 0)).asks(&get("/2")).misses(1, 50).asks(&get("/3"));
    talk.answers(&answer(403, 0)).waits(20 * MS).asks(&get("/4")).answers(&answer(204, 0));
    let unknown = |path: &str| (path.to_owned(), None, RequestOutcome::Unknown);
    let answered = |path: &str, status| (path.to_owned(), Some(status), ANSWERED);
    assert_eq!(told(&mut talk), [answered("/1", 200), unknown("/2"), unknown("/3"), answered("/4", 204)]);
}

#[test]
fn an_answer_lost_behind_a_body_of_unknown_length_does_not_shift_the_others() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\nxxxx";
    let mut talk = Talk::new();
    talk.asks(&get("/1")).answers_long(chunked, 1400).misses(1, 8000);
    talk.asks(&get("/2")).misses(1, 9000).asks(&get("/3")).answers(&answer(403, 0)).waits(20 * MS);
    talk.asks(&get("/4")).answers(&answer(204, 0));
    let told = told(&mut talk);
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|(path, status, _)| path != "/2" || status.is_none()), "{told:?}");
    assert_eq!(told[3], ("/4".to_owned(), Some(204), ANSWERED));
}

#[test]
fn answers_in_octets_that_were_not_copied_are_unknown() {
    let mut talk = Talk::new();
    talk.asks(&(get("/1") + &get("/2") + &get("/3")));
    // One super-packet has all three answers; its first octets are all that is seen.
    talk.answers_long(&answer(200, 5000), 16_000).asks(&get("/4")).answers(&answer(204, 0));
    let unknown = |path: &str| (path.to_owned(), None, RequestOutcome::Unknown);
    let answered = |path: &str, status| (path.to_owned(), Some(status), ANSWERED);
    assert_eq!(told(&mut talk), [answered("/1", 200), unknown("/2"), unknown("/3"), answered("/4", 204)]);
}

#[test]
fn a_part_of_a_head_that_was_lost_leaves_what_was_seen() {
    let mut talk = Talk::new();
    talk.asks("GET /1 HTTP/1.1\r\nHost: a.org\r\nCook").misses(0, 300).asks("more\r\n\r\n").waits(20 * MS);
    talk.answers(&answer(200, 0)).asks(&get("/2")).answers(&answer(204, 0));
    assert_eq!(told(&mut talk), [("/1".to_owned(), Some(200), ANSWERED), ("/2".to_owned(), Some(204), ANSWERED)]);
}

#[test]
fn an_answer_ends_the_wait_for_the_rest_of_a_head() {
    let mut talk = Talk::new();
    talk.asks("GET /1 HTTP/1.1\r\nHost: a.org\r\nCook").misses(0, 300).answers(&answer(200, 0)).waits(20 * MS);
    assert_eq!(talk.road.http(), [("/1".to_owned(), Some(200), ANSWERED)]);
    assert!(talk.road.one().latency_ns.is_some());
}

#[test]
fn the_answer_to_a_lost_head_does_not_hide_the_next() {
    let mut talk = Talk::new();
    talk.asks(&get("/1")).answers(&answer(200, 0)).misses(0, 40);
    // It was a HEAD: its answer has a length, and no body.
    talk.answers(&answer(200, 1_000_000)).waits(20 * MS).asks(&get("/3")).answers(&answer(404, 0));
    assert_eq!(told(&mut talk).last(), Some(&("/3".to_owned(), Some(404), ANSWERED)));
}

#[test]
fn a_request_whose_answer_was_lost_is_forgotten_when_the_client_goes_on() {
    let mut talk = Talk::new();
    talk.asks(&get("/1")).misses(1, 77).waits(6000 * MS).asks(&get("/2")).answers(&answer(404, 0));
    let expected = [("/1".to_owned(), None, RequestOutcome::Unanswered), ("/2".to_owned(), Some(404), ANSWERED)];
    assert_eq!(told(&mut talk), expected);
}
