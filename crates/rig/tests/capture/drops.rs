//! What the kernel throws away, with its reason.

use crate::support::{Capture, Folder, fields};
use netrig_testkit::{Nstat, Pair, require_root};
use std::net::UdpSocket;
use std::time::Duration;

const PACKETS: usize = 20;

#[test]
fn datagrams_for_nobody_are_captured_with_the_kernels_reason() {
    require_root!();
    let pair = Pair::new("cap-drop");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let word = file.to_str().expect("text");
    let capture = Capture::start(&pair.right, &["--hook", "drop", "-i", Pair::IFACE, "udp dst port 4999", "-w", word]);
    let before = Nstat::of(&pair.right);
    pair.left.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("a socket");
        for number in 0..PACKETS {
            let _ = socket.send_to(format!("number {number}").as_bytes(), (Pair::RIGHT, 4999));
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    let refused = Nstat::of(&pair.right).since(&before, "UdpNoPorts");
    let ended = capture.stop().fine();
    let rows = fields(&file, &["frame.comment", "udp.dstport", "ip.src", "udp.payload", "frame.interface_name"]);
    assert_eq!((rows.len() as i64, rows.len()), (refused, PACKETS), "{}", ended.said);
    for (number, row) in rows.iter().enumerate() {
        assert!(row[0].contains("NO_SOCKET"), "{row:?}");
        let payload: String = format!("number {number}").bytes().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(row[1..], ["4999".to_owned(), Pair::LEFT.to_string(), payload, Pair::IFACE.to_owned()], "{row:?}");
    }
}

#[test]
fn a_line_says_why() {
    require_root!();
    let pair = Pair::new("cap-why");
    pair.right.run_script("nft add table ip t; nft 'add chain ip t c { type filter hook input priority 0; }'; nft add rule ip t c udp dport 4998 drop");
    let capture = Capture::start(&pair.right, &["--hook", "drop", "-i", "any", "-c", "1", "udp dst port 4998"]);
    pair.left.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("a socket");
        socket.send_to(b"out", (Pair::RIGHT, 4998)).expect("send");
    });
    let ended = capture.wait().fine();
    assert!(ended.out.contains("dropped: NETFILTER_DROP"), "{}{}", ended.out, ended.said);
    assert!(ended.out.contains("10.55.0.2.4998: UDP, length 3"), "{}", ended.out);
}
