//! Real servers, whose own logs say what was asked of them.

use super::wait_for;
use netrig_testkit::{Background, NetNs, report_skipped};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(10);

/// The names that [`Resolver`] knows: all below this one.
pub(crate) const ZONE: &str = "site.test";

/// nginx on ports 80, 443 and 8080 of all addresses; `/slow` waits for [`SLOW`], `/missing` is not there, `/broken` fails.
pub(crate) struct Nginx {
    _process: Background,
    folder: TempDir,
}

/// How long `/slow` takes.
pub(crate) const SLOW: Duration = Duration::from_millis(600);

/// A line of nginx' log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Access {
    pub(crate) host: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) sni: String,
}

impl Nginx {
    /// None, and the test is reported as skipped, where there is no nginx.
    pub(crate) fn start(ns: &NetNs) -> Option<Self> {
        if !ns.command("nginx").arg("-v").output().is_ok_and(|out| out.status.success()) {
            report_skipped("nginx is not installed");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder for nginx");
        let path = folder.path().display();
        let key = format!("-keyout {path}/key.pem -out {path}/cert.pem -subj /CN=*.{ZONE} -days 2 -nodes");
        let words = format!("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 {key}");
        let made = Command::new("openssl").args(words.split(' ')).output().expect("start openssl");
        assert!(made.status.success(), "no certificate: {}", String::from_utf8_lossy(&made.stderr));
        let sleeper = sleeper(ns);
        let conf = format!(
            r"
daemon off; pid {path}/pid; error_log {path}/error.log; worker_processes 1; user root;
events {{ worker_connections 512; }}
http {{
  log_format told escape=none '$host\t$request_method\t$request_uri\t$status\t$ssl_server_name';
  access_log {path}/access.log told;
  client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;
  uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;
  keepalive_requests 100000;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate {path}/cert.pem; ssl_certificate_key {path}/key.pem;
  server {{
    listen 80; listen 8080; listen 443 ssl http2;
    location / {{ return 200 'hello\n'; }}
    location /missing {{ return 404; }}
    location /broken {{ return 503; }}
    location /large {{ alias {path}/large; }}
    location /slow {{ proxy_pass http://{sleeper}; }}
  }}
}}
"
        );
        fs::write(folder.path().join("nginx.conf"), conf).expect("write nginx.conf");
        fs::write(folder.path().join("large"), vec![b'x'; 1 << 20]).expect("write a large file");
        let process = ns.spawn(&format!("nginx -e {path}/error.log -p {path} -c {path}/nginx.conf"));
        let listens = || ns.inside(|| std::net::TcpStream::connect("127.0.0.1:443")).ok();
        drop(wait_for("nginx listens", START_LIMIT, listens));
        Some(Self { _process: process, folder })
    }

    /// What it was asked, by its own account, once it has told so many requests.
    pub(crate) fn log(&self, requests: usize) -> Vec<Access> {
        wait_for("nginx has told all requests", START_LIMIT, || {
            let text = fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
            (text.lines().count() >= requests).then(|| text.lines().filter_map(access).collect())
        })
    }
}

fn access(line: &str) -> Option<Access> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [host, method, path, status, sni] = fields[..] else { return None };
    let status = status.parse().ok()?;
    Some(Access { host: host.into(), method: method.into(), path: path.into(), status, sni: sni.into() })
}

/// An HTTP server that takes its time. Its thread ends with the test's process.
fn sleeper(ns: &NetNs) -> SocketAddr {
    let listener = ns.inside(|| TcpListener::bind("127.0.0.1:0")).expect("listen");
    let address = listener.local_addr().expect("a listener has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked);
                thread::sleep(SLOW);
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nslow\n");
            });
        }
    });
    address
}

/// dnsmasq on port 53 of one address: all names below [`ZONE`] are that address, no other name is.
pub(crate) struct Resolver {
    _process: Background,
    folder: TempDir,
    address: String,
}

impl Resolver {
    pub(crate) fn start(ns: &NetNs, address: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for dnsmasq");
        let path = folder.path().display();
        let process = ns.spawn(&format!(
            "dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --port=53 --bind-interfaces \
             --listen-address={address} --user=root --pid-file= --local=/test/ --address=/{ZONE}/{address} \
             --local-ttl=60 --cache-size=0 --log-queries --log-async=100 --log-facility={path}/log"
        ));
        fs::write(folder.path().join("resolv.conf"), format!("nameserver {address}\n")).expect("write resolv.conf");
        // Port 53 of UDP, in hexadecimal as the kernel shows it.
        wait_for("dnsmasq listens", START_LIMIT, || ns.run("cat /proc/net/udp").contains(":0035 ").then_some(()));
        Self { _process: process, folder, address: address.to_owned() }
    }

    /// A file that names it, in place of `/etc/resolv.conf`.
    pub(crate) fn conf(&self) -> PathBuf {
        self.folder.path().join("resolv.conf")
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Types and names it was asked for, by its own account, once it has told so many.
    pub(crate) fn log(&self, queries: usize) -> Vec<(String, String)> {
        wait_for("dnsmasq has told all queries", START_LIMIT, || {
            let text = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let told: Vec<_> = text.lines().filter_map(query).collect();
            (told.len() >= queries).then_some(told)
        })
    }
}

/// `… query[A] one.site.test from 10.77.0.1`.
fn query(line: &str) -> Option<(String, String)> {
    let (kind, rest) = line.split_once(" query[")?.1.split_once("] ")?;
    Some((kind.to_owned(), rest.split_once(" from ")?.0.to_owned()))
}

/// Runs a script in a namespace, where this resolver is the host's.
pub(crate) fn run_resolving(ns: &NetNs, resolver: &Resolver, script: &str) -> String {
    // `ip netns exec` gives each command a mount namespace of its own.
    ns.run_script(&format!("mount --bind {} /etc/resolv.conf\n{script}", resolver.conf().display()))
}
