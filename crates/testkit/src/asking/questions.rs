//! Those who ask, and what their clock says.

use super::{MESSAGE_BYTES, lose};
use crate::syscalls::{go_first, pin_to_cpu};
use crate::{Connect, NetNs};
use rustix::net::sockopt::set_tcp_quickack;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Longer than any fault.
const PATIENCE: Duration = Duration::from_secs(10);

/// Questions to one server, each asked when the one before is answered.
#[derive(Clone, Copy, Debug)]
pub struct Questions {
    to: SocketAddr,
    count: usize,
    connections: usize,
    question_bytes: usize,
    answer_bytes: usize,
    pause: Duration,
    read_late: Duration,
    delay_acknowledgements: bool,
    connect_for_each: bool,
    receive_buffer_bytes: Option<usize>,
    cpu: Option<usize>,
}

impl Questions {
    /// So many, on one connection.
    #[must_use]
    pub fn to(to: SocketAddr, count: usize) -> Self {
        Self {
            to,
            count,
            connections: 1,
            question_bytes: MESSAGE_BYTES,
            answer_bytes: MESSAGE_BYTES,
            pause: Duration::ZERO,
            read_late: Duration::ZERO,
            delay_acknowledgements: false,
            connect_for_each: false,
            receive_buffer_bytes: None,
            cpu: None,
        }
    }

    /// Answers have this size.
    #[must_use]
    pub fn for_answers_of(mut self, bytes: usize) -> Self {
        self.answer_bytes = bytes;
        self
    }

    /// By so many connections at a time, which share the questions.
    #[must_use]
    pub fn on_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Rests after each answer.
    #[must_use]
    pub fn pause(mut self, time: Duration) -> Self {
        self.pause = time;
        self
    }

    /// Reads no answer before so long after its question: what does not fit into the window waits.
    #[must_use]
    pub fn read_late(mut self, by: Duration) -> Self {
        self.read_late = by;
        self
    }

    /// Has its kernel wait with acknowledgements for the next question, some 40 ms at most (`TCP_QUICKACK` off); of a
    /// connection's first answer it does not, as kernels do by themselves.
    #[must_use]
    pub fn delay_acknowledgements(mut self) -> Self {
        self.delay_acknowledgements = true;
        self
    }

    /// Each question has a connection of its own; its clock runs from the connection's being there.
    #[must_use]
    pub fn connect_for_each(mut self) -> Self {
        self.connect_for_each = true;
        self
    }

    /// Receives with a buffer of about this size (the kernel doubles it).
    #[must_use]
    pub fn receive_buffer_bytes(mut self, bytes: usize) -> Self {
        self.receive_buffer_bytes = Some(bytes);
        self
    }

    /// Asks from this CPU only.
    #[must_use]
    pub fn on_cpu(mut self, cpu: usize) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// Asks all of them from a namespace.
    ///
    /// # Panics
    /// When one is not answered.
    #[must_use]
    pub fn ask(self, ns: &NetNs) -> Asked {
        let each = self.count / self.connections;
        let connections = (0..self.connections).map(|_| ns.inside(|| self.connect()));
        let streams: Vec<_> = connections.collect();
        self.in_threads(ns, streams, |stream| {
            let mut times = Vec::with_capacity(each);
            for turn in 0..each {
                if self.connect_for_each && turn > 0 {
                    *stream = self.connect();
                }
                if self.delay_acknowledgements && turn > 0 {
                    set_tcp_quickack(&*stream, false)?;
                }
                times.push(self.one(stream)?);
                lose(self.pause);
            }
            Ok(times)
        })
    }

    /// Asks all of them by datagrams.
    ///
    /// # Panics
    /// When one is not answered.
    #[must_use]
    pub fn ask_by_datagrams(self, ns: &NetNs) -> Asked {
        let each = self.count / self.connections;
        let any: SocketAddr = if self.to.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
        let bound = (0..self.connections).map(|_| {
            let socket = ns.inside(|| UdpSocket::bind(any)).expect("bind");
            socket.connect(self.to).expect("a datagram socket can be connected");
            socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
            socket
        });
        let sockets: Vec<_> = bound.collect();
        self.in_threads(ns, sockets, |socket| {
            let (question, mut answer) = (vec![b'q'; self.question_bytes], vec![0; self.question_bytes + 1]);
            let mut times = Vec::with_capacity(each);
            for _ in 0..each {
                let begun = Instant::now();
                socket.send(&question)?;
                let got = socket.recv(&mut answer)?;
                times.push(begun.elapsed());
                assert_eq!(got, question.len(), "an echo is as long as what it echoes");
                lose(self.pause);
            }
            Ok(times)
        })
    }

    fn connect(&self) -> TcpStream {
        let connect = Connect::to(self.to);
        let connect = self.receive_buffer_bytes.map_or(connect, |bytes| connect.receive_buffer_bytes(bytes));
        let stream = connect.made_here().unwrap_or_else(|e| panic!("cannot connect to {}: {e}", self.to));
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_nodelay(true).expect("Nagle's algorithm can be switched off");
        stream
    }

    fn one(&self, stream: &mut TcpStream) -> io::Result<Duration> {
        let (question, mut answer) = (vec![b'q'; self.question_bytes], vec![0; self.answer_bytes]);
        let begun = Instant::now();
        stream.write_all(&question)?;
        lose(self.read_late);
        stream.read_exact(&mut answer)?;
        Ok(begun.elapsed())
    }

    fn in_threads<S: Send>(
        &self,
        ns: &NetNs,
        sockets: Vec<S>,
        ask: impl Fn(&mut S) -> io::Result<Vec<Duration>> + Sync,
    ) -> Asked {
        let work = |mut socket: S| {
            ns.inside(|| {
                if let Some(cpu) = self.cpu {
                    pin_to_cpu(cpu);
                }
                go_first();
                ask(&mut socket).unwrap_or_else(|e| panic!("a question to {} was not answered: {e}", self.to))
            })
        };
        let times = std::thread::scope(|scope| {
            let threads: Vec<_> = sockets.into_iter().map(|socket| scope.spawn(|| work(socket))).collect();
            let ended = threads.into_iter().map(|t| t.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
            ended.flatten().collect()
        });
        Asked { times }
    }
}

/// From each question to the whole of its answer, by the asker's clock.
#[derive(Clone, Debug)]
pub struct Asked {
    times: Vec<Duration>,
}

impl Asked {
    /// How many were answered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// Mean time, nanoseconds.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        self.times.iter().map(Duration::as_nanos).sum::<u128>() as f64 / self.times.len().max(1) as f64
    }

    /// The longest time, nanoseconds.
    #[must_use]
    pub fn longest_ns(&self) -> f64 {
        self.times.iter().max().map_or(0.0, |time| time.as_nanos() as f64)
    }

    /// Median time, nanoseconds.
    #[must_use]
    pub fn median_ns(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() / 2).map_or(0.0, |time| time.as_nanos() as f64)
    }
}
