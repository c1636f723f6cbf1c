//! The TCP probe's road: from sockets' places in kernel memory to connection records, beside the road of packets.

mod known;
mod owners;
mod status;
mod walks;

use known::KnownFlows;

use super::drops::Drops;
use super::road::probe_options;
use super::snapshot::thread_cpu_ns;
use super::storing::{CONNECTION_CHUNK_ROWS, Storing};
use super::windows::{Window, part_since};
use netrig_aggregate::{AddressNames, ConnectionTeller, Dropped, FlowEnds, ToldConnections, World, end_of};
use netrig_config::Config;
use netrig_drain::tcp::{Places, Services};
use netrig_model::{
    ConnectionEnd, ConnectionRecord, InterfaceId, KernelOwner, Owner, RingStatus, SocketReading, SocketRole, Timestamp,
};
use netrig_probes::TickClock;
use netrig_probes::tcp::{TcpOptions, TcpProbe};
use owners::Owners;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem;
use std::net::IpAddr;
use std::rc::Rc;
use walks::Walks;

/// Ended connections kept until the window's end; with more of them the window is closed early, which bounds their memory.
const ENDED_MAX: usize = 8192;
/// Below this share of free places the stalest connections make room: one in so many.
const FREE_SHARE_MIN: u64 = 16;

/// From sockets to connection records.
pub(super) struct Connections {
    pub(super) probe: TcpProbe,
    clock: TickClock,
    places: Places,
    services: Services,
    teller: ConnectionTeller,
    told: ToldConnections,
    owners: Owners,
    known: KnownFlows,
    /// Connections from this number on, and those that have ended but rest, are not among the known ones. None once they are
    /// looked at: once for each telling of flows.
    unknown_from: Cell<Option<u64>>,
    walks: Walks,
    /// Records of this window's ended connections, without their window.
    ended: Vec<ConnectionRecord>,
    /// Where the open window begins; later than the flows' when it had to be closed early.
    window_start: Timestamp,
    /// Ended connections told, by the reason.
    ends: BTreeMap<ConnectionEnd, u64>,
    evicted: u64,
    lost: u64,
}

/// How the TCP probe is to be loaded under a configuration.
pub(crate) fn tcp_options(config: &Config) -> anyhow::Result<TcpOptions> {
    Ok(options(config, &Owners::find()?, Timestamp(0)))
}

fn options(config: &Config, owners: &Owners, now: Timestamp) -> TcpOptions {
    let bytes = probe_options(config).1.tcp_kernel_bytes;
    // Seconds in the upper bits: ids go on rising over restarts, and stay whole in JSON's numbers.
    let first_id = u64::try_from(now.0 / 1_000_000_000).unwrap_or(0) << 20;
    TcpOptions { reads: config.tcp.reads, ..TcpOptions::live(bytes, owners.cgroup_root(), first_id) }
}

impl Connections {
    /// Loads the programs; attaches nothing.
    pub(super) fn lay(config: &Config, host: &str, now: Timestamp) -> anyhow::Result<Self> {
        let owners = Owners::find()?;
        let options = options(config, &owners, now);
        let probe = TcpProbe::load(&options)?;
        Ok(Self {
            clock: probe.clock()?,
            places: Places::new(probe.memory()),
            services: Services::new(probe.memory()),
            teller: ConnectionTeller { host: Some(host.to_owned()), reset_reasons: TcpProbe::reset_reasons() },
            told: ToldConnections::new(options.sizes.slots as usize),
            owners,
            known: KnownFlows::new(options.sizes.slots),
            unknown_from: Cell::new(None),
            walks: Walks::default(),
            ended: Vec::new(),
            window_start: now,
            ends: BTreeMap::new(),
            evicted: 0,
            lost: 0,
            probe,
        })
    }

    /// Attaches, and finds what is open already.
    pub(super) fn attach(&mut self) -> anyhow::Result<()> {
        self.probe.attach()?;
        let cpu_ns = thread_cpu_ns();
        self.walks.first(&self.probe);
        self.walks.cost(thread_cpu_ns().saturating_sub(cpu_ns));
        for missing in self.probe.missing() {
            tracing::warn!(what = missing.what, why = %missing.why, "The TCP probe does without a part.");
        }
        Ok(())
    }

    fn sync_clock(&mut self) {
        if let Err(error) = self.probe.sync_clock(&mut self.clock) {
            tracing::debug!(%error, "The clock of the TCP probe could not be read; times go on from the last reading.");
        }
    }

    /// Whether more than so many have ended that have not been taken.
    pub(super) fn have_ended(&self, more_than: u64) -> bool {
        self.places.have_ended(more_than)
    }

    /// Whether some have ended that wait to be read.
    pub(super) fn are_resting(&self) -> bool {
        self.places.are_resting()
    }

    /// From now on the bell is to ring when many have ended, or not.
    pub(super) fn sleep(&self, asleep: bool) {
        self.places.sleep(asleep);
    }

    /// How full the ring of ended ones was.
    pub(super) fn fullest(&self) -> RingStatus {
        self.places.fullest()
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub(super) fn end_window(&mut self) {
        self.places.end_window();
    }

    /// Takes what has ended, and makes room where places run out. Returns how many ended.
    pub(super) fn turn(&mut self, outlet: Option<&Storing>, now: Timestamp, addresses: Option<&AddressNames>) -> u64 {
        let ended = self.take_ended(false);
        self.make_room();
        if self.ended.len() >= ENDED_MAX {
            self.close_early(outlet, now, addresses);
        }
        ended
    }

    fn take_ended(&mut self, all: bool) -> u64 {
        let mut numbers = Vec::new();
        self.places.ended(all, &mut |_, number| numbers.push(number));
        if numbers.is_empty() {
            return 0;
        }
        self.sync_clock();
        for number in &numbers {
            if let Some(mut reading) = self.places.read(*number, &self.clock) {
                self.owners.learn_error(&mut reading);
                self.end(&reading, end_of(&reading));
            }
            self.places.release(*number);
        }
        numbers.len() as u64
    }

    /// A connection's last record.
    fn end(&mut self, reading: &SocketReading, end: ConnectionEnd) {
        if reading.role == SocketRole::Listener {
            return;
        }
        let owner = self.owners.of(&reading.owner);
        self.known.add(reading, &owner);
        let window = (self.window_start, self.window_start);
        if let Some(record) = self.teller.record(reading, window, (*owner).clone(), end) {
            *self.ends.entry(end).or_default() += 1;
            self.ended.push(record);
        }
    }

    fn make_room(&mut self) {
        let (free, all) = self.places.free();
        if free >= all / FREE_SHARE_MIN {
            return;
        }
        self.sync_clock();
        let many = usize::try_from(all / FREE_SHARE_MIN).unwrap_or(1).max(1);
        for reading in self.places.stalest(many, &self.clock) {
            self.end(&reading, ConnectionEnd::Evicted);
            self.places.release(reading.place);
            self.evicted += 1;
        }
    }

    /// So many have ended that their records are told before the window is over.
    fn close_early(&mut self, outlet: Option<&Storing>, now: Timestamp, addresses: Option<&AddressNames>) {
        let window = part_since(self.window_start, (self.window_start, now));
        if let Some(storing) = outlet {
            self.send_ended((storing, addresses), window, &mut || ());
            storing.close_connections(window, &mut || ());
        }
        self.ended.clear();
        self.window_start = now;
    }

    fn send_ended(
        &mut self,
        (storing, addresses): (&Storing, Option<&AddressNames>),
        window: (Timestamp, Timestamp),
        meanwhile: &mut dyn FnMut(),
    ) {
        for mut rows in split(mem::take(&mut self.ended)) {
            for row in &mut rows {
                (row.window_start, row.window_end) = window;
                name(addresses, row);
            }
            storing.connection_rows(window, rows, meanwhile);
        }
    }

    /// Closes a window: what has ended in it and is not told yet, and what is still open.
    pub(super) fn close(
        &mut self,
        (outlet, addresses): (Option<&Storing>, Option<&AddressNames>),
        window: Window,
        last: bool,
        meanwhile: &mut dyn FnMut(),
    ) {
        self.take_ended(last);
        self.look_at_all();
        self.services.scan();
        self.sync_clock();
        let end = window.1;
        let window = part_since(self.window_start, window);
        let mut rows = Vec::new();
        self.unknown_from.set(Some(self.places.next_id()));
        let open: Vec<u32> = self.places.open().collect();
        for number in open {
            let Some(reading) = self.places.read(number, &self.clock) else { continue };
            let owner = self.owners.of(&reading.owner);
            self.known.add(&reading, &owner);
            let Some(storing) = outlet else { continue };
            if !(self.told.is_due(&reading, end) || last) {
                continue;
            }
            let mut record = self.teller.record(&reading, window, (*owner).clone(), ConnectionEnd::Open);
            record.iter_mut().for_each(|row| name(addresses, row));
            rows.extend(record);
            if rows.len() == CONNECTION_CHUNK_ROWS {
                storing.connection_rows(window, mem::take(&mut rows), meanwhile);
            }
        }
        if let Some(storing) = outlet {
            storing.connection_rows(window, rows, meanwhile);
            self.send_ended((storing, addresses), window, meanwhile);
            storing.close_connections(window, meanwhile);
        }
        self.ended.clear();
        self.window_start = end;
    }

    /// After a window's flows were told: what was known only for them is let go.
    pub(super) fn after_window(&mut self) {
        self.known.next_window(self.window_start);
        self.unknown_from.set(None);
    }

    /// Looks at every socket, where that is not too soon for what it costs: not every hook is worth its price, and this is
    /// how what they would tell is known when it is asked for.
    fn look_at_all(&mut self) {
        if !self.walks.is_due() {
            return;
        }
        let cpu_ns = thread_cpu_ns();
        let missed = self.walks.again(&self.probe, &self.places, &self.clock);
        for reading in missed {
            self.end(&reading, ConnectionEnd::Lost);
            self.places.release(reading.place);
            self.lost += 1;
        }
        self.walks.cost(thread_cpu_ns().saturating_sub(cpu_ns));
    }

    /// The records that are not stored yet: what has ended since the window began, and what is open. Also where they begin.
    pub(super) fn open(&mut self, addresses: Option<&AddressNames>) -> (Vec<ConnectionRecord>, Timestamp) {
        self.take_ended(false);
        self.look_at_all();
        self.sync_clock();
        let window = (self.window_start, self.clock.now().max(self.window_start.plus_ns(1)));
        let mut records = self.ended.clone();
        for record in &mut records {
            (record.window_start, record.window_end) = window;
        }
        // Also those that have ended and rest: else they would be in no answer for a moment.
        for number in self.places.taken().collect::<Vec<_>>() {
            let Some(reading) = self.places.read(number, &self.clock) else { continue };
            let end = if reading.ended.is_some() { end_of(&reading) } else { ConnectionEnd::Open };
            let owner = self.owners.of(&reading.owner);
            records.extend(self.teller.record(&reading, window, (*owner).clone(), end));
        }
        records.iter_mut().for_each(|row| name(addresses, row));
        (records, self.window_start)
    }

    /// For a picture: queues as they are now.
    pub(super) fn look_at_listeners(&mut self) {
        self.walks.look_at_listeners(&self.probe);
        self.services.scan();
        self.sync_clock();
    }

    /// Takes in which connections are open, for flows that are asked for before the window is over.
    pub(super) fn look_at_open(&mut self) {
        self.take_ended(false);
        self.look_at_all();
        self.sync_clock();
        self.unknown_from.set(Some(self.places.next_id()));
        for number in self.places.open().collect::<Vec<_>>() {
            if let Some(reading) = self.places.read(number, &self.clock) {
                let owner = self.owners.of(&reading.owner);
                self.known.add(&reading, &owner);
            }
        }
    }

    /// Flows are read a moment after connections: those that began or ended meanwhile are looked at when the first flow is
    /// told whose connection is not known. Whether there was something to look at.
    fn look_beside(&self) -> bool {
        let Some(first_id) = self.unknown_from.take() else { return false };
        for number in self.places.beside_open(first_id) {
            if let Some(reading) = self.places.read(number, &self.clock) {
                self.known.add(&reading, &self.owners.of(&reading.owner));
            }
        }
        true
    }

    fn owner_of(&self, flow: &FlowEnds) -> Option<Rc<Owner>> {
        let owner = || self.known.owner(flow, &self.probe, &self.owners);
        owner().or_else(|| if self.look_beside() { owner() } else { None })
    }
}

/// Names of interfaces, owners of flows, and what was dropped of them, for the telling of flows.
pub(super) struct Names<'a> {
    pub(super) interfaces: &'a BTreeMap<InterfaceId, String>,
    pub(super) connections: Option<&'a Connections>,
    pub(super) drops: Option<&'a Drops>,
    pub(super) addresses: Option<&'a AddressNames>,
}

impl World for Names<'_> {
    fn iface_name(&self, iface: InterfaceId) -> Option<String> {
        self.interfaces.get(&iface).cloned()
    }

    fn owner(&self, flow: &FlowEnds) -> Option<Owner> {
        self.connections?.owner_of(flow).map(|owner| (*owner).clone())
    }

    fn owner_known(&self, owner: &KernelOwner) -> Owner {
        let known = |connections: &Connections| (*connections.owners.of(owner)).clone();
        self.connections.map_or_else(|| owner.bare(), known)
    }

    fn name_of(&self, client: IpAddr, address: IpAddr, at: Timestamp) -> Option<String> {
        self.addresses?.name(client, address, at).map(str::to_owned)
    }

    fn knows_as(&self, client: IpAddr, address: IpAddr, at: Timestamp, name: &str) -> bool {
        self.addresses.is_some_and(|addresses| addresses.knows_as(client, address, at, name))
    }

    fn dropped(&self, flow: &FlowEnds, iface: InterfaceId) -> Option<Dropped> {
        self.drops.map(|drops| drops.of_flow(flow, iface))
    }
}

/// Gives a record the names by which its ends were looked up.
fn name(addresses: Option<&AddressNames>, record: &mut ConnectionRecord) {
    if let Some(addresses) = addresses {
        addresses.name_connection(record);
    }
}

/// Some thousands at a time.
fn split(mut rows: Vec<ConnectionRecord>) -> impl Iterator<Item = Vec<ConnectionRecord>> {
    std::iter::from_fn(move || {
        if rows.is_empty() {
            return None;
        }
        let rest = rows.split_off(rows.len().min(CONNECTION_CHUNK_ROWS));
        Some(mem::replace(&mut rows, rest))
    })
}
