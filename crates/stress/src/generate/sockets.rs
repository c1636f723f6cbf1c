//! Real TCP, so that the stack does what it does: bulk senders, and connections that come and go.

use super::Shared;
use super::frame::CONNECTING_PORT;
use crate::StressError;
use crate::plan;
use crate::world::{RIGHT, World};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

const BULK_PORT: u16 = 8081;
/// No call blocks for longer, so that whoever ends the run is heard.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long those who have nothing to do sleep.
const PAUSE: Duration = Duration::from_micros(500);
const QUESTION: [u8; 64] = [b'?'; 64];

/// The threads of all sockets.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    threads: Vec<JoinHandle<Result<(), StressError>>>,
}

impl Sockets {
    pub(super) fn start(world: &World, plan: plan::Sockets, shared: &Arc<Shared>) -> Result<Self, StressError> {
        let mut sockets = Self::default();
        if plan.connecting > 0 || plan.bulk > 0 {
            sockets.serve(world, CONNECTING_PORT, shared, answer)?;
            sockets.serve(world, BULK_PORT, shared, swallow)?;
        }
        for (threads, work) in [(plan.bulk, send_bulk as fn(&Shared)), (plan.connecting, connect_again_and_again)] {
            for _ in 0..threads {
                let (door, shared) = (world.left.door(), Arc::clone(shared));
                sockets.spawn("stress-client", move || {
                    door.enter()?;
                    work(&shared);
                    Ok(())
                })?;
            }
        }
        Ok(sockets)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    /// Waits until all have ended, which they do soon after they are told.
    pub(super) fn join(&mut self) -> Result<(), StressError> {
        let ended: Vec<_> = self.threads.drain(..).map(JoinHandle::join).collect();
        ended.into_iter().try_for_each(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }

    fn serve(
        &mut self,
        world: &World,
        port: u16,
        shared: &Arc<Shared>,
        each: fn(TcpStream, &Shared),
    ) -> Result<(), StressError> {
        let listener = listen(world, port)?;
        let shared = Arc::clone(shared);
        self.spawn("stress-server", move || {
            accept(&listener, &shared, each);
            Ok(())
        })
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<(), StressError> + Send + 'static,
    ) -> Result<(), StressError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(StressError::doing("start a thread"))?);
        Ok(())
    }
}

/// A listener in right's namespace, which a socket keeps to wherever it is used.
pub(super) fn listen(world: &World, port: u16) -> Result<TcpListener, StressError> {
    world.right.door().inside(|| {
        let doing = || StressError::doing(format!("listen on port {port}"));
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(doing())?;
        listener.set_nonblocking(true).map_err(doing())?;
        Ok(listener)
    })
}

/// Has a thread for each connection, until it is told to end and they have ended.
fn accept(listener: &TcpListener, shared: &Shared, each: fn(TcpStream, &Shared)) {
    std::thread::scope(|scope| {
        while !shared.is_ending() {
            match listener.accept() {
                Ok((stream, _)) if set_up(&stream).is_ok() => {
                    // Without a thread to be had the connection is closed again: the client counts for nothing here.
                    let _ = std::thread::Builder::new().spawn_scoped(scope, move || each(stream, shared));
                }
                _ => std::thread::sleep(PAUSE),
            }
        }
    });
}

pub(super) fn set_up(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

fn is_only_late(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn answer(mut stream: TcpStream, shared: &Shared) {
    let mut question = QUESTION;
    while !shared.is_ending() {
        match stream.read_exact(&mut question) {
            Ok(()) if stream.write_all(&question).is_ok() => {}
            Err(error) if is_only_late(&error) => {}
            _ => return,
        }
    }
}

fn swallow(mut stream: TcpStream, shared: &Shared) {
    let mut octets = vec![0; 1 << 16];
    while !shared.is_ending() {
        match stream.read(&mut octets) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if is_only_late(&error) => {}
            Err(_) => return,
        }
    }
}

fn send_bulk(shared: &Shared) {
    let octets = vec![0; 1 << 16];
    while !shared.is_ending() {
        let Ok(mut stream) = connect(BULK_PORT) else { continue };
        while !shared.is_ending() {
            match stream.write(&octets) {
                Ok(_) => {}
                Err(error) if is_only_late(&error) => {}
                Err(_) => break,
            }
        }
    }
}

fn connect_again_and_again(shared: &Shared) {
    while !shared.is_ending() {
        let Ok(mut stream) = connect(CONNECTING_PORT) else { continue };
        let mut answer = QUESTION;
        // What fails is the stack's doing, under such a load: the next one is tried.
        let _ = stream.write_all(&QUESTION).and_then(|()| stream.read_exact(&mut answer));
        let _ = stream.shutdown(Shutdown::Both);
    }
}

pub(super) fn connect(port: u16) -> std::io::Result<TcpStream> {
    let connected = TcpStream::connect_timeout(&(RIGHT, port).into(), PATIENCE);
    if connected.is_err() {
        std::thread::sleep(PAUSE);
    }
    let stream = connected?;
    set_up(&stream)?;
    Ok(stream)
}
