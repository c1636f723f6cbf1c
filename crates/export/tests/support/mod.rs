//! A small server that takes remote write, answers as a test wants, and remembers what it got.
#![allow(dead_code, reason = "each test file uses its part")]

use netrig_export::{Credentials, Picture, RemoteWrite, RemoteWriteOptions};
use netrig_metrics::Exporter;
use netrig_metrics::remote_write::messages::{TimeSeries, WriteRequest};
use netrig_model::{Snapshot, Timestamp};
use prost::Message;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// Long enough for any machine; nothing waits for it that goes well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A request as it came.
pub(crate) struct Got {
    pub(crate) head: Vec<String>,
    pub(crate) request: WriteRequest,
    pub(crate) at: Instant,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn time_ms(&self) -> i64 {
        self.request.timeseries[0].samples[0].timestamp
    }
}

/// What a series is called: `name{label="value"}`, in the order of the message.
pub(crate) fn name(series: &TimeSeries) -> String {
    let labels: Vec<_> = series.labels.iter().map(|l| format!("{}={:?}", l.name, l.value)).collect();
    labels.join(",")
}

/// Answers the n-th request, from 0, with what `answer` says: a status line with headers; nothing where it says none. Tells of
/// each.
pub(crate) fn serve(answer: impl Fn(usize) -> Option<&'static str> + Send + 'static) -> (SocketAddr, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    (address, serve_on(listener, answer))
}

pub(crate) fn serve_on(
    listener: TcpListener,
    answer: impl Fn(usize) -> Option<&'static str> + Send + 'static,
) -> Receiver<Got> {
    let (tell, got) = channel();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for n in 0.. {
            let Ok((stream, _)) = listener.accept() else { return };
            let Ok(Some(held)) = turn(stream, answer(n), &tell) else { continue };
            silent.push(held);
        }
    });
    got
}

fn turn(mut stream: TcpStream, answer: Option<&str>, tell: &Sender<Got>) -> std::io::Result<Option<TcpStream>> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let head: Vec<String> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let length = head.iter().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let plain = snap::raw::Decoder::new().decompress_vec(&body).expect("snappy");
    let request = WriteRequest::decode(&*plain).expect("a write request");
    // Nobody listens once the test is over.
    let _ = tell.send(Got { head, request, at: Instant::now() });
    let Some(answer) = answer else { return Ok(Some(stream)) };
    write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(None)
}

pub(crate) fn options(address: SocketAddr) -> RemoteWriteOptions {
    RemoteWriteOptions {
        url: format!("http://{address}/api/v1/write"),
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(20),
        credentials: Credentials::None,
        ca_file: None,
        labels: BTreeMap::from([("job", "netrig"), ("instance", "lab")].map(|(k, v)| (k.to_owned(), v.to_owned()))),
        native_histograms: false,
        queue_bytes_max: 8 << 20,
        samples_max: 2_000,
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Timestamp(i64::try_from(since.as_nanos()).expect("before 2262"))
}

/// The same picture over and over, each taken when it is asked for.
pub(crate) fn always(picture: Snapshot) -> Picture {
    Box::new(move || Arc::new(Snapshot { taken: now(), ..picture.clone() }))
}

pub(crate) fn start(options: &RemoteWriteOptions, picture: Picture) -> RemoteWrite {
    RemoteWrite::start(options, Arc::new(Mutex::new(Exporter::default())), picture).expect("it starts")
}

/// Waits until it is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}
