//! `netrig queues`: what waits in front of devices, and how busy those are who empty them.

use super::answer::running;
use crate::cli::QueuesArgs;
use crate::output::{Output, say, table_style};
use anyhow::bail;
use netrig_view::{list_queues, queue_lines};

pub(crate) fn run(args: &QueuesArgs) -> anyhow::Result<()> {
    let (url, status) = running(&args.rig)?;
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
