//! DNS over TCP: messages behind their lengths, several in a stream.

use super::questions::{Passed, Questions};
use super::talk::Talk;
use super::turn::Turn;
use crate::parse::dns;

/// Octets of the length in front of a message.
const PREFIX: usize = 2;
/// A header, and a question of the shortest name.
const MESSAGE_MIN: usize = 17;

/// Reads what is whole on both sides, and what never will be as far as it goes.
pub(super) fn read(talk: &mut Talk, all: bool, questions: &mut Questions, turn: &mut Turn<'_>) {
    for side in [0, 1] {
        while read_one(talk, side, all, questions, turn) {}
    }
}

/// Reads a message. Says whether there may be another one.
fn read_one(talk: &mut Talk, side: usize, all: bool, questions: &mut Questions, turn: &mut Turn<'_>) -> bool {
    let key = talk.key_of(side);
    let owner = talk.owners[side];
    let stream = &mut talk.streams[side];
    turn.counts.unknown += stream.seek(turn.now, all, begins) as u64;
    let no_more = all || stream.is_over(turn);
    let (Some(time), Some(length)) = (stream.time(), announced(stream.run())) else {
        let has_gap = no_more && stream.is_synced() && !(stream.pieces().is_empty() && stream.run().is_empty());
        if has_gap {
            stream.unsync();
        }
        return has_gap;
    };
    if length < MESSAGE_MIN - PREFIX {
        turn.counts.malformed += 1;
        stream.unsync();
        return true;
    }
    let whole = PREFIX + length;
    if stream.run().len() < whole && !no_more {
        return false;
    }
    let octets = &stream.run()[PREFIX..whole.min(stream.run().len())];
    match dns(octets) {
        Some(message) => questions.take(&Passed { time, key: &key, owner }, message, turn),
        None => turn.counts.malformed += 1,
    }
    stream.skip(whole as u64);
    true
}

fn announced(run: &[u8]) -> Option<usize> {
    run.first_chunk::<PREFIX>().map(|length| usize::from(u16::from_be_bytes(*length)))
}

fn begins(octets: &[u8]) -> bool {
    announced(octets).is_none_or(|length| length >= MESSAGE_MIN - PREFIX)
}
