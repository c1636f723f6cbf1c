//! The first octets of streams and datagrams become requests.
//!
//! [`parse`] reads single messages, each by a kept library, and knows nothing of packets. All it is given comes from
//! strangers: it never panics, never loops, never takes more memory than a small multiple of what it was given.
//!
//! [`track`] puts streams together, pairs requests with their answers and keeps back what may not be told.

pub mod parse;
pub mod track;
