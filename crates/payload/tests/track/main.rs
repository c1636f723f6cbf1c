//! The tracker, by what goes in and what comes out, through the real parsers.

mod build;
mod dns;
mod dns_again;
mod http;
mod tls;
