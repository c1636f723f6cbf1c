//! The SYN guard: its answers, octet by octet, and a real client that gets through a flood.

mod policies;

use etherparse::{NetHeaders, PacketBuilder, PacketHeaders, TcpOptionElement, TransportHeader};
use netrig_policy::words::{Action, Family, Match, Mode, Policy, Protocol};
use netrig_probes::policy::PolicyProbe;
use netrig_testkit::{NetNs, Nstat, Pair, SynFlood, require_root};
use policies::{counts, policy_of, put};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;
const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 1];
const HOST: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn guarding(above_per_second: u64, mode: Mode) -> Policy {
    let tcp = vec![Protocol { number: 6, family: Family::Any }];
    policy_of(Match { protocol: Some(tcp), ..Match::default() }, Action::SynGuard { above_per_second }, mode)
}

/// A SYN, or something like it.
struct Syn {
    to: SocketAddr,
    options: Vec<TcpOptionElement>,
    vlan: bool,
    ack: bool,
}

impl Syn {
    fn to(to: SocketAddr) -> Self {
        let options = vec![TcpOptionElement::MaximumSegmentSize(1400), TcpOptionElement::WindowScale(7)];
        Self { to, options, vlan: false, ack: false }
    }

    fn frame(&self) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2(CLIENT, HOST);
        let (source, ports) = (Ipv4Addr::new(127, 0, 0, 9), (40_000, self.to.port()));
        let ip = match (self.to, self.vlan) {
            (SocketAddr::V4(to), false) => ethernet.ipv4(source.octets(), to.ip().octets(), 9),
            (SocketAddr::V4(to), true) => {
                let vlan = etherparse::VlanId::try_new(7).expect("an id");
                ethernet.single_vlan(vlan).ipv4(source.octets(), to.ip().octets(), 9)
            }
            (SocketAddr::V6(to), _) => ethernet.ipv6(Ipv6Addr::LOCALHOST.octets(), to.ip().octets(), 9),
        };
        let tcp = ip.tcp(ports.0, ports.1, 0xffff_ffff, 1000).syn();
        let tcp = if self.ack { tcp.ack(1) } else { tcp };
        let tcp = tcp.options(&self.options).expect("options that fit");
        let mut frame = Vec::new();
        tcp.write(&mut frame, &[]).expect("memory");
        frame
    }
}

/// A door with a policy of this kind, inside a namespace with a listener of both families.
fn with_listener(cookies: &str, above: u64, mode: Mode, work: impl FnOnce(&PolicyProbe, [SocketAddr; 2]) + Send) {
    let ns = NetNs::new("syn");
    ns.sysctl("net.ipv4.tcp_syncookies", cookies);
    ns.inside(|| {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a listener");
        let mut probe = PolicyProbe::load(0).expect("the door is loaded");
        put(&mut probe, &guarding(above, mode), None);
        work(&probe, [&four, &six].map(|listener| listener.local_addr().expect("it has an address")));
    });
}

/// The sum that a right checksum makes all ones, by no code that the probe knows.
fn sums_up(octets: &[u8], pseudo: u32) -> bool {
    let mut sum = pseudo;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

fn assert_answers(syn: &Syn, answer: &[u8], mss: u16) {
    let asked = syn.frame();
    let headers = PacketHeaders::from_ethernet_slice(answer).expect("a whole packet");
    let ethernet = headers.link.and_then(etherparse::LinkHeader::ethernet2).expect("Ethernet");
    assert_eq!((ethernet.source, ethernet.destination), (HOST, CLIENT));
    assert_eq!(headers.link_exts.len(), usize::from(syn.vlan));
    assert!(!syn.vlan || answer[12..18] == asked[12..18], "the tag is the same");
    let network = if syn.vlan { 18 } else { 14 };
    let (transport, pseudo) = match headers.net.expect("IP") {
        NetHeaders::Ipv4(ip, _) => {
            assert_eq!((ip.source, ip.destination), ([127, 0, 0, 1], [127, 0, 0, 9]));
            assert_eq!((ip.total_len, ip.time_to_live, ip.dont_fragment), (44, 64, true));
            assert!(sums_up(&answer[network..network + 20], 0), "the header's checksum");
            (network + 20, &answer[network + 12..network + 20])
        }
        NetHeaders::Ipv6(ip, _) => {
            assert_eq!((ip.source, ip.destination), (Ipv6Addr::LOCALHOST.octets(), Ipv6Addr::LOCALHOST.octets()));
            assert_eq!((ip.payload_length, ip.hop_limit), (24, 64));
            (network + 40, &answer[network + 8..network + 40])
        }
        NetHeaders::Arp(_) => panic!("an answer by ARP"),
    };
    let addresses: u32 = pseudo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    assert!(sums_up(&answer[transport..transport + 24], addresses + 6 + 24), "TCP's checksum");
    let Some(TransportHeader::Tcp(tcp)) = headers.transport else { panic!("not TCP") };
    assert_eq!((tcp.source_port, tcp.destination_port), (syn.to.port(), 40_000));
    assert_eq!(tcp.acknowledgment_number, 0, "one more than the client's, around the end");
    assert!(tcp.syn && tcp.ack && !tcp.rst && !tcp.fin && !tcp.psh && !tcp.ece && !tcp.cwr);
    let options: Vec<_> = tcp.options_iterator().collect::<Result<_, _>>().expect("options");
    assert_eq!(options, [TcpOptionElement::MaximumSegmentSize(mss)]);
    assert!(answer.len() <= asked.len().max(78), "it is no longer than what it answers, or as it must be");
}

#[test]
fn a_syn_that_comes_too_fast_is_answered_by_a_cookie() {
    require_root!();
    with_listener("2", 0, Mode::Enforce, |probe, [four, six]| {
        // Sizes that a cookie has room for; and what a host without the option is taken to have.
        for (to, mss, without) in [(four, 1300, 536), (six, 1220, 1220)] {
            let syn = Syn::to(to);
            let (verdict, answer) = probe.answer(&syn.frame()).expect("a test run");
            assert_eq!(verdict, XDP_TX);
            assert_answers(&syn, &answer, mss);
            // Without options there is no room for the answer's own: it is made.
            let bare = Syn { options: Vec::new(), ..Syn::to(to) };
            let (verdict, answer) = probe.answer(&bare.frame()).expect("a test run");
            assert_eq!(verdict, XDP_TX);
            assert_answers(&bare, &answer, without);
        }
        let tagged = Syn { vlan: true, ..Syn::to(four) };
        let (verdict, answer) = probe.answer(&tagged.frame()).expect("a test run");
        assert_eq!(verdict, XDP_TX);
        assert_answers(&tagged, &answer, 1300);
        assert_eq!(counts(probe), (5, 5));
    });
}

#[test]
fn what_cannot_be_answered_passes() {
    require_root!();
    with_listener("2", 0, Mode::Enforce, |probe, [four, _]| {
        let verdict = |frame: &[u8]| probe.run(frame).expect("a test run");
        let syn = Syn::to(four).frame();
        assert_eq!(verdict(&syn), XDP_TX);
        let closed = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9));
        assert_eq!(verdict(&Syn::to(closed).frame()), XDP_PASS, "nobody listens");
        assert_eq!(verdict(&Syn { ack: true, ..Syn::to(four) }.frame()), XDP_PASS, "not a SYN alone");
        let mut fragment = syn.clone();
        fragment[20] = 0x20;
        assert_eq!(verdict(&fragment), XDP_PASS, "more fragments follow");
        let mut broadcast = syn.clone();
        broadcast[..6].fill(0xff);
        assert_eq!(verdict(&broadcast), XDP_PASS, "for all");
        // Four octets of IP options.
        let mut options = syn.clone();
        options[14] = 0x46;
        options[17] += 4;
        options.splice(34..34, [1, 1, 1, 1]);
        assert_eq!(verdict(&options), XDP_PASS, "IP options");
        let mut cut = syn.clone();
        cut.truncate(syn.len() - 4);
        assert_eq!(verdict(&cut), XDP_PASS, "cut before its options");
        let (matched, over) = counts(probe);
        assert_eq!((matched, over), (7, 1));
    });
}

#[test]
fn the_rate_and_the_mode_are_kept() {
    require_root!();
    with_listener("2", 3, Mode::Enforce, |probe, [four, _]| {
        let syn = Syn::to(four).frame();
        let verdicts: Vec<_> = (0..6).map(|_| probe.run(&syn).expect("a test run")).collect();
        assert_eq!(verdicts, [XDP_PASS, XDP_PASS, XDP_PASS, XDP_TX, XDP_TX, XDP_TX]);
    });
    with_listener("2", 3, Mode::Shadow, |probe, [four, _]| {
        let syn = Syn::to(four).frame();
        assert!((0..6).all(|_| probe.run(&syn).expect("a test run") == XDP_PASS));
        assert_eq!(counts(probe), (6, 3));
    });
    // Where the stack would give no cookie, neither does the guard.
    for cookies in ["0", "1"] {
        with_listener(cookies, 0, Mode::Enforce, |probe, [four, _]| {
            assert_eq!(probe.run(&Syn::to(four).frame()).expect("a test run"), XDP_PASS);
            assert_eq!(counts(probe), (1, 0));
        });
    }
}

/// A server with a queue of eight, on which a flood comes; clients ask it all the same.
fn through_a_flood(label: &str, cookies: &str) {
    const BACKLOG: &str = "8";
    const CLIENTS: usize = 20;
    let pair = Pair::new(label);
    pair.right.sysctl("net.ipv4.tcp_syncookies", cookies);
    pair.right.sysctl("net.core.somaxconn", BACKLOG);
    pair.right.run(&format!("ip route add 10.99.0.0/16 via {}", Pair::LEFT));
    let listener = pair.right.inside(|| TcpListener::bind((Pair::RIGHT, 0)).expect("a listener"));
    let SocketAddr::V4(address) = listener.local_addr().expect("it has an address") else { panic!("IPv4") };
    let index = |ns: &NetNs| -> u32 {
        let told = ns.run("ip -o link show dev eth0");
        told.split(':').next().and_then(|n| n.trim().parse().ok()).expect("the index comes first")
    };
    let mut guard = PolicyProbe::load(0).expect("the door is loaded");
    put(&mut guard, &guarding(10, Mode::Enforce), None);
    // What veth sends from XDP, it hands to a peer that has XDP too; a door without a policy lets all pass.
    let mut open = PolicyProbe::load(0).expect("the door is loaded");
    let (left, right) = (index(&pair.left), index(&pair.right));
    let opened = pair.left.inside(move || open.attach(Pair::IFACE, left).map(|hook| (hook, open)));
    let (_, _open) = opened.expect("it is attached");
    let attached = pair.right.inside(move || guard.attach(Pair::IFACE, right).map(|hook| (hook, guard)));
    let (hook, guard) = attached.expect("it is attached");
    assert_eq!(hook, "xdp-native");
    let before = Nstat::of(&pair.right);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let serve = || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let mut stream = stream.expect("a client");
                let mut asked = [0; 4];
                stream.read_exact(&mut asked).expect("a question");
                assert_eq!(&asked, b"GET ");
                stream.write_all(&[b'x'; 100_000]).expect("it takes the answer");
            }
        };
        scope.spawn(serve);
        let flood = SynFlood::start(&pair.left, address);
        std::thread::sleep(Duration::from_millis(500));
        let ask = || {
            let mut stream = TcpStream::connect_timeout(&address.into(), Duration::from_secs(3)).expect("it connects");
            stream.set_read_timeout(Some(Duration::from_secs(3))).expect("a time");
            stream.write_all(b"GET ").expect("it takes the question");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("the answer comes");
            assert_eq!(answer.len(), 100_000);
        };
        let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pair.left.inside(|| (0..CLIENTS).for_each(|_| ask()));
        }));
        let sent = flood.sent();
        drop(flood);
        over.store(true, Ordering::Relaxed);
        // The server waits for one more.
        let _ = pair.left.inside(|| TcpStream::connect_timeout(&address.into(), Duration::from_secs(3)));
        asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (matched, answered) = counts(&guard);
        let told = Nstat::of(&pair.right);
        let known = told.since(&before, "TcpExtSyncookiesRecv");
        println!("sent {sent}, matched {matched}, answered {answered}, cookies that came back {known}");
        assert!(answered > sent / 2, "of {sent} SYNs {answered} were answered, {matched} were seen");
        assert!(known >= CLIENTS as i64 / 2, "{known} connections by cookies");
        assert_eq!(told.since(&before, "TcpExtSyncookiesFailed"), 0);
    });
}

#[test]
fn clients_get_through_a_flood_where_cookies_are_for_all() {
    require_root!();
    through_a_flood("flood-2", "2");
}

#[test]
fn clients_get_through_a_flood_where_cookies_begin_at_a_full_queue() {
    require_root!();
    through_a_flood("flood-1", "1");
}
