//! The bench's programs and tables in the kernel.

use crate::cases::SEQUENCE_LEN;
use crate::sys::Mapped;
use anyhow::{Context, Result, anyhow};
use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder, OpenObject};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::Ordering;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bench.bpf.o"));

/// Index of the loopback device, which test runs claim their packets came by.
const LOOPBACK_IFINDEX: u32 = 1;
/// The rig's number for it here.
const IFACE: u32 = 1;
const INTERFACES: u32 = 16;
const IFACE_ENTRIES: u32 = 4 * INTERFACES;
const WAYS: u32 = 2;

/// Table sizes, per CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) cpus: u32,
    pub(crate) slots4: u32,
    pub(crate) slots6: u32,
    pub(crate) outbox4: u32,
    pub(crate) outbox6: u32,
    /// Entries of the textbook's hash maps.
    pub(crate) textbook: u32,
}

/// Everything loaded.
pub(crate) struct Loaded {
    object: Object,
    pub(crate) sizes: Sizes,
}

impl Loaded {
    pub(crate) fn new(sizes: Sizes, redirect_ifindex: u32) -> Result<Self> {
        let mut open = ObjectBuilder::default().open_memory(OBJECT).context("the bench's programs do not open")?;
        size_maps(&mut open, &sizes)?;
        set_constants(&mut open, &sizes, redirect_ifindex)?;
        let object = open.load().context("the kernel refuses the bench's programs (are you root?)")?;
        let loaded = Self { object, sizes };
        // Index 1 lies in slot 1 of the open-addressed table.
        let entry: Vec<u8> = [LOOPBACK_IFINDEX, IFACE].iter().flat_map(|n| n.to_ne_bytes()).collect();
        loaded.map("ifaces")?.update(&LOOPBACK_IFINDEX.to_ne_bytes(), &entry, MapFlags::ANY)?;
        Ok(loaded)
    }

    pub(crate) fn map(&self, name: &str) -> Result<libbpf_rs::Map<'_>> {
        self.object.maps().find(|m| m.name() == name).ok_or_else(|| anyhow!("there is no map `{name}`"))
    }

    /// The program's descriptor, valid as long as this.
    pub(crate) fn program(&self, name: &str) -> Result<RawFd> {
        Ok(self.program_fd(name)?.as_raw_fd())
    }

    pub(crate) fn program_fd(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let program = self.object.progs().find(|p| p.name() == name);
        let program = program.ok_or_else(|| anyhow!("there is no program `{name}`"))?;
        let fd = program.as_fd().as_raw_fd();
        // The descriptor belongs to the object, which outlives the borrow.
        Ok(crate::sys::borrow_fd(fd, self))
    }

    pub(crate) fn program_names(&self) -> Vec<String> {
        self.object.progs().map(|p| p.name().to_string_lossy().into_owned()).collect()
    }

    pub(crate) fn mapped(&self, name: &str) -> Result<Mapped> {
        let map = self.map(name)?;
        let bytes = map.max_entries() as usize * (map.value_size() as usize).next_multiple_of(8);
        Mapped::new(map.as_fd(), bytes)
    }

    /// Writes which flow each packet belongs to, and sets every CPU to its start.
    pub(crate) fn set_sequence(&self, sequence: &[u32], all_new: bool) -> Result<()> {
        let words = self.map("sequence")?;
        let mapped = Mapped::new(words.as_fd(), SEQUENCE_LEN * 8)?;
        for (word, flow) in mapped.words().iter().zip(sequence) {
            // Array values are eight bytes apart, whatever their size.
            word.store(u64::from(*flow), Ordering::Relaxed);
        }
        let bss = self.object.maps().find(|m| m.name().to_string_lossy().ends_with(".bss"));
        let bss = bss.ok_or_else(|| anyhow!("there is no .bss"))?;
        bss.update(&0_u32.to_ne_bytes(), &u32::from(all_new).to_ne_bytes(), MapFlags::ANY)?;
        Ok(())
    }
}

fn size_maps(open: &mut OpenObject, sizes: &Sizes) -> Result<()> {
    for mut map in open.maps_mut() {
        let entries = match map.name().to_string_lossy().as_ref() {
            "table4" => sizes.cpus * sizes.slots4 / WAYS,
            "table6" => sizes.cpus * sizes.slots6 / WAYS,
            "outbox4" => sizes.cpus * sizes.outbox4,
            "outbox6" => sizes.cpus * sizes.outbox6,
            "ends" | "cursors" => sizes.cpus,
            "counts" => sizes.cpus * INTERFACES * 2,
            "ifaces" => IFACE_ENTRIES,
            "sequence" => SEQUENCE_LEN as u32,
            "textbook4" | "textbook6" => sizes.textbook,
            _ => continue,
        };
        map.set_max_entries(entries)?;
    }
    Ok(())
}

fn set_constants(open: &mut OpenObject, sizes: &Sizes, redirect_ifindex: u32) -> Result<()> {
    let shift = |slots: u32| 64 - (slots / WAYS).ilog2();
    let seed = 0x5851_f42d_4c95_7f2d_u64;
    let mut settings = seed.to_ne_bytes().to_vec();
    let words = [
        shift(sizes.slots4),
        shift(sizes.slots6),
        sizes.outbox4 - 1,
        sizes.outbox6 - 1,
        sizes.cpus - 1,
        IFACE_ENTRIES - 1,
        INTERFACES - 1,
        0,
    ];
    settings.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    let bench: Vec<u8> =
        [SEQUENCE_LEN as u32 - 1, sizes.cpus - 1, redirect_ifindex, 0].iter().flat_map(|w| w.to_ne_bytes()).collect();
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let value = match name.as_str() {
            ".rodata.settings" => &settings,
            n if n.ends_with(".rodata") => &bench,
            _ => continue,
        };
        map.set_initial_value(value).with_context(|| format!("{name} is not {} bytes", value.len()))?;
    }
    Ok(())
}
