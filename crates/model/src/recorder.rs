//! The flight recorder: what its rings hold, and what it has written.

use crate::Timestamp;
use crate::words::words;
use serde::{Deserialize, Serialize};

words! {
    /// What became of a trigger that fired.
    DumpOutcome {
        /// A file was written.
        Written = "written",
        /// Its story was added to a recording that another had begun.
        Joined = "joined",
        /// It had fired a short while before.
        CooledDown = "cooled_down",
        /// No file, or not a whole one: the disk was full, or not to be written to.
        Failed = "failed",
    }
}

/// An interface's rings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedInterface {
    /// Interface name.
    pub iface: String,
    /// How far back every packet is still there, nanoseconds; absent where none has been overwritten yet.
    pub reach_ns: Option<u64>,
}

/// The flight recorder's picture. Counts are since the rig started and never go backwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderStatus {
    /// Each interface that is recorded.
    pub interfaces: Vec<RecordedInterface>,
    /// Interfaces that memory had no rings for, or that could not be attached to.
    pub without: Vec<String>,
    /// Packets recorded, overwritten or not.
    pub packets: u64,
    /// Packets that were not recorded because more came than `[recorder] rate`.
    pub left_out_packets: u64,
    /// Packets in the rings.
    pub held_packets: u64,
    /// Packets that the rings have room for.
    pub capacity_packets: u64,
    /// Octets of each that are kept.
    pub snaplen: u32,
    /// Kernel memory, bytes.
    pub bytes: u64,
    /// Whether something has fired and what follows is being recorded.
    pub recording: bool,
    /// Triggers that fired, by name and by what became of it.
    pub dumps: Vec<(String, DumpOutcome, u64)>,
    /// Packets written to files.
    pub dumped_packets: u64,
    /// Packets of the times that were to be written, overwritten before they could be.
    pub overwritten_packets: u64,
    /// Files removed for the quota.
    pub files_removed: u64,
    /// The latest file, and when it was written.
    pub last_file: Option<(String, Timestamp)>,
    /// Why the latest dump failed; empty when it did not.
    pub detail: String,
}
