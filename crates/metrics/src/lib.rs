//! The rig's state as Prometheus metrics.
