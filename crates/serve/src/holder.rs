//! Who holds a port, from /proc: for an error that says what to stop.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The process that listens on `address`: `name (pid 123)`. None where rights or /proc do not tell.
pub(crate) fn holder(address: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|table| listening_inode(&table, address))?;
    let socket = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        holds(&entry.path(), &socket).then(|| named(&entry.path(), pid))
    })
}

fn holds(process: &Path, socket: &str) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target.to_str() == Some(socket)))
}

fn named(process: &Path, pid: u32) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    format!("{} (pid {pid})", name.trim())
}

/// The inode of the socket that listens on `address`, or on every address of the host, in a table of `/proc/net`.
fn listening_inode(table: &str, address: SocketAddr) -> Option<u64> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let (ip, port) = local.split_once(':')?;
        let same_port = u16::from_str_radix(port, 16).ok()? == address.port();
        let covers = ip.bytes().all(|b| b == b'0') || ip.eq_ignore_ascii_case(&in_proc(address.ip()));
        (*state == LISTEN && same_port && covers).then(|| inode.parse().ok())?
    })
}

/// An address as /proc/net writes it: 32-bit words in the host's order.
fn in_proc(ip: IpAddr) -> String {
    let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
    match ip {
        IpAddr::V4(v4) => word(v4.octets()),
        IpAddr::V6(v6) => v6.octets().chunks_exact(4).map(|c| word([c[0], c[1], c[2], c[3]])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn this_process_is_found_holding_its_own_port() {
        for local in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            let Ok(listener) = TcpListener::bind(local) else { continue };
            let mut address = listener.local_addr().expect("address");
            if address.ip().is_unspecified() {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            let found = holder(address).expect("holder");
            assert!(found.ends_with(&format!("(pid {})", std::process::id())), "{local}: {found}");
        }
    }

    #[test]
    fn a_free_port_has_no_holder() {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("address");
        assert_eq!(holder(address), None);
    }
}
