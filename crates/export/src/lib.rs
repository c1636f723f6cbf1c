//! What the rig sends to others by itself, for those who cannot come and ask.
//!
//! Each way out has a folder: [`RemoteWrite`] sends metrics to a server that takes Prometheus remote write. What leaves waits
//! in a bounded queue and goes by threads of its own: a server that is slow, gone or hostile costs the road nothing, and what
//! the bound turned away is counted.

mod error;
mod remote_write;

pub use error::ExportError;
pub use remote_write::{Credentials, Picture, RemoteWrite, RemoteWriteOptions, StatusHandle, try_out};
