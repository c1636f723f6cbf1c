//! From the flight recorder's picture to samples.

use crate::bound::Bound;
use crate::families::{Families, Value};
use crate::names;
use netrig_model::RecorderStatus;

/// Everything the picture holds. Names of triggers are bounded where they are counted.
pub(crate) fn gather(out: &mut Families, recorder: &RecorderStatus, interfaces: &Bound) {
    for (trigger, outcome, count) in &recorder.dumps {
        out.count(&names::RECORDER_DUMPS, &[trigger, outcome.as_str()], *count);
    }
    for interface in &recorder.interfaces {
        if let Some(reach_ns) = interface.reach_ns {
            out.add(&names::RECORDER_REACH, &[interfaces.label(&interface.iface)], Value::Time(reach_ns));
        }
    }
    for (metric, count) in [
        (&names::RECORDER_PACKETS, recorder.packets),
        (&names::RECORDER_LEFT_OUT, recorder.left_out_packets),
        (&names::RECORDER_HELD, recorder.held_packets),
        (&names::RECORDER_CAPACITY, recorder.capacity_packets),
        (&names::RECORDER_MEMORY, recorder.bytes),
        (&names::RECORDER_RECORDING, u64::from(recorder.recording)),
        (&names::RECORDER_DUMPED, recorder.dumped_packets),
        (&names::RECORDER_OVERWRITTEN, recorder.overwritten_packets),
        (&names::RECORDER_REMOVED, recorder.files_removed),
        (&names::RECORDER_UNSEEN, recorder.without.len() as u64),
    ] {
        out.count(metric, &[], count);
    }
}
