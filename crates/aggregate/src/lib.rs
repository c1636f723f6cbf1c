//! Deltas become bidirectional records per window, and a ledger.
//!
//! The pure middle of the road: it knows no clock, socket or file. Time is passed in, records go out through a sink.
//!
//! # What is one flow
//! - Two directed flows are one where interface, VLANs, tunnel, protocol and kind are the same and the endpoints are
//!   swapped. On an ordinary interface one way is ingress and the other egress; in captures and on mirrored ports both
//!   are ingress: the direction does not matter for pairing.
//! - Where the *same* directed flow is seen both ingress and egress on one interface (`lo`, a router on a stick), its
//!   packets did pass twice. Each way of a flow is bound to the direction it was first seen in; what comes in the other
//!   direction makes a second record, the second view. So every packet that passed a hook is told exactly once.
//! - ICMP queries pair with their answers (echo, timestamp, …, see [`icmp_counterpart`]); every other ICMP type is a
//!   flow of one way.
//!
//! # Who is the initiator
//! The side that was seen to send a SYN without ACK, else the side seen first. The kernel's flow clock ticks in
//! milliseconds, so both sides of a nearby exchange can carry the same instant: then the side with the higher port
//! initiated. Once told, the answer holds as long as the flow is remembered.
//!
//! # How a flow ends
//! A record is told for every window with traffic, `active` while the flow goes on. `fin` (both sides sent FIN) and
//! `rst` end it; it is still remembered for a window, so that stragglers keep its orientation and tell the same
//! ending. A record is `idle` when the flow's last packet is older than the idle timeout at the window's close; a flow
//! whose last record was told as `active` and that then falls silent is forgotten without another record, for there is
//! nothing left to tell. `evicted` and `forced` are the budget's and the rig's end.
//!
//! # Bounds
//! [`AggregateConfig::flows_capacity`] flows are remembered, at [`BYTES_PER_FLOW`] each. A new flow beyond that takes
//! the place of one without traffic in this window (nothing to tell, nothing lost) or of the stalest nearby, whose
//! record is queued as `evicted`; [`Aggregator::is_crowded`] says when that queue wants [`Aggregator::tell_evicted`].

mod addresses;
mod aggregator;
mod bursts;
mod connections;
mod drops;
mod entry;
mod hash;
mod key;
mod latency;
mod ledger;
mod policy;
mod queues;
mod record;
mod requests;
mod table;
mod told;
mod world;

pub use addresses::{AddressBounds, AddressNames};
pub use aggregator::{AggregateConfig, AggregateStats, Aggregator, BYTES_PER_FLOW};
pub use bursts::{BurstBounds, BurstTeller, BurstWorld};
pub use connections::{ConnectionTeller, ToldConnections, end_of, error_name};
pub use drops::{ClassOf, DropName, DropTeller, Dropped, EachCount, SeenOn};
pub use key::icmp_counterpart;
pub use latency::LatencyTeller;
pub use ledger::{Ledger, LedgerInput, ledger_row};
pub use policy::PolicyEventTeller;
pub use queues::QueueTeller;
pub use requests::{RequestConfig, Requests};
pub use world::{FlowEnds, World};
