//! What is known of sending metrics.

use crate::families::{Families, Value};
use crate::names;
use netrig_model::RemoteWriteStatus;

pub(crate) fn gather(out: &mut Families, status: &RemoteWriteStatus) {
    out.count(&names::REMOTE_WRITE_QUEUE, &[], status.queue_samples);
    if let Some(capacity) = status.queue_capacity_samples {
        out.count(&names::REMOTE_WRITE_CAPACITY, &[], capacity);
    }
    for (outcome, samples) in [("sent", status.sent), ("dropped", status.dropped), ("rejected", status.rejected)] {
        out.count(&names::REMOTE_WRITE_SAMPLES, &[outcome], samples);
    }
    for (outcome, requests) in
        [("ok", status.requests_ok), ("retried", status.requests_retried), ("failed", status.requests_failed)]
    {
        out.count(&names::REMOTE_WRITE_REQUESTS, &[outcome], requests);
    }
    if let Some(ns) = status.last_success_ns {
        out.add(&names::REMOTE_WRITE_SUCCESS, &[], Value::Real(ns as f64 / 1e9));
    }
}
