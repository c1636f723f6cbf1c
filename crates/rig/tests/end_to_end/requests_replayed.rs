//! Requests of captures, as `netrig replay` tells them, held against tshark's account of the same files.

use crate::support::frames::Capture;
use crate::support::messages::{client_hello, client_hello_in_records, dns, dns_over_tcp, server_hello};
use crate::support::servers::{Nginx, Resolver, ZONE, run_resolving};
use crate::support::street::{FAR, NEAR};
use crate::support::tshark::Account;
use crate::support::{Rig, Street, wait_for};
use netrig_model::RequestRecord;
use netrig_testkit::require_root;
use std::path::Path;
use std::time::Duration;

const ASKS: u16 = 0x0100;
const ANSWERS: u16 = 0x8180;
const A: u16 = 1;
const AAAA: u16 = 28;
const TXT: u16 = 16;

/// Both accounts of a capture agree; gives how many requests it has. None where there is no tshark.
fn compare(file: &Path) -> Option<u64> {
    let expected = Account::by_tshark(file)?;
    let path = file.to_str().expect("a path in UTF-8");
    let text = Rig::ask_alone(&["replay", path, "--probe", "payload", "--json"]);
    let rows: Vec<RequestRecord> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect();
    let told = Account::of(&rows);
    assert_eq!(told, expected, "{path}: left what was told, right tshark's account");
    Some(expected.requests())
}

#[test]
fn of_real_captures_names_and_statuses_are_those_that_tshark_finds() {
    require_root!();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../replay/tests/captures");
    let (mut files, mut requests) = (0, 0);
    for entry in std::fs::read_dir(&folder).expect("the captures' folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            let Some(of_file) = compare(&path) else { return };
            requests += of_file;
            files += 1;
        }
    }
    assert!(files >= 12 && requests >= 49, "{files} files with {requests} requests");
}

/// Writes a capture and compares; it has so many requests.
fn compare_made(capture: &Capture, requests: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("made.pcap");
    capture.write(&file);
    if let Some(found) = compare(&file) {
        assert_eq!(found, requests, "requests that tshark finds in what was made");
    }
}

#[test]
fn hellos_cut_at_every_octet_or_swapped_or_in_many_records_are_those_that_tshark_finds() {
    require_root!();
    let mut capture = Capture::new();
    let length = client_hello("cut-000.site.test", 40).len();
    for cut in 1..length {
        let client = format!("10.0.0.1:{}", 20_000 + cut);
        let hello = client_hello(&format!("cut-{cut:03}.site.test"), 40);
        capture.connect(&client, "10.0.0.2:443", &[]).ask_cut(&hello, &[cut]).answer(&server_hello()).close();
    }
    // As large as post-quantum ones, over IPv6, over VLANs, on another port, in many records.
    let large = client_hello("large.site.test", 1250);
    capture.connect("[fd00::1]:30000", "[fd00::2]:443", &[]).ask_cut(&large, &[1200]).answer(&server_hello()).close();
    let swapped = client_hello("swapped.site.test", 1250);
    capture.connect("10.0.0.1:30001", "10.0.0.2:443", &[7]).ask_swapped(&swapped, 1200).answer(&server_hello()).close();
    let odd = client_hello("odd-port.site.test", 40);
    capture.connect("10.0.0.1:30002", "10.0.0.2:9443", &[7, 8]).ask(&odd).answer(&server_hello()).close();
    let many = client_hello_in_records("records.site.test", 600, 100);
    capture.connect("[fd00::1]:30003", "[fd00::2]:443", &[9]).ask_cut(&many, &[333]).answer(&server_hello()).close();
    compare_made(&capture, length as u64 - 1 + 4);
}

fn head(method: &str, host: &str) -> String {
    format!("{method} /some/where HTTP/1.1\r\nHost: {host}\r\nUser-Agent: by-hand\r\n\r\n")
}

fn reply(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn http_pipelined_cut_and_tagged_is_what_tshark_finds() {
    require_root!();
    let mut capture = Capture::new();
    let four = head("GET", "a.site.test") + &head("GET", "b.site.test") + &head("DELETE", "c.site.test");
    let replies = reply("200 OK", "hello") + &reply("404 Not Found", "") + &reply("503 Unavailable", "no");
    capture.connect("10.0.0.1:40000", "10.0.0.2:80", &[]).ask(four.as_bytes()).answer(replies.as_bytes()).close();
    let cut = head("OPTIONS", "cut.site.test:8080");
    for at in 1..cut.len() {
        let client = format!("[fd00::1]:{}", 41_000 + at);
        let answer = reply("204 No Content", "");
        capture
            .connect(&client, "[fd00::2]:8080", &[5])
            .ask_cut(cut.as_bytes(), &[at])
            .answer(answer.as_bytes())
            .close();
    }
    let post =
        "POST /form HTTP/1.1\r\nHost: post.site.test\r\nContent-Length: 3000\r\n\r\n".to_owned() + &"b".repeat(3000);
    let mut kept = capture.connect("10.0.0.1:40001", "10.0.0.2:8000", &[1, 2]);
    kept.ask_cut(post.as_bytes(), &[1400, 2800]).answer(reply("201 Created", &"x".repeat(2000)).as_bytes());
    kept.ask(head("HEAD", "post.site.test").as_bytes());
    kept.answer(b"HTTP/1.1 301 Moved Permanently\r\nLocation: /else\r\nContent-Length: 500\r\n\r\n");
    kept.ask(head("GET", "post.site.test").as_bytes())
        .answer(reply("500 Internal Server Error", "oh").as_bytes())
        .close();
    compare_made(&capture, 3 + (cut.len() as u64 - 1) + 3);
}

#[test]
fn dns_over_udp_and_tcp_is_what_tshark_finds() {
    require_root!();
    let mut capture = Capture::new();
    let codes =
        [("fine.site.test", A, 0), ("none.site.test", AAAA, 3), ("broken.site.test", TXT, 2), ("no.site.test", A, 5)];
    for (number, (name, kind, code)) in (0u16..).zip(codes) {
        let (client, v6) = (format!("10.0.0.1:{}", 50_000 + number), format!("[fd00::1]:{}", 50_000 + number));
        capture.datagram(&client, "10.0.0.2:53", &dns(number, ASKS, name, kind));
        capture.datagram("10.0.0.2:53", &client, &dns(number, ANSWERS | code, name, kind));
        capture.datagram(&v6, "[fd00::2]:53", &dns(900 + number, ASKS, &name.to_uppercase(), kind));
        capture.datagram("[fd00::2]:53", &v6, &dns(900 + number, ANSWERS | code, &name.to_uppercase(), kind));
    }
    // Asked twice, never answered.
    for _ in 0..2 {
        capture.datagram("10.0.0.1:50100", "10.0.0.2:53", &dns(7, ASKS, "silent.site.test", A));
    }
    // Two at once, answered in the other order; and one whose length comes alone.
    let mut both = capture.connect("10.0.0.1:51000", "10.0.0.2:53", &[]);
    let two = [dns_over_tcp(1, ASKS, "one.site.test", A), dns_over_tcp(2, ASKS, "two.site.test", AAAA)].concat();
    both.ask(&two).answer(&dns_over_tcp(2, ANSWERS | 3, "two.site.test", AAAA));
    both.answer(&dns_over_tcp(1, ANSWERS, "one.site.test", A)).close();
    let mut alone = capture.connect("[fd00::1]:51001", "[fd00::2]:53", &[6]);
    alone.ask_cut(&dns_over_tcp(3, ASKS, "three.site.test", TXT), &[2, 9]);
    alone.answer(&dns_over_tcp(3, ANSWERS, "three.site.test", TXT)).close();
    compare_made(&capture, 4 * 2 + 1 + 3);
}

#[test]
fn what_tcpdump_saw_of_real_servers_is_what_tshark_finds() {
    require_root!();
    let street = Street::new("reqcap");
    let Some(nginx) = Nginx::start(&street.far) else { return };
    let resolver = Resolver::start(&street.far, FAR);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("real.pcap");
    let mut tcpdump = street.near.spawn(&format!("tcpdump -Z root -i near0 -U -w {} not arp", file.display()));
    wait_for("tcpdump writes", Duration::from_secs(10), || {
        std::fs::metadata(&file).ok().filter(|about| about.len() >= 24)
    });
    run_resolving(
        &street.near,
        &resolver,
        &format!(
            "for host in a b c; do curl -s -o /dev/null http://$host.{ZONE}/ http://$host.{ZONE}/missing http://$host.{ZONE}/large; done
             curl -s -o /dev/null -I http://{FAR}:8080/
             for n in 1 2 3; do curl -s -k -o /dev/null https://secure-$n.{ZONE}/; done
             curl -s -k -o /dev/null --tls-max 1.2 https://old.{ZONE}/
             curl -s -o /dev/null http://nowhere.test/ || true"
        ),
    );
    nginx.log(3 * 3 + 1 + 4);
    // What it has not written yet, it does not lose: the packets of the last connection are behind all others.
    street.near.run(&format!("ping -q -c 1 -I {NEAR} {FAR}"));
    wait_for("tcpdump has written all", Duration::from_secs(10), || {
        let out = std::process::Command::new("tcpdump").args(["-n", "-r"]).arg(&file).arg("icmp").output().ok()?;
        String::from_utf8_lossy(&out.stdout).contains("echo reply").then_some(())
    });
    assert!(tcpdump.is_running());
    drop(tcpdump);
    if let Some(requests) = compare(&file) {
        assert!(requests >= 9 + 1 + 4 + 8, "{requests} requests");
    }
}
