//! What the protocols of a flow have in common: its two streams, and who is at their ends.

use super::ends::turned;
use super::stream::Stream;
use super::turn::{Turn, between};
use netrig_model::{Exchange, FlowKey, KernelOwner, Request, RequestOutcome, Timestamp};

pub(super) struct Talk {
    /// As it was seen first, of the direction `key_side`.
    pub(super) key: FlowKey,
    pub(super) key_side: usize,
    /// Whose sockets sent, by side.
    pub(super) owners: [Option<KernelOwner>; 2],
    pub(super) streams: [Stream; 2],
}

/// How a request went, beside what it said.
pub(super) struct Went {
    pub(super) started: Timestamp,
    pub(super) answered: Option<Timestamp>,
    pub(super) outcome: RequestOutcome,
    pub(super) retries: u32,
}

impl Went {
    /// Asked and answered.
    pub(super) fn answered(started: Timestamp, answered: Timestamp) -> Self {
        Self { started, answered: Some(answered), outcome: RequestOutcome::Answered, retries: 0 }
    }

    /// An answer whose request was not seen.
    pub(super) fn unasked(answered: Timestamp) -> Self {
        Self { started: answered, answered: None, outcome: RequestOutcome::Answered, retries: 0 }
    }

    /// Asked, and never answered as far as is known.
    pub(super) fn without(started: Timestamp, outcome: RequestOutcome) -> Self {
        Self { started, answered: None, outcome, retries: 0 }
    }
}

impl Talk {
    pub(super) fn key_of(&self, side: usize) -> FlowKey {
        if side == self.key_side { self.key } else { turned(&self.key) }
    }

    pub(super) fn tell(&self, client: usize, went: &Went, what: Exchange, turn: &mut Turn<'_>) {
        turn.tell(Request {
            key: self.key_of(client),
            started: went.started,
            latency_ns: went.answered.and_then(|answered| between(went.started, answered)),
            outcome: went.outcome,
            retries: went.retries,
            owner: self.owners[client].or(self.owners[1 - client]),
            what,
        });
    }

    /// Where heads of one direction are remembered: connections of a client have ports that follow on each other.
    pub(super) fn place(&self, side: usize) -> usize {
        2 * usize::from(self.key.src_port ^ self.key.dst_port) + side
    }

    pub(super) fn octets(&self) -> usize {
        self.streams.iter().map(Stream::octets).sum()
    }
}
