//! One captured packet at a time through the real programs, by the kernel's test run.

use super::FlowProbe;
use super::interfaces::join;
use crate::ProbeError;
use crate::object::{test_run, test_run_super};
use netrig_model::{Direction, InterfaceId};

/// What a frame begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkKind {
    /// An Ethernet header.
    #[default]
    Ethernet,
    /// An IP header.
    RawIp,
}

/// A captured packet.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What was captured of it.
    pub data: &'a [u8],
    /// How long it was on the wire.
    pub wire_len: u32,
    /// What `data` begins with.
    pub link: LinkKind,
    /// Which interface it is to be counted on.
    pub iface: InterfaceId,
    /// Which way.
    pub direction: Direction,
}

/// A test run takes this much on every kernel; all headers that the programs read lie within.
const FRAME_MAX: usize = 3_648;
/// And no less than the headers the kernel itself looks at; the programs are told how much of it is real.
const FRAME_MIN: usize = 128;

impl FlowProbe {
    /// Runs one packet through the program for captures. `tick` is its number: the table's clock in a replay.
    ///
    /// # Errors
    /// When the kernel refuses the test run.
    pub fn replay(&mut self, tick: u32, frame: &Frame<'_>) -> Result<(), ProbeError> {
        let captured = frame.data.len().min(FRAME_MAX);
        let words = &self.memory().replay;
        let egress = u32::from(frame.direction == Direction::Egress);
        let iface_and_way = join_halves(frame.iface.0, egress as u8);
        words.publish(0, join(tick, frame.wire_len));
        words.publish(1, join(captured as u32, iface_and_way));
        let program = match frame.link {
            LinkKind::Ethernet => "flow_replay_ethernet",
            LinkKind::RawIp => "flow_replay_raw",
        };
        let fd = self.program(program)?;
        let run = |data: &[u8]| test_run(fd, data).map_err(|source| ProbeError::TestRun { program, source });
        if captured >= FRAME_MIN {
            return run(&frame.data[..captured]).map(drop);
        }
        let mut padded = [0; FRAME_MIN];
        padded[..captured].copy_from_slice(&frame.data[..captured]);
        run(&padded).map(drop)
    }

    /// Runs a super-packet through the program at tcx, of so many segments (0: that is not known) of so many octets of payload. It is
    /// counted on the interface that nobody was told of, unless that is the loopback's number: for tests.
    ///
    /// # Errors
    /// When the kernel refuses the test run.
    pub fn try_super_packet(&self, data: &[u8], segments: u32, segment_bytes: u32) -> Result<(), ProbeError> {
        let program = "flow_ingress";
        let run = test_run_super(self.program(program)?, data, segments, segment_bytes);
        run.map_err(|source| ProbeError::TestRun { program, source })
    }
}

/// `iface` (16 bits), `egress` (8 bits), 8 reserved: as they lie in `replay_frame`.
fn join_halves(iface: u16, egress: u8) -> u32 {
    let [a, b] = iface.to_ne_bytes();
    u32::from_ne_bytes([a, b, egress, 0])
}
