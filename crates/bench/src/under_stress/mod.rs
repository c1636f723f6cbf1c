//! What `./dev stress` saved, as a section of the page of costs. Nothing is measured here.

mod page;
mod table;

use anyhow::{Context, Result, ensure};
use netrig_stress::plan;
use netrig_stress::report::{Report, json};
pub(crate) use page::kept;
use std::io::ErrorKind;
use std::path::Path;

/// Reads each scenario's report in a folder and puts the section they make into a page, which keeps all else that it has.
pub(crate) fn write(reports: &Path, document: &Path) -> Result<()> {
    let mut read = Vec::new();
    for name in plan::NAMES {
        read.extend(report(&reports.join(format!("{name}.json")))?);
    }
    let folder = reports.display();
    ensure!(!read.is_empty(), "{folder} has no report of any scenario: run ./dev stress, which saves them there");
    let text = match std::fs::read_to_string(document) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("cannot read {}", document.display()))?,
    };
    let text = page::with(&text, &table::section(&read));
    std::fs::write(document, text).with_context(|| format!("cannot write {}", document.display()))?;
    println!("{} of {} scenarios: {}", read.len(), plan::NAMES.len(), document.display());
    Ok(())
}

/// None where that scenario has not been run.
fn report(path: &Path) -> Result<Option<Report>> {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {shown}"))?,
    };
    Ok(Some(json::read(&text).with_context(|| format!("{shown} is not what `netrig stress --save` writes"))?))
}
