//! The answering end: a thread that takes questions, and one for each until it is answered.

use super::{Answer, Ask};
use anyhow::{Context, bail};
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::time::Duration;

/// Larger than any policy's text; lists of addresses are files of their own.
const ASK_BYTES_MAX: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);

/// A question, with who asks and where the answer goes.
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    /// For the log: user, process and its name.
    pub(crate) by: String,
    pub(crate) answer: SyncSender<Answer>,
}

/// The socket; its file goes with it.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Socket {
    /// Listens at `path`, and hands questions over to `asked`.
    pub(crate) fn listen(path: &Path, asked: Sender<Asked>) -> anyhow::Result<Self> {
        let listener = bind(path).with_context(|| format!("cannot listen at {}", path.display()))?;
        let thread = std::thread::Builder::new().name("netrig-control".into());
        thread
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let asked = asked.clone();
                    let answer = move || {
                        if let Err(error) = serve(stream, &asked) {
                            tracing::debug!(error = %format_args!("{error:#}"), "A question went unanswered.");
                        }
                    };
                    // A dump's answer takes seconds, in which others may ask.
                    if let Err(error) = std::thread::Builder::new().name("netrig-answer".into()).spawn(answer) {
                        tracing::warn!(%error, "There is no thread to answer a question.");
                    }
                }
            })
            .context("no thread to be had")?;
        Ok(Self { path: path.to_owned() })
    }
}

fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    if UnixStream::connect(path).is_ok() {
        bail!("another rig listens there: give this one a [policy] socket of its own");
    }
    // What a rig that was killed has left behind.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn serve(mut stream: UnixStream, asked: &Sender<Asked>) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let answer = answer_to(&stream, asked)?;
    let mut line = serde_json::to_string(&answer)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).context("the asker has gone")
}

fn answer_to(stream: &UnixStream, asked: &Sender<Asked>) -> anyhow::Result<Answer> {
    let asker = rustix::net::sockopt::socket_peercred(stream).context("who asks is not to be known")?;
    let uid = asker.uid.as_raw();
    // The file's mode says the same; this holds where somebody changed it.
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return Ok(Answer::Refused { why: "policies are changed by root alone".into(), wrong: true });
    }
    let mut line = String::new();
    let mut limited = BufReader::new(stream.take(ASK_BYTES_MAX));
    limited.read_line(&mut line).context("the question did not come")?;
    let ask: Ask = match serde_json::from_str(&line) {
        Ok(ask) => ask,
        Err(error) => {
            let why = format!("the question is not understood: {error}; are both netrigs of one version?");
            return Ok(Answer::Refused { why, wrong: true });
        }
    };
    let pid = asker.pid.as_raw_nonzero().get();
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let by = format!("uid {uid}, process {pid} ({})", name.trim_end());
    let (answer, wait) = sync_channel(1);
    asked.send(Asked { ask, by, answer }).context("the rig is ending")?;
    wait.recv_timeout(ANSWER_PATIENCE).context("no answer came in time")
}
