//! What is copied of a flow as it goes on.

use crate::packets::{ACK, FIN, PSH, Packet, RST, SYN, tcp, udp};
use crate::runs::{Run, options};
use netrig_probes::flow::{FlowOptions, FlowSizes};
use netrig_testkit::require_root;

/// A connection's packets in one direction, one behind the other.
struct Stream {
    ports: (u16, u16),
    sequence: u32,
}

impl Stream {
    fn new(port: u16) -> Self {
        Self { ports: (port, 80), sequence: 1000 }
    }

    fn next(&mut self, payload: &[u8]) -> Packet {
        let packet = tcp(self.ports, self.sequence, payload);
        self.sequence = self.sequence.wrapping_add(payload.len() as u32);
        packet
    }
}

#[test]
fn a_tls_hello_over_several_segments_is_copied_within_the_budget() {
    require_root!();
    for mut run in Run::both() {
        let mut stream = Stream::new(1);
        let hello = [&[0x16, 3, 1, 2, 0][..], &[7; 195]].concat();
        assert_eq!(run.copied(&stream.next(&hello)), Some(200));
        assert_eq!(run.copied(&stream.next(&[8; 200])), Some(200));
        assert_eq!(run.copied(&stream.next(&[9; 200])), Some(112));
        assert_eq!(run.copied(&stream.next(&[9; 200])), None, "the budget is used");
        assert_eq!(run.copied(&stream.next(&hello)), None);
        assert_eq!(run.copied(&stream.next(&[]).flags(FIN | ACK)), None, "nothing is expected any more");
    }
}

#[test]
fn enciphered_data_is_left_alone() {
    require_root!();
    for mut run in Run::both() {
        let mut stream = Stream::new(1);
        assert_eq!(run.copied(&stream.next(&[0x16, 3, 3, 0, 4, 2, 0, 0, 0])), Some(9));
        assert_eq!(run.copied(&stream.next(&[0x15, 3, 3, 0, 2, 2, 40])), Some(7));
        assert_eq!(run.copied(&stream.next(&[0x17, 3, 3, 0, 40, 1, 1, 1])), None);
        assert_eq!(run.copied(&stream.next(&[0x16, 3, 3, 0, 4, 2, 0, 0, 0])), None, "it is over");
    }
}

#[test]
fn http_heads_are_copied_and_bodies_are_not() {
    require_root!();
    for mut run in Run::both() {
        let mut stream = Stream::new(1);
        for _ in 0..20 {
            let head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n";
            assert_eq!(run.octets(&stream.next(head)).as_deref(), Some(&head[..]));
            assert_eq!(run.copied(&stream.next(&[b'b'; 1000])), None);
            assert_eq!(run.copied(&stream.next(b"GETTING ON WITH IT")), None);
            assert_eq!(run.copied(&stream.next(b"G")), None, "it may begin a head, but is not the first packet");
        }
    }
}

#[test]
fn a_head_that_does_not_end_goes_on_until_it_does_or_the_budget_is_used() {
    require_root!();
    for mut run in Run::both() {
        let mut stream = Stream::new(1);
        assert_eq!(run.copied(&stream.next(b"GET / HTTP/1.1\r\nHost: a\r\n")), Some(25));
        assert_eq!(run.copied(&stream.next(b"Accept: *\r\n")), Some(11));
        assert_eq!(run.copied(&stream.next(b"X: y\r\n\r\n")), Some(8));
        assert_eq!(run.copied(&stream.next(b"a body")), None);
        assert_eq!(run.copied(&stream.next(&[&b"HTTP/1.1 200 OK\r\n"[..], &[b'x'; 283]].concat())), Some(300));
        assert_eq!(run.copied(&stream.next(&[b'x'; 300])), Some(212));
        assert_eq!(run.copied(&stream.next(&[b'x'; 300])), None);
        assert_eq!(run.copied(&stream.next(&[&b"HTTP/1.1 304 "[..], &[b'x'; 900]].concat())), Some(512));
        assert_eq!(run.copied(&stream.next(b"b")), None);
    }
}

#[test]
fn http2_has_one_budget() {
    require_root!();
    for mut run in Run::both() {
        let mut stream = Stream::new(1);
        assert_eq!(run.copied(&stream.next(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")), Some(24));
        assert_eq!(run.copied(&stream.next(&[0; 400])), Some(400));
        assert_eq!(run.copied(&stream.next(&[0; 400])), Some(88));
        assert_eq!(run.copied(&stream.next(&[0; 400])), None);
    }
}

#[test]
fn what_begins_octet_by_octet_is_copied_octet_by_octet() {
    require_root!();
    for mut run in Run::both() {
        let hello = [0x16, 3, 1, 0, 20, 1, 0, 0, 16, 3, 3, 1, 2, 3, 4, 5];
        for (port, whole) in
            (1..).zip([&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &b"PRI * HTTP/2.0\r\n\r\n"[..], &hello])
        {
            let mut stream = Stream::new(port);
            for octet in whole {
                assert_eq!(run.octets(&stream.next(&[*octet])).as_deref(), Some(&[*octet][..]), "port {port}");
            }
        }
    }
}

#[test]
fn something_may_begin_within_eight_packets() {
    require_root!();
    for mut run in Run::both() {
        let hello = [0x16, 3, 1, 0, 20, 1, 0, 0, 16];
        for (port, before) in [(1, 7), (2, 8)] {
            let mut stream = Stream::new(port);
            assert_eq!(run.copied(&tcp((port, 80), 0, &[]).flags(SYN)), None);
            for _ in 0..before {
                assert_eq!(run.copied(&stream.next(b"250-STARTTLS\r\n")), None);
                assert_eq!(run.copied(&stream.next(&[])), None, "without payload it does not count");
            }
            assert_eq!(run.copied(&stream.next(&hello)).is_some(), before == 7);
        }
    }
}

#[test]
fn of_a_flow_that_did_not_begin_here_the_rest_of_what_began_elsewhere_is_copied_and_requests_are_found_at_any_time() {
    require_root!();
    for mut run in Run::both() {
        let mut stream = Stream::new(1);
        let mut see = |octets: &[u8], flags| run.copied(&stream.next(octets).flags(flags));
        assert_eq!(see(b"ost: example.org\r\n\r\n", ACK | PSH), Some(20));
        assert_eq!(see(&[b'x'; 480], ACK), None, "there is more to come: a body");
        assert_eq!(see(&[b'x'; 480], ACK | PSH), Some(480));
        assert_eq!(see(&[b'x'; 30], ACK | PSH), None, "beyond the budget");
        for _ in 0..100 {
            assert_eq!(see(&[b'x'; 480], ACK), None);
        }
        assert_eq!(see(b"GET / HTTP/1.1\r\n\r\n", ACK | PSH), Some(18));
        let mut stream = Stream::new(2);
        let mut see = |octets: &[u8]| run.copied(&stream.next(octets).flags(ACK | PSH));
        assert_eq!(see(&[0x17, 3, 3, 0, 40, 1, 2, 3]), None, "enciphered");
        assert_eq!(see(b"GET / HTTP/1.1\r\n\r\n"), None);
    }
}

#[test]
fn a_hello_behind_connect_is_copied_too() {
    require_root!();
    for mut run in Run::both() {
        let mut stream = Stream::new(1);
        let mut see = |octets: &[u8]| run.copied(&stream.next(octets));
        assert_eq!(see(b"CONNECT a:443 HTTP/1.1\r\n\r\n"), Some(26));
        assert_eq!(see(&[0x16, 3, 1, 0, 90, 9, 0, 0, 16]), None, "no hello");
        let hello = [&[0x16, 3, 1, 0, 90, 1, 0, 0, 86][..], &[7; 86]].concat();
        assert_eq!(see(&hello), Some(95));
        assert_eq!(see(b"GET / HTTP/1.1\r\n\r\n"), Some(18), "what follows is TLS' now");
        assert_eq!(see(&[0x17, 3, 3, 0, 40, 1, 2, 3]), None);
        assert_eq!(see(&hello), None, "it is over");
    }
}

#[test]
fn dns_over_tcp_has_a_budget_for_what_is_written_at_once() {
    require_root!();
    for mut run in Run::both() {
        let ports = (4000, 53);
        let mut see = |length: usize, flags| run.copied(&tcp(ports, 1, &vec![3; length]).flags(flags));
        assert_eq!(see(400, ACK), Some(400));
        assert_eq!(see(400, ACK), Some(112));
        assert_eq!(see(400, ACK), None);
        assert_eq!(see(400, ACK | PSH), None, "the last of it");
        assert_eq!(see(400, ACK | PSH), Some(400));
        assert_eq!(see(400, ACK | PSH), Some(400));
    }
}

#[test]
fn an_end_is_told_where_something_was_expected() {
    require_root!();
    for mut run in Run::both() {
        let get = b"GET / HTTP/1.1\r\n\r\n";
        for (port, flags) in [(1, FIN | ACK), (2, RST)] {
            let mut stream = Stream::new(port);
            assert!(run.copied(&stream.next(get)).is_some());
            let told = run.see(&stream.next(&[]).flags(flags));
            assert_eq!((told[0].tcp_flags, told[0].length, told[0].octets.len()), (flags, 0, 0));
            assert_eq!(told[0].sequence, stream.sequence);
            assert_eq!(run.copied(&stream.next(&[]).flags(flags)), None, "once");
        }
        // With payload that is not wanted otherwise.
        let mut stream = Stream::new(3);
        assert!(run.copied(&stream.next(get)).is_some());
        let told = run.see(&stream.next(&[1; 30]).flags(FIN | ACK));
        assert_eq!((told[0].length, told[0].octets.len()), (30, 0));
        // Nothing was ever said in this direction: it will not be answered.
        assert_eq!(run.copied(&tcp((4, 80), 0, &[]).flags(SYN | ACK)), None);
        assert_eq!(run.copied(&tcp((4, 80), 1, &[]).flags(RST)), Some(0));
        // Refused at once, or something that nobody knows.
        assert_eq!(run.copied(&tcp((5, 80), 1, &[]).flags(RST)), None);
        let mut stream = Stream::new(6);
        assert_eq!(run.copied(&stream.next(b"SSH-2.0-x")), None);
        assert_eq!(run.copied(&stream.next(&[]).flags(FIN | ACK)), None);
    }
}

#[test]
fn a_syn_begins_anew_where_ports_are_used_again() {
    require_root!();
    for mut run in Run::both() {
        for _ in 0..3 {
            assert_eq!(run.copied(&tcp((1, 80), 9, &[]).flags(SYN)), None);
            let mut stream = Stream::new(1);
            for _ in 0..8 {
                assert_eq!(run.copied(&stream.next(b"something else")), None);
            }
            assert_eq!(run.copied(&stream.next(b"GET / HTTP/1.1\r\n\r\n")), None);
            assert_eq!(run.copied(&tcp((1, 80), 9, &[]).flags(SYN)), None);
            assert_eq!(run.copied(&stream.next(b"GET / HTTP/1.1\r\n\r\n")), Some(18));
        }
    }
}

#[test]
fn a_slot_that_changes_hands_knows_nothing() {
    require_root!();
    let sizes = FlowSizes { slots4: 4, ..options().sizes };
    let mut run = Run::with(&FlowOptions { sizes, ..options() });
    let other = |source: u8| Packet { source, ..udp((7000, 7000), &[1; 20]) };
    for round in 0..50_u8 {
        run.see(&tcp((1, 80), 0, &[]).flags(SYN));
        for _ in 0..9 {
            assert_eq!(run.copied(&tcp((1, 80), 1, b"something else")), None, "round {round}");
        }
        assert_eq!(run.copied(&tcp((1, 80), 1, b"GET / HTTP/1.1\r\n\r\n")), None);
        // All places become others'.
        for source in 0..30 {
            run.see(&other(10 + source));
        }
        assert_eq!(run.copied(&tcp((1, 80), 1, b"GET / HTTP/1.1\r\n\r\n")), Some(18));
        for source in 0..30 {
            run.see(&other(50 + source));
        }
    }
}
