//! The parsers on messages made by hand, taken from specifications, cut, and mutated.

mod dns;
mod hostile;
mod http;
mod made;
mod tls;
