//! docs/schema.md and the code say the same; `NETRIG_BLESS=1` writes the page anew.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use netrig_model::ColumnType;
use netrig_store::{Table, arrow_type, schema};
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
# The tables and their columns

One record has one shape everywhere: these names are the JSON keys of `--json`, the columns of the Parquet files and of SQL.
Unknown is null, never 0 or the empty text. Timestamps are nanoseconds since 1970-01-01 UTC; JSON shows them in RFC 3339 with
nine digits, Parquet holds them as `timestamp[ns, UTC]`. Bytes of `flows`, `bursts` and `ledger` are layer-2 octets without FCS, as
the interface's own counters have them; those of `connections` are what the applications sent and received, those of `drops` what
the kernel held where it dropped.

This page is made from the code by a test, which fails when they differ; `NETRIG_BLESS=1 cargo test --release -p netrig-store
--test schema_doc` writes it anew.

On disk a table lies under `DIR/<table>/date=YYYY-MM-DD/hour=HH/`, in files named `<table>-<start>-<end>.parquet` after the range
of time they cover (nanoseconds, the end not included), compressed with zstd. Where one file's range lies within another's of the
same table, only the wider one counts: it holds the rows of both (that lasts the moment between joining an hour's files and
removing them). In the same way a file of `flows_1h` counts instead of those of `flows_1m` and `flows` within its range, and one
of `flows_1m` instead of those of `flows`: what one of the three tables has, no other has. Files whose names begin with a dot are not there yet. Those that an older netrig wrote may lack columns, which are
null in their rows. To read all of a store with another tool:

    duckdb -c \"SELECT src_addr, sum(bytes) FROM read_parquet('DIR/flows/*/*/*.parquet', union_by_name = true) GROUP BY 1 ORDER BY 2 DESC LIMIT 5\"
";

fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::TimestampNs => "timestamp",
        ColumnType::Text => "text",
        ColumnType::U8 => "u8",
        ColumnType::U16 => "u16",
        ColumnType::U32 => "u32",
        ColumnType::U64 => "u64",
        ColumnType::I64 => "i64",
        ColumnType::Bool => "bool",
    }
}

/// What a row is, and questions that a query answers; netrig-query's tests ask them all.
fn about(table: Table) -> &'static str {
    match table {
        Table::Flows => FLOWS,
        Table::Ledger => LEDGER,
        Table::Connections => CONNECTIONS,
        Table::Latency => LATENCY,
        Table::Drops => DROPS,
        Table::Bursts => BURSTS,
        Table::Requests => REQUESTS,
        Table::PolicyEvents => POLICY_EVENTS,
        Table::FlowsMinute => FLOWS_MINUTE,
        Table::FlowsHour => FLOWS_HOUR,
    }
}

const FLOWS: &str = "\
One row for each flow in each window, both directions: `src_*` is the initiator. Of older times less may be kept, in `flows_1m` and
`flows_1h`; `netrig flows` reads all three, `netrig store` says what is where.

Where flows were sampled (`sampling_rate` above 1), counts are estimates, right on the average, and the true ones lie within the columns
`*_error` of them in 95 of 100 cases. Errors of rows that are summed add up as their squares do: `sqrt(sum(e * e))`. They assume
lengths between 54 octets (20 where the mean is less) and 1522 (9018 or more where the mean is above that). Packets that open and close
connections (SYN, FIN, RST) are always told. Whoever needs totals of an interface takes the ledger's `seen_*`, which are exact.

Who sent most, and within what:

```sql
SELECT src_addr, sum(bytes) AS bytes, sqrt(sum(CAST(bytes_error AS DOUBLE) * bytes_error)) AS bytes_error, max(sampling_rate) AS one_in
FROM flows GROUP BY 1 ORDER BY bytes DESC LIMIT 20
```

Whose packets this host itself dropped, and why:

```sql
SELECT src_addr, dst_addr, dst_port, transport, process, drop_reason, sum(dropped_packets) AS dropped,
       sum(packets + reverse_packets) AS packets
FROM flows WHERE dropped_packets > 0 GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY dropped DESC LIMIT 20
```
";

const CONNECTIONS: &str = "\
Every TCP connection of this host, as its own socket knew it: both ends have one if both are here. All counts and times are of
its whole life up to the record, not the window's share. A connection has exactly one row whose `end_reason` is not `open`, when
it is over; while it is open it has further ones, at the end of every window in which it changed and at least once a minute.
So leave out `open` where connections or their bytes are summed, and take the latest row of each where it matters what is open.
Windows of this table need not be those of `flows`.

What fails, and how:

```sql
SELECT dst_addr, dst_port, end_reason, error, count(*) AS connections FROM connections
WHERE end_reason NOT IN ('open', 'closed', 'evicted', 'lost') GROUP BY 1, 2, 3, 4 ORDER BY connections DESC LIMIT 10
```

How long it takes to connect, and how far away each service is:

```sql
SELECT dst_port, count(*) AS connections, approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY connect_us) AS connect_us_p99,
       min(rtt_pure_us_min) AS rtt_us_min, median(srtt_us) AS srtt_us
FROM connections WHERE role = 'client' AND end_reason <> 'open' GROUP BY 1 ORDER BY connect_us_p99 DESC
```

Whose segments get lost, and what held the sender up:

```sql
SELECT process, container, sum(retransmits) AS retransmits, sum(segments_sent) AS segments,
       sum(limited_receiver_us) / 1e6 AS receiver_s, sum(limited_send_buffer_us) / 1e6 AS send_buffer_s
FROM connections WHERE end_reason <> 'open' GROUP BY 1, 2 HAVING sum(retransmits) > 0 ORDER BY retransmits DESC
```

What is open now, the longest first (with a running rig):

```sql
SELECT src_addr, src_port, dst_addr, dst_port, state, process, duration_us / 1000000 AS seconds, bytes_sent, bytes_received
FROM (SELECT *, row_number() OVER (PARTITION BY host, connection_id ORDER BY last_seen DESC) AS newest
      FROM connections WHERE window_end > now() - INTERVAL '2 minutes')
WHERE newest = 1 AND end_reason = 'open' ORDER BY seconds DESC LIMIT 20
```
";

const LATENCY: &str = "\
Where messages spent their time: one row for each stage of each service, as each process has it, in each window. A message is one
write to a TCP socket, or one datagram; one in `sampling_rate` was looked at. A service is the local port of servers, and the
remote address and port of clients. Connections flagged slow have rows of their own, with `slow_client_*` set: they are looked at
more closely, so leave them out where services are compared. `host` has what belongs to the whole host, `other` what was beyond
the bound. Windows of this table need not be those of `flows`.

Stages that add up to `total` are on the way in `stack`, `wakeup`, `run_queue` and `read`; of servers `think`; on the way out
`tcp_queue`, `qdisc` and `nic`; of clients `wire_peer`. Sums are what adds up, not means: a reader that did not sleep has no
`wakeup`. Quantiles do not add up; for those of several rows sum the histograms.

Which stage a service's time goes to, in percent of the whole, and how much of what should have passed was seen:

```sql
WITH stages AS (SELECT service, role, stage, sum(latency_ns_sum) AS ns, sum(samples) AS samples, sum(eligible) AS eligible
                FROM latency WHERE slow_client_addr IS NULL GROUP BY 1, 2, 3)
SELECT s.service, s.role, s.stage, s.ns * 100.0 / nullif(t.ns, 0) AS percent_of_total,
       s.ns / 1e3 / nullif(t.samples, 0) AS us_of_mean, s.samples * 1.0 / nullif(s.eligible, 0) AS coverage
FROM stages s JOIN stages t ON t.service = s.service AND t.role = s.role AND t.stage = 'total'
WHERE s.stage <> 'total' ORDER BY s.service, s.role, percent_of_total DESC
```

What holds writes up before they leave:

```sql
SELECT service, process, cause, sum(cause_ns_sum) / 1e9 AS seconds, max(latency_ns_p99) / 1e6 AS p99_ms_of_worst_window
FROM latency WHERE stage = 'tcp_queue' AND cause IS NOT NULL GROUP BY 1, 2, 3 ORDER BY seconds DESC LIMIT 10
```

Who is slow, and where:

```sql
SELECT service, slow_client_addr, slow_client_port, stage, sum(samples) AS samples,
       sum(latency_ns_sum) / 1e6 / sum(samples) AS mean_ms, max(latency_ns_max) / 1e6 AS longest_ms
FROM latency WHERE slow_client_addr IS NOT NULL AND samples > 0 GROUP BY 1, 2, 3, 4 ORDER BY mean_ms DESC LIMIT 20
```
";

const DROPS: &str = "\
What the kernel threw away: in each window one row for each reason, place, interface and direction on each flow. `src_*` is who
sent the dropped packets, whoever began. Rows without addresses are the rest of such a group: packets of flows that found no room,
or that are of no flow. Rows whose `source` is `skb` add up to all packets that the kernel dropped; the other sources count some
of the same packets again by a second counter, or (`xdp`, and most of `device`) frames that never came to the stack, or (`refused`)
what sockets had no room for without a packet being dropped. So never sum over several. An ordinary end of life is a drop to the kernel too: leave `class = 'harmless'` out where losses are sought. Windows
of this table need not be those of `flows`.

What is lost, where and why, most packets first:

```sql
SELECT reason, class, place, iface, direction, sum(packets) AS packets, sum(bytes) AS bytes FROM drops
WHERE source = 'skb' AND class IS DISTINCT FROM 'harmless' GROUP BY 1, 2, 3, 4, 5 ORDER BY packets DESC LIMIT 20
```

Whose packets, and whether the program that should read them is too slow:

```sql
SELECT process, container, transport, dst_port, reason, count(DISTINCT src_addr) AS senders, sum(packets) AS packets
FROM drops WHERE source = 'skb' AND class = 'resource' AND process IS NOT NULL
GROUP BY 1, 2, 3, 4, 5 ORDER BY packets DESC LIMIT 20
```

What counters of devices, queueing disciplines and tables say:

```sql
SELECT source, iface, reason, sum(packets) AS packets FROM drops WHERE source <> 'skb' GROUP BY 1, 2, 3 ORDER BY packets DESC
```
";

const BURSTS: &str = "\
Bursts: one row for each time that an interface and direction went over a share of the link's speed, or over so many times its own
mean, for a few milliseconds. Between bursts no row is written. `flows` counts all flows of a burst; `top_flows` names the largest,
from samples, and no further apart than these are good for: of hundreds of flows alike none is told as larger than the others.
Windows of this table need not be those of `flows`.

How high, how long and how far apart, for each interface:

```sql
SELECT iface, direction, count(*) AS bursts, max(peak_bits_per_second) / 1e6 AS highest_mbit_per_second,
       max(peak_bits_per_second * 1.0 / nullif(mean_bits_per_second, 0)) AS peak_to_mean,
       median(duration_ns) / 1e6 AS ms, median(gap_ns) / 1e6 AS gap_ms, sum(ce_packets) AS marked
FROM bursts GROUP BY 1, 2 ORDER BY bursts DESC
```

The highest ones, with who sent them:

```sql
SELECT burst_start, iface, direction, duration_ns / 1e6 AS ms, bytes, flows, peak_bits_per_second / 1e6 AS mbit_per_second,
       peak_bits_per_second * 100.0 / link_bits_per_second AS percent_of_link, top_flows
FROM bursts ORDER BY peak_bits_per_second DESC LIMIT 10
```

Bursts in whose window the same interface had no room for packets:

```sql
SELECT b.iface, b.direction, b.burst_start, b.peak_bits_per_second / 1e6 AS mbit_per_second, sum(d.packets) AS dropped
FROM bursts b JOIN drops d ON d.iface = b.iface AND d.direction = b.direction
     AND d.window_start < b.burst_end AND d.window_end > b.burst_start
WHERE d.source = 'skb' AND d.class = 'resource' GROUP BY 1, 2, 3, 4 ORDER BY dropped DESC LIMIT 20
```
";

const REQUESTS: &str = "\
Requests and their answers, as they passed: DNS questions, the openings of TLS sessions and QUIC connections, requests of HTTP/1, and
the first of each HTTP/2 connection in the clear. One row for each that was over in the window, seen from whichever interface saw it
first; `src_*` is who asked. Once a window has more than `[payload] records`, those that are alike are told in one row, where
what is not the same for all is null: so sum `requests`, where rows would be counted. What is inside TLS and QUIC is not seen; what `[payload]` does not let be told is null, or a hash.
Windows of this table need not be those of `flows`.

What fails, and whom it hits:

```sql
SELECT kind, coalesce(dns_name, tls_sni, http_host, dst_name, dst_addr) AS asked_for, dst_port,
       coalesce(dns_rcode, tls_alert, CAST(http_status AS VARCHAR), outcome) AS answer,
       sum(requests) AS requests, count(DISTINCT src_addr) AS askers, min(process) AS one_process
FROM requests WHERE failed GROUP BY 1, 2, 3, 4 ORDER BY requests DESC LIMIT 20
```

How long each server lets others wait:

```sql
SELECT kind, coalesce(tls_sni, http_host, dst_name, dst_addr) AS server, sum(requests) AS requests,
       sum(CASE WHEN failed THEN requests ELSE 0 END) * 100.0 / sum(requests) AS percent_failed,
       sum(latency_us * requests) / 1e3 / nullif(sum(CASE WHEN latency_us IS NOT NULL THEN requests END), 0) AS mean_ms,
       approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_us) / 1e3 AS p99_ms, max(latency_us_max) / 1e3 AS longest_ms
FROM requests GROUP BY 1, 2 ORDER BY requests DESC LIMIT 20
```

Which names each program looks up, and what it is told:

```sql
SELECT process, container, dns_name, dns_type, dns_rcode, sum(requests) AS asked, sum(retries) AS asked_again,
       max(latency_us_max) / 1e3 AS longest_ms, max(dns_addresses) AS addresses
FROM requests WHERE kind = 'dns' GROUP BY 1, 2, 3, 4, 5 ORDER BY asked DESC LIMIT 20
```

Who still speaks a version of TLS below 1.3, and to whom:

```sql
SELECT process, container, tls_sni, dst_addr, tls_version, tls_cipher, sum(requests) AS sessions
FROM requests WHERE kind = 'tls' AND outcome = 'answered' AND tls_version <> 'TLS 1.3'
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY sessions DESC LIMIT 20
```
";

const POLICY_EVENTS: &str = "\
Packets that a policy's rules matched and that were looked at: of each rule a few a second on each CPU, and of rules that `sample`
as many as they say. So rows are examples, and do not add up: how many packets a rule matched is `netrig_policy_packets_total`, and
`netrig policy show`. A packet that several rules matched, some of them in shadow mode, can have a row for each. Windows of this
table need not be those of `flows`.

Whom each rule hits or, in shadow mode, would hit:

```sql
SELECT rule, verdict, src_addr, transport, dst_port, count(*) AS examples, max(time) AS latest, min(octets) AS one
FROM policy_events WHERE verdict NOT IN ('passed', 'observed') GROUP BY 1, 2, 3, 4, 5 ORDER BY examples DESC LIMIT 20
```

How it went, minute by minute:

```sql
SELECT date_trunc('minute', time) AS minute, rule, verdict, count(*) AS examples, count(DISTINCT src_addr) AS sources
FROM policy_events GROUP BY 1, 2, 3 ORDER BY minute DESC, examples DESC LIMIT 20
```
";

const LEDGER: &str = "\
One row for each interface, direction and window: what was seen = what is told + what was lost, by reason. Where flows were sampled, what
is told has estimates in it: the packets taken stand for `extrapolated_packets` beyond themselves, and `sampled_out_packets` were left out;
`seen = told + overflow + not IP + sampled out − extrapolated`. What a policy removed at
XDP was not seen: `policy_packets` stand beside, and explain what the kernel's counter has more. (A driver may leave packets that
XDP drops out of its counter. Then there is nothing to explain, and packets that are missing in the same window would not show.)

What became of everything that the kernel counted:

```sql
SELECT iface, direction, sum(kernel_packets) AS kernel, sum(seen_packets) AS seen, sum(policy_packets) AS policy,
       sum(unaccounted_packets) AS unaccounted, sum(imbalance_packets) AS imbalance
FROM ledger GROUP BY 1, 2 ORDER BY 1, 2
```
";

const FLOWS_MINUTE: &str = "\
Flows of older times, of which minutes are kept: one row for all flows of a minute between the same addresses at the same service.
`src_port` is gone but where it was the service's. A record belongs to the minute in which its window began. What was not the same
for all that a row is made of is null. Sums are exact: those of `packets`, `bytes`, `reverse_packets`, `reverse_bytes` and
`dropped_packets` are what `flows` had.

Bytes by service over all that is kept, at whichever level:

```sql
SELECT transport, dst_port, sum(bytes + reverse_bytes) AS bytes, sum(packets + reverse_packets) AS packets FROM (
  SELECT transport, dst_port, packets, bytes, reverse_packets, reverse_bytes FROM flows
  UNION ALL SELECT transport, dst_port, packets, bytes, reverse_packets, reverse_bytes FROM flows_1m
  UNION ALL SELECT transport, dst_port, packets, bytes, reverse_packets, reverse_bytes FROM flows_1h)
GROUP BY 1, 2 ORDER BY bytes DESC LIMIT 20
```
";

const FLOWS_HOUR: &str = "\
Flows of the oldest times, of which hours are kept. Of each interface and hour the 1,000 rows with most bytes are whole (`told` is
`addresses`); of the others networks are told (`prefixes`: /24 of IPv4, /48 of IPv6, at most 4,096 rows of an hour), and what is
beyond that by interface and protocol alone (`other`). Sums are exact, as those of `flows_1m`.

How much of the bytes is told how finely, for each level:

```sql
SELECT kept_in, told, count(*) AS row_count, sum(bytes + reverse_bytes) AS bytes FROM (
  SELECT 'flows' AS kept_in, 'all' AS told, bytes, reverse_bytes FROM flows
  UNION ALL SELECT 'flows_1m', told, bytes, reverse_bytes FROM flows_1m
  UNION ALL SELECT 'flows_1h', told, bytes, reverse_bytes FROM flows_1h)
GROUP BY 1, 2 ORDER BY 1, 2
```
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for table in Table::ALL {
        write!(page, "\n## {table}\n{}\n| column | type | null | meaning |\n|---|---|---|---|\n", about(table))
            .unwrap();
        for column in table.columns() {
            let null = if column.nullable { "yes" } else { "no" };
            writeln!(page, "| `{}` | {} | {null} | {} |", column.name, type_name(column.kind), column.help).unwrap();
        }
    }
    page
}

#[test]
fn the_page_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema.md");
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page(), "docs/schema.md is not what the code says: run this test with NETRIG_BLESS=1");
}

#[test]
fn the_files_have_the_columns_of_the_page() {
    for table in Table::ALL {
        let schema = schema(table);
        let fields: Vec<_> =
            schema.fields().iter().map(|f| (f.name().as_str(), f.data_type().clone(), f.is_nullable())).collect();
        let columns: Vec<_> = table.columns().iter().map(|c| (c.name, arrow_type(c.kind), c.nullable)).collect();
        assert_eq!(fields, columns);
    }
}
