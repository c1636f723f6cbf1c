//! A generation: a program with tables of its own, which is put in force whole.

use super::pack::{Begin, Packed, pack};
use crate::wire::{policy, policy_layout};
use crate::{ProbeError, object};
use libbpf_rs::{ErrorExt, MapCore, MapFlags, MapHandle, Object, OpenMapMut, OpenObject};
use netrig_policy::tables::{Act, Tables};
use netrig_policy::words::LimitPer;
use std::os::fd::{AsFd, OwnedFd};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy_rules.bpf.o"));
const PROBE: &str = "policy";
/// What a CPU's queue holds of packets sent to it.
const CPU_QUEUE: u32 = 2048;
/// Maps that outlive generations.
pub(super) const SHARED: [&str; 6] = ["gates", "counts", "removed", "sources", "rule_buckets", "events"];

/// A generation in the kernel. Its memory is freed when it is out of force and this is dropped.
#[derive(Debug)]
pub(super) struct Generation {
    /// The program's number in the kernel.
    pub(super) id: u32,
    pub(super) program: OwnedFd,
    /// `policy_layout`, of which who finds it pinned needs the buckets' part.
    pub(super) layout: MapHandle,
    /// Buckets of sources: the next generation goes on with them.
    pub(super) buckets: Buckets,
}

/// Buckets of sources, of all rules together.
#[derive(Debug)]
pub(super) struct Buckets {
    pub(super) map: MapHandle,
    /// A power of two.
    sets: u32,
    /// Of the hash that finds them.
    seed: u64,
}

/// What a generation is built on.
pub(super) struct Ground<'a> {
    pub(super) entry: &'a Object,
    pub(super) cpus: u32,
    pub(super) begin: Begin,
    /// The buckets in force, if there are any.
    pub(super) buckets: Option<&'a Buckets>,
}

/// How many sets of buckets a policy needs: for each rule with a bucket per source, as many as it remembers, with as much room again,
/// so that sets are seldom full.
pub(super) fn bucket_sets(tables: &Tables) -> u32 {
    let sources = tables.rules.iter().map(|rule| match rule.act {
        Act::Limit(limit) if limit.per != LimitPer::Rule => u64::from(limit.sources),
        _ => 0,
    });
    let sets = sources.sum::<u64>() * 2 / u64::from(policy::BUCKET_WAYS);
    sets.clamp(1, 1 << 26).next_power_of_two() as u32
}

impl Generation {
    pub(super) fn load(tables: &Tables, ground: &Ground<'_>) -> Result<Self, ProbeError> {
        let packed = pack(tables, ground.begin);
        let mut open = object::open(PROBE, OBJECT)?;
        let sets = bucket_sets(tables);
        // Sources keep their buckets as long as there is room for as many.
        let kept = ground.buckets.filter(|buckets| buckets.sets >= sets);
        let (sets, seed) = kept.map_or((sets, super::random_seed()), |buckets| (buckets.sets, buckets.seed));
        let layout = policy_layout { seed, cpu_mask: ground.cpus - 1, bucket_mask: sets - 1, ..packed.layout };
        prepare(&mut open, &packed, &layout, ground, kept).map_err(|e| object::refused(PROBE, &e))?;
        let object = open.load().map_err(|e| object::refused(PROBE, &e))?;
        fill(&object, &packed).map_err(|e| object::refused(PROBE, &e))?;
        let handle = |name: &str| {
            let map = object.maps().find(|map| map.name().to_string_lossy().ends_with(name));
            let map = map.ok_or_else(|| ProbeError::Missing { what: "map", name: name.to_owned() })?;
            MapHandle::try_from(&map).map_err(|e| object::refused(PROBE, &e))
        };
        let buckets = Buckets { map: handle("source_buckets")?, sets, seed };
        let layout = handle(".rodata.layout")?;
        let program = object::program_fd(&object, "policy_rules")?.try_clone_to_owned();
        // The object goes, and with it libbpf's copies; the kernel keeps program and tables as long as someone holds them.
        let program = program.map_err(|source| ProbeError::TestRun { program: "policy_rules", source })?;
        Self::of(program, buckets, layout)
    }

    /// One that was found pinned; none where its layout is not this version's.
    pub(super) fn found(program: OwnedFd, map: MapHandle, layout: MapHandle) -> Result<Option<Self>, ProbeError> {
        let bytes = layout.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY).map_err(|e| object::refused(PROBE, &e))?;
        let bytes = bytes.filter(|bytes| bytes.len() == size_of::<policy_layout>());
        let Some(told) = bytes.and_then(|bytes| object::from_bytes::<policy_layout>(&bytes)) else { return Ok(None) };
        let buckets = Buckets { map, sets: told.bucket_mask + 1, seed: told.seed };
        Self::of(program, buckets, layout).map(Some)
    }

    fn of(program: OwnedFd, buckets: Buckets, layout: MapHandle) -> Result<Self, ProbeError> {
        let id = object::program_id(program.as_fd());
        let id = id.ok_or_else(|| ProbeError::Missing { what: "program", name: "policy_rules".to_owned() })?;
        Ok(Self { id, program, layout, buckets })
    }
}

fn prepare(
    open: &mut OpenObject,
    packed: &Packed,
    layout: &policy_layout,
    ground: &Ground<'_>,
    kept: Option<&Buckets>,
) -> libbpf_rs::Result<()> {
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        prepare_map(&mut map, &name, packed, layout, ground, kept)
            .with_context(|| format!("cannot make the map {name}"))?;
    }
    Ok(())
}

fn prepare_map(
    map: &mut OpenMapMut<'_>,
    name: &str,
    packed: &Packed,
    layout: &policy_layout,
    ground: &Ground<'_>,
    kept: Option<&Buckets>,
) -> libbpf_rs::Result<()> {
    let area = name.split_once(".data.").map_or(name, |(_, area)| area);
    if SHARED.contains(&area) {
        let Ok(shared) = object::map(ground.entry, area) else { return Ok(()) };
        if area != name {
            // libbpf has memory of its own for a section, and frees as much of it as the map it is given later says.
            map.set_value_size(shared.value_size())?;
        }
        return map.reuse_fd(shared.as_fd());
    }
    match name {
        "scratch" => map.set_max_entries(ground.cpus),
        "devices" => map.set_max_entries(packed.devices.len().max(1) as u32),
        "cpus" => map.set_max_entries(packed.cpus.iter().max().map_or(1, |cpu| cpu + 1)),
        "source_buckets" => match kept {
            Some(buckets) => map.reuse_fd(buckets.map.as_fd()),
            None => map.set_max_entries(layout.bucket_mask + 1),
        },
        _ if name.ends_with(".data.tables") => {
            map.set_value_size(packed.area.len() as u32)?;
            map.set_initial_value(&packed.area)
        }
        _ if name.ends_with(".rodata.layout") => map.set_initial_value(object::bytes_of(layout)),
        _ => Ok(()),
    }
}

/// What only a loaded object's maps take.
fn fill(object: &Object, packed: &Packed) -> libbpf_rs::Result<()> {
    let put = |name: &str, key: u32, value: u32| {
        let map = object.maps().find(|map| map.name() == name);
        map.map_or(Ok(()), |map| map.update(&key.to_ne_bytes(), &value.to_ne_bytes(), MapFlags::ANY))
    };
    for (place, ifindex) in packed.devices.iter().enumerate() {
        put("devices", place as u32, *ifindex)
            .with_context(|| format!("cannot send packets to interface {ifindex}"))?;
    }
    for cpu in &packed.cpus {
        put("cpus", *cpu, CPU_QUEUE).with_context(|| format!("cannot send packets to CPU {cpu}"))?;
    }
    Ok(())
}
