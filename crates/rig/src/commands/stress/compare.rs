//! `netrig stress compare`: two runs beside each other.

use crate::cli::StressCompareArgs;
use crate::failure::Usage;
use crate::output::{Output, table_style};
use netrig_stress::report::{Report, compare, json};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(args: &StressCompareArgs) -> anyhow::Result<ExitCode> {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let comparison = compare::compare(&before, &after).map_err(|error| Usage(error.to_string()))?;
    let mut out = Output::stdout();
    if args.json {
        out.line(&compare::line(&comparison)?);
    } else {
        out.write(&compare::text(&comparison, table_style()));
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Report, Usage> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("{shown}: cannot be read: {error}; give what --save or --json wrote")))?;
    json::read(&text).map_err(|error| Usage(format!("{shown}: {error}")))
}
