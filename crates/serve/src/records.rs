//! Live records as a body: made while it is sent, so that a million of them never stand in memory as text.

use axum::body::Body;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

/// Bytes of JSON made at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Hands out JSON Lines in chunks; holds the permit until the last is gone.
struct Chunks<R> {
    records: std::vec::IntoIter<R>,
    _permit: OwnedSemaphorePermit,
}

impl<R: Serialize> Iterator for Chunks<R> {
    type Item = Result<Vec<u8>, serde_json::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + 1024);
        for record in self.records.by_ref() {
            if let Err(error) = serde_json::to_writer(&mut chunk, &record) {
                return Some(Err(error));
            }
            chunk.push(b'\n');
            if chunk.len() >= CHUNK_BYTES {
                break;
            }
        }
        (!chunk.is_empty()).then_some(Ok(chunk))
    }
}

/// The records as JSON Lines.
pub(crate) fn json_lines<R: Serialize + Send + 'static>(records: Vec<R>, permit: OwnedSemaphorePermit) -> Body {
    Body::from_stream(stream::iter(Chunks { records: records.into_iter(), _permit: permit }))
}
