//! ICMP's messages, by the words for them.

use etherparse::icmpv4::{DestUnreachableHeader as Unreachable, TimeExceededCode as Exceeded};
use etherparse::icmpv6::{DestUnreachableCode as Unreachable6, TimeExceededCode as Exceeded6};
use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type};
use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A message of ICMP for IPv4.
pub(super) fn v4(out: &mut String, octets: &[u8], whole: usize) -> fmt::Result {
    out.write_str("ICMP ")?;
    let Ok(message) = Icmpv4Slice::from_slice(octets) else { return out.write_str("[|icmp]") };
    match message.icmp_type() {
        Icmpv4Type::EchoRequest(echo) => write!(out, "echo request, id {}, seq {}", echo.id, echo.seq)?,
        Icmpv4Type::EchoReply(echo) => write!(out, "echo reply, id {}, seq {}", echo.id, echo.seq)?,
        Icmpv4Type::DestinationUnreachable(why) => unreachable(out, &why)?,
        Icmpv4Type::Redirect(to) => {
            write!(out, "redirect to {}", Ipv4Addr::from(to.gateway_internet_address))?;
        }
        Icmpv4Type::TimeExceeded(Exceeded::TtlExceededInTransit) => out.write_str("time exceeded in transit")?,
        Icmpv4Type::TimeExceeded(_) => out.write_str("reassembly time exceeded")?,
        Icmpv4Type::ParameterProblem(_) => out.write_str("parameter problem")?,
        Icmpv4Type::TimestampRequest(_) => out.write_str("timestamp request")?,
        Icmpv4Type::TimestampReply(_) => out.write_str("timestamp reply")?,
        Icmpv4Type::Unknown { type_u8, code_u8, .. } => match type_u8 {
            4 => out.write_str("source quench")?,
            9 => out.write_str("router advertisement")?,
            10 => out.write_str("router solicitation")?,
            _ => write!(out, "type {type_u8}, code {code_u8}")?,
        },
    }
    write!(out, ", length {whole}")
}

fn unreachable(out: &mut String, why: &Unreachable) -> fmt::Result {
    let what = match why {
        Unreachable::FragmentationNeeded { next_hop_mtu } => {
            return write!(out, "unreachable - need to frag (mtu {next_hop_mtu})");
        }
        Unreachable::Network => "net unreachable",
        Unreachable::Host => "host unreachable",
        Unreachable::Protocol => "protocol unreachable",
        Unreachable::Port => "port unreachable",
        Unreachable::SourceRouteFailed => "unreachable - source route failed",
        Unreachable::NetworkUnknown => "unreachable - unknown net",
        Unreachable::HostUnknown => "unreachable - unknown host",
        Unreachable::Isolated => "unreachable - source host isolated",
        Unreachable::NetworkProhibited => "unreachable - net prohibited",
        Unreachable::HostProhibited => "unreachable - host prohibited",
        Unreachable::TosNetwork => "unreachable - net unreachable for its type of service",
        Unreachable::TosHost => "unreachable - host unreachable for its type of service",
        Unreachable::FilterProhibited => "unreachable - admin prohibited filter",
        Unreachable::HostPrecedenceViolation => "unreachable - host precedence violation",
        Unreachable::PrecedenceCutoff => "unreachable - precedence cutoff",
    };
    out.write_str(what)
}

/// A message of ICMP for IPv6.
pub(super) fn v6(out: &mut String, octets: &[u8], whole: usize) -> fmt::Result {
    out.write_str("ICMP6, ")?;
    let Ok(message) = Icmpv6Slice::from_slice(octets) else { return out.write_str("[|icmp6]") };
    // Whom a neighbour's message is about.
    let target = message.payload().first_chunk().map(|octets: &[u8; 16]| Ipv6Addr::from(*octets));
    match message.icmp_type() {
        Icmpv6Type::EchoRequest(echo) => write!(out, "echo request, id {}, seq {}", echo.id, echo.seq)?,
        Icmpv6Type::EchoReply(echo) => write!(out, "echo reply, id {}, seq {}", echo.id, echo.seq)?,
        Icmpv6Type::DestinationUnreachable(why) => out.write_str(match why {
            Unreachable6::NoRoute => "unreachable, no route",
            Unreachable6::Prohibited => "unreachable, admin prohibited",
            Unreachable6::BeyondScope => "unreachable, beyond scope of source",
            Unreachable6::Address => "unreachable, address",
            Unreachable6::Port => "unreachable, port",
            Unreachable6::SourceAddressFailedPolicy => "unreachable, source failed policy",
            Unreachable6::RejectRoute => "unreachable, reject route",
        })?,
        Icmpv6Type::PacketTooBig { mtu } => write!(out, "packet too big, mtu {mtu}")?,
        Icmpv6Type::TimeExceeded(Exceeded6::HopLimitExceeded) => out.write_str("time exceeded in transit")?,
        Icmpv6Type::TimeExceeded(_) => out.write_str("reassembly time exceeded")?,
        Icmpv6Type::ParameterProblem(_) => out.write_str("parameter problem")?,
        Icmpv6Type::RouterSolicitation => out.write_str("router solicitation")?,
        Icmpv6Type::RouterAdvertisement(_) => out.write_str("router advertisement")?,
        Icmpv6Type::NeighborSolicitation => about(out, "neighbor solicitation, who has", target)?,
        Icmpv6Type::NeighborAdvertisement(_) => about(out, "neighbor advertisement, tgt is", target)?,
        Icmpv6Type::Redirect => about(out, "redirect, to", target)?,
        Icmpv6Type::Unknown { type_u8, code_u8, .. } => match type_u8 {
            130 => out.write_str("multicast listener query")?,
            131 => out.write_str("multicast listener report")?,
            132 => out.write_str("multicast listener done")?,
            143 => out.write_str("multicast listener report v2")?,
            _ => write!(out, "type {type_u8}, code {code_u8}")?,
        },
    }
    write!(out, ", length {whole}")
}

fn about(out: &mut String, what: &str, whom: Option<Ipv6Addr>) -> fmt::Result {
    match whom {
        Some(whom) => write!(out, "{what} {whom}"),
        None => write!(out, "{what} [|icmp6]"),
    }
}
