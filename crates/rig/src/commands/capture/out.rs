//! What a packet passes on its way out: its words, and where it is written.

use super::alike::{Alikes, Kind};
use super::choose::Interfaces;
use super::names::{Names, TAG_AT};
use super::session::{Watched, time_of};
use super::sink::Sink;
use super::tell::Reasons;
use netrig_capture::{Alike, Interface as Block, InterfaceNumber, Octets, Owner, Packet, Progress, Verdict};
use netrig_model::Direction;
use netrig_probes::capture::{Captured, Dropped, Way};
use std::collections::BTreeMap;

const TAG_OCTETS: usize = 4;

pub(super) struct Out {
    pub(super) sink: Sink,
    names: Names,
    alikes: Alikes,
    reasons: Reasons,
    /// Blocks of interfaces whose drops have been met.
    pub(super) drops: BTreeMap<u32, InterfaceNumber>,
    pub(super) drop_block: Block,
    snaplen: u32,
    tagged: Vec<u8>,
    limit: u64,
    taken: u64,
    /// Came after the last that was asked for.
    pub(super) beyond: u64,
    pub(super) failed: Option<anyhow::Error>,
}

impl Out {
    /// As many packets as `limit`; `drop_block` describes what is dropped, but for the interface's name.
    pub(super) fn new(sink: Sink, drop_block: Block, reasons: Reasons, limit: u64) -> Self {
        Self {
            sink,
            names: Names::new(),
            alikes: Alikes::new(),
            reasons,
            drops: BTreeMap::new(),
            snaplen: drop_block.snaplen,
            drop_block,
            tagged: Vec::new(),
            limit,
            taken: 0,
            beyond: 0,
            failed: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.taken >= self.limit || self.failed.is_some()
    }

    pub(super) fn try_to(&mut self, step: impl FnOnce(&mut Sink) -> anyhow::Result<Progress>) {
        if self.failed.is_none() {
            let done = step(&mut self.sink);
            self.note(done);
        }
    }

    fn note(&mut self, done: anyhow::Result<Progress>) {
        match done {
            Ok(Progress::Going) => {}
            Ok(Progress::Finished) => self.limit = self.taken,
            Err(error) => self.failed = Some(error),
        }
    }

    #[inline]
    pub(super) fn packet(
        &mut self,
        packet: &Captured<'_>,
        watched: &mut [Watched],
        interfaces: &Interfaces,
        offset_ns: i64,
    ) {
        if self.is_over() {
            self.beyond += 1;
            return;
        }
        let Some(from) = watched.get_mut(usize::from(packet.source)) else { return };
        let mut tagged = std::mem::take(&mut self.tagged);
        let octets = whole_frame(packet, &mut tagged);
        let told = Octets {
            time: time_of(packet.monotonic_ns, offset_ns),
            original: packet.length + if packet.vlan.is_some() { TAG_OCTETS as u32 } else { 0 },
            octets: if self.snaplen == 0 { octets } else { &octets[..octets.len().min(self.snaplen as usize)] },
            lost_before: from.lost_before(packet).into(),
        };
        let owner = self.names.owner_of(packet);
        self.taken += 1;
        let done = match packet.dropped {
            Some(dropped) => self.dropped(packet, &told, owner, &dropped, interfaces),
            None => self.passed(packet, &told, owner, from.number),
        };
        self.note(done);
        self.tagged = tagged;
    }

    /// That it went on is the interface's description: it need not be said of each.
    fn passed(
        &mut self,
        packet: &Captured<'_>,
        told: &Octets<'_>,
        owner: Option<u32>,
        number: InterfaceNumber,
    ) -> anyhow::Result<Progress> {
        let names = &self.names;
        let whole = || Packet { owner: owner.and_then(|owner| words(names, owner)), ..plain(packet, told, number) };
        if self.sink.is_text() {
            return self.sink.packet(&whole());
        }
        let kind = Kind { source: packet.source, queue: packet.queue, way: packet.way, owner };
        let alike = self.alikes.of(kind, || Alike::of(&whole()));
        self.sink.alike(alike, told)
    }

    fn dropped(
        &mut self,
        packet: &Captured<'_>,
        told: &Octets<'_>,
        owner: Option<u32>,
        dropped: &Dropped,
        interfaces: &Interfaces,
    ) -> anyhow::Result<Progress> {
        let number = self.drop_number(dropped.ifindex, interfaces);
        let reason = self.reasons.of(dropped.reason, dropped.location);
        self.sink.packet(&Packet {
            verdict: Some(Verdict::Dropped(&reason)),
            owner: owner.and_then(|owner| words(&self.names, owner)),
            note: dropped.made_link.then_some("its link header was not there where it was dropped"),
            ..plain(packet, told, number)
        })
    }

    fn drop_number(&mut self, ifindex: Option<u32>, interfaces: &Interfaces) -> InterfaceNumber {
        let index = ifindex.unwrap_or(0);
        if let Some(number) = self.drops.get(&index) {
            return *number;
        }
        let name = interfaces
            .name(index)
            .map_or_else(|| if index == 0 { "any".to_owned() } else { format!("if{index}") }, str::to_owned);
        let number = self.sink.declare(Block { name, ..self.drop_block.clone() });
        self.drops.insert(index, number);
        number
    }
}

fn words(names: &Names, owner: u32) -> Option<Owner<'_>> {
    let known = names.known(owner)?;
    Some(Owner { pid: known.pid, process: &known.process, container: known.container.as_deref() })
}

fn plain<'b>(packet: &Captured<'_>, told: &Octets<'b>, number: InterfaceNumber) -> Packet<'b> {
    Packet {
        original: told.original,
        lost_before: told.lost_before,
        queue: packet.queue.map(u32::from),
        direction: packet.way.map(|way| match way {
            Way::In => Direction::Ingress,
            Way::Out => Direction::Egress,
        }),
        ..Packet::whole(told.time, number, told.octets)
    }
}

/// With a tag that the driver had lifted out put back where it was.
fn whole_frame<'b>(packet: &Captured<'b>, tagged: &'b mut Vec<u8>) -> &'b [u8] {
    let Some((protocol, tci)) = packet.vlan else { return packet.octets };
    let (addresses, rest) = packet.octets.split_at(packet.octets.len().min(TAG_AT));
    tagged.clear();
    tagged.extend_from_slice(addresses);
    tagged.extend_from_slice(&protocol.to_be_bytes());
    tagged.extend_from_slice(&tci.to_be_bytes());
    tagged.extend_from_slice(rest);
    tagged
}
