//! Who takes turns: an empty program, netrig's door with a policy behind it, and the textbook's two ways.

use super::sources::{LOWER, Listed, SEQUENCE_LEN, as_in_packets};
use crate::rounds::Contenders;
use crate::sys;
use anyhow::{Context, Result, anyhow, ensure};
use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder};
use netrig_drain::policy::PolicyDrain;
use netrig_policy::Policy;
use netrig_probes::link::{Attached, attach_xdp};
use netrig_probes::policy::PolicyProbe;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.bpf.o"));

/// Numbers of contenders.
pub(crate) const NOTHING: usize = 0;
pub(crate) const EMPTY_DROP: usize = 1;
pub(crate) const EMPTY_PASS: usize = 2;
pub(crate) const NETRIG: usize = 3;
pub(crate) const HASH: usize = 4;
pub(crate) const TRIE: usize = 5;

/// Where they take turns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Behind the program that makes packets.
    Slot,
    /// On a device.
    Device { name: &'static str, ifindex: u32 },
}

pub(crate) struct PolicyContenders {
    pub(crate) probe: PolicyProbe,
    object: Object,
    pub(crate) place: Place,
    attached: Option<Attached>,
    on_device: Option<u32>,
}

impl PolicyContenders {
    /// `listed`: what the textbook's maps hold. `send_by`: the device by which live frames are sent.
    pub(crate) fn load(listed: &Listed, place: Place, send_by: u32) -> Result<Self> {
        let probe = PolicyProbe::load(1)?;
        let mut open =
            ObjectBuilder::default().open_memory(OBJECT).context("the bench's policy programs do not open")?;
        for mut map in open.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let own = if listed.is_ipv6 { ["trie6", "hash6"] } else { ["trie4", "hash4"] };
            if own.contains(&name.as_str()) {
                map.set_max_entries(u32::try_from(listed.prefixes.len())?)?;
            } else if name.ends_with(".rodata") {
                map.set_initial_value(&send_by.to_ne_bytes()).context("the bench's constants have another size")?;
            }
        }
        let object = open.load().context("the kernel refuses the bench's policy programs")?;
        let contenders = Self { probe, object, place, attached: None, on_device: None };
        contenders.fill(listed)?;
        Ok(contenders)
    }

    pub(crate) fn program(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let program = self.object.progs().find(|program| program.name() == name);
        let program = program.ok_or_else(|| anyhow!("there is no program `{name}`"))?;
        Ok(sys::borrow_fd(program.as_fd().as_raw_fd(), &self.object))
    }

    pub(crate) fn contender(&self, which: usize) -> Result<BorrowedFd<'_>> {
        match which {
            EMPTY_DROP => self.program("policy_empty_drop"),
            EMPTY_PASS => self.program("policy_empty_pass"),
            HASH => self.program("policy_hash"),
            TRIE => self.program("policy_trie"),
            _ => Ok(self.probe.door()?),
        }
    }

    fn map(&self, name: &str) -> Result<libbpf_rs::Map<'_>> {
        let map = self.object.maps().find(|map| map.name().to_string_lossy().ends_with(name));
        map.ok_or_else(|| anyhow!("there is no map `{name}`"))
    }

    /// Which sources packets have from now on.
    pub(crate) fn set_sources(&self, sources: &[u64], is_ipv6: bool) -> Result<()> {
        ensure!(sources.len() == SEQUENCE_LEN, "{} sources", sources.len());
        let octets: Vec<u8> = sources.iter().flat_map(|s| as_in_packets(*s, is_ipv6).to_ne_bytes()).collect();
        self.map(".data.sources")?.update(&0_u32.to_ne_bytes(), &octets, MapFlags::ANY)?;
        Ok(self.map(".data.cursor")?.update(&0_u32.to_ne_bytes(), &0_u32.to_ne_bytes(), MapFlags::ANY)?)
    }

    pub(crate) fn put(&mut self, policy: &Policy) -> Result<()> {
        let compiled = netrig_policy::compile(policy, &super::cases::world())?;
        Ok(self.probe.put(&compiled.tables, None)?)
    }

    /// Packets that the policy has matched in the slot of its first rule, and those it has dropped in all.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let mut drain = PolicyDrain::new(self.probe.memory());
        let removed = drain.removed().iter().map(|removed| removed.dropped.packets).sum();
        (drain.count(2, self.probe.clock()).matched.packets, removed)
    }

    fn fill(&self, listed: &Listed) -> Result<()> {
        let (trie, hash) = if listed.is_ipv6 { ("trie6", "hash6") } else { ("trie4", "hash4") };
        let key = |prefix: &super::sources::Prefix, bits: u32| {
            let address = as_in_packets(prefix.first, listed.is_ipv6).to_ne_bytes();
            if listed.is_ipv6 {
                let lower = if bits == 128 { LOWER } else { 0 };
                [&bits.to_ne_bytes()[..], &address, &lower.to_be_bytes()].concat()
            } else {
                [&bits.to_ne_bytes()[..], &address[..4]].concat()
            }
        };
        let all = listed.prefixes.len() as u32;
        let values = vec![0; all as usize * 8];
        let prefixes: Vec<u8> = listed.prefixes.iter().flat_map(|prefix| key(prefix, prefix.bits)).collect();
        self.map(trie)?.update_batch(&prefixes, &values, all, MapFlags::ANY, MapFlags::ANY)?;
        let address = |prefix| {
            let whole = key(prefix, if listed.is_ipv6 { 128 } else { 32 });
            if listed.is_ipv6 { whole } else { whole[4..].to_vec() }
        };
        let addresses: Vec<u8> = listed.prefixes.iter().flat_map(address).collect();
        Ok(self.map(hash)?.update_batch(&addresses, &values, all, MapFlags::ANY, MapFlags::ANY)?)
    }
}

impl Contenders for PolicyContenders {
    fn attach(&mut self, which: usize) -> Result<()> {
        match self.place {
            Place::Slot if which == NOTHING => Ok(self.map("contender")?.delete(&0_u32.to_ne_bytes())?),
            Place::Slot => {
                let program = self.contender(which)?.as_raw_fd().to_ne_bytes();
                Ok(self.map("contender")?.update(&0_u32.to_ne_bytes(), &program, MapFlags::ANY)?)
            }
            Place::Device { name, ifindex } => {
                self.attached = None;
                if let Some(ifindex) = self.on_device.take() {
                    self.probe.detach(ifindex);
                }
                match which {
                    NOTHING => {}
                    NETRIG => {
                        self.probe.attach(name, ifindex)?;
                        self.on_device = Some(ifindex);
                    }
                    which => self.attached = Some(attach_xdp(self.contender(which)?, name, ifindex)?),
                }
                Ok(())
            }
        }
    }

    fn drain(&mut self) {
        let _ = self.probe.events(&mut |_| {});
    }
}
