//! What a packet costs, beside an empty program and the textbook.
fn main() {}
