//! Lines of real packets, as they are to stay. `UPDATE_GOLDEN=1 cargo test -p netrig-capture` writes
//! them anew; read them before you commit them.

use crate::captures::{captures, frames};
use netrig_capture::{Interface, InterfaceNumber, Packet, Zone, push_line};
use netrig_model::{Direction, Timestamp};
use std::path::Path;

/// Packets of a capture that are enough to see.
const LINES: usize = 60;

fn lines(capture: &Path) -> String {
    let interface = Interface { name: "eth0".into(), ..Interface::default() };
    let mut text = String::new();
    for frame in frames(capture).iter().take(LINES) {
        let packet = Packet {
            original: frame.original,
            direction: Some(Direction::Ingress),
            ..Packet::whole(Timestamp(frame.ns), InterfaceNumber(0), &frame.octets)
        };
        push_line(&mut text, &packet, &interface, &Zone::east(3600));
        text.push('\n');
    }
    text
}

#[test]
fn lines_of_real_packets_stay_as_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut differ = Vec::new();
    for capture in captures() {
        let name = capture.file_stem().expect("a name").to_string_lossy().into_owned();
        let golden = folder.join(format!("{name}.txt"));
        let lines = lines(&capture);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &lines).expect("write");
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != lines {
            differ.push((name, lines));
        }
    }
    assert!(differ.is_empty(), "lines have changed: {differ:#?}");
}
