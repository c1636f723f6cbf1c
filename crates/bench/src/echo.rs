//! An echo over loopback: a client asks, a server answers as much, each a thread bound to its CPU.
//!
//! Measured is the CPU time of both threads. All that loopback does with a segment happens in softirq on the sender's
//! way out of the kernel, and kernels without accounting for interrupts (as most are built) count it to the sender.

use crate::sys;
use anyhow::{Context, Result, anyhow};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Octets of a request, and of its answer.
pub(crate) const REQUEST_BYTES: usize = 200;
pub(crate) const CLIENT_CPU: usize = 0;
/// Where it does not share the client's.
pub(crate) const SERVER_CPU: usize = 1;

/// The answering thread, for any number of connections, one after the other.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    clock: sys::CpuClock,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Server {
    /// In the calling thread's network namespace.
    pub(crate) fn start(cpu: usize) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on loopback")?;
        let address = listener.local_addr()?;
        let (told, clock) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            sys::measure_on(cpu)?;
            told.send(sys::CpuClock::of_this_thread()?)?;
            serve(&listener)
        });
        let clock = clock.recv().map_err(|_| anyhow!("the echo's server does not start"))?;
        Ok(Self { address, clock, thread: Some(thread) })
    }

    /// CPU time it has used.
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.clock.ns()
    }

    pub(crate) fn connect(&self) -> Result<Client> {
        let stream = TcpStream::connect(self.address).context("cannot connect to the echo")?;
        stream.set_nodelay(true)?;
        Ok(Client { stream })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One request says that it is the last. If it does not come through, the process' end is the server's.
        let told = TcpStream::connect(self.address).and_then(|mut last| last.write_all(&[END; REQUEST_BYTES]));
        if let (Ok(()), Some(thread)) = (told, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

const END: u8 = 0;
const GO_ON: u8 = 1;

fn serve(listener: &TcpListener) -> Result<()> {
    let mut request = [0; REQUEST_BYTES];
    loop {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        loop {
            match stream.read_exact(&mut request) {
                Ok(()) if request[0] == END => return Ok(()),
                Ok(()) => stream.write_all(&request)?,
                Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => break,
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// One connection to the server.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) fn request(&mut self) -> Result<()> {
        let mut bytes = [GO_ON; REQUEST_BYTES];
        self.stream.write_all(&bytes)?;
        Ok(self.stream.read_exact(&mut bytes)?)
    }

    /// Until the other end is closed as well.
    pub(crate) fn close(mut self) -> Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let rest = self.stream.read(&mut [0])?;
        anyhow::ensure!(rest == 0, "the echo answers what nobody has asked");
        Ok(())
    }

    /// So many requests, each when it is due or as soon as the one before is answered.
    pub(crate) fn requests(&mut self, count: u32, pace: Option<Duration>) -> Result<()> {
        let begun = Instant::now();
        for number in 0..count {
            if let Some(pace) = pace {
                let due = pace * number;
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
            }
            self.request()?;
        }
        Ok(())
    }
}

/// CPU time that `work` takes, here and in the server.
pub(crate) fn cpu_ns_of(server: &Server, work: impl FnOnce() -> Result<()>) -> Result<u64> {
    let of_both = || sys::thread_cpu_ns() + server.cpu_ns();
    let before = of_both();
    work()?;
    Ok(of_both() - before)
}
