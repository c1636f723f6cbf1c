//! Somebody else's traffic on the same wire: a question and an answer over TCP, every millisecond, and how long it took.

use super::sockets::{connect, listen, set_up};
use crate::StressError;
use crate::world::World;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PORT: u16 = 8082;
const QUESTION: [u8; 100] = [b'v'; 100];
const PAUSE: Duration = Duration::from_millis(1);
/// Questions at the beginning that do not count: of a connection and of threads that are new.
const NOT_COUNTED: usize = 20;

/// The victim, until it is told to end.
#[derive(Debug)]
pub(crate) struct RoundTrips {
    ending: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
    client: Option<JoinHandle<Result<Vec<u64>, StressError>>>,
}

impl RoundTrips {
    pub(crate) fn start(world: &World) -> Result<Self, StressError> {
        let listener = listen(world, PORT)?;
        let ending = Arc::new(AtomicBool::new(false));
        let mut trips = Self { ending: Arc::clone(&ending), server: None, client: None };
        let thread = || std::thread::Builder::new().name("stress-victim".into());
        let is_ending = Arc::clone(&ending);
        let server = thread().spawn(move || serve(&listener, &is_ending));
        trips.server = Some(server.map_err(StressError::doing("start a thread"))?);
        let door = world.left.door();
        let client = thread().spawn(move || {
            door.enter()?;
            Ok(ask(&ending))
        });
        trips.client = Some(client.map_err(StressError::doing("start a thread"))?);
        Ok(trips)
    }

    /// What each round trip took, nanoseconds.
    pub(crate) fn end(mut self) -> Result<Vec<u64>, StressError> {
        self.ending.store(true, Ordering::Relaxed);
        let ended = self.client.take().map_or(Ok(Ok(Vec::new())), JoinHandle::join);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for RoundTrips {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        let _ = self.client.take().map(JoinHandle::join);
        let _ = self.server.take().map(JoinHandle::join);
    }
}

fn serve(listener: &TcpListener, ending: &AtomicBool) {
    while !ending.load(Ordering::Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            std::thread::sleep(PAUSE);
            continue;
        };
        let mut question = QUESTION;
        // One client: the next connection comes when this one has failed.
        while set_up(&stream).is_ok() && !ending.load(Ordering::Relaxed) {
            if stream.read_exact(&mut question).and_then(|()| stream.write_all(&question)).is_err() {
                break;
            }
        }
    }
}

fn ask(ending: &AtomicBool) -> Vec<u64> {
    let mut took = Vec::new();
    let mut asked = 0;
    let mut stream: Option<TcpStream> = None;
    while !ending.load(Ordering::Relaxed) {
        let Some(open) = stream.as_mut() else {
            stream = connect(PORT).ok();
            continue;
        };
        let begun = Instant::now();
        let mut answer = QUESTION;
        let answered = open.write_all(&QUESTION).and_then(|()| open.read_exact(&mut answer));
        asked += 1;
        if asked > NOT_COUNTED {
            // A question that never was answered took at least as long as was waited for it.
            took.push(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        if answered.is_err() {
            stream = None;
        }
        std::thread::sleep(PAUSE);
    }
    took
}
