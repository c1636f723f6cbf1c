//! The beginning of an HTTP/2 connection in the clear.

use super::Read;

/// What the first HEADERS frame of a client says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http2Request {
    /// `:method`.
    pub method: Option<String>,
    /// `:authority`.
    pub host: Option<String>,
    /// `:path`.
    pub path: Option<String>,
    /// By its content type.
    pub grpc: bool,
}

/// Reads the preface and the first HEADERS frame of a client's stream.
#[must_use]
pub fn http2_request(_octets: &[u8]) -> Read<Http2Request> {
    Read::No
}

/// Reads a server's stream up to its first HEADERS frame: the status.
#[must_use]
pub fn http2_status(_octets: &[u8]) -> Read<Option<u16>> {
    Read::No
}
