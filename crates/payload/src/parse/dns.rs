//! DNS messages.

use netrig_model::DnsExchange;

/// One message. `exchange` has what its kind can say: of a query the question alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsMessage {
    /// Its number.
    pub id: u16,
    /// Whether it is an answer.
    pub is_response: bool,
    /// Question and answer; of a message that is cut, what there is of it.
    pub exchange: DnsExchange,
}

/// Reads a message (over TCP: without its length). A message that is cut is read as far as it goes, if its question is whole.
#[must_use]
pub fn dns(_octets: &[u8]) -> Option<DnsMessage> {
    None
}
