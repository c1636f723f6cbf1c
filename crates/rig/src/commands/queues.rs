//! `netrig queues`: what waits in front of devices, and how busy those are who empty them.

use crate::cli::QueuesArgs;
use crate::client::Client;
use crate::output::{Output, say, table_style};
use crate::settings;
use anyhow::bail;
use netrig_view::{list_queues, queue_lines};

pub(crate) fn run(args: &QueuesArgs) -> anyhow::Result<()> {
    let url = match &args.rig.url {
        Some(url) => url.clone(),
        None => settings::url(&settings::load(args.rig.file.config.as_deref())?),
    };
    let status = match Client::new(&url).status() {
        Ok(status) => status,
        Err(error) => bail!("no rig answers at {url}: {error}\nStart a rig with `netrig run`, or name one with --url."),
    };
    let Some(queues) = status.queues else {
        bail!("the rig at {url} does not look at queues: `[queue] enabled = true` switches that on");
    };
    let mut out = Output::stdout();
    if args.json {
        for line in queue_lines(&queues)? {
            out.line(&line);
        }
    } else {
        list_queues(&queues, args.all, table_style(), &mut |line| out.line(line));
    }
    out.finish()?;
    if !args.json && queues.queues.is_empty() {
        say("netrig: no watched interface has a queue: `noqueue` hands packets on at once");
    }
    Ok(())
}
