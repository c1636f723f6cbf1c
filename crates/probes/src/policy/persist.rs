//! A policy that outlives its process, and is found again.

use super::generation::Generation;
use super::pins::{self, GENERATIONS, LAYOUT, Pins};
use super::{BEFORE, DOOR, IN_FORCE, PROBE, PolicyProbe, cpus, shared_sizes};
use crate::link::Attached;
use crate::wire::policy_gate;
use crate::{ProbeError, SharedWords, object};
use libbpf_rs::{ErrorKind, Link, MapCore, MapFlags, MapHandle, MapInfo, Xdp, XdpFlags, libbpf_sys};
use std::mem::offset_of;
use std::os::fd::AsFd;
use std::path::Path;

/// Maps by their names in C.
pub(super) type Found = Vec<(&'static str, MapHandle)>;

impl PolicyProbe {
    /// Pins the policy at `dir`, a folder on the kernel's file system of programs: from now on it outlives this process, with
    /// its counters and its deadline, until [`Self::unpin`] or [`remove_pinned`]. What is put in force or attached later is
    /// pinned too. Killed on the way, this leaves a whole policy, or nothing that is attached.
    ///
    /// # Errors
    /// When there is no such file system, when another policy is pinned there, or what the kernel says. Nothing is pinned then.
    pub fn pin(&mut self, dir: &Path) -> Result<(), ProbeError> {
        match &self.pins {
            Some(pins) if pins.dir() == dir => return Ok(()),
            Some(_) => self.unpin()?,
            None => {}
        }
        let pins = Pins::make(dir)?;
        if let Err(error) = self.put_all(&pins) {
            // The first error is the one to tell.
            let _ = pins.links().and_then(|links| pins.remove(&links));
            return Err(error);
        }
        self.pins = Some(pins);
        Ok(())
    }

    fn put_all(&self, pins: &Pins) -> Result<(), ProbeError> {
        // Where all maps are, generations are too.
        self.in_force.iter().chain(&self.before).try_for_each(|generation| pins.put_generation(generation))?;
        pins.put_maps(&self.entry)?;
        self.attached.iter().try_for_each(|(ifindex, attached)| put_link(pins, *ifindex, attached))
    }

    /// Takes the pins away: the policy ends with this process again.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn unpin(&mut self) -> Result<(), ProbeError> {
        let Some(pins) = &self.pins else { return Ok(()) };
        pins.remove(&pins.links()?)?;
        self.pins = None;
        Ok(())
    }

    /// Where it is pinned.
    #[must_use]
    pub fn pinned(&self) -> Option<&Path> {
        self.pins.as_ref().map(Pins::dir)
    }

    /// Goes on with the policy that is pinned at `dir`, if one is: what is in force, what waits to be confirmed (see
    /// [`Self::confirmation`] and [`Self::settle`]), what was counted, and where it is attached. Interfaces that have it get the
    /// door of this version of netrig in place of the one they have, by one store. What a killed [`Self::pin`] left is removed.
    ///
    /// # Errors
    /// When another version of netrig pinned it, so that it can only be removed ([`remove_pinned`]), or what the kernel says.
    pub fn find(dir: &Path) -> Result<Option<Self>, ProbeError> {
        let Some(pins) = Pins::find(dir)? else { return Ok(None) };
        let links = pins.links()?;
        if !pins.is_whole() {
            if !links.is_empty() {
                return Err(pins.unfit("is not whole"));
            }
            pins.remove(&links)?;
            return Ok(None);
        }
        let mut probe = Self::around(super::load_door(&found_maps(&pins)?)?)?;
        probe.find_generations(&pins)?;
        for mut found in links {
            match found.ifindex {
                Some(ifindex) => {
                    probe.take_over(&mut found.link)?;
                    let attached = Attached::from_link(found.held()?, probe.hook_of(ifindex)?);
                    probe.attached.insert(ifindex, attached);
                }
                // Its interface has gone, and with it what the link was for.
                None => found.remove()?,
            }
        }
        probe.pins = Some(pins);
        probe.forget_generations()?;
        Ok(Some(probe))
    }

    fn find_generations(&mut self, pins: &Pins) -> Result<(), ProbeError> {
        let at = |place| self.at(place)?.map(|id| pins.generation(id)).transpose();
        let (in_force, before) = (at(IN_FORCE)?, at(BEFORE)?);
        self.in_force = in_force;
        if self.deadline() == 0 {
            return self.clear(BEFORE);
        }
        self.before = before;
        Ok(())
    }

    /// The program at a place, by its number.
    fn at(&self, place: u32) -> Result<Option<u32>, ProbeError> {
        let generations = object::map(&self.entry, GENERATIONS)?;
        match generations.lookup(&place.to_ne_bytes(), MapFlags::ANY) {
            Ok(id) => Ok(id.and_then(|id| Some(u32::from_ne_bytes(id.try_into().ok()?)))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(object::refused(PROBE, &error)),
        }
    }

    /// The interface gets this version's door.
    fn take_over(&self, link: &mut Link) -> Result<(), ProbeError> {
        let door = self.entry.progs().find(|program| program.name() == DOOR);
        let door = door.ok_or_else(|| ProbeError::Missing { what: "program", name: DOOR.to_owned() })?;
        link.update_prog(&door).map_err(|e| object::refused(PROBE, &e))
    }

    /// How the door runs on an interface that has it.
    fn hook_of(&self, ifindex: u32) -> Result<&'static str, ProbeError> {
        let told = Xdp::new(self.door()?).query(ifindex.cast_signed(), XdpFlags::NONE);
        Ok(match told.map(|told| u32::from(told.attach_mode)) {
            Ok(libbpf_sys::XDP_ATTACHED_DRV) => "xdp-native",
            Ok(libbpf_sys::XDP_ATTACHED_SKB) => "xdp-generic",
            // Of an interface in another namespace nothing is told here.
            _ => "xdp",
        })
    }

    /// Generations that cannot be in force any more lose their pins.
    pub(super) fn forget_generations(&self) -> Result<(), ProbeError> {
        let Some(pins) = &self.pins else { return Ok(()) };
        let ids: Vec<_> = self.in_force.iter().chain(&self.before).map(|generation| generation.id).collect();
        pins.keep_generations(&ids)
    }

    pub(super) fn pin_generation(&self, generation: &Generation) -> Result<(), ProbeError> {
        self.pins.as_ref().map_or(Ok(()), |pins| pins.put_generation(generation))
    }

    pub(super) fn pin_link(&self, ifindex: u32, attached: &Attached) -> Result<(), ProbeError> {
        self.pins.as_ref().map_or(Ok(()), |pins| put_link(pins, ifindex, attached))
    }

    pub(super) fn unpin_link(&self, ifindex: u32) {
        let removed = self.pins.as_ref().map_or(Ok(()), |pins| pins.remove_link(ifindex));
        if let Err(error) = removed {
            tracing::warn!(%error, ifindex, "The policy stays on an interface that it was taken off.");
        }
    }
}

fn put_link(pins: &Pins, ifindex: u32, attached: &Attached) -> Result<(), ProbeError> {
    attached.link().map_or(Ok(()), |link| pins.put_link(ifindex, link))
}

/// The pinned maps, which are of this version's layout.
fn found_maps(pins: &Pins) -> Result<Found, ProbeError> {
    let maps = pins::map_names().map(|name| Ok((name, pins.map(name)?)));
    let maps: Found = maps.collect::<Result<_, ProbeError>>()?;
    let other = || pins.unfit("is of another version of netrig");
    for (name, map) in &maps {
        let info = MapInfo::new(map.as_fd()).map_err(|e| object::refused(PROBE, &e))?.info;
        let (value, entries) = shared_sizes(name, cpus()).unwrap_or((info.value_size, info.max_entries));
        if (info.value_size, info.max_entries) != (value, entries) {
            return Err(other());
        }
        if *name == "gates" {
            let gate = SharedWords::map(map.as_fd(), name, size_of::<policy_gate>())?;
            if gate.load(offset_of!(policy_gate, layout) / 8) != LAYOUT {
                return Err(other());
            }
        }
    }
    Ok(maps)
}

/// Takes a pinned policy off all interfaces and removes it, without loading anything: also one of another version of netrig,
/// and also while a process still holds it. Tells the interfaces, by the kernel's index.
///
/// # Errors
/// What the kernel says.
pub fn remove_pinned(dir: &Path) -> Result<Vec<u32>, ProbeError> {
    let Some(pins) = Pins::find(dir)? else { return Ok(Vec::new()) };
    let links = pins.links()?;
    for found in &links {
        found.link.detach().map_err(|e| pins::failed("take off the interface the link", &found.path, &e))?;
    }
    pins.remove(&links)?;
    Ok(links.iter().filter_map(|found| found.ifindex).collect())
}
