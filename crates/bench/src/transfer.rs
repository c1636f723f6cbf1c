//! As many octets over loopback as there is room for: one connection, each end a thread bound to its CPU.

use crate::echo::{CLIENT_CPU, SERVER_CPU};
use crate::rounds::{self, Contenders, Samples};
use crate::sys;
use anyhow::{Context, Result, anyhow};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Octets of a write.
const WRITE_BYTES: usize = 128 << 10;
/// Octets of a read.
const READ_BYTES: usize = 256 << 10;

/// What reads everything and answers nothing, one connection after the other.
struct Sink {
    address: SocketAddr,
    clock: sys::CpuClock,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Sink {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on loopback")?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (told, clock) = mpsc::channel();
        let thread = std::thread::spawn({
            let ended = Arc::clone(&ended);
            move || {
                sys::measure_on(SERVER_CPU)?;
                told.send(sys::CpuClock::of_this_thread()?)?;
                let mut octets = vec![0; READ_BYTES];
                while !ended.load(Ordering::Acquire) {
                    let (mut stream, _) = listener.accept()?;
                    while stream.read(&mut octets)? > 0 {}
                }
                Ok(())
            }
        });
        let clock = clock.recv().map_err(|_| anyhow!("the transfer's sink does not start"))?;
        Ok(Self { address, clock, ended, thread: Some(thread) })
    }

    fn cpu_ns_of_both(&self) -> u64 {
        sys::thread_cpu_ns() + self.clock.ns()
    }

    /// Octets a second, and CPU nanoseconds of both ends for each KiB.
    fn turn(&self, turn: Duration) -> Result<[f64; 2]> {
        let mut stream = TcpStream::connect(self.address).context("cannot connect to the sink")?;
        write_for(&mut stream, turn / 10)?;
        let (begun, before) = (Instant::now(), self.cpu_ns_of_both());
        let octets = write_for(&mut stream, turn)? as f64;
        let (took, cpu_ns) = (begun.elapsed(), self.cpu_ns_of_both() - before);
        stream.shutdown(Shutdown::Write)?;
        // The other end has closed then.
        let _ = stream.read(&mut [0])?;
        Ok([octets / took.as_secs_f64(), cpu_ns as f64 / octets * 1024.0])
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // A connection that ends at once wakes it. If it does not come through, the process' end is the sink's.
        let told = TcpStream::connect(self.address).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| told) {
            let _ = thread.join();
        }
    }
}

fn write_for(stream: &mut TcpStream, time: Duration) -> Result<u64> {
    let octets = vec![1; WRITE_BYTES];
    let begun = Instant::now();
    let mut written = 0;
    while begun.elapsed() < time {
        stream.write_all(&octets)?;
        written += WRITE_BYTES as u64;
    }
    Ok(written)
}

/// Of each of `which`: octets a second, and CPU nanoseconds of both ends for each KiB.
pub(crate) fn measure(
    rounds: usize,
    turn: Duration,
    which: &[usize],
    contenders: &mut dyn Contenders,
) -> Result<Vec<[Samples; 2]>> {
    sys::measure_on(CLIENT_CPU)?;
    let sink = Sink::start()?;
    rounds::contest(rounds, which, contenders, &mut |_| sink.turn(turn))
}
