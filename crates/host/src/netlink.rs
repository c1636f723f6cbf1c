//! Route and generic netlink, as far as the rig speaks them: dumps, multicast, attributes.

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{GENERIC, SocketAddrNetlink};
use rustix::net::sockopt::{
    Timeout, set_socket_recv_buffer_size, set_socket_recv_buffer_size_force, set_socket_timeout,
};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Length of `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// A dump comes in datagrams of at most 32 KiB; a single link with many virtual functions can be larger.
const BUFFER_BYTES: usize = 256 << 10;
/// How often a dump that the kernel says was disturbed is asked for anew.
const DUMP_ATTEMPTS_MAX: usize = 10;
/// A dump is answered at once; not to wait for ever is only for a kernel gone wrong.
const DUMP_TIMEOUT: Duration = Duration::from_secs(10);

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;
const NLA_TYPE_MASK: u16 = 0x3fff;

/// One message: its type and what follows the header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    flags: u16,
    sequence: u32,
    pub(crate) body: &'a [u8],
}

/// A netlink socket, bound to the namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

/// What waiting on a multicast socket ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    Messages,
    Stopped,
    TimedOut,
}

impl Socket {
    /// Opens a socket for dumps.
    pub(crate) fn open() -> io::Result<Self> {
        Self::open_for_dumps(None)
    }

    /// The same of generic netlink.
    pub(crate) fn open_generic() -> io::Result<Self> {
        Self::open_for_dumps(Some(GENERIC))
    }

    fn open_for_dumps(protocol: Option<Protocol>) -> io::Result<Self> {
        let socket = Self::bound(SocketFlags::CLOEXEC, protocol, 0)?;
        set_socket_timeout(&socket.fd, Timeout::Recv, Some(DUMP_TIMEOUT))?;
        Ok(socket)
    }

    /// Opens a socket that receives what is said to `groups` (a bit each), without blocking.
    pub(crate) fn subscribe(groups: u32, buffer_bytes: usize) -> io::Result<Self> {
        let socket = Self::bound(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None, groups)?;
        // Beyond the system's bound only with rights; less buffer means more overruns, which are coped with.
        set_socket_recv_buffer_size_force(&socket.fd, buffer_bytes)
            .or_else(|_| set_socket_recv_buffer_size(&socket.fd, buffer_bytes))?;
        Ok(socket)
    }

    fn bound(flags: SocketFlags, protocol: Option<Protocol>, groups: u32) -> io::Result<Self> {
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        bind(&fd, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self { fd, sequence: 0, buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Asks for everything of a kind (`request` and the fixed header with attributes in `body`) and keeps what `parse` makes of it.
    pub(crate) fn dump<T>(
        &mut self,
        request: u16,
        body: &[u8],
        mut parse: impl FnMut(&Message<'_>) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        for _ in 0..DUMP_ATTEMPTS_MAX {
            let mut kept = Vec::new();
            self.send_dump_request(request, body)?;
            if self.receive_dump(&mut |message| kept.extend(parse(message)))? {
                return Ok(kept);
            }
        }
        Err(io::Error::other("the answer changed while it was given, again and again"))
    }

    fn send_dump_request(&mut self, request: u16, body: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let length = u32::try_from(HEADER_BYTES + body.len()).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(HEADER_BYTES + body.len());
        message.extend(length.to_ne_bytes());
        message.extend(request.to_ne_bytes());
        message.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        sendto(&self.fd, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        Ok(())
    }

    /// Receives one dump to its end; `false` when the kernel says that it is not of one piece.
    fn receive_dump(&mut self, take: &mut dyn FnMut(&Message<'_>)) -> io::Result<bool> {
        let mut whole = true;
        loop {
            receive(&self.fd, &mut self.buffer)?;
            for message in messages(&self.buffer).filter(|m| m.sequence == self.sequence) {
                whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match message.kind {
                    // Both carry a negated error number, which is 0 after a dump that went well.
                    NLMSG_DONE | NLMSG_ERROR => {
                        return match read_u32(message.body, 0).map_or(0, u32::cast_signed) {
                            0 => Ok(whole),
                            negated => Err(io::Error::from_raw_os_error(-negated)),
                        };
                    }
                    _ => take(&message),
                }
            }
        }
    }

    /// Waits until there is something to receive, until the other end of `stop` is closed, or for `limit`.
    pub(crate) fn wait(&self, stop: impl AsFd, limit: Option<Duration>) -> io::Result<Wake> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN), PollFd::new(&stop, PollFlags::IN)];
        let limit = limit.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        loop {
            match poll(&mut fds, limit.as_ref()) {
                Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
                Ok(0) => return Ok(Wake::TimedOut),
                Ok(_) if fds[1].revents().is_empty() => return Ok(Wake::Messages),
                Ok(_) => return Ok(Wake::Stopped),
            }
        }
    }

    /// Receives all that waits. `false` when the kernel dropped messages since the buffer was full: what waited is taken out
    /// then too, for only an empty buffer fills again.
    pub(crate) fn receive_waiting(&mut self, take: &mut dyn FnMut(&Message<'_>)) -> io::Result<bool> {
        let mut complete = true;
        loop {
            match receive(&self.fd, &mut self.buffer) {
                Ok(()) => messages(&self.buffer).for_each(|message| take(&message)),
                Err(Errno::NOBUFS) => complete = false,
                Err(Errno::WOULDBLOCK) => return Ok(complete),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Receives one datagram; one larger than the buffer has room for is an error, never cut. Room that nothing came into is never written:
/// it is large, and most datagrams are not.
fn receive(fd: &OwnedFd, buffer: &mut Vec<u8>) -> Result<(), Errno> {
    loop {
        buffer.clear();
        match recv(fd, spare_capacity(buffer), RecvFlags::TRUNC) {
            Ok((kept, length)) if length > kept => return Err(Errno::MSGSIZE),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}

/// The messages of a datagram; what is not one ends the list.
fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(read_u32(datagram, 0)?).ok()?;
        let message = Message {
            kind: read_u16(datagram, 4)?,
            flags: read_u16(datagram, 6)?,
            sequence: read_u32(datagram, 8)?,
            body: datagram.get(HEADER_BYTES..length)?,
        };
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in `bytes`, as type and value; what is not one ends the list.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(read_u16(bytes, 0)?);
        let kind = read_u16(bytes, 2)? & NLA_TYPE_MASK;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The attributes behind a fixed header of `header_bytes`.
pub(crate) fn attributes_after(body: &[u8], header_bytes: usize) -> impl Iterator<Item = (u16, &[u8])> {
    attributes(body.get(header_bytes..).unwrap_or_default())
}

pub(crate) fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

pub(crate) fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes)
}

/// Text up to its end or its zero byte.
pub(crate) fn read_text(bytes: &[u8]) -> String {
    let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// What a test lets the kernel say.
#[cfg(test)]
pub(crate) fn message(kind: u16, body: &[u8]) -> Message<'_> {
    Message { kind, flags: 0, sequence: 0, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_go_on_for_ever(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let read = messages(&bytes).map(|m| m.body.len() + HEADER_BYTES).sum::<usize>();
            prop_assert!(read <= bytes.len());
            let read = attributes(&bytes).map(|(_, value)| value.len() + 4).sum::<usize>();
            prop_assert!(read <= bytes.len());
        }
    }
}
