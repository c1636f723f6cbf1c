//! What a probe does without.

/// A part that this host does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is not known therefore.
    pub what: &'static str,
    /// Why.
    pub why: String,
}
