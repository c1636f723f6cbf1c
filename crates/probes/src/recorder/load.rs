//! Opening and loading the object file.

use super::RecorderSizes;
use crate::{ProbeError, object};
use libbpf_rs::{ErrorExt, MapHandle, Object, OpenObject};
use std::os::fd::AsFd;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/recorder.bpf.o"));

/// `passed`: the flow probe's map, where this one is behind it.
pub(super) fn load(sizes: &RecorderSizes, passed: Option<&MapHandle>) -> Result<Object, ProbeError> {
    let mut open = object::open("recorder", OBJECT)?;
    size_maps(&mut open, sizes, passed).map_err(|e| object::refused("recorder", &e))?;
    for mut program in open.progs_mut() {
        let behind = program.name().to_string_lossy().starts_with("recorder_behind_");
        program.set_autoload(!behind || passed.is_some());
    }
    open.load().map_err(|e| object::refused("recorder", &e))
}

fn size_maps(open: &mut OpenObject, sizes: &RecorderSizes, passed: Option<&MapHandle>) -> libbpf_rs::Result<()> {
    let settings = sizes.settings();
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let entries = match name.as_str() {
            "slots" => {
                map.set_value_size(sizes.slot_bytes() as u32).context("cannot size the slots")?;
                sizes.all_slots()
            }
            "rings" => sizes.all_rings(),
            "ifaces" => sizes.iface_entries(),
            "passed" => {
                if let Some(passed) = passed {
                    map.reuse_fd(passed.as_fd()).context("cannot share how many packets have passed")?;
                }
                continue;
            }
            _ => {
                if name.ends_with(".rodata.settings") {
                    map.set_initial_value(object::bytes_of(&settings))?;
                }
                continue;
            }
        };
        map.set_max_entries(entries).with_context(|| format!("cannot size the map {name}"))?;
    }
    Ok(())
}
