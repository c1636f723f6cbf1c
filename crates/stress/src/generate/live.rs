//! Frames that the kernel makes and sends by itself: live-frame test runs of a program that redirects each to a wire.
//!
//! A thread in left's namespace has a program for each kind of frame, and has them run in turn. The receiving end takes the frames on
//! the same CPU as it sends, so the rate is that of the whole way through the kernel.

use super::pace::Turn;
use super::{Pacer, Shared, Template};
use crate::StressError;
use crate::plan::Draw;
use crate::world::World;
use libbpf_rs::{Link, Object, ObjectBuilder, ProgramInput};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/frames.bpf.o"));

/// `BPF_F_TEST_XDP_LIVE_FRAMES` of the kernel's UAPI.
const LIVE_FRAMES: u32 = 1 << 1;
/// `WORDS_MAX` of the program.
const HEADER_MAX: usize = 16 * 8;
/// `INTERFACES_MAX` of the program.
const INTERFACES_MAX: usize = crate::plan::INTERFACES_MAX as usize;

/// Starts the thread, and waits until it is ready to send; `None` where there is nothing to be sent.
pub(super) fn start(
    world: &World,
    templates: Vec<(Template, u32)>,
    pacer: Pacer,
    seed: u64,
    shared: &Arc<Shared>,
) -> Result<Option<JoinHandle<Result<(), StressError>>>, StressError> {
    if templates.is_empty() {
        return Ok(None);
    }
    let (ready, is_ready) = channel();
    let holders = world.holders(templates.len())?;
    let (door, interfaces) = (world.left.door(), world.interfaces());
    let shared = Arc::clone(shared);
    let work = move || {
        door.enter()?;
        let indices = interfaces.iter().map(|iface| ifindex(iface)).collect::<Result<Vec<_>, _>>()?;
        let mut kinds = Vec::with_capacity(templates.len());
        for (((template, weight), holder), number) in templates.iter().zip(&holders).zip(1..) {
            kinds.push(Kind::load(template, *weight, &indices, ifindex(holder)?, seed.wrapping_add(number))?);
        }
        send(kinds, pacer, &shared, &ready)
    };
    let thread = std::thread::Builder::new().name("stress-frames".into()).spawn(work);
    let thread = thread.map_err(StressError::doing("start a thread"))?;
    // An error before the first frame is the thread's result; it ends, and with it the channel.
    if is_ready.recv().is_err() {
        let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        return ended.map(|()| None);
    }
    Ok(Some(thread))
}

/// The index of an interface in the calling thread's namespace.
fn ifindex(iface: &str) -> Result<u32, StressError> {
    let doing = || format!("find the interface {iface}");
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None);
    let socket = socket.map_err(|errno| StressError::doing(doing())(errno.into()))?;
    let index = rustix::net::netdevice::name_to_index(&socket, iface);
    index.map_err(|errno| StressError::doing(doing())(errno.into()))
}

fn send(mut kinds: Vec<Kind>, mut pacer: Pacer, shared: &Shared, ready: &Sender<()>) -> Result<(), StressError> {
    let mut turns = Turns::new(&kinds);
    let begun = Instant::now();
    let _ = ready.send(());
    while !shared.is_ending() {
        match pacer.turn(begun.elapsed()) {
            Turn::Wait(time) => std::thread::sleep(time),
            Turn::Send(frames) => {
                for (kind, frames) in turns.next(frames) {
                    kinds[kind].send(frames)?;
                    shared.frames.fetch_add(u64::from(frames), Ordering::Relaxed);
                }
            }
        }
    }
    Ok(())
}

/// Divides frames among kinds by their weights, exactly in the long run.
struct Turns {
    weights: Vec<u64>,
    sum: u64,
    /// What each kind is owed, in parts of `sum`.
    owed: Vec<u64>,
}

impl Turns {
    fn new(kinds: &[Kind]) -> Self {
        let weights: Vec<u64> = kinds.iter().map(|kind| u64::from(kind.weight)).collect();
        Self { sum: weights.iter().sum(), owed: vec![0; weights.len()], weights }
    }

    /// How many of which kind. What is left of a division goes to the first that it is owed.
    fn next(&mut self, frames: u32) -> Vec<(usize, u32)> {
        let mut left = u64::from(frames);
        let mut turns = Vec::with_capacity(self.weights.len());
        for (owed, weight) in self.owed.iter_mut().zip(&self.weights) {
            *owed += u64::from(frames) * weight;
        }
        for (kind, owed) in self.owed.iter_mut().enumerate() {
            let now = (*owed / self.sum).min(left);
            *owed -= now * self.sum;
            left -= now;
            turns.push((kind, now));
        }
        while left > 0 {
            let most = (0..self.owed.len()).max_by_key(|kind| (self.owed[*kind], usize::MAX - kind)).unwrap_or(0);
            self.owed[most] = self.owed[most].saturating_sub(self.sum);
            turns[most].1 += 1;
            left -= 1;
        }
        turns.into_iter().filter(|(_, now)| *now > 0).map(|(kind, now)| (kind, now as u32)).collect()
    }
}

/// One kind of frames, and the program that makes them.
struct Kind {
    object: Object,
    /// Keeps the program in the kernel's dispatcher, to which each test run would add it, and take it away again: both wait until
    /// all CPUs have come by, which are milliseconds without a frame.
    _held: Link,
    frame: Vec<u8>,
    weight: u32,
}

impl Kind {
    fn load(template: &Template, weight: u32, indices: &[u32], holder: u32, seed: u64) -> Result<Self, StressError> {
        let mut open = ObjectBuilder::default().open_memory(OBJECT).map_err(StressError::frames("open its program"))?;
        let settings = settings(template, indices, seed);
        for mut map in open.maps_mut() {
            if map.name().to_string_lossy().ends_with(".rodata") {
                map.set_initial_value(&settings).map_err(StressError::frames("give its program its settings"))?;
            }
        }
        let object = open.load().map_err(StressError::frames("load its program"))?;
        let held = object.progs_mut().next().map(|program| program.attach_xdp(holder as i32));
        let Some(held) = held else { return Err(StressError::Rig("the frames' object has no program".into())) };
        let held = held.map_err(StressError::frames("hold its program by a device"))?;
        Ok(Self { object, _held: held, frame: template.octets.clone(), weight })
    }

    fn send(&mut self, frames: u32) -> Result<(), StressError> {
        let program = self.object.progs_mut().next();
        let Some(program) = program else { return Ok(()) };
        let input =
            ProgramInput { data_in: Some(&self.frame), flags: LIVE_FRAMES, repeat: frames, ..ProgramInput::default() };
        program.test_run(input).map(drop).map_err(StressError::frames("have the kernel send frames"))
    }
}

/// `struct frame_settings` of the program.
fn settings(template: &Template, indices: &[u32], seed: u64) -> Vec<u8> {
    let mut header = [0; HEADER_MAX];
    let length = template.header.min(HEADER_MAX);
    header[..length].copy_from_slice(&template.octets[..length]);
    let draw = match template.draw {
        Draw::Even => 0,
        Draw::Zipf => 1,
        Draw::New => 2,
    };
    let at = |place: Option<usize>| place.unwrap_or(0) as u32;
    let (ip_check, check) = (template.ip_check.unwrap_or((0, 0)), template.check.unwrap_or((0, 0)));
    // Any number but 0 begins a xorshift; neighbours shall not begin alike.
    let mixed = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
    let words = [
        (length / 8) as u32,
        indices.len() as u32,
        draw,
        template.flows,
        (u32::BITS - (template.flows - 1).leading_zeros()).max(1),
        template.packets_per_flow,
        mixed.max(1),
        at(template.source_at),
        at(template.port_at),
        at(template.id_at),
        ip_check.0 as u32,
        ip_check.1,
        check.0 as u32,
        check.1,
    ];
    let mut ifindex = [0; INTERFACES_MAX];
    ifindex[..indices.len()].copy_from_slice(indices);
    let numbers = words.iter().chain(&ifindex).flat_map(|word: &u32| word.to_ne_bytes());
    header.into_iter().chain(numbers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_are_kept_and_no_frame_is_lost(
            weights in prop::collection::vec(1_u64..20, 1..8),
            turns in prop::collection::vec(1_u32..2000, 1..50),
        ) {
            let sum = weights.iter().sum::<u64>();
            let mut all = Turns { sum, owed: vec![0; weights.len()], weights: weights.clone() };
            let mut sent = vec![0_u64; weights.len()];
            for frames in &turns {
                let divided = all.next(*frames);
                prop_assert_eq!(divided.iter().map(|(_, frames)| frames).sum::<u32>(), *frames);
                for (kind, frames) in divided {
                    sent[kind] += u64::from(frames);
                }
            }
            let total: u64 = turns.iter().map(|frames| u64::from(*frames)).sum();
            for (kind, weight) in weights.iter().enumerate() {
                let due = total * weight / sum;
                prop_assert!(sent[kind].abs_diff(due) <= weights.len() as u64 + 1, "{:?} of {}", sent, total);
            }
        }
    }
}
