//! `netrig flows`

use crate::fixture::*;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

fn bytes(lines: &[Value]) -> u64 {
    lines.iter().map(|line| line["bytes"].as_u64().expect("bytes")).sum()
}

#[test]
fn live_and_stored_records_are_one_answer_and_none_counts_twice() {
    let (old, stored, open) = (window(3), window(2), window(1));
    // The window `stored` is in the store although the rig, when asked, said that it was not yet: it came meanwhile.
    let store = store(&[(old, vec![flow("10.0.0.1", 1_000, old)]), (stored, vec![flow("10.0.0.1", 20_000, stored)])]);
    let live = vec![flow("10.0.0.1", 20_000, stored), flow("10.0.0.1", 300_000, open)];
    let rig = rig(live, stored, Some(store.path()));
    let url = format!("http://{}", rig.address());
    let output = run(&["flows", "--json", "--url", &url]);
    let records = lines(&stdout(&output));
    assert_eq!((records.len(), bytes(&records)), (3, 321_000), "{}", stderr(&output));
    assert!(records.iter().all(|r| r["record"] == "flows"));
    assert!(stderr(&output).contains("its store in"), "{}", stderr(&output));

    let table = run(&["flows", "--url", &url]);
    assert!(stdout(&table).contains("321 kB"), "{}", stdout(&table));
    let grouped = lines(&stdout(&run(&["flows", "--by", "dst_port", "--json", "--url", &url])));
    assert_eq!((grouped[0]["dst_port"].as_u64(), grouped[0]["bytes"].as_u64()), (Some(443), Some(321_000)));
}

#[test]
fn the_configuration_names_the_rig() {
    let rig = rig(vec![flow("10.0.0.7", 100, window(0))], window(0), None);
    let file = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(file.path(), format!("[serve]\nlisten = \"{}\"\n", rig.address())).expect("write");
    let words = ["flows", "-c", file.path().to_str().expect("path")];
    let output = netrig().env_remove("NETRIG_SERVE__LISTEN").args(words).output().expect("netrig");
    assert!(stdout(&output).contains("10.0.0.7"), "{}", stderr(&output));
    assert!(stderr(&output).contains("keeps no store"), "{}", stderr(&output));
}

#[test]
fn without_a_rig_the_store_answers_and_it_is_said() {
    let at = window(1);
    let store = store(&[(at, vec![flow("10.0.0.3", 100, at), flow("10.0.0.4", 900, at)])]);
    let output =
        netrig().env("NETRIG_STORE__DIR", store.path()).args(["flows", "--top", "1"]).output().expect("netrig");
    assert!(output.status.success());
    assert!(stdout(&output).contains("10.0.0.4") && !stdout(&output).contains("10.0.0.3"), "{}", stdout(&output));
    assert!(stdout(&output).contains("1 more flows"), "{}", stdout(&output));
    let said = stderr(&output);
    assert!(said.contains("alone") && said.contains("127.0.0.1:9"), "{said}");
}

#[test]
fn a_store_by_name_asks_no_rig() {
    let at = window(1);
    let store = store(&[(at, vec![flow("10.0.0.3", 100, at)])]);
    let output = run(&["flows", "--store", store.path().to_str().expect("path")]);
    assert!(stdout(&output).contains("10.0.0.3") && !stderr(&output).contains("127.0.0.1"), "{}", stderr(&output));
}

#[test]
fn without_a_rig_and_without_records_the_next_step_is_said() {
    let stores = [store_of_drops(&[]), store_of_bursts(&[]), store_of_requests(&[])];
    for (word, store) in ["drops", "bursts", "requests"].into_iter().zip(stores) {
        let output = netrig().env("NETRIG_STORE__DIR", store.path()).arg(word).output().expect("netrig");
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains("Start a rig with `netrig run`"), "{word}: {}", stderr(&output));
        let output = run(&[word, "--url", "http://127.0.0.1:1"]);
        assert!(stderr(&output).contains("Start a rig with `netrig run`"), "{word}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn neither_is_a_failure_that_says_what_to_do() {
    let output = run(&["flows"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    for part in ["127.0.0.1:9", "/nonexistent/netrig", "netrig run", "--url", "--store"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let output = run(&["flows", "--url", "http://127.0.0.1:9"]);
    assert!(output.status.code() == Some(1) && stderr(&output).contains("connection refused"), "{}", stderr(&output));
}

#[test]
fn since_leaves_out_what_is_older_and_says_so() {
    let at = window(360);
    let store = store(&[(at, vec![flow("10.0.0.3", 100, at)])]);
    let dir = store.path().to_str().expect("path");
    let output = run(&["flows", "--store", dir]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(stderr(&output).contains("newest record is 5"), "{}", stderr(&output));
    for since in ["2h", "all", "2020-01-01T00:00:00Z"] {
        assert!(stdout(&run(&["flows", "--store", dir, "--since", since])).contains("10.0.0.3"), "{since}");
    }
}

#[test]
fn wrong_words_exit_with_2_and_name_the_nearest() {
    for (words, part) in [
        (&["flows", "--by", "src_adr"][..], "src_addr"),
        (&["flows", "--by", "bytes"], "summed"),
        (&["flows", "--since", "yesterday"], "5m"),
        (&["flows", "--top", "many"], "invalid value"),
        (&["flows", "--url", "127.0.0.1:9798"], "http://"),
        (&["flowz"], "flows"),
    ] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(part), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let at = window(1);
    let rows: Vec<_> = (0..200_000).map(|n| flow(&format!("10.{}.{}.1", n / 256 % 256, n % 256), 100, at)).collect();
    let store = store(&[(at, rows)]);
    let words = ["flows", "--json", "--store", store.path().to_str().expect("path")];
    let mut child = netrig().args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("netrig");
    let mut first = String::new();
    BufReader::with_capacity(512, child.stdout.take().expect("piped")).read_line(&mut first).expect("line");
    assert!(first.starts_with("{\"record\":\"flows\""), "{first}");
    let status = child.wait().expect("wait");
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(status.success() && said.lines().count() == 1, "{status}: {said}");
}

#[test]
fn a_pipe_gets_no_colour_and_no_cutting() {
    let at = window(1);
    let mut long = flow("2001:db8:aaaa:bbbb:cccc:dddd:eeee:1", 100, at);
    long.dst_addr = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:2".parse().ok();
    let store = store(&[(at, vec![long])]);
    let words = ["flows", "--store", store.path().to_str().expect("path")];
    let output = netrig().env("TERM", "xterm-256color").args(words).output().expect("netrig");
    let text = stdout(&output);
    assert!(text.contains("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:2]:443") && !text.contains('\x1b'), "{text}");
}

#[test]
fn something_else_on_the_port_is_not_taken_for_a_rig() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let answer = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().expect("accept");
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").expect("write");
    });
    let output = run(&["flows", "--url", &url]);
    answer.join().expect("answer");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("x-netrig-stored-before"), "{}", stderr(&output));
}
