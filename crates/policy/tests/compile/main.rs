//! Compiled tables say what the policy says, and what is said of policies is true of packets.

mod agree;
mod limits;
mod lookups;
mod some;
mod subject;
