//! SQL over the store, in a process of its own.
fn main() {}
