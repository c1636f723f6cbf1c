//! Somebody else's traffic on the same wire: a question and an answer over TCP, every millisecond, and how long it took.

use super::sockets::{connect, listen, set_up};
use crate::StressError;
use crate::world::World;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PORT: u16 = 8082;
const QUESTION: [u8; 100] = [b'v'; 100];
const PAUSE: Duration = Duration::from_millis(1);
/// Questions at the beginning that do not count: of a connection and of threads that are new.
const NOT_COUNTED: usize = 20;

/// Times at which somebody looks at the rig: begun and ended, so it is odd in between. To ask the rig how it fares and to read what it
/// says is the stress' own doing, and takes more of the machine than the rig: what round trips take meanwhile says nothing of either.
#[derive(Debug, Default)]
pub(crate) struct Looks(AtomicU64);

impl Looks {
    /// Looks.
    pub(crate) fn look<T>(&self, how: impl FnOnce() -> T) -> T {
        self.0.fetch_add(1, Ordering::AcqRel);
        let seen = how();
        self.0.fetch_add(1, Ordering::AcqRel);
        seen
    }

    fn so_far(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Whether nobody has looked since then.
    fn none_since(&self, before: u64) -> bool {
        before.is_multiple_of(2) && self.so_far() == before
    }
}

/// The victim, until it is told to end.
#[derive(Debug)]
pub(crate) struct RoundTrips {
    ending: Arc<AtomicBool>,
    looks: Arc<Looks>,
    server: Option<JoinHandle<()>>,
    client: Option<JoinHandle<Result<Vec<u64>, StressError>>>,
}

impl RoundTrips {
    pub(crate) fn start(world: &World) -> Result<Self, StressError> {
        let listener = listen(world, PORT)?;
        let ending = Arc::new(AtomicBool::new(false));
        let looks = Arc::new(Looks::default());
        let mut trips = Self { ending: Arc::clone(&ending), looks: Arc::clone(&looks), server: None, client: None };
        let thread = || std::thread::Builder::new().name("stress-victim".into());
        let is_ending = Arc::clone(&ending);
        let server = thread().spawn(move || serve(&listener, &is_ending));
        trips.server = Some(server.map_err(StressError::doing("start a thread"))?);
        let door = world.left.door();
        let client = thread().spawn(move || {
            door.enter()?;
            Ok(ask(&ending, &looks))
        });
        trips.client = Some(client.map_err(StressError::doing("start a thread"))?);
        Ok(trips)
    }

    /// While this is done no round trip counts.
    pub(crate) fn looks(&self) -> Arc<Looks> {
        Arc::clone(&self.looks)
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

fn ask(ending: &AtomicBool, looks: &Looks) -> Vec<u64> {
    let mut took = Vec::new();
    let mut asked = 0;
    let mut stream: Option<TcpStream> = None;
    while !ending.load(Ordering::Relaxed) {
        let Some(open) = stream.as_mut() else {
            stream = connect(PORT).ok();
            continue;
        };
        let (begun, before) = (Instant::now(), looks.so_far());
        let mut answer = QUESTION;
        let answered = open.write_all(&QUESTION).and_then(|()| open.read_exact(&mut answer));
        asked += 1;
        if asked > NOT_COUNTED && looks.none_since(before) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_look_falls_into_does_not_count() {
        let looks = Looks::default();
        let before = looks.so_far();
        assert!(looks.none_since(before));
        let within = looks.look(|| looks.so_far());
        assert!(!looks.none_since(before), "one has begun and ended since");
        assert!(!looks.none_since(within), "it began in one");
        assert!(looks.none_since(looks.so_far()));
    }
}
