//! The words and records every part of netrig shares.
//!
//! Nothing here knows a kernel, a clock, a socket or a file: this crate is the vocabulary of the road
//! kernel → drain → aggregate → metrics, store → view, and every other crate may depend on it.

mod address;
mod burst;
mod connection;
mod drop;
mod drop_reading;
mod drop_reasons;
mod flow;
mod histogram;
mod latency;
mod ledger;
mod live;
mod overhead;
mod owner;
mod policy;
mod policy_reading;
mod queue;
mod reading;
mod record;
mod recorder;
mod reduced;
mod remote_write;
mod request;
mod request_status;
mod sampling;
mod tcp;
mod time;
mod words;

pub use address::Address;
pub use burst::{
    BURST_COLUMNS, BurstBucket, BurstFlow, BurstInterface, BurstRecord, BurstRing, BurstSample, BurstStatus,
    BurstTrigger,
};
pub use connection::{CONNECTION_COLUMNS, ConnectionEnd, ConnectionRecord, Role, Side, TcpState};
pub use drop::{
    DROP_COLUMNS, DropClass, DropExample, DropFlow, DropGroup, DropRecord, DropSource, DropStatus, PacketFamily,
};
pub use drop_reading::{DropCount, DropFlowKey, DropGain, DropKey, DropSighting, DropTally};
pub use drop_reasons::{drop_advice, drop_class, drop_reason_is_known, drop_way};
pub use flow::{FlowDelta, FlowKey, FlowKind, InterfaceId, Tunnel, TunnelKind};
pub use histogram::Histogram;
pub use latency::{
    HOST_PLACE, LATENCY_COLUMNS, LatencyRecord, LatencyService, LatencyStatus, QueueCause, Stage, StageSums,
};
pub use ledger::{InterfaceCounts, KernelCounts, LedgerRecord, ParseFault, TrafficCounts};
pub use live::{DrainStatus, InterfaceStatus, ProbeState, ProbeStatus, RingStatus, Snapshot, StoreStatus, TableStatus};
pub use overhead::{
    CostMethod, GovernorStatus, MemoryCost, OverheadStatus, ProbeCost, StepState, StepStatus, ThreadCost,
};
pub use owner::Owner;
pub use policy::{
    POLICY_EVENT_COLUMNS, PolicyAction, PolicyEventRecord, PolicyInForce, PolicyInterface, PolicyMode,
    PolicyRuleStatus, PolicyStatus, PolicyVerdict,
};
pub use policy_reading::{PolicyCount, PolicyFlow, PolicyRemoved, PolicySighting, PolicySource};
pub use queue::{PollStatus, QueueStatus, QueuesStatus, SoftirqStatus};
pub use reading::{KernelOwner, RoundTrips, SocketReading, SocketRole};
pub use record::{Column, ColumnType, FLOW_COLUMNS, FlowRecord, LEDGER_COLUMNS};
pub use recorder::{DumpOutcome, RecordedInterface, RecorderStatus};
pub use reduced::{REDUCED_FLOW_COLUMNS, ReducedFlowRecord, Told};
pub use remote_write::RemoteWriteStatus;
pub use request::{
    DnsExchange, Exchange, HttpExchange, PayloadSegment, REQUEST_COLUMNS, Request, RequestKind, RequestOutcome,
    RequestRecord, TlsExchange,
};
pub use request_status::{PayloadCounts, PayloadStatus, RequestSums, RequestTally, SlowRequest};
pub use sampling::error_bounds;
pub use tcp::{KernelTcp, ListenerStatus, ServiceStatus, TcpStatus, TcpTableStatus};
pub use time::Timestamp;
pub use words::{Direction, EndReason, transport_name};
