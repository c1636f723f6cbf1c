//! What makes the hooks of probes run.

use crate::echo::{REQUEST_BYTES, Server};
use anyhow::{Context, Result};
use netrig_testkit::NetNs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

/// Where the loads run.
pub(crate) fn namespace(label: &str) -> NetNs {
    let namespace = NetNs::new(label);
    // Whoever connects ten thousand times a second runs out of ports that are not waiting.
    namespace.run("sysctl -qw net.ipv4.tcp_max_tw_buckets=1000");
    namespace
}

/// Requests on one connection: round trips and reads.
pub(crate) fn echo(server: &Server, requests: u32) -> Result<()> {
    server.connect()?.requests(requests, None)
}

/// A connection for each request: states, and sockets made and released.
pub(crate) fn churn(server: &Server, connections: u32) -> Result<()> {
    (0..connections).try_for_each(|_| server.connect()?.request())
}

/// Connections that nobody accepts: resets sent, received, and errors.
pub(crate) fn refused(connections: u32) -> Result<()> {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    for _ in 0..connections {
        let refused = TcpStream::connect(nobody).is_err();
        anyhow::ensure!(refused, "somebody listens on {nobody}, which was closed");
    }
    Ok(())
}

/// Sockets other than TCP's, bound and released.
pub(crate) fn datagram_sockets(sockets: u32) -> Result<()> {
    for _ in 0..sockets {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    }
    Ok(())
}

/// Datagrams of 200 octets to and fro between two sockets, each of which waits for its own.
pub(crate) fn datagrams(round_trips: u32) -> Result<()> {
    let (asking, answering) = (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    asking.connect(answering.local_addr()?)?;
    answering.connect(asking.local_addr()?)?;
    let mut octets = [1; REQUEST_BYTES];
    for _ in 0..round_trips {
        asking.send(&octets)?;
        answering.recv(&mut octets)?;
        answering.send(&octets)?;
        asking.recv(&mut octets)?;
    }
    Ok(())
}

const NEAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);

/// Connections whose other end is suddenly no more: what they send is sent again, each on its own timer.
pub(crate) fn retransmits(near: &NetNs, far: &NetNs, connections: u32) -> Result<()> {
    near.veth_to("near", far, "far");
    near.address("near", &format!("{NEAR}/24"));
    far.address("far", &format!("{FAR}/24"));
    let listener = far.inside(|| TcpListener::bind((FAR, 0)))?;
    let at = SocketAddr::new(IpAddr::V4(FAR), listener.local_addr()?.port());
    let mut streams = near.inside(|| -> Result<Vec<_>> {
        (0..connections)
            .map(|_| Ok((TcpStream::connect(at).context("cannot connect over veth")?, listener.accept()?.0)))
            .collect()
    })?;
    far.run(&format!("ip address delete {FAR}/24 dev far"));
    for (client, _) in &mut streams {
        client.write_all(&[1; 100])?;
    }
    // The first timeouts are after 0.2, 0.6 and 1.4 s.
    sleep(Duration::from_millis(1600));
    Ok(())
}
