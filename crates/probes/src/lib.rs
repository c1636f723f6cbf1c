//! The kernel programs and the Rust that loads, attaches and maps them.
