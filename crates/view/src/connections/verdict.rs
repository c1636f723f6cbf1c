//! The judgement on a connection: did it fail, was it slow, and why.

use super::failure::failure;
use super::lost::{lost, remark, sentence};
use netrig_model::{ConnectionEnd, ConnectionRecord};

/// Time lost from which a connection is slow, microseconds, unless somebody asks for another.
pub const SLOW_US: u64 = 100_000;

/// Microseconds lost to what took most of it, if that is more than `slow_us`.
#[must_use]
pub fn slow(r: &ConnectionRecord, slow_us: u64) -> Option<u64> {
    lost(r).map(|lost| lost.us).filter(|us| *us > slow_us)
}

/// What hurts, in a sentence; empty when nothing does. Of a connection that failed, that it failed.
#[must_use]
pub fn why(r: &ConnectionRecord, slow_us: u64) -> String {
    failure(r).unwrap_or_else(|| why_slow(r, slow_us))
}

/// What hurts, in a sentence; of a connection that was slow and then cut off, what made it slow.
#[must_use]
pub fn why_slow(r: &ConnectionRecord, slow_us: u64) -> String {
    match (failure(r), lost(r)) {
        // Where nobody answered, that is what took the time.
        (Some(failure), _) if r.end_reason != ConnectionEnd::Reset => failure,
        (_, Some(lost)) if lost.us > slow_us => sentence(r, lost),
        (failure, _) => failure.unwrap_or_else(|| remark(r)),
    }
}
