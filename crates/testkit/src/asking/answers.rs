//! How a server answers.

use super::{MESSAGE_BYTES, lose};
use crate::syscalls::{go_first, pin_to_cpu, send_file, splice};
use rustix::event::epoll::{CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_quickack};
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What a server does with each question; at once, unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    question_bytes: usize,
    answer_bytes: usize,
    read_late: Duration,
    think: Duration,
    wait_by: WaitBy,
    read_by: ReadBy,
    write_by: WriteBy,
    acknowledge_at_once: bool,
    in_two_writes: bool,
    send_buffer_bytes: Option<usize>,
    cpu: Option<usize>,
    go_first: bool,
}

/// How a server learns that there is something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitBy {
    /// By poll(2).
    Poll,
    /// By epoll_wait(2).
    Epoll,
    /// It waits in the call that reads.
    Reading,
}

/// How a server reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBy {
    /// By recv(2).
    Read,
    /// By splice(2) into a pipe.
    Splice,
}

/// How a server writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteBy {
    /// By send(2).
    Write,
    /// By sendfile(2).
    SendFile,
    /// By splice(2) from a pipe; at most 60 KiB.
    Splice,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            question_bytes: MESSAGE_BYTES,
            answer_bytes: MESSAGE_BYTES,
            read_late: Duration::ZERO,
            think: Duration::ZERO,
            wait_by: WaitBy::Poll,
            read_by: ReadBy::Read,
            write_by: WriteBy::Write,
            acknowledge_at_once: false,
            in_two_writes: false,
            send_buffer_bytes: None,
            cpu: None,
            go_first: true,
        }
    }
}

impl Answers {
    /// Answers of this size.
    #[must_use]
    pub fn of_bytes(mut self, bytes: usize) -> Self {
        self.answer_bytes = bytes;
        self
    }

    /// Reads only so long after it has learned that there is something to read.
    #[must_use]
    pub fn read_late(mut self, by: Duration) -> Self {
        self.read_late = by;
        self
    }

    /// Sleeps for so long between reading and writing.
    #[must_use]
    pub fn think(mut self, time: Duration) -> Self {
        self.think = time;
        self
    }

    /// Waits in this way. One that waits by reading cannot read late.
    #[must_use]
    pub fn wait_by(mut self, way: WaitBy) -> Self {
        self.wait_by = way;
        self
    }

    /// Reads in this way.
    #[must_use]
    pub fn read_by(mut self, way: ReadBy) -> Self {
        self.read_by = way;
        self
    }

    /// Writes in this way.
    #[must_use]
    pub fn write_by(mut self, way: WriteBy) -> Self {
        self.write_by = way;
        self
    }

    /// Has its kernel acknowledge each question when it is read, not with the answer.
    #[must_use]
    pub fn acknowledge_at_once(mut self) -> Self {
        self.acknowledge_at_once = true;
        self
    }

    /// Writes each answer in two halves, with Nagle's algorithm on: the second half waits until the first is acknowledged.
    #[must_use]
    pub fn in_two_writes(mut self) -> Self {
        self.in_two_writes = true;
        self
    }

    /// Sends with a buffer of about this size (the kernel doubles it).
    #[must_use]
    pub fn send_buffer_bytes(mut self, bytes: usize) -> Self {
        self.send_buffer_bytes = Some(bytes);
        self
    }

    /// Serves on this CPU only.
    #[must_use]
    pub fn on_cpu(mut self, cpu: usize) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// Has no more right to a CPU than others. Otherwise it goes first where it may: what is measured is what the test does, not
    /// what else happens on the machine.
    #[must_use]
    pub fn at_ordinary_priority(mut self) -> Self {
        self.go_first = false;
        self
    }

    /// Answers until the connection or the server ends.
    pub(crate) fn serve(&self, stream: &TcpStream, stopped: &PipeReader) {
        if let Some(cpu) = self.cpu {
            pin_to_cpu(cpu);
        }
        if self.go_first {
            go_first();
        }
        stream.set_nodelay(!self.in_two_writes).expect("Nagle's algorithm can be switched off");
        if let Some(bytes) = self.send_buffer_bytes {
            set_socket_send_buffer_size(stream, bytes).expect("a buffer's size can be set");
        }
        let mut serving = Serving::new(self, stream, stopped);
        while let Ok(true) = serving.one() {}
    }
}

/// One connection.
struct Serving<'a> {
    habits: &'a Answers,
    stream: &'a TcpStream,
    stopped: &'a PipeReader,
    epoll: Option<OwnedFd>,
    pipe: (PipeReader, PipeWriter),
    answer: Vec<u8>,
    answer_file: Option<File>,
    question: Vec<u8>,
}

/// What epoll says of the pipe that ends it all.
const STOPPED: u64 = 1;

impl<'a> Serving<'a> {
    fn new(habits: &'a Answers, stream: &'a TcpStream, stopped: &'a PipeReader) -> Self {
        let answer = vec![b'a'; habits.answer_bytes];
        let epoll = (habits.wait_by == WaitBy::Epoll).then(|| {
            let set = epoll::create(CreateFlags::CLOEXEC).expect("an epoll instance");
            epoll::add(&set, stopped, EventData::new_u64(STOPPED), EventFlags::IN).expect("a pipe can be waited for");
            epoll::add(&set, stream, EventData::new_u64(0), EventFlags::IN).expect("a socket can be waited for");
            set
        });
        let answer_file = (habits.write_by == WriteBy::SendFile).then(|| file_of(&answer));
        Self {
            habits,
            stream,
            stopped,
            epoll,
            pipe: io::pipe().expect("a pipe"),
            answer,
            answer_file,
            question: vec![0; habits.question_bytes],
        }
    }

    /// One question and its answer; false at the end.
    fn one(&mut self) -> io::Result<bool> {
        if !self.wait() {
            return Ok(false);
        }
        lose(self.habits.read_late);
        if self.habits.acknowledge_at_once {
            set_tcp_quickack(self.stream, true)?;
        }
        if !self.read()? {
            return Ok(false);
        }
        lose(self.habits.think);
        self.write()?;
        Ok(true)
    }

    /// False when the server ends.
    fn wait(&self) -> bool {
        match &self.epoll {
            Some(set) => {
                let mut event = [Event { flags: EventFlags::empty(), data: EventData::new_u64(STOPPED) }];
                while epoll::wait(set, &mut event, None::<&Timespec>).is_err() {}
                event[0].data.u64() != STOPPED
            }
            None if self.habits.wait_by == WaitBy::Poll => {
                let mut polled = [PollFd::new(self.stopped, PollFlags::IN), PollFd::new(self.stream, PollFlags::IN)];
                while poll(&mut polled, None).is_err() {}
                polled[0].revents().is_empty()
            }
            None => true,
        }
    }

    /// A whole question; false when the peer has closed.
    fn read(&mut self) -> io::Result<bool> {
        let mut left = self.question.len();
        while left > 0 {
            let got = match self.habits.read_by {
                ReadBy::Read => (&*self.stream).read(&mut self.question[..left])?,
                ReadBy::Splice => {
                    let got = splice(self.stream, &self.pipe.1, left)?;
                    self.pipe.0.read_exact(&mut self.question[..got])?;
                    got
                }
            };
            if got == 0 {
                return Ok(false);
            }
            left -= got;
        }
        Ok(true)
    }

    fn write(&mut self) -> io::Result<()> {
        let mut left = self.answer.len();
        while left > 0 {
            let sent = match (self.habits.write_by, &self.answer_file) {
                (WriteBy::SendFile, Some(file)) => send_file(self.stream, file, left)?,
                (WriteBy::Splice, _) => {
                    self.pipe.1.write_all(&self.answer[..left])?;
                    splice_all(&self.pipe.0, self.stream, left)?
                }
                _ => {
                    let half = self.answer.len() / 2;
                    let bytes = if self.habits.in_two_writes && left > half { left - half } else { left };
                    (&*self.stream).write(&self.answer[..bytes])?
                }
            };
            if sent == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            left -= sent;
        }
        Ok(())
    }
}

fn splice_all(from: &PipeReader, to: &TcpStream, bytes: usize) -> io::Result<usize> {
    let mut left = bytes;
    while left > 0 {
        match splice(from, to, left)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            moved => left -= moved,
        }
    }
    Ok(bytes)
}

/// A file that nobody else can see.
fn file_of(bytes: &[u8]) -> File {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    let open = options.read(true).write(true).custom_flags(libc::O_TMPFILE).open(std::env::temp_dir());
    let mut file = open.expect("a file without a name in the folder for temporary ones");
    file.write_all(bytes).expect("write to a temporary file");
    file
}
