//! The tracker, by what goes in and what comes out, through the real parsers.

mod bounds;
mod build;
mod dns;
mod dns_again;
mod http;
mod http_lost;
mod http_property;
mod quic;
mod tls;
