//! TCP's own reasons.

use super::Entry;
use crate::DropClass::{Error, Harmless, Policy, Protocol, Resource};

pub(super) const REASONS: &[Entry] = &[
    (
        &["TCP_CSUM"],
        Error,
        "A segment was damaged on the way: look at `ethtool -S` for CRC errors, and try `ethtool -K IFACE rx off` to rule out a device that checks wrongly.",
    ),
    (
        &["TCP_AUTH_HDR"],
        Error,
        "A segment had two signatures or a malformed one: compare the TCP-MD5 or TCP-AO settings of both ends.",
    ),
    (
        &["TCP_MD5NOTFOUND"],
        Policy,
        "A peer does not sign what this socket wants signed (TCP_MD5SIG): give it the same key, as BGP peers need.",
    ),
    (
        &["TCP_MD5UNEXPECTED"],
        Policy,
        "A peer signs though no key is set here for it (TCP_MD5SIG): set the key, or take it off there.",
    ),
    (&["TCP_MD5FAILURE"], Error, "A signature is wrong: both ends of the connection have different TCP-MD5 keys."),
    (&["TCP_AONOTFOUND"], Policy, "A peer does not sign what this socket wants signed (TCP-AO): give it a key."),
    (
        &["TCP_AOUNEXPECTED"],
        Policy,
        "A peer signs though no TCP-AO key is set here for it: add the key, or take it off there.",
    ),
    (
        &["TCP_AOKEYNOTFOUND"],
        Policy,
        "A peer signs with a TCP-AO key number that is unknown here: compare SendID and RecvID of both ends.",
    ),
    (&["TCP_AOFAILURE"], Error, "A TCP-AO signature is wrong: both ends have different keys under the same number."),
    (
        &["TCP_FLAGS"],
        Protocol,
        "A segment's flags make no sense in its connection's state, as of port scans: look at who sends them.",
    ),
    (
        &["TCP_ABORT_ON_DATA"],
        Protocol,
        "The program had closed its socket when the peer still sent, so the connection was reset: let the program read to the end before it closes.",
    ),
    (
        &["TCP_ZEROWINDOW"],
        Resource,
        "The receiving program reads too slowly, its window is closed: look at Recv-Q in `ss -tm` and at the program, or raise net.ipv4.tcp_rmem.",
    ),
    (
        &["TCP_OLD_DATA"],
        Protocol,
        "Data came twice, as the peer sent again what had arrived: look at delayed acknowledgements and round trips with `ss -ti`.",
    ),
    (
        &["TCP_OVERWINDOW"],
        Protocol,
        "Data beyond the window: the peer ignores it, or a middlebox changes sequence numbers.",
    ),
    (
        &["TCP_OFOMERGE"],
        Protocol,
        "Data that was in the out-of-order queue already came again: the way loses or reorders packets, look at `ss -ti`.",
    ),
    (
        &["TCP_RFC7323_PAWS"],
        Protocol,
        "A segment's timestamp is older than its connection's: a late duplicate, or hosts behind one NAT address mixing their clocks.",
    ),
    (
        &["TCP_RFC7323_PAWS_ACK"],
        Harmless,
        "A late acknowledgement with an old timestamp, overtaken by a newer one: nothing was lost.",
    ),
    (
        &["TCP_RFC7323_TW_PAWS"],
        Protocol,
        "A new connection reuses a port in TIME-WAIT with an older timestamp, as clients behind NAT do: look at `nstat -az TcpExtPAWSActive`.",
    ),
    (
        &["TCP_RFC7323_TSECR"],
        Protocol,
        "A segment echoes a timestamp that was never sent: a confused peer, a middlebox, or a blind attack.",
    ),
    (
        &["TCP_LISTEN_OVERFLOW"],
        Resource,
        "A listener's accept queue is full: raise its backlog and net.core.somaxconn, or let the program accept faster (`ss -ltn`).",
    ),
    (
        &["TCP_OLD_SEQUENCE"],
        Protocol,
        "A segment came again whole, its data had been received: the peer sends again too early, or an acknowledgement was lost.",
    ),
    (
        &["TCP_INVALID_SEQUENCE"],
        Protocol,
        "A segment's sequence number is outside its window: a stray of an older connection, or a blind attack.",
    ),
    (
        &["TCP_INVALID_END_SEQUENCE"],
        Protocol,
        "A segment ends beyond its window: the peer sends more than it was allowed to.",
    ),
    (
        &["TCP_INVALID_ACK_SEQUENCE"],
        Protocol,
        "A segment acknowledges what a new connection never sent: a stray of an older one, or a scan.",
    ),
    (
        &["TCP_RESET"],
        Protocol,
        "A reset with a sequence number that does not fit was ignored: a stray, or somebody tries to break connections.",
    ),
    (
        &["TCP_INVALID_SYN"],
        Protocol,
        "A SYN in the middle of a connection: the peer has restarted and reuses the port, or it is a blind attack.",
    ),
    (&["TCP_CLOSE"], Harmless, "A segment came for a connection that is closed: the ordinary end of a conversation."),
    (
        &["TCP_FASTOPEN"],
        Protocol,
        "A connection opened by TCP Fast Open got a segment that its handshake does not want: `nstat -az | grep -i fastopen`.",
    ),
    (
        &["TCP_OLD_ACK"],
        Harmless,
        "An acknowledgement was overtaken by a newer one: packets of this connection are reordered a little.",
    ),
    (&["TCP_TOO_OLD_ACK"], Protocol, "An acknowledgement far behind the window: a late duplicate, or a blind attack."),
    (
        &["TCP_ACK_UNSENT_DATA"],
        Protocol,
        "A peer acknowledges what was never sent: a confused peer or a middlebox that changes sequence numbers.",
    ),
    (
        &["TCP_OFO_QUEUE_PRUNE"],
        Resource,
        "Out-of-order data was thrown away for want of receive memory: raise net.ipv4.tcp_rmem, and find who loses the packets in between.",
    ),
    (&["TCP_OFO_DROP"], Protocol, "Out-of-order data that had been received already: the peer sent it again."),
    (
        &["TCP_MINTTL"],
        Policy,
        "The packet has come too far for the socket's IP_MINTTL (GTSM): a peer behind more routers than allowed, or a forger.",
    ),
];
