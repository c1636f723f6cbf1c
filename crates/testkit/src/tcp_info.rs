//! A socket's own word about its connection.

use crate::syscalls;
use std::io;
use std::os::fd::AsFd;

macro_rules! tcp_info {
    ($($(#[$help:meta])* $name:ident: $kind:ty = $at:literal,)*) => {
        /// What the kernel says of a TCP socket (`struct tcp_info`); 0 for what an older kernel does not have.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct TcpInfo {
            $($(#[$help])* pub $name: $kind,)*
        }

        impl TcpInfo {
            fn from_bytes(bytes: &[u8]) -> Self {
                Self { $($name: bytes
                    .get($at..$at + size_of::<$kind>())
                    .and_then(|field| field.try_into().ok())
                    .map_or(0, <$kind>::from_ne_bytes),)* }
            }
        }
    };
}

tcp_info! {
    /// The kernel's number of the state: 1 established, 2 SYN sent, 8 close wait, …
    state: u8 = 0,
    /// Congestion state: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss.
    congestion_state: u8 = 1,
    /// Timeouts in a row without an acknowledgement.
    retransmits_in_a_row: u8 = 2,
    /// What was agreed on: timestamps 1, SACK 2, window scale 4, ECN 8, ECN seen 16, SYN with data 32.
    options: u8 = 5,
    /// Largest segment it sends.
    mss_sent: u32 = 16,
    /// Smoothed round trip.
    srtt_us: u32 = 68,
    /// Its variation.
    rttvar_us: u32 = 72,
    /// Congestion window, in segments.
    cwnd: u32 = 80,
    /// Segments sent again since the beginning.
    retransmits: u32 = 100,
    /// Octets acknowledged by the peer; the SYN counts as one.
    bytes_acked: u64 = 120,
    /// Octets received in order.
    bytes_received: u64 = 128,
    /// Segments sent, repetitions included.
    segments_sent: u32 = 136,
    /// Segments received.
    segments_received: u32 = 140,
    /// Shortest round trip of the last minutes.
    rtt_us_min: u32 = 148,
    /// Segments received that had data.
    data_segments_received: u32 = 152,
    /// Segments sent that had data.
    data_segments_sent: u32 = 156,
    /// Time with data to send or under way.
    busy_us: u64 = 168,
    /// Of it, time limited by the peer's window.
    limited_receiver_us: u64 = 176,
    /// Of it, time limited by the send buffer.
    limited_send_buffer_us: u64 = 184,
    /// Segments that arrived at the peer with a mark of congestion.
    delivered_ce: u32 = 196,
    /// Octets sent, repetitions included.
    bytes_sent: u64 = 200,
    /// Octets sent again.
    bytes_retransmitted: u64 = 208,
    /// Repetitions that the peer said it had already.
    duplicates_reported: u32 = 216,
    /// Segments received out of order.
    out_of_order: u32 = 224,
    /// Retransmission timeouts since the beginning; Linux 6.7.
    timeouts: u16 = 240,
}

impl TcpInfo {
    /// Asks a socket.
    ///
    /// # Errors
    /// When it is no TCP socket.
    pub fn of(socket: impl AsFd) -> io::Result<Self> {
        syscalls::tcp_info(socket).map(|bytes| Self::from_bytes(&bytes))
    }
}
