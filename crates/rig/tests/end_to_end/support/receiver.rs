//! Who takes what a rig sends by remote write.

use super::wait_for;
use netrig_testkit::{Background, NetNs, Prometheus, PrometheusSetup, report_skipped};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(30);
/// Nothing is scraped: whoever receives has nothing else to do.
const IDLE: Duration = Duration::from_secs(60);

/// A Prometheus that takes remote write and scrapes nothing; none, and the test is reported as skipped, where there is none.
pub(crate) fn receiving(ns: &NetNs) -> Option<Prometheus> {
    PrometheusSetup::every(IDLE).flag("--web.enable-remote-write-receiver").start(Some(ns))
}

/// `[remote_write]` to this address; `more` are further keys.
pub(crate) fn sent_to(scheme: &str, address: SocketAddr, more: &str) -> String {
    format!("[remote_write]\nurl = \"{scheme}://{address}/api/v1/write\"\ninterval = \"1s\"\n{more}")
}

/// What a [`Receiver`] does with each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It is taken.
    Takes,
    /// It is taken after a while.
    IsSlow(Duration),
    /// It will never be taken.
    Refuses,
    /// Nothing is said.
    Hangs,
}

/// A server that takes remote write, or does not, as a test wants.
pub(crate) struct Receiver {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicU64>,
}

impl Receiver {
    /// In a namespace, at first in a good mood. Its threads end with the test's process.
    pub(crate) fn start(ns: &NetNs) -> Self {
        let listener = ns.inside(|| TcpListener::bind("127.0.0.1:0")).expect("listen");
        let address = listener.local_addr().expect("a listener has an address");
        let (mood, asked) = (Arc::new(Mutex::new(Mood::Takes)), Arc::new(AtomicU64::new(0)));
        let (of_all, counted) = (Arc::clone(&mood), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mood, asked) = (Arc::clone(&of_all), Arc::clone(&counted));
                // Whoever asked may be gone.
                thread::spawn(move || _ = serve(&stream, &mood, &asked));
            }
        });
        Self { address, mood, asked }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the next request on.
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// One request after the other, as long as the connection lasts.
fn serve(stream: &TcpStream, mood: &Mutex<Mood>, asked: &AtomicU64) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let head: Vec<_> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        if head.is_empty() {
            return Ok(());
        }
        let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        reader.read_exact(&mut vec![0; length.unwrap_or(0)])?;
        asked.fetch_add(1, Ordering::Relaxed);
        let now = *mood.lock().unwrap_or_else(PoisonError::into_inner);
        let status = match now {
            Mood::Takes => "204 No Content",
            Mood::IsSlow(time) => {
                thread::sleep(time);
                "204 No Content"
            }
            Mood::Refuses => "400 Bad Request",
            // Until who asked loses patience, and closes.
            Mood::Hangs => return reader.read_exact(&mut [0]),
        };
        let mut writer = stream;
        write!(writer, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")?;
    }
}

/// A door with TLS in front of a server of its namespace, with a certificate that it signed itself.
pub(crate) struct TlsDoor {
    _nginx: Background,
    folder: TempDir,
}

impl TlsDoor {
    const ADDRESS: &str = "127.0.0.1:9443";

    /// None, and the test is reported as skipped, where nginx is not installed.
    pub(crate) fn to(ns: &NetNs, behind: SocketAddr) -> Option<Self> {
        if !ns.command("nginx").arg("-v").output().is_ok_and(|out| out.status.success()) {
            report_skipped("nginx is not installed");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder for nginx");
        let path = folder.path().display();
        let words = format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout {path}/key.pem -out {path}/cert.pem \
             -subj /CN=receiver -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE -days 2 -nodes"
        );
        let made = Command::new("openssl").args(words.split_whitespace()).output().expect("start openssl");
        assert!(made.status.success(), "no certificate: {}", String::from_utf8_lossy(&made.stderr));
        let address = Self::ADDRESS;
        let conf = format!(
            "daemon off; pid {path}/pid; error_log {path}/error.log; worker_processes 1; user root;
             events {{ worker_connections 64; }}
             http {{
               access_log off; client_max_body_size 16m;
               client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;
               uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;
               server {{
                 listen {address} ssl; ssl_certificate {path}/cert.pem; ssl_certificate_key {path}/key.pem;
                 location / {{ proxy_pass http://{behind}; }}
               }}
             }}"
        );
        fs::write(folder.path().join("nginx.conf"), conf).expect("write nginx.conf");
        let nginx = ns.spawn(&format!("nginx -e {path}/error.log -p {path} -c {path}/nginx.conf"));
        let listens = || ns.inside(|| TcpStream::connect(Self::ADDRESS)).ok();
        drop(wait_for("nginx listens", START_LIMIT, listens));
        Some(Self { _nginx: nginx, folder })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        Self::ADDRESS.parse().expect("an address")
    }

    /// The file with its certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}
