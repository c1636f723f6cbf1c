//! `netrig capture --dump`: the running rig's flight recorder writes down what has passed.

use crate::cli::ConfigFile;
use crate::control::{Answer, Ask, ask_for};
use crate::failure::Usage;
use crate::output::{Output, say};
use crate::settings;
use anyhow::{anyhow, bail};
use netrig_view::units;
use std::time::Duration;

/// Beyond what the recorder waits for: writing takes a moment, on a slow disk some seconds.
const WRITING: Duration = Duration::from_secs(30);

/// Asks for a dump with so much of what follows (none: as the configuration says), waits for it, and prints the file's path.
pub(crate) fn dump(config: &ConfigFile, after: Option<Duration>, reason: Option<&str>) -> anyhow::Result<()> {
    let config = settings::load(config.config.as_deref())?;
    let after_ms = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    let ask = Ask::Dump { after_ms, reason: reason.map(str::to_owned) };
    // It may join a recording that has begun, which is as long as four times the time after its trigger.
    let patience = (after.unwrap_or_default().max(config.recorder.after) * 4) + WRITING;
    match ask_for(&config.policy.socket, &ask, patience)? {
        Answer::Dumped { file, packets, overwritten } => {
            let lost = match overwritten {
                0 => String::new(),
                many => format!("; {} more of that time had been overwritten", units::count(many)),
            };
            say(&format!("netrig: {} packets{lost}", units::count(packets)));
            let mut out = Output::stdout();
            out.line(&file);
            out.finish()?;
            Ok(())
        }
        Answer::Refused { why, wrong: true } => Err(Usage(why).into()),
        Answer::Refused { why, wrong: false } => Err(anyhow!(why)),
        Answer::Done { .. } => bail!("the rig's answer is to another question: are both netrigs of one version?"),
    }
}
