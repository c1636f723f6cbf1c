//! The bench's programs, loaded onto the tables of a real flow probe.

use crate::cases::{Case, Draw, SEQUENCE_LEN};
use crate::sys;
use anyhow::{Context, Result, anyhow};
use libbpf_rs::{MapCore, MapFlags, MapInfo, Object, ObjectBuilder, OpenObject};
use netrig_model::InterfaceId;
use netrig_probes::burst::BurstOptions;
use netrig_probes::flow::{FlowHook, FlowOptions, FlowProbe};
use netrig_probes::payload::PayloadOptions;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bench.bpf.o"));

/// Index of the loopback device, which test runs claim their packets came by.
const LOOPBACK_IFINDEX: u32 = 1;
/// The rig's number for it here.
pub(crate) const LOOPBACK: InterfaceId = InterfaceId(1);
/// What to load, and how large.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The kernel's share of the rig's memory.
    pub(crate) kernel_bytes: u64,
    /// Entries of the textbook's hash maps.
    pub(crate) textbook_entries: u32,
    /// The device that the live path sends by.
    pub(crate) redirect_ifindex: u32,
    /// Another object file than the one built in.
    pub(crate) object: Option<Arc<Path>>,
}

/// A flow probe, and the bench's programs on its tables.
pub(crate) struct Harness {
    pub(crate) probe: FlowProbe,
    object: Object,
}

impl Harness {
    pub(crate) fn new(setup: &Setup) -> Result<Self> {
        Self::with(setup, None, None)
    }

    /// The same, counting in fine buckets too, or looking at payload.
    pub(crate) fn with(setup: &Setup, burst: Option<BurstOptions>, payload: Option<PayloadOptions>) -> Result<Self> {
        let probe = FlowProbe::load(&FlowOptions { burst, payload, ..FlowOptions::live(setup.kernel_bytes) })?;
        let mut builder = ObjectBuilder::default();
        let mut open = match &setup.object {
            Some(path) => builder.open_file(path.as_ref()),
            None => builder.open_memory(OBJECT),
        }
        .context("the bench's programs do not open")?;
        share_tables(&mut open, &probe)?;
        let cpus = probe.memory().sizes.cpus;
        prepare_own(&mut open, setup, cpus)?;
        for mut program in open.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            program.set_autoload(!name.starts_with("flow_") && name != "burst_retransmit");
        }
        let object = open.load().context("the kernel refuses the bench's programs")?;
        Ok(Self { probe, object })
    }

    /// Gives packets of test runs a number, without attaching anything to loopback.
    pub(crate) fn admit_loopback(&mut self) -> Result<()> {
        let number = self.probe.admit(LOOPBACK_IFINDEX);
        if number == Some(LOOPBACK) { Ok(()) } else { Err(anyhow!("loopback got the number {number:?}")) }
    }

    pub(crate) fn map(&self, name: &str) -> Result<libbpf_rs::Map<'_>> {
        self.object.maps().find(|m| m.name() == name).ok_or_else(|| anyhow!("there is no map `{name}`"))
    }

    pub(crate) fn program(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let program = self.object.progs().find(|p| p.name() == name);
        let program = program.ok_or_else(|| anyhow!("there is no program `{name}`"))?;
        Ok(sys::borrow_fd(program.as_fd().as_raw_fd(), &self.object))
    }

    /// Writes which flow each packet of a case belongs to.
    pub(crate) fn set_case(&self, case: &Case) -> Result<()> {
        let sequence = case.sequence();
        if !sequence.is_empty() {
            let keys: Vec<u8> = (0..SEQUENCE_LEN as u32).flat_map(u32::to_ne_bytes).collect();
            let flows: Vec<u8> = sequence.iter().flat_map(|flow| flow.to_ne_bytes()).collect();
            let count = SEQUENCE_LEN as u32;
            self.map("sequence")?.update_batch(&keys, &flows, count, MapFlags::ANY, MapFlags::ANY)?;
        }
        let bss = self.object.maps().find(|m| m.name().to_string_lossy().ends_with(".bss"));
        let bss = bss.ok_or_else(|| anyhow!("the bench's programs have no variables"))?;
        let all_new = u32::from(case.draw == Draw::AllNew);
        Ok(bss.update(&0_u32.to_ne_bytes(), &all_new.to_ne_bytes(), MapFlags::ANY)?)
    }

    /// Empties the textbook's table as a textbook's user space would; how many flows that were.
    pub(crate) fn empty_textbook(&self, is_ipv6: bool) -> Result<u64> {
        let map = self.map(if is_ipv6 { "textbook6" } else { "textbook4" })?;
        // All in one batch: libbpf-rs takes a batch that is not full for the last one, and a bucket that does not fit
        // into its end leaves a batch not full.
        Ok(map.lookup_and_delete_batch(map.max_entries(), MapFlags::ANY, MapFlags::ANY)?.count() as u64)
    }

    /// Packets in the textbook's table.
    pub(crate) fn textbook_packets(&self, is_ipv6: bool) -> Result<u64> {
        let map = self.map(if is_ipv6 { "textbook6" } else { "textbook4" })?;
        let mut packets = 0;
        for (_, flow) in map.lookup_batch(map.max_entries(), MapFlags::ANY, MapFlags::ANY)? {
            packets += flow.first_chunk().map_or(0, |packets| u64::from_ne_bytes(*packets));
        }
        Ok(packets)
    }
}

/// Instructions the verifier walked, for every program the probe can load.
pub(crate) fn verified_instructions(kernel_bytes: u64) -> Result<BTreeMap<String, u32>> {
    let live = FlowOptions::live(kernel_bytes);
    let variants = [live.clone(), FlowOptions { hook: FlowHook::Xdp, ..live }, FlowOptions::replay(true, kernel_bytes)];
    let mut told = BTreeMap::new();
    for options in &variants {
        let of_variant = FlowProbe::load(options)?.verified_instructions();
        told.extend(of_variant.into_iter().filter(|(_, instructions)| *instructions > 0));
    }
    Ok(told)
}

fn share_tables(open: &mut OpenObject, probe: &FlowProbe) -> Result<()> {
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        // What the probe has under the same name is the probe's; the rest is the bench's own.
        let Ok(fd) = probe.map_fd(&name) else { continue };
        if name.contains(".data.") {
            // libbpf keeps an image of a data section in this process and must know its size before it learns the map's.
            map.set_value_size(MapInfo::new(fd.as_fd())?.info.value_size)?;
        }
        map.reuse_fd(fd.as_fd()).with_context(|| format!("the table {name} cannot be shared"))?;
    }
    Ok(())
}

fn prepare_own(open: &mut OpenObject, setup: &Setup, cpus: u32) -> Result<()> {
    let constants = [SEQUENCE_LEN as u32 - 1, cpus - 1, setup.redirect_ifindex, 0];
    let constants: Vec<u8> = constants.iter().flat_map(|word| word.to_ne_bytes()).collect();
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        match name.as_str() {
            "cursors" => map.set_max_entries(cpus)?,
            "sequence" => map.set_max_entries(SEQUENCE_LEN as u32)?,
            "textbook4" | "textbook6" => map.set_max_entries(setup.textbook_entries)?,
            name if name.ends_with(".rodata") => {
                map.set_initial_value(&constants).context("the bench's constants have another size")?;
            }
            _ => {}
        }
    }
    Ok(())
}
