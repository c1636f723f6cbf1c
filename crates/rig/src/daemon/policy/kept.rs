//! What is written down of a policy that outlives the rig: its rules' names, and where they are counted. Its programs and counts are
//! the kernel's to keep.

use super::shared::InForce;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Enough to go on with it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) text: String,
    pub(super) file: String,
    pub(super) interfaces: Vec<String>,
    pub(super) session: Option<String>,
    pub(super) slots: Vec<(String, u16)>,
    pub(super) in_force: InForce,
    /// When it was applied, on the clock that nobody sets; none where a rig wrote it that did not know.
    #[serde(default)]
    pub(super) applied_ns: Option<u64>,
}

/// Where: beside the socket, on a file system that is gone after a restart of the machine, as the kernel's part is.
pub(super) fn place(socket: &Path) -> PathBuf {
    socket.with_extension("policy.json")
}

impl Kept {
    /// Written whole or not at all.
    pub(super) fn write(&self, place: &Path) -> anyhow::Result<()> {
        let written = || {
            let beside = place.with_extension("json.new");
            fs::write(&beside, serde_json::to_vec(self)?)?;
            fs::rename(&beside, place)?;
            anyhow::Ok(())
        };
        written().with_context(|| format!("cannot write {}", place.display()))
    }

    /// None where there is none.
    pub(super) fn read(place: &Path) -> anyhow::Result<Option<Self>> {
        match fs::read(place) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => {
                let read = read.with_context(|| format!("cannot read {}", place.display()))?;
                Ok(Some(serde_json::from_slice(&read).with_context(|| format!("{} is broken", place.display()))?))
            }
        }
    }

    pub(super) fn remove(place: &Path) {
        let _ = fs::remove_file(place);
    }
}
