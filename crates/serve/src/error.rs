//! Why the rig cannot serve.

use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// Why the rig cannot serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Another process listens there.
    #[error(
        "{address} is in use{}: stop it, or give the rig another address with `[serve] listen = \"127.0.0.1:PORT\"`",
        holder.as_ref().map(|h| format!(" by {h}")).unwrap_or_default()
    )]
    InUse {
        /// The address.
        address: SocketAddr,
        /// Who holds it, where that could be found out.
        holder: Option<String>,
    },
    /// An address beyond loopback.
    #[error(
        "{0} can be reached from beyond this host, and the rig answers without a password: \
         set `[serve] listen` to a loopback address such as \"127.0.0.1:9798\""
    )]
    NotLoopback(SocketAddr),
    /// Anything else the system says.
    #[error("cannot listen on {address}: {source}; check `[serve] listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No thread to serve from.
    #[error("cannot start the thread that serves HTTP: {0}")]
    Thread(io::Error),
}
