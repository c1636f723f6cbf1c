//! The parsers on messages made by hand, taken from specifications, cut, and mutated.

mod dns;
mod hostile;
mod http;
mod http2;
mod made;
mod quic;
mod seal;
mod tls;
