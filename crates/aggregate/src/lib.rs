//! Deltas become bidirectional records per window, and a ledger.
