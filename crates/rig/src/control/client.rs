//! The asking end.

use super::{Answer, Ask};
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Reading a feed of millions of lines and compiling it takes some seconds.
const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Asks the rig that listens at `socket`.
pub(crate) fn ask(socket: &Path, ask: &Ask) -> anyhow::Result<Answer> {
    ask_for(socket, ask, PATIENCE)
}

/// The same, of what may take so long.
pub(crate) fn ask_for(socket: &Path, ask: &Ask, patience: Duration) -> anyhow::Result<Answer> {
    let connected = UnixStream::connect(socket);
    let mut stream = match connected {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            bail!("{} is root's alone: ask as root (sudo)", socket.display())
        }
        connected => connected.with_context(|| {
            format!(
                "no rig listens at {}\nStart one with `netrig run` (as root), or name its configuration with --config",
                socket.display()
            )
        })?,
    };
    stream.set_read_timeout(Some(patience))?;
    let mut line = serde_json::to_string(ask)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).context("the rig does not listen")?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut answer).context("the rig does not answer")?;
    if answer.is_empty() {
        bail!("the rig ended before it answered; its log says why");
    }
    serde_json::from_str(&answer).context("the rig's answer is not what this netrig reads")
}
