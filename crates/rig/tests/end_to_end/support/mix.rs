//! Traffic of every kind a rig tells of: what works, what fails, what is dropped.

use super::drops::send_datagrams;
use super::servers::{Nginx, Resolver, ZONE, run_resolving};
use super::street::{FAR, NEAR};
use super::{Rig, Street, udp_churn};
use netrig_testkit::{Answers, Connect, Datagrams, Questions, Server};
use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ports of the street that no other test serves: a rig knows a service by its port, whatever its namespace.
pub(crate) const ASKED: u16 = 20_801;
const LOSSY: u16 = 20_802;
const UNHEARD: u16 = 20_803;
const CLOSED: u16 = 20_804;
const FULL: u16 = 20_805;
/// What the policy takes away before it arrives.
const WALLED: u16 = 20_806;
/// How many questions one round has.
const QUESTIONS: usize = 210;

/// Drops what is walled, limits and watches the rest.
const POLICY: &str = r#"
[[rule]]
id = "walled"
match = { protocol = "udp", dst_port = 20806 }
action = "drop"

[[rule]]
id = "watched"
match = { protocol = "tcp" }
action = "drop"
mode = "shadow"

[[rule]]
id = "all"
match = { ethertype = ["ipv4", "ipv6"] }
action = "count"
"#;

/// A rig sees its ports in all namespaces: two at a time would be in each other's counts.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Both ends of it: clients at the near house, where the rig is, servers at the far one.
pub(crate) struct Mix<'a> {
    street: &'a Street,
    _nginx: Nginx,
    resolver: Resolver,
    asked: Server,
    lossy: Server,
    unheard: Server,
    full: UdpSocket,
    _alone: MutexGuard<'static, ()>,
}

impl<'a> Mix<'a> {
    /// Its servers; none, and the test is reported as skipped, where one of them is not installed.
    pub(crate) fn of(street: &'a Street) -> Option<Self> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let nginx = Nginx::start(&street.far)?;
        let at = |port: u16| (far(), port);
        let full = street.near.inside(|| UdpSocket::bind((NEAR, FULL))).expect("bind");
        Some(Self {
            street,
            _nginx: nginx,
            resolver: Resolver::start(&street.far, FAR),
            asked: Server::answering(&street.far, at(ASKED), Answers::default().think(Duration::from_micros(200))),
            lossy: Server::sink(&street.far, at(LOSSY)),
            unheard: Server::never_accepting(&street.near, (NEAR.parse::<IpAddr>().expect("an address"), UNHEARD), 1),
            full,
            _alone: alone,
        })
    }

    /// Puts rules in force at the rig's interface.
    pub(crate) fn apply_policy(&self, rig: &Rig<'_>) {
        let file = rig.folder().join("policy.toml");
        fs::write(&file, POLICY).expect("write the policy");
        rig.ask(&["policy", "apply", file.to_str().expect("text"), "-i", "near0"]);
    }

    /// Some seconds of it.
    pub(crate) fn round(&self) {
        self.web();
        let asked = Questions::to(self.asked.address(), QUESTIONS).on_connections(3).ask(&self.street.near);
        assert_eq!(asked.count(), QUESTIONS);
        let _ = Questions::to(self.asked.address(), 20).connect_for_each().ask(&self.street.near);
        self.sent_again();
        self.refused();
        self.datagrams();
    }

    /// HTTP with answers of several classes, TLS with and without trust, names that are there and that are not.
    fn web(&self) {
        let script = format!(
            "curl -s -o /dev/null 'http://web.{ZONE}/[1-60]' http://web.{ZONE}/missing http://web.{ZONE}/broken
             curl -s -o /dev/null http://web.{ZONE}/large http://slow.{ZONE}/slow
             curl -s -k -o /dev/null https://secure.{ZONE}/
             curl -s -k -o /dev/null --tls-max 1.2 https://secure.{ZONE}/
             curl -s -o /dev/null --tls-max 1.2 https://distrusted.{ZONE}/ || true
             curl -s -o /dev/null http://nowhere.test/ || true
             ip neigh flush dev near0; ping -q -c 1 -W 2 {FAR}"
        );
        run_resolving(&self.street.near, &self.resolver, &script);
    }

    /// Data that is lost for a while, and a server that refuses.
    fn sent_again(&self) {
        let mut client = Connect::to(self.lossy.address()).from(&self.street.near).expect("connect");
        let before = self.lossy.received_bytes();
        client.write_all(&[1; 10_000]).expect("send");
        self.lossy.wait_received(before + 10_000);
        self.street.far.run_script(&format!(
            "nft add table ip mix; nft 'add chain ip mix in {{ type filter hook input priority 0; }}'
             nft add rule ip mix in tcp dport {LOSSY} drop"
        ));
        client.write_all(&[2; 10_000]).expect("send");
        std::thread::sleep(Duration::from_millis(400));
        self.street.far.run("nft delete table ip mix");
        self.lossy.wait_received(before + 20_000);
    }

    /// Nobody listens, or nobody accepts.
    fn refused(&self) {
        self.street.near.inside(|| {
            for _ in 0..5 {
                TcpStream::connect((FAR, CLOSED)).expect_err("nobody listens");
            }
        });
        let connect = || TcpStream::connect_timeout(&self.unheard.address(), Duration::from_millis(100));
        let tried: Vec<_> = self.street.far.inside(|| (0..6).map(|_| connect()).collect());
        assert!(tried.iter().any(Result::is_err), "the queue is full");
    }

    /// To ports nobody has, to a buffer that is full, to a wall; and a burst.
    fn datagrams(&self) {
        let (near, far) = (ipv4(NEAR), ipv4(FAR));
        self.street.near.inside(|| {
            udp_churn(50, 2, 100);
            send_datagrams(near, (far, CLOSED), 50, 100);
            drop(Datagrams::to(SocketAddr::from(([10, 78, 0, 1], 9))).times(3, Duration::from_millis(300)).send());
        });
        self.street.far.inside(|| {
            send_datagrams(far, (near, WALLED), 50, 100);
            send_datagrams(far, (near, FULL), 600, 1400);
        });
        self.full.set_nonblocking(true).expect("a socket need not block");
        while self.full.recv(&mut [0; 2048]).is_ok() {}
    }
}

fn ipv4(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn far() -> IpAddr {
    IpAddr::V4(ipv4(FAR))
}
