//! Filters in the real kernel: what the converter makes of a program judges every packet as the program does.
//!
//! The same filter and the same packet go to several machines: the interpreter, the converted program at XDP, at tcx and on
//! memory, the kernel's own classic machine behind a socket, and tcpdump.

mod expressions;
mod live;
mod machines;
mod packets;
mod properties;
mod three_ways;
mod vlan;
