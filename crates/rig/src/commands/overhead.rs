//! `netrig overhead`: what the rig itself costs.

use super::answer::running;
use crate::cli::OverheadArgs;
use crate::output::{Output, table_style};
use anyhow::bail;
use netrig_view::{list_overhead, overhead_lines};

pub(crate) fn run(args: &OverheadArgs) -> anyhow::Result<()> {
    let (url, status) = running(&args.rig)?;
    let Some(overhead) = status.overhead else {
        bail!("the rig at {url} does not tell what it costs: it is of an older version");
    };
    let mut out = Output::stdout();
    if args.json {
        for line in overhead_lines(&overhead)? {
            out.line(&line);
        }
    } else {
        list_overhead(&overhead, table_style(), &mut |line| out.line(line));
    }
    out.finish()?;
    Ok(())
}
