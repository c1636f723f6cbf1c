//! Captures through the real programs, for the tests that compare what comes out.

use crate::sums::{Sums, add_record};
use netrig_model::FlowRecord;
use netrig_replay::capture::{CaptureError, CaptureReader};
use netrig_replay::{ReplayError, ReplayOptions, ReplaySummary, Told, replay_capture};
use std::io::Cursor;
use std::path::Path;

/// A replay's whole outcome.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) records: Vec<FlowRecord>,
    pub(crate) summary: ReplaySummary,
    pub(crate) broken: Option<CaptureError>,
}

impl Replayed {
    /// All traffic by directed flow.
    pub(crate) fn sums(&self) -> Sums {
        let mut sums = Sums::new();
        self.records.iter().for_each(|record| add_record(&mut sums, record));
        sums
    }
}

pub(crate) fn options() -> ReplayOptions {
    ReplayOptions { tunnels: true, ..ReplayOptions::default() }
}

pub(crate) fn replayed(capture: CaptureReader, options: &ReplayOptions) -> Replayed {
    let mut records = Vec::new();
    let mut keep = |told| match told {
        Told::Flow(record) => records.push(record),
        Told::Request(request) => panic!("nobody asked for {request:?}"),
    };
    let (summary, broken) = match replay_capture(capture, options, &mut keep) {
        Ok(summary) => (summary, None),
        Err(ReplayError::Capture { error, summary }) => (*summary, Some(error)),
        Err(error @ ReplayError::Probe(_)) => panic!("{error}"),
    };
    assert!(summary.balances(), "{summary:?}");
    assert_eq!(summary.records, records.len() as u64);
    Replayed { records, summary, broken }
}

pub(crate) fn replayed_file(path: &Path, options: &ReplayOptions) -> Replayed {
    replayed(CaptureReader::open(path).expect("open"), options)
}

pub(crate) fn replayed_bytes(bytes: &[u8], options: &ReplayOptions) -> Replayed {
    let stream = Box::new(Cursor::new(bytes.to_vec()));
    replayed(CaptureReader::from_stream(Path::new("test.pcap"), stream).expect("a capture"), options)
}
