//! How a policy is changed and the flight recorder made to write: a line of JSON asks over a Unix socket that is root's alone, a line answers.

mod client;
mod server;

pub(crate) use client::{ask, ask_for};
pub(crate) use server::{Asked, Socket};

use netrig_model::PolicyStatus;
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Put a policy in force.
    Apply {
        /// The policy itself, as it was read by whoever asks.
        text: String,
        /// Where it was read, absolute: the files of its sets are found from there.
        file: String,
        /// On these; none: on those that the policy names.
        interfaces: Vec<String>,
        /// What was in force comes back after so many milliseconds unless this is confirmed.
        confirm_ms: Option<u64>,
        /// `SSH_CONNECTION` of whoever asks.
        session: Option<String>,
    },
    /// Keep what waits to be confirmed.
    Confirm,
    /// Take it off these interfaces; none: off all.
    Remove {
        /// Their names.
        interfaces: Vec<String>,
    },
    /// What is in force.
    Show,
    /// Write down what the flight recorder holds; answered when that is done.
    Dump {
        /// With so many milliseconds of what follows; none: as the configuration says.
        after_ms: Option<u64>,
        /// For the file's story.
        reason: Option<String>,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It is done.
    Done {
        /// What is to be known, a sentence each.
        notes: Vec<String>,
        /// How things stand now; none: no policy has been in force.
        status: Option<Box<PolicyStatus>>,
    },
    /// A file was written.
    Dumped {
        /// Its path, as the rig knows it.
        file: String,
        /// Packets in it.
        packets: u64,
        /// Packets of its time that were overwritten before.
        overwritten: u64,
    },
    /// Nothing has changed.
    Refused {
        /// Why, and what to do.
        why: String,
        /// Whether what was asked is wrong, rather than something that failed.
        wrong: bool,
    },
}
