//! Ten thousand requests a second on a few connections, each sent when it is due.

use super::servers::{REQUEST_BYTES, Server, Speech};
use super::{CLIENT_CPU, Load, Measured, quantile_us};
use crate::overhead::ground::Ground;
use crate::overhead::stop;
use crate::sys;
use anyhow::Result;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Requests a second.
pub(crate) const PACE: u32 = 10_000;
/// They take turns.
pub(crate) const CONNECTIONS: usize = 8;

/// Times that a turn may take longer than it should.
const LATE_MOST: u32 = 2;

pub(super) struct Requests<'a> {
    server: Server<'a>,
    request: [u8; REQUEST_BYTES],
}

impl<'a> Requests<'a> {
    pub(super) fn begin(ground: &'a Ground, speech: Speech) -> Result<Self> {
        Ok(Self { server: Server::start(ground, speech, 1)?, request: speech.request() })
    }
}

impl Load for Requests<'_> {
    fn run(&mut self, time: Duration) -> Result<Measured> {
        // Made under the eyes of whoever has its turn.
        let connections = (0..CONNECTIONS).map(|_| self.server.connect()).collect::<Result<Vec<_>>>()?;
        let request = &self.request;
        // On a thread of its own, so that the caller stays unbound.
        std::thread::scope(|scope| {
            let client = scope.spawn(move || ask(connections, request, time));
            client.join().map_err(|_| anyhow::anyhow!("the asking thread panicked"))?
        })
    }
}

/// Latency counts from when a request was due, so that one that waits for the last one's answer is late itself.
fn ask(mut connections: Vec<TcpStream>, request: &[u8; REQUEST_BYTES], time: Duration) -> Result<Measured> {
    sys::pin_to(CLIENT_CPU)?;
    sys::wake_when_due();
    let (gap, mut answer) = (Duration::from_secs(1) / PACE, [0; REQUEST_BYTES]);
    let count = (time.as_nanos() / gap.as_nanos()) as u32;
    let mut latencies_ns = Vec::with_capacity(count as usize);
    let begun = Instant::now();
    for number in 0..count {
        let due = gap * number;
        // A machine that cannot keep the pace ends late, but not without end; the rate says so.
        if begun.elapsed() > time * LATE_MOST {
            break;
        }
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let stream = &mut connections[number as usize % CONNECTIONS];
        stream.write_all(request)?;
        stream.read_exact(&mut answer)?;
        latencies_ns.push(begun.elapsed().saturating_sub(due).as_nanos() as u64);
        if number % PACE == 0 {
            stop::check()?;
        }
    }
    let rate = latencies_ns.len() as f64 / begun.elapsed().as_secs_f64();
    latencies_ns.sort_unstable();
    let at = |share| quantile_us(&latencies_ns, share);
    Ok(Measured { rate: Some(rate), p50_us: at(0.5), p99_us: at(0.99) })
}
