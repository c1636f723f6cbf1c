//! Being told to stop: turns end early, and everything is cleaned up on the way out.

use anyhow::{Result, bail};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static TOLD: AtomicBool = AtomicBool::new(false);
const STEP: Duration = Duration::from_millis(50);

/// From now on a signal only leaves word.
pub(crate) fn listen() {
    crate::sys::on_end_signals(remember);
}

extern "C" fn remember(_signal: std::ffi::c_int) {
    TOLD.store(true, Ordering::Relaxed);
}

/// An error if somebody has said so.
pub(crate) fn check() -> Result<()> {
    if TOLD.load(Ordering::Relaxed) {
        bail!("stopped by a signal; nothing was written");
    }
    Ok(())
}

/// Sleeps, but no longer than until somebody says so.
pub(crate) fn pause(time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    loop {
        check()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(STEP));
    }
}

/// Asks again and again until `is` says yes; whether it did within `limit`.
pub(crate) fn wait_for(limit: Duration, mut is: impl FnMut() -> Result<bool>) -> Result<bool> {
    let until = Instant::now() + limit;
    while !is()? {
        if Instant::now() > until {
            return Ok(false);
        }
        pause(STEP)?;
    }
    Ok(true)
}
