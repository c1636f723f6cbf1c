//! Segments become requests: streams put together as far as they were copied, messages read, questions paired with answers.
//!
//! Time is what segments and ticks say. All memory is bounded by the configuration, and what a bound turned away is counted.

mod begin;
mod config;
mod dns_stream;
mod ends;
mod flow;
mod flows;
mod heads;
mod http;
mod http2;
mod lately;
mod privacy;
mod questions;
mod quic;
mod slab;
mod stream;
mod talk;
mod tls;
mod turn;

pub use config::{Paths, Privacy, TrackerConfig};

use crate::parse::dns;
use flows::Flows;
use lately::Lately;
use netrig_model::{PayloadCounts, PayloadSegment, Request, Timestamp};
use privacy::Veil;
use questions::{Passed, Questions};
use stream::Spare;
use turn::Turn;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Follows flows and tells each request once it is over.
pub struct Tracker {
    config: TrackerConfig,
    veil: Veil,
    counts: PayloadCounts,
    questions: Questions,
    flows: Flows,
    spare: Spare,
    lately: Lately,
    now: Timestamp,
}

impl Tracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new(config: TrackerConfig) -> Self {
        Self {
            veil: Veil::new(&config.privacy),
            config,
            counts: PayloadCounts::default(),
            questions: Questions::new(),
            flows: Flows::new(),
            spare: Spare::default(),
            lately: Lately::new(),
            now: Timestamp(i64::MIN),
        }
    }

    /// Takes a segment, and tells the requests that are over by it.
    pub fn take(&mut self, segment: &PayloadSegment<'_>, each: &mut dyn FnMut(Request)) {
        let (questions, flows, mut turn) = self.turn(segment.time, each);
        let key = &segment.key;
        let is_dns = turn.config.dns_ports.iter().any(|port| *port == key.src_port || *port == key.dst_port);
        match key.protocol {
            UDP if is_dns => match dns(segment.octets) {
                Some(message) => {
                    let passed = Passed { time: segment.time, key, owner: segment.owner };
                    questions.take(&passed, message, &mut turn);
                }
                None => turn.counts.malformed += 1,
            },
            UDP => flows.datagram(segment, questions, &mut turn),
            TCP => flows.segment(segment, is_dns, questions, &mut turn),
            _ => turn.counts.unknown += 1,
        }
    }

    /// Tells what has waited for long enough. Costs little when nothing has.
    pub fn tick(&mut self, now: Timestamp, each: &mut dyn FnMut(Request)) {
        let (questions, flows, mut turn) = self.turn(now, each);
        flows.tick(questions, &mut turn);
        questions.tick(&mut turn);
    }

    /// Tells all that waits, as not known to be answered, and forgets everything but what was counted.
    pub fn finish(&mut self, each: &mut dyn FnMut(Request)) {
        let (questions, flows, mut turn) = self.turn(self.now, each);
        flows.finish(questions, &mut turn);
        questions.finish(&mut turn);
    }

    /// Goes on under another configuration.
    pub fn configure(&mut self, config: TrackerConfig) {
        self.veil = Veil::new(&config.privacy);
        // What was read for the old one may lack what the new one tells.
        self.lately = Lately::new();
        self.config = config;
    }

    /// What became of the copies so far; what the kernel counts is 0 here.
    #[must_use]
    pub fn counts(&self) -> &PayloadCounts {
        &self.counts
    }

    /// Flows that are followed now.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Requests that wait for their answers now.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.flows.pending() + self.questions.pending()
    }

    /// Memory, octets, as far as it grows with what is followed.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.flows.bytes() + self.questions.bytes()
    }

    fn turn<'a>(
        &'a mut self,
        time: Timestamp,
        each: &'a mut dyn FnMut(Request),
    ) -> (&'a mut Questions, &'a mut Flows, Turn<'a>) {
        self.now = self.now.max(time);
        let Self { config, veil, counts, spare, lately, now, .. } = self;
        let turn = Turn { config, veil, counts, spare, lately, each, now: *now };
        (&mut self.questions, &mut self.flows, turn)
    }
}
