//! From the burst probe's picture to samples.

use crate::bound::{Bound, OTHER};
use crate::families::{Families, Value};
use crate::names::{self, Metric};
use netrig_model::{BurstInterface, BurstStatus, Direction, Histogram};

/// Everything the picture holds, with the interfaces that are named.
pub(crate) fn gather(out: &mut Families, bursts: &BurstStatus, interfaces: &Bound) {
    for interface in &bursts.interfaces {
        let iface = interfaces.label(&interface.iface);
        let direction = interface.direction.map_or("", Direction::as_str);
        counts(out, interface, [iface, direction]);
        // Both ways have the same; a sum of the others' speeds is nobody's.
        if let Some(speed) = interface.link_bits_per_second.filter(|_| iface != OTHER) {
            out.highest(&names::INTERFACE_SPEED, &[iface], Value::Count(speed));
        }
    }
    if bursts.bucket_ns > 0 {
        out.add(&names::BURST_BUCKET, &[], Value::Time(bursts.bucket_ns));
    }
    out.count(&names::BURST_UNSEEN, &[], bursts.without.len() as u64);
    out.count(&names::BURST_MEMORY, &[], bursts.bytes);
}

fn counts(out: &mut Families, interface: &BurstInterface, labels: [&str; 2]) {
    out.highest(&names::BURST_PEAK, &labels, Value::Count(interface.peak_bits_per_second));
    out.count(&names::BURSTS, &labels, interface.bursts);
    out.count(&names::BURST_BYTES, &labels, interface.burst_bytes);
    out.count(&names::BURST_BUCKETS_LOST, &labels, interface.buckets_lost);
    // One without values has no series: most interfaces have no bursts, and each would cost more than a dozen lines.
    let mut add = |metric: &'static Metric, values: &Histogram| {
        if !values.buckets.is_empty() {
            out.distribution(metric, &labels, values);
        }
    };
    add(&names::BURST_LENGTH, &interface.durations);
    add(&names::BURST_GAP, &interface.gaps);
}
