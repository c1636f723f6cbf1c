//! Compiled tables say what the policy says, and what is said of policies is true of packets.

mod agree;
mod findings;
mod limits;
mod lookups;
mod management;
mod some;
mod subject;
