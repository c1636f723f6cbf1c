//! Policies: what is in force and what it did; and what is to be said of one before it is.

mod check;
mod show;

pub use check::{CheckFinding, CheckRule, CheckSeverity, CheckedPolicy, list_policy_check};
pub use show::{list_policy, list_policy_rules, policy_rule_line};
