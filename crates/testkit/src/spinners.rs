//! A processor that has other things to do.

use crate::syscalls::{go_first, pin_to_cpu};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Threads that keep one CPU busy until they are dropped, and go first where they may: a server at ordinary priority waits for
/// a turn of theirs, some milliseconds, each time it is woken.
#[derive(Debug)]
pub struct Spinners {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Spinners {
    /// So many, all on this CPU.
    ///
    /// # Panics
    /// When there is no such CPU.
    #[must_use]
    pub fn on(cpu: usize, count: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let spin = || {
            let over = Arc::clone(&over);
            let run = move || {
                pin_to_cpu(cpu);
                go_first();
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            };
            std::thread::Builder::new().name("spinner".to_owned()).spawn(run).expect("start a thread")
        };
        Self { threads: (0..count).map(|_| spin()).collect(), over: Arc::clone(&over) }
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if let (Err(panic), false) = (ended, std::thread::panicking()) {
                std::panic::resume_unwind(panic);
            }
        }
    }
}
