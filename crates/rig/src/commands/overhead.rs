//! `netrig overhead`: what the rig itself costs.

use crate::cli::OverheadArgs;
use crate::client::Client;
use crate::output::{Output, table_style};
use crate::settings;
use anyhow::bail;
use netrig_view::{list_overhead, overhead_lines};

pub(crate) fn run(args: &OverheadArgs) -> anyhow::Result<()> {
    let url = match &args.rig.url {
        Some(url) => url.clone(),
        None => settings::url(&settings::load(args.rig.file.config.as_deref())?),
    };
    let status = match Client::new(&url).status() {
        Ok(status) => status,
        Err(error) => bail!("no rig answers at {url}: {error}\nStart a rig with `netrig run`, or name one with --url."),
    };
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
