//! netrig: an eBPF network telemetry rig in one binary.
fn main() {}
