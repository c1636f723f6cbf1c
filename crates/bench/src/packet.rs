//! The packets that test runs start from; the programs fill in the flow.

/// Smallest frame of both families here, so that both copy the same.
const LEN: usize = 86;

/// UDP over IPv4 or IPv6, addresses and ports as yet those of no flow.
pub(crate) fn udp(is_ipv6: bool) -> Vec<u8> {
    let mut frame = vec![0_u8; LEN];
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    let payload_len = (LEN - 14) as u16;
    if is_ipv6 {
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        frame[14] = 0x60;
        frame[18..20].copy_from_slice(&(payload_len - 40).to_be_bytes());
        frame[20..22].copy_from_slice(&[17, 64]);
        frame[22..30].copy_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 1]);
        frame[38..46].copy_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 2]);
        frame[53] = 1;
        frame[54..60].copy_from_slice(&[0, 0, 1, 187, 0, 32]);
    } else {
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x45;
        frame[16..18].copy_from_slice(&payload_len.to_be_bytes());
        frame[22..24].copy_from_slice(&[64, 17]);
        frame[30..34].copy_from_slice(&[192, 0, 2, 1]);
        frame[34..40].copy_from_slice(&[0, 0, 1, 187, 0, 52]);
    }
    frame
}

/// UDP to this port, with payload.
pub(crate) fn udp_to(is_ipv6: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut header = [0; 8];
    header[2..4].copy_from_slice(&port.to_be_bytes());
    header[4..6].copy_from_slice(&(8 + payload.len() as u16).to_be_bytes());
    over_ip(is_ipv6, 17, &header, payload)
}

/// TCP's flags.
pub(crate) const SYN: u8 = 2;
pub(crate) const ACK: u8 = 16;

/// TCP to this port, with flags, payload and the usual options.
pub(crate) fn tcp_to(is_ipv6: bool, port: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = [1; 32];
    header[2..4].copy_from_slice(&port.to_be_bytes());
    header[12..14].copy_from_slice(&[8 << 4, flags]);
    over_ip(is_ipv6, 6, &header, payload)
}

fn over_ip(is_ipv6: bool, protocol: u8, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let ip = if is_ipv6 { 40 } else { 20 };
    let mut frame = udp(is_ipv6)[..14 + ip].to_vec();
    let length = (header.len() + payload.len()) as u16;
    if is_ipv6 {
        frame[18..20].copy_from_slice(&length.to_be_bytes());
        frame[20] = protocol;
    } else {
        frame[16..18].copy_from_slice(&(20 + length).to_be_bytes());
        frame[23] = protocol;
    }
    frame.extend(header);
    frame.extend(payload);
    frame
}
