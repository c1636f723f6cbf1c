//! Requests, one by one as long as a window has few, and alike ones as one when it has many.
//!
//! A window's first requests are told one by one; so are those that failed or were slow, up to as many again. What comes beyond
//! that is folded: requests that are alike have one row, which tells what they have in common. Rows of that kind are bounded too;
//! beyond the bound there is a row for each kind, outcome and failure. So the rows of a window, however many requests it had, stand for
//! every one of them exactly.
//!
//! Of a row that stands for several, a column that is not the same for all of them is null. Its owner is the one whom the first and
//! the latest of them have in common, where no socket told.

mod alike;
mod record;
mod rows;
mod slow;
mod tallies;

#[cfg(test)]
mod tests;

use crate::world::World;
use netrig_model::{Exchange, Request, RequestOutcome, RequestRecord, RequestTally, Timestamp};
use record::Teller;
use rows::Rows;
use tallies::Tallies;

/// How requests are told.
#[derive(Clone, Debug)]
pub struct RequestConfig {
    /// Host name in the records.
    pub host: Option<String>,
    /// Network namespace in the records.
    pub netns: Option<u64>,
    /// Requests of a window that are told one by one; as many again that failed or were slow.
    pub records: usize,
    /// From this latency on a request is slow.
    pub slow_ns: u64,
    /// One request in so many is looked at.
    pub sampling_rate: u32,
}

/// Keeps the requests of the open window, and sums since the start.
#[derive(Debug)]
pub struct Requests {
    config: RequestConfig,
    rows: Rows,
    tallies: Tallies,
}

impl Requests {
    /// Nothing was asked yet.
    #[must_use]
    pub fn new(config: RequestConfig) -> Self {
        Self { rows: Rows::new(config.records), tallies: Tallies::default(), config }
    }

    /// Other bounds: of records from the next window on, of slowness at once.
    pub fn configure(&mut self, records: usize, slow_ns: u64) {
        self.config.records = records;
        self.config.slow_ns = slow_ns;
    }

    /// A request is over.
    pub fn add(&mut self, request: Request) {
        let failed = has_failed(&request);
        let slow = request.latency_ns.is_some_and(|ns| ns >= self.config.slow_ns);
        self.tallies.add(&request, failed, slow);
        self.rows.add(request, failed, failed || slow);
    }

    /// Tells the open window so far, and leaves it open.
    pub fn open(&self, window: (Timestamp, Timestamp), world: &dyn World, sink: &mut dyn FnMut(RequestRecord)) {
        let mut teller = Teller::new(&self.config, window, world);
        self.rows.rows().iter().for_each(|row| sink(teller.row(row.clone())));
        self.rows.coarse().for_each(|(key, sums)| sink(teller.coarse(key, sums)));
    }

    /// Tells the open window, and begins the next one.
    pub fn close(&mut self, window: (Timestamp, Timestamp), world: &dyn World, sink: &mut dyn FnMut(RequestRecord)) {
        let mut teller = Teller::new(&self.config, window, world);
        let mut rows = std::mem::replace(&mut self.rows, Rows::new(self.config.records));
        rows.take_rows().into_iter().for_each(|row| sink(teller.row(row)));
        rows.coarse().for_each(|(key, sums)| sink(teller.coarse(key, sums)));
    }

    /// Rows that the open window has so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.rows().len() + self.rows.coarse().count()
    }

    /// Whether the open window has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How requests went since the start: by kind, server and answer, most first.
    #[must_use]
    pub fn tallies(&self) -> Vec<RequestTally> {
        self.tallies.all()
    }

    /// Memory of the open window's rows and of the sums, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.rows.bytes() + self.tallies.bytes()) as u64
    }
}

/// Whether nobody answered, or the answer is an error.
fn has_failed(request: &Request) -> bool {
    let refused = match &request.what {
        Exchange::Dns(dns) => dns.rcode.as_deref().is_some_and(|rcode| rcode != "NOERROR"),
        Exchange::Tls(tls) | Exchange::Quic(tls) => tls.alert.is_some(),
        Exchange::Http(http) | Exchange::Http2(http) => http.status.is_some_and(|status| status >= 400),
    };
    refused || request.outcome == RequestOutcome::Unanswered
}
