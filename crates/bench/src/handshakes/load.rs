//! Clients and servers that say what OpenSSL said once: a hello, its answer, and what the client goes on with. Nothing is enciphered anew.

use crate::sys;
use anyhow::{Context, Result, anyhow};
use netrig_testkit::NetNs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pairs of a client and a server, each with a port of its own: one port has too few connections for a minute's rest of each.
const PAIRS: u32 = 4;
const PORT: u16 = 8443;
/// Names that are asked for; the hello has place for four digits.
const NAMES: u32 = 1000;
const NAME: &[u8] = b"name0000.site.test";
const DIGITS: usize = 4;

/// What was made.
pub(super) struct Made {
    pub(super) handshakes: u64,
    pub(super) time: Duration,
}

/// Octets of one handshake, as they were recorded.
#[derive(Clone)]
struct Script {
    hello: Vec<u8>,
    name_at: usize,
    answer: Vec<u8>,
    finish: Vec<u8>,
}

impl Script {
    fn recorded() -> Result<Self> {
        let hello = octets(include_str!("hello.hex"))?;
        let name_at = hello.windows(NAME.len()).position(|part| part == NAME).context("the hello asks for no name")?;
        let (answer, finish) = (octets(include_str!("answer.hex"))?, octets(include_str!("finish.hex"))?);
        Ok(Self {
            hello,
            name_at: name_at + NAME.iter().take_while(|octet| octet.is_ascii_alphabetic()).count(),
            answer,
            finish,
        })
    }

    /// Of a server: answers until a connection says nothing.
    fn serve(&self, listener: &TcpListener) -> Result<()> {
        let (mut hello, mut finish) = (vec![0; self.hello.len()], vec![0; self.finish.len()]);
        loop {
            let (mut stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            if stream.read_exact(&mut hello).is_err() {
                return Ok(());
            }
            stream.write_all(&self.answer)?;
            stream.read_exact(&mut finish)?;
        }
    }

    /// Of a client.
    fn ask(&mut self, server: SocketAddr, number: u32) -> Result<()> {
        let digits = format!("{:0DIGITS$}", number % NAMES);
        self.hello[self.name_at..self.name_at + DIGITS].copy_from_slice(digits.as_bytes());
        let mut stream = TcpStream::connect(server).context("cannot connect to the server of handshakes")?;
        stream.set_nodelay(true)?;
        stream.write_all(&self.hello)?;
        let mut answer = [0; 2048];
        let mut read = 0;
        while read < self.answer.len() {
            read += match stream.read(&mut answer)? {
                0 => return Err(anyhow!("the server of handshakes closed")),
                some => some,
            };
        }
        Ok(stream.write_all(&self.finish)?)
    }
}

/// Servers that wait.
pub(super) struct Load<'a> {
    near: &'a NetNs,
    script: Script,
    servers: Vec<(SocketAddr, JoinHandle<Result<()>>)>,
}

impl<'a> Load<'a> {
    pub(super) fn new(near: &'a NetNs, far: &NetNs, address: &str) -> Result<Self> {
        let script = Script::recorded()?;
        let mut servers = Vec::new();
        for pair in 0..PAIRS as u16 {
            let address = SocketAddr::new(address.parse()?, PORT + pair);
            let listener = far.inside(|| TcpListener::bind(address)).context("cannot listen for handshakes")?;
            let script = script.clone();
            let serve = move || {
                sys::go_first();
                script.serve(&listener)
            };
            servers.push((address, std::thread::spawn(serve)));
        }
        Ok(Self { near, script, servers })
    }

    /// So many handshakes a second, all clients together.
    pub(super) fn run(self, pace: u32, time: Duration) -> Result<Made> {
        let begun = Instant::now();
        let each = pace / PAIRS * u32::try_from(time.as_secs())?;
        let client = |server: SocketAddr, mut script: Script| {
            sys::go_first();
            sys::wake_when_due();
            (0..each).try_for_each(|number| {
                let due = Duration::from_secs(1) * number / (pace / PAIRS);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                script.ask(server, number)
            })
        };
        std::thread::scope(|scope| {
            let clients: Vec<_> = self
                .servers
                .iter()
                .map(|(server, _)| {
                    let (script, client) = (self.script.clone(), &client);
                    scope.spawn(move || self.near.inside(|| client(*server, script)))
                })
                .collect();
            clients
                .into_iter()
                .try_for_each(|client| client.join().map_err(|_| anyhow!("a client of handshakes broke"))?)
        })?;
        let made = Made { handshakes: u64::from(each * PAIRS), time: begun.elapsed() };
        for (server, thread) in self.servers {
            // One that says nothing is the last.
            self.near.inside(|| TcpStream::connect(server).map(drop))?;
            thread.join().map_err(|_| anyhow!("a server of handshakes broke"))??;
        }
        Ok(made)
    }
}

fn octets(hex: &str) -> Result<Vec<u8>> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| Ok(u8::try_from(pair[0] * 16 + pair.get(1).context("half an octet")?)?)).collect()
}
