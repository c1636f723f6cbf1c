//! One packet after the other through the programs, and what comes of each.

use crate::packets::Packet;
use netrig_drain::PayloadDrain;
use netrig_model::{Direction, FlowKey, InterfaceId, PayloadCounts, PayloadSegment, Timestamp};
use netrig_probes::flow::{FlowOptions, FlowProbe, Frame, LinkKind};
use netrig_probes::payload::PayloadOptions;

/// A segment that outlives its telling.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) key: FlowKey,
    pub(crate) sequence: u32,
    pub(crate) tcp_flags: u8,
    pub(crate) length: u32,
    pub(crate) octets: Vec<u8>,
}

impl Told {
    pub(crate) fn of(segment: &PayloadSegment<'_>) -> Self {
        Self {
            key: segment.key,
            sequence: segment.sequence,
            tcp_flags: segment.tcp_flags,
            length: segment.length,
            octets: segment.octets.to_vec(),
        }
    }
}

/// The programs for captures, and their drain.
pub(crate) struct Run {
    probe: FlowProbe,
    drain: PayloadDrain,
    tick: u32,
}

pub(crate) const COPY: u32 = 512;

pub(crate) fn options() -> FlowOptions {
    let payload = PayloadOptions { copy_octets: COPY, ..PayloadOptions::default() };
    FlowOptions { payload: Some(payload), ..FlowOptions::replay(false, 8 << 20) }
}

impl Run {
    pub(crate) fn new() -> Self {
        Self::with(&options())
    }

    pub(crate) fn with(options: &FlowOptions) -> Self {
        let probe = FlowProbe::load(options).expect("load");
        let drain = PayloadDrain::new(probe.payload().expect("it is asked for"));
        Self { probe, drain, tick: 0 }
    }

    /// Both ways of parsing, for what either of them may see.
    pub(crate) fn both() -> [Self; 2] {
        [false, true].map(|no_fast_path| Self::with(&FlowOptions { no_fast_path, ..options() }))
    }

    pub(crate) fn counts(&self) -> PayloadCounts {
        self.drain.counts()
    }

    pub(crate) fn fill(&self) -> f64 {
        self.drain.fill()
    }

    pub(crate) fn fullest(&self) -> f64 {
        self.drain.fullest().fill()
    }

    pub(crate) fn end_window(&mut self) {
        self.drain.end_window();
    }

    /// What comes of one packet.
    pub(crate) fn see(&mut self, packet: &Packet) -> Vec<Told> {
        self.see_frame(&packet.bytes(), None, LinkKind::Ethernet)
    }

    /// The same, of which so much was captured.
    pub(crate) fn see_cut(&mut self, packet: &Packet, captured: usize) -> Vec<Told> {
        self.see_frame(&packet.bytes(), Some(captured), LinkKind::Ethernet)
    }

    pub(crate) fn see_frame(&mut self, frame: &[u8], captured: Option<usize>, link: LinkKind) -> Vec<Told> {
        self.send(frame, captured, link);
        self.take()
    }

    pub(crate) fn send(&mut self, frame: &[u8], captured: Option<usize>, link: LinkKind) {
        self.tick += 1;
        let frame = Frame {
            data: &frame[..captured.unwrap_or(frame.len())],
            wire_len: frame.len() as u32,
            link,
            iface: InterfaceId(1),
            direction: Direction::Ingress,
        };
        self.probe.replay(self.tick, &frame).expect("replay");
    }

    pub(crate) fn take(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        let time = Timestamp(self.tick.into());
        let taken = self.drain.take_all(time, &mut |segment| {
            assert_eq!(segment.time, time);
            told.push(Told::of(segment));
        });
        assert_eq!(taken, told.len() as u64);
        told
    }

    /// Octets that were copied of a packet; none where it was not told of.
    pub(crate) fn octets(&mut self, packet: &Packet) -> Option<Vec<u8>> {
        let mut told = self.see(packet);
        assert!(told.len() <= 1, "one packet, one segment: {told:?}");
        let one = told.pop()?;
        assert_eq!(one.length as usize, packet.payload.len());
        assert_eq!((one.key.src_port, one.key.dst_port), packet.ports);
        Some(one.octets)
    }

    /// How many octets that were.
    pub(crate) fn copied(&mut self, packet: &Packet) -> Option<usize> {
        self.octets(packet).map(|octets| octets.len())
    }
}
