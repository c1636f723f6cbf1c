//! New connections, as many as the machine makes: opened, accepted, and closed by both, with no octet sent.

use super::servers::{Server, Speech};
use super::{Load, Measured, quantile_us};
use crate::overhead::ground::Ground;
use crate::overhead::{machine, stop};
use anyhow::{Context, Result, anyhow};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Clients and acceptors for each CPU: enough that no CPU waits.
const THREADS_PER_CPU: usize = 2;

pub(super) struct Connections<'a> {
    ground: &'a Ground,
    server: Server<'a>,
}

impl<'a> Connections<'a> {
    pub(super) fn begin(ground: &'a Ground) -> Result<Self> {
        let acceptors = THREADS_PER_CPU * machine::cpus();
        Ok(Self { ground, server: Server::start(ground, Speech::Silence, acceptors)? })
    }
}

impl Load for Connections<'_> {
    fn run(&mut self, time: Duration) -> Result<Measured> {
        let (address, begun) = (self.server.address, Instant::now());
        let mut latencies_ns = std::thread::scope(|scope| -> Result<Vec<u64>> {
            let clients: Vec<_> = (0..THREADS_PER_CPU * machine::cpus())
                .map(|_| scope.spawn(|| self.ground.client.inside(|| connect_for(address, time))))
                .collect();
            let mut all = Vec::new();
            for client in clients {
                all.extend(client.join().map_err(|_| anyhow!("a connecting thread panicked"))??);
            }
            Ok(all)
        })?;
        let rate = latencies_ns.len() as f64 / begun.elapsed().as_secs_f64();
        latencies_ns.sort_unstable();
        let at = |share| quantile_us(&latencies_ns, share);
        Ok(Measured { rate: Some(rate), p50_us: at(0.5), p99_us: at(0.99) })
    }
}

/// Nanoseconds that each took, from connect() to the other end's close.
fn connect_for(address: SocketAddr, time: Duration) -> Result<Vec<u64>> {
    let (begun, mut latencies_ns) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        stop::check()?;
        let before = begun.elapsed();
        let mut stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        // The server closes first: the port that then rests is its own, of which it needs no other.
        anyhow::ensure!(stream.read(&mut [0])? == 0, "the server said something");
        latencies_ns.push((begun.elapsed() - before).as_nanos() as u64);
    }
    Ok(latencies_ns)
}
