//! Kernel tables read through shared memory become deltas.
