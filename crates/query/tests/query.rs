//! The binary, asked as a person or a program would ask it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{
    HOUR_0, SECOND, ask, fill, five_requests, flow, four_bursts, four_events, refused, rig, run, says, server,
    six_drops, three_connections, told, twelve_stages, window,
};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use netrig_model::Timestamp;
use std::fs::File;
use std::path::Path;

/// Held against the file beside this test; `NETRIG_BLESS=1` writes it anew.
fn golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(got == want, "{} differs; got:\n{got}", path.display());
}

fn count(dir: &Path, more: &[&str], sql: &str) -> u64 {
    let out = ask(dir, &[more, &["--csv", sql]].concat());
    out.lines().nth(1).unwrap().parse().unwrap()
}

#[test]
fn answers_look_like_this() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..3);
    let top = "SELECT src_addr, sum(bytes) AS bytes, count(*) AS flows FROM flows GROUP BY 1 ORDER BY 2 DESC";
    golden("top.txt", &ask(dir.path(), &[top]));
    golden("top.jsonl", &ask(dir.path(), &["--json", top]));
    golden("top.csv", &ask(dir.path(), &["--csv", top]));
    let all = "SELECT * FROM flows ORDER BY window_start, src_addr LIMIT 2";
    golden("flows.txt", &ask(dir.path(), &[all]));
    golden("flows.jsonl", &ask(dir.path(), &["--json", all]));
    golden("flows.csv", &ask(dir.path(), &["--csv", all]));
    golden("ledger.jsonl", &ask(dir.path(), &["--json", "SELECT * FROM ledger ORDER BY window_start LIMIT 1"]));
    golden("describe.txt", &ask(dir.path(), &["DESCRIBE flows"]));
    let odd = "SELECT 1.5 AS float, -0.0 AS zero, 1e300 * 1e300 AS infinite, CAST(1.10 AS DECIMAL(5,2)) AS decimal, \
               true AS truth, NULL AS nothing, '' AS empty, 'a,\"b\"' AS quoted, DATE '2023-11-14' AS date, \
               TIMESTAMP '2023-11-14 22:13:20.5' AS time, INTERVAL '90 seconds' AS span, \
               array_agg(bytes ORDER BY bytes) AS list FROM flows WHERE window_start < '2023-11-14T23:00:10Z'";
    golden("types.jsonl", &ask(dir.path(), &["--json", odd]));
    golden("types.csv", &ask(dir.path(), &["--csv", odd]));
    golden("types.txt", &ask(dir.path(), &[odd]));
}

#[test]
fn connections_look_like_this() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..10);
    // One that goes on, one that was refused, and one of a server, by IPv6.
    let some = "SELECT * FROM connections WHERE connection_id IN (7, 11, 13) ORDER BY connection_id";
    golden("connections.jsonl", &ask(dir.path(), &["--json", some]));
    golden("connections.csv", &ask(dir.path(), &["--csv", some]));
    let ends = "SELECT end_reason, role, count(*) AS connections, sum(retransmits) AS retransmits, \
                median(connect_us) AS connect_us FROM connections \
                GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2";
    golden("ends.txt", &ask(dir.path(), &[ends]));
    golden("describe-connections.txt", &ask(dir.path(), &["DESCRIBE connections"]));
}

#[test]
fn latency_looks_like_this() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..10);
    // What held a slow client's writes up, a client's stage without a cause, and one with.
    let some = "SELECT * FROM latency WHERE samples IN (7, 20, 43) ORDER BY samples";
    golden("latency.jsonl", &ask(dir.path(), &["--json", some]));
    golden("describe-latency.txt", &ask(dir.path(), &["DESCRIBE latency"]));
}

#[test]
fn drops_and_bursts_look_like_this() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..10);
    // A full receive buffer, an example of what nobody listens for, a rest without a flow, and a device's counter.
    let some = "SELECT * FROM drops WHERE packets IN (1, 9, 10, 17) ORDER BY packets";
    golden("drops.jsonl", &ask(dir.path(), &["--json", some]));
    golden("describe-drops.txt", &ask(dir.path(), &["DESCRIBE drops"]));
    // One of a link that tells its speed, and one of a link that does not.
    let some = "SELECT * FROM bursts WHERE bytes IN (100000, 100005) ORDER BY bytes";
    golden("bursts.jsonl", &ask(dir.path(), &["--json", some]));
    golden("describe-bursts.txt", &ask(dir.path(), &["DESCRIBE bursts"]));
}

#[test]
fn requests_look_like_this() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..10);
    // One of each kind; two of them failed.
    let some = "SELECT * FROM requests WHERE requests IN (1, 7, 13, 14, 15) ORDER BY requests";
    golden("requests.jsonl", &ask(dir.path(), &["--json", some]));
    golden("describe-requests.txt", &ask(dir.path(), &["DESCRIBE requests"]));
}

#[test]
fn policy_events_look_like_this() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..10);
    // Beyond a limit, what a rule in shadow mode would drop, and what is not IP.
    let some = "SELECT * FROM policy_events WHERE length IN (60, 61, 63) ORDER BY length";
    golden("policy_events.jsonl", &ask(dir.path(), &["--json", some]));
    golden("describe-policy_events.txt", &ask(dir.path(), &["DESCRIBE policy_events"]));
}

#[test]
fn the_questions_in_the_documentation_have_answers() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..100);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema.md");
    let page = std::fs::read_to_string(page).unwrap();
    let questions: Vec<_> = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(questions.len() >= 18, "docs/schema.md has {} questions", questions.len());
    for sql in questions {
        let rows = ask(dir.path(), &["--csv", sql]).lines().count() - 1;
        // What was made up for this test is long ago.
        assert_eq!(rows > 0, !sql.contains("now()"), "{sql}");
    }
}

#[test]
fn json_rows_are_the_selected_columns_and_their_kind() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..1);
    let out =
        ask(dir.path(), &["--json", "SELECT first_seen, src_addr, vlan, bytes FROM flows ORDER BY bytes LIMIT 1"]);
    let want = r#"{"record":"query","first_seen":"2023-11-14T23:00:00.123456789Z","src_addr":"10.0.0.3","vlan":null,"bytes":100}"#;
    assert_eq!(out.trim_end(), want);
    let twice =
        ask(dir.path(), &["--json", "SELECT a.bytes, b.bytes FROM flows a JOIN flows b USING (src_addr) LIMIT 1"]);
    assert!(twice.contains(r#""bytes":"#) && twice.contains(r#""bytes_2":"#), "{twice}");
}

#[test]
fn an_empty_store_has_no_rows_and_a_missing_one_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(count(dir.path(), &[], "SELECT count(*) FROM flows"), 0);
    assert_eq!(ask(dir.path(), &["--json", "SELECT * FROM ledger"]), "");
    assert_eq!(ask(dir.path(), &["--csv", "SELECT src_addr, bytes FROM flows"]), "src_addr,bytes\n");
    let (code, text) = refused(&dir.path().join("nowhere"), "SELECT 1");
    assert_eq!(code, 1);
    assert!(text.contains("there is no store at") && text.contains("nowhere"), "{text}");
}

#[test]
fn a_wrong_query_is_told_what_was_likely_meant() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..1);
    for (sql, hint) in [
        ("SELECT srcaddr FROM flows", "there is no column 'srcaddr'; did you mean src_addr?"),
        ("SELECT bytes FROM flow", "there is no table 'flow'; did you mean flows?"),
        (
            "SELECT bytes FROM sqlite_master",
            "There are: flows, connections, latency, drops, bursts, requests, policy_events, ledger, flows_1m, flows_1h",
        ),
        ("SELECT summ(bytes) FROM flows", "sum"),
        ("SELECT bytes FORM flows", "Expected: end of statement, found: flows at Line: 1, Column: 19"),
        ("SELECT bytes FROM flows WHERE", "Expected"),
        ("SELECT src_addr, bytes FROM flows GROUP BY src_addr", "bytes"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
    ] {
        let (code, text) = refused(dir.path(), sql);
        assert_eq!(code, 2, "{sql}: {text}");
        assert!(text.contains(hint), "{sql}: {text}");
        assert!(!["backtrace", "DataFusion", "ParserError"].iter().any(|w| text.contains(w)), "{sql}: {text}");
    }
}

#[test]
fn nothing_is_written_and_no_other_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..1);
    let segment =
        netrig_store::StoreReader::open(dir.path()).unwrap().files(netrig_store::Table::Flows, None, None).unwrap();
    let segment = segment[0].to_str().unwrap();
    let target = dir.path().join("stolen");
    for sql in [
        format!("COPY flows TO '{}'", target.display()),
        format!("COPY (SELECT * FROM flows) TO '{}' STORED AS CSV", target.display()),
        format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{segment}'"),
        format!("SELECT * FROM '{segment}'"),
        format!("SELECT * FROM \"{segment}\""),
        format!("SELECT * FROM read_parquet('{segment}')"),
        format!("SELECT * FROM parquet_metadata('{segment}')"),
        "SELECT * FROM read_csv('/etc/passwd')".to_owned(),
        "SELECT read_text('/etc/passwd')".to_owned(),
        "INSERT INTO flows SELECT * FROM flows".to_owned(),
        "DROP TABLE flows".to_owned(),
        "CREATE TABLE t AS SELECT * FROM flows".to_owned(),
        "SET datafusion.catalog.location = '/etc'".to_owned(),
        "SELECT * INTO t FROM flows".to_owned(),
    ] {
        let (code, text) = refused(dir.path(), &sql);
        assert_eq!(code, 2, "{sql}: {text}");
    }
    assert!(!target.exists());
    assert_eq!(count(dir.path(), &[], "SELECT count(*) FROM flows"), 3);
}

#[test]
fn segments_of_other_times_are_not_even_opened_for_reading() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..50);
    // Cut short, any other segment would make the query fail.
    for path in
        netrig_store::StoreReader::open(dir.path()).unwrap().files(netrig_store::Table::Flows, None, None).unwrap()
    {
        if !path.to_str().unwrap().contains(&format!("flows-{}-", window(20).0.0)) {
            std::fs::write(path, b"no parquet").unwrap();
        }
    }
    for filter in [
        "window_start = '2023-11-14T23:03:20Z'",
        "window_start >= '2023-11-14T23:03:20Z' AND window_end <= '2023-11-14T23:03:30Z'",
        "window_start BETWEEN TIMESTAMP '2023-11-14T23:03:20Z' AND '2023-11-14T23:03:29Z' AND window_end < now() AND window_end < '2023-11-14T23:03:31Z' AND window_start > '2023-11-14T23:03:10Z'",
    ] {
        // A window that ends as another begins shares its bound: judged by names alone, one neighbour may be looked at.
        let sql = format!(
            "SELECT count(*) FROM flows WHERE {filter} AND window_end > '2023-11-14T23:03:20Z' AND window_start < '2023-11-14T23:03:30Z'"
        );
        assert_eq!(count(dir.path(), &[], &sql), 3, "{filter}");
    }
    let (code, text) = refused(dir.path(), "SELECT sum(bytes) FROM flows");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(dir.path().to_str().unwrap()), "the file is named: {text}");
}

#[test]
fn a_joined_hour_and_its_windows_count_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = fill(dir.path(), 0..30);
    let sql = "SELECT sum(bytes) FROM flows";
    assert_eq!(count(dir.path(), &[], sql), 30 * 900);
    for _ in 0..20 {
        writer.maintain(Timestamp(HOUR_0 + 7200 * SECOND)).unwrap();
    }
    assert_eq!(writer.status().files, 8, "a file of each table");
    assert_eq!(count(dir.path(), &[], sql), 30 * 900);
    assert_eq!(count(dir.path(), &[], "SELECT count(DISTINCT connection_id) FROM connections"), 90);
    assert_eq!(count(dir.path(), &[], "SELECT count(DISTINCT samples) FROM latency"), 360);
    assert_eq!(count(dir.path(), &[], "SELECT count(DISTINCT packets) FROM drops"), 180);
    assert_eq!(count(dir.path(), &[], "SELECT count(DISTINCT bytes) FROM bursts"), 120);
    assert_eq!(count(dir.path(), &[], "SELECT count(DISTINCT requests) FROM requests"), 150);
    assert_eq!(count(dir.path(), &[], "SELECT count(DISTINCT length) FROM policy_events"), 120);
    assert_eq!(count(dir.path(), &[], "SELECT count(*) FROM ledger"), 30);
}

#[test]
fn with_a_running_rig_every_record_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..4);
    let sql = "SELECT sum(bytes) FROM flows";
    // Windows 2 and 3 were stored after the rig answered, which it did with 2, 3 and the open 4.
    let sent: Vec<_> = [2, 3, 4].into_iter().flat_map(common::flows).collect();
    let url = rig(&sent, window(2).0, Some(dir.path()));
    assert_eq!(count(dir.path(), &["--live", &url], sql), 5 * 900);
    // By the rig's word alone.
    let url = rig(&sent, window(2).0, Some(dir.path()));
    let out = run(&["--live", &url, "--csv", sql]);
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "sum(flows.bytes)\n4500\n");
    // A rig without a store.
    let url = rig(&sent, window(0).0, None);
    let out = run(&["--live", &url, "--csv", sql]);
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "sum(flows.bytes)\n2700\n");
}

#[test]
fn connections_of_a_running_rig_count_once_too_beside_flows_or_alone() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..4);
    let flows: Vec<_> = [3, 4].into_iter().flat_map(common::flows).collect();
    // Their windows are not those of flows, nor is what is stored of them.
    let connections: Vec<_> = [1, 2, 3, 4, 5].into_iter().flat_map(three_connections).collect();
    let alone = rig(&connections, window(1).0, Some(dir.path()));
    let sql = "SELECT count(*) * 1000 + count(DISTINCT connection_id) FROM connections";
    assert_eq!(count(dir.path(), &["--live", &alone], sql), 18 * 1000 + 18);
    let both =
        server(vec![told(&flows, window(3).0, Some(dir.path())), told(&connections, window(1).0, Some(dir.path()))]);
    let sql = "SELECT (SELECT count(*) FROM connections) * 1000 + (SELECT count(*) FROM flows)";
    assert_eq!(count(dir.path(), &["--live", &both], sql), 18 * 1000 + 15);
}

#[test]
fn latency_of_a_running_rig_counts_once_too() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..4);
    let sent: Vec<_> = [2, 3, 4].into_iter().flat_map(twelve_stages).collect();
    let url = rig(&sent, window(2).0, Some(dir.path()));
    let sql = "SELECT count(*) * 1000 + count(DISTINCT samples) FROM latency";
    assert_eq!(count(dir.path(), &["--live", &url], sql), 60 * 1000 + 60);
}

#[test]
fn drops_and_bursts_of_a_running_rig_count_once_too() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..4);
    let sent: Vec<_> = [2, 3, 4].into_iter().flat_map(six_drops).collect();
    let url = rig(&sent, window(2).0, Some(dir.path()));
    let sql = "SELECT count(*) * 1000 + count(DISTINCT packets) FROM drops";
    assert_eq!(count(dir.path(), &["--live", &url], sql), 30 * 1000 + 30);
    let sent: Vec<_> = [2, 3, 4].into_iter().flat_map(four_bursts).collect();
    let url = rig(&sent, window(2).0, Some(dir.path()));
    let sql = "SELECT count(*) * 1000 + count(DISTINCT bytes) FROM bursts";
    assert_eq!(count(dir.path(), &["--live", &url], sql), 20 * 1000 + 20);
}

#[test]
fn requests_of_a_running_rig_count_once_too() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..4);
    let sent: Vec<_> = [2, 3, 4].into_iter().flat_map(five_requests).collect();
    let url = rig(&sent, window(2).0, Some(dir.path()));
    let sql = "SELECT count(*) * 1000 + count(DISTINCT requests) FROM requests";
    assert_eq!(count(dir.path(), &["--live", &url], sql), 25 * 1000 + 25);
}

#[test]
fn policy_events_of_a_running_rig_count_once_too() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..4);
    let sent: Vec<_> = [2, 3, 4].into_iter().flat_map(four_events).collect();
    let url = rig(&sent, window(2).0, Some(dir.path()));
    let sql = "SELECT count(*) * 1000 + count(DISTINCT length) FROM policy_events";
    assert_eq!(count(dir.path(), &["--live", &url], sql), 20 * 1000 + 20);
}

#[test]
fn flows_of_an_older_netrig_are_null_where_they_have_no_column() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..3);
    let path = netrig_store::StoreReader::open(dir.path()).unwrap();
    let path = path.files(netrig_store::Table::Flows, None, None).unwrap().remove(0);
    let batches = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap().build().unwrap();
    let mut batch = batches.map(Result::unwrap).next().unwrap();
    for column in ["packets_error", "dropped_packets", "drop_reason"] {
        batch.remove_column(batch.schema().index_of(column).unwrap());
    }
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    for (sql, want) in [
        ("SELECT count(*) FROM flows", 9),
        ("SELECT sum(dropped_packets) FROM flows", 4),
        ("SELECT count(*) FROM flows WHERE dropped_packets IS NULL AND drop_reason IS NULL AND bytes > 0", 3),
        ("SELECT count(*) FROM flows WHERE packets_error IS NULL AND bytes_error = 0", 3),
        ("SELECT count(*) FROM flows WHERE drop_reason = 'SOCKET_RCVBUFF'", 2),
        ("SELECT count(DISTINCT coalesce(drop_reason, 'none')) FROM flows", 2),
    ] {
        assert_eq!(count(dir.path(), &[], sql), want, "{sql}");
    }
}

#[test]
fn a_rig_that_knows_no_connections_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..1);
    let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
    let url = server(vec![("/api/v1/connections.parquet".to_owned(), answer)]);
    let out = run(&["--store", dir.path().to_str().unwrap(), "--live", &url, "SELECT count(*) FROM connections"]);
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("connections.parquet") && text.contains("404"), "{text}");
}

#[test]
fn a_segment_that_reaches_past_the_live_mark_gives_only_its_older_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = fill(dir.path(), 0..4);
    for _ in 0..10 {
        writer.maintain(Timestamp(HOUR_0 + 7200 * SECOND)).unwrap();
    }
    let sent: Vec<_> = [2, 3, 4].into_iter().flat_map(common::flows).collect();
    let ask_live = |sql| count(dir.path(), &["--live", &rig(&sent, window(2).0, Some(dir.path()))], sql);
    assert_eq!(ask_live("SELECT sum(bytes) FROM flows"), 5 * 900);
    assert_eq!(
        ask_live("SELECT count(DISTINCT window_start) FROM flows WHERE src_addr = '10.0.0.2' AND vlan = 100"),
        5
    );
    assert_eq!(ask_live("SELECT count(*) FROM ledger"), 4);
}

#[test]
fn an_absent_rig_is_a_note_and_a_strange_one_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 0..1);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = dir.path().to_str().unwrap();
    let out = run(&["--store", store, "--live", &format!("http://{free}"), "--csv", "SELECT count(*) AS n FROM flows"]);
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "n\n3\n");
    assert!(String::from_utf8(out.stderr).unwrap().contains("no rig answers at"));
    assert_eq!(out.status.code(), Some(0));

    let elsewhere = tempfile::tempdir().unwrap();
    for (url, code, hint) in [
        (says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"), 1, "x-netrig-stored-before"),
        (says(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"), 1, "503"),
        (says(b"HTTP/1.1 200 OK\r\nx-netrig-stored-before: 1\r\ncontent-length: 2\r\n\r\nhi"), 1, "no Parquet file"),
        (rig(&[flow(0, 1, 1)], window(0).0, Some(elsewhere.path())), 2, "writes to the store"),
        ("rubbish".to_owned(), 2, "--live"),
    ] {
        let out = run(&["--store", store, "--live", &url, "SELECT 1"]);
        let text = String::from_utf8(out.stderr).unwrap();
        assert_eq!((out.status.code(), out.stdout.len()), (Some(code), 0), "{text}");
        assert!(text.contains(hint), "{text}");
    }
}

#[test]
fn a_query_beyond_its_memory_spills_or_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = fill(dir.path(), 0..1);
    let many: Vec<_> = (0..300_000)
        .map(|n| {
            let mut f = flow(1, 1, n);
            f.src_addr = Some((0x0a00_0000 + n as u32).to_be_bytes().into());
            f
        })
        .collect();
    writer.append_flows(window(1), &many).unwrap();
    let sql = "SELECT count(*) FROM (SELECT src_addr, first_seen, sum(bytes) FROM flows GROUP BY 1, 2)";
    assert_eq!(count(dir.path(), &["--memory", "24MiB"], sql), 300_003);
    let out = run(&["--store", dir.path().to_str().unwrap(), "--memory", "2MiB", "--spill", "0", sql]);
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("--memory"), "{text}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = fill(dir.path(), 0..1);
    writer.append_flows(window(1), &vec![flow(1, 1, 1); 50_000]).unwrap();
    let binary = env!("CARGO_BIN_EXE_netrig-query");
    let line = format!(
        "'{binary}' --store '{}' --json 'SELECT * FROM flows' | head -n 1; echo ${{PIPESTATUS[0]}}",
        dir.path().display()
    );
    let out = std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.ends_with("\n0\n"), "{text}");
    assert_eq!(String::from_utf8(out.stderr).unwrap(), "");
}
