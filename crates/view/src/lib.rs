//! Answers in the terminal: tables, units and the live view.
//!
//! Everything here is pure: records and snapshots come in, text and frames go out. Fetching, clocks, the terminal itself
//! and exit codes are the binary's.

mod bar;
mod bursts;
mod clock;
mod columns;
mod connections;
mod drops;
mod explain;
mod field;
mod flows;
mod group;
mod latency;
mod lines;
mod overhead;
mod policy;
mod queues;
mod requests;
pub mod spark;
mod store;
mod table;
pub mod top;
pub mod units;

pub use bursts::{BurstList, BurstSums, ListedBursts, burst_interface_table, burst_table};
pub use columns::{By, ColumnError, GroupBy, GroupColumn, Groupable};
pub use connections::{
    Cause, Choice, ConnectionSums, Latest, Lost, RankedConnections, Ranking, SLOW_US, connection_table, failure, lost,
    sentence, slow, why, why_slow,
};
pub use drops::{DropRow, DropSums, Dropped, Listing, list_drops};
pub use explain::{
    Change, Picture, PictureKey, Pictures, StagePicture, Subject, Verdict, changes, changes_table, explain_line,
    overview, verdict, waterfall,
};
pub use field::Field;
pub use flows::{FlowErrors, FlowSums, flow_table};
pub use group::{Group, Grouped, Grouper, Limits, Pruned, Sum};
pub use latency::{LatencySums, latency_table};
pub use lines::{group_line, record_line};
pub use overhead::{list_overhead, overhead_lines};
pub use policy::{
    CheckFinding, CheckRule, CheckSeverity, CheckedPolicy, list_policy, list_policy_check, list_policy_rules,
    policy_rule_line,
};
pub use queues::{list_queues, queue_lines};
pub use requests::{ListedRequests, RequestChoice, RequestList, RequestTotals, list_requests};
pub use store::{StoredTable, StoredWhole, store_notes, store_table};
pub use table::{Align, Column, Style, Table};
