//! The packets: live frames, or datagrams of a socket.

use crate::harness::Harness;
use crate::policy::{LIVE_FRAMES, SENDER};
use crate::{packet, sys};
use anyhow::{Context, Result, bail};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;

/// Octets of each packet, so that a snapshot length of 128 leaves something out.
const OCTETS: usize = 300;
const HEADERS: usize = 14 + 20 + 8;
const FROM: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// Nobody is that, so packets end in the IP layer.
const TO: (Ipv4Addr, u16) = (Ipv4Addr::new(198, 18, 0, 2), 4000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Of ten thousand flows, and no socket's: made in the driver.
    Frames,
    /// Of one flow: a system call each.
    Socket,
}

/// So that a socket's datagrams leave by the sending end.
pub(super) fn prepare() -> Result<()> {
    let address = format!("address replace {FROM}/24 dev {SENDER}");
    let neighbour = format!("neighbour replace {} lladdr 02:00:00:00:00:01 dev {SENDER}", TO.0);
    for words in [address, neighbour] {
        let done = Command::new("ip").args(words.split(' ')).status().context("cannot run ip")?;
        if !done.success() {
            bail!("ip {words}: {done}");
        }
    }
    Ok(())
}

impl Traffic {
    /// Sends packets; CPU nanoseconds of this thread, in which they are received too.
    pub(super) fn send(self, harness: &Harness, packets: u32) -> Result<u64> {
        let socket = UdpSocket::bind((FROM, 0)).context("cannot make a socket")?;
        socket.connect(TO)?;
        let payload = [0; OCTETS - HEADERS];
        let frame = frame();
        let before = sys::thread_cpu_ns();
        match self {
            Self::Frames => sys::test_run(harness.program("live_send")?, &frame, packets, LIVE_FRAMES)?,
            Self::Socket => {
                for _ in 0..packets {
                    socket.send(&payload)?;
                }
            }
        }
        Ok(sys::thread_cpu_ns() - before)
    }
}

/// UDP over IPv4.
fn frame() -> Vec<u8> {
    let mut frame = packet::udp(false);
    frame.resize(OCTETS, 0);
    frame[16..18].copy_from_slice(&(OCTETS as u16 - 14).to_be_bytes());
    frame[38..40].copy_from_slice(&(OCTETS as u16 - 34).to_be_bytes());
    frame
}
