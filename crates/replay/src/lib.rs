//! Captures through the real kernel programs.
