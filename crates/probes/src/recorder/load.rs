//! Opening and loading the object file.

use super::RecorderSizes;
use crate::{ProbeError, object};
use libbpf_rs::{ErrorExt, Object, OpenObject};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/recorder.bpf.o"));

pub(super) fn load(sizes: &RecorderSizes) -> Result<Object, ProbeError> {
    let mut open = object::open("recorder", OBJECT)?;
    size_maps(&mut open, sizes).map_err(|e| object::refused("recorder", &e))?;
    open.load().map_err(|e| object::refused("recorder", &e))
}

fn size_maps(open: &mut OpenObject, sizes: &RecorderSizes) -> libbpf_rs::Result<()> {
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
