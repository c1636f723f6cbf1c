//! A command that runs beside a test and never outlives it.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running child, killed and reaped when dropped.
#[derive(Debug)]
pub struct Background {
    child: Child,
    shown: String,
}

impl Background {
    /// Starts `command`; its standard output is kept for [`Background::wait_output`] (a pipe: at most 64 KiB unread).
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let shown = format!("{command:?}");
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Self { child: child.unwrap_or_else(|e| panic!("cannot start {shown}: {e}")), shown }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for a successful end and returns what it wrote to standard output.
    ///
    /// # Panics
    /// When it fails, or does not end within `limit`.
    pub fn wait_output(&mut self, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => assert!(Instant::now() < deadline, "{} still runs after {limit:?}", self.shown),
                Err(e) => panic!("cannot wait for {}: {e}", self.shown),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut out = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut out).unwrap_or_else(|e| panic!("cannot read from {}: {e}", self.shown));
        }
        assert!(status.success(), "{} ended with {status}: {out}", self.shown);
        out
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
