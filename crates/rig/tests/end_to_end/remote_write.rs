//! What a real rig sends by remote write to a real Prometheus is what it shows to those who come and ask, and of what is not
//! taken nothing is lost that is not counted.

use crate::support::judged::OF_ONE;
use crate::support::receiver::{Mood, Receiver, TlsDoor, receiving, sent_to};
use crate::support::street::FAR;
use crate::support::{Rig, Street, udp_churn, wait_for};
use netrig_model::RemoteWriteStatus;
use netrig_testkit::{Answers, NetNs, Prometheus, Questions, Server, require_root};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PATIENCE: Duration = Duration::from_secs(90);
const ASKED: u16 = 20_911;
/// All that was sent and received; what ends is told by a marker, which is no value.
const ALL: &str = "{job=\"netrig\"}";

/// What a series is called, labels that are empty left out; and its value.
type Told = BTreeMap<BTreeMap<String, String>, f64>;

fn config(interface: &str, more: &str) -> String {
    format!("[rig]\ninterfaces = [\"{interface}\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n{more}")
}

fn sending(rig: &Rig<'_>) -> RemoteWriteStatus {
    rig.status().remote_write.expect("it sends")
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

#[test]
fn what_arrives_is_what_the_rig_shows() {
    require_root!();
    let street = Street::new("sent");
    let Some(prometheus) = receiving(&street.near) else { return };
    let more = sent_to("http", prometheus.address(), "external_labels = { instance = \"near\", site = \"lab\" }\n");
    let rig = Rig::start_with(&street.near, &config("near0", &format!("{more}[latency]\nsampling = 1\n")));
    let server =
        Server::answering(&street.far, (FAR.parse::<IpAddr>().expect("an address"), ASKED), Answers::default());
    assert_eq!(Questions::to(server.address(), 60).on_connections(2).ask(&street.near).count(), 60);
    street.near.inside(|| udp_churn(50, 2, 100));
    let common = [("job", "netrig"), ("instance", "near"), ("site", "lab")];
    let compared = wait_for("what was sent is what is shown", PATIENCE, || {
        let before = read(&rig.get("/metrics"));
        let received = received_since(&prometheus, now_s(), &common);
        let after = read(&rig.get("/metrics"));
        compare(&before, &received, &after)
    });
    assert!(compared > 300, "only {compared} series did not change: is this test blind?");
    assert_eq!(sending(&rig).rejected, 0);
}

/// Everything there is, once a picture has come that was taken after this time; without the labels that all have.
fn received_since(prometheus: &Prometheus, time_s: f64, common: &[(&str, &str)]) -> Told {
    prometheus.wait_until(&format!("timestamp(netrig_build_info) > {time_s:.3}"));
    let series = prometheus.query(ALL).expect("a query");
    let told = series.into_iter().map(|series| {
        let value = series.last();
        let mut labels = series.labels;
        for (label, value) in common {
            assert_eq!(labels.remove(*label).as_deref(), Some(*value), "{labels:?}");
        }
        (labels, value)
    });
    told.collect()
}

/// How many series were the same before and after, and were received with that value; none where one of them was not, for some
/// go up and down meanwhile.
fn compare(before: &Told, received: &Told, after: &Told) -> Option<usize> {
    let unknown: Vec<_> =
        received.keys().filter(|key| !before.contains_key(*key) && !after.contains_key(*key)).collect();
    let same: Vec<_> = before.iter().filter(|(key, value)| after.get(*key) == Some(value)).collect();
    let other: Vec<_> = same.iter().filter(|(key, value)| received.get(*key) != Some(value)).collect();
    if !unknown.is_empty() || !other.is_empty() {
        let first = other.first().map(|(key, value)| (key, value, received.get(*key)));
        eprintln!("{} that nobody shows {:?}; {} that differ: {first:?}", unknown.len(), unknown.first(), other.len());
        return None;
    }
    Some(same.len())
}

/// The text format, one line after the other.
fn read(text: &str) -> Told {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| read_line(line).unwrap_or_else(|| panic!("a series: {line}"))).collect()
}

fn read_line(line: &str) -> Option<(BTreeMap<String, String>, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels = BTreeMap::from([("__name__".to_owned(), name.to_owned())]);
    let mut rest = rest.strip_suffix('}')?;
    while !rest.is_empty() {
        let (label, quoted) = rest.split_once("=\"")?;
        let end = quoted.char_indices().scan(false, |escaped, (at, c)| {
            let ends = c == '"' && !*escaped;
            *escaped = c == '\\' && !*escaped;
            Some((at, ends))
        });
        let (end, _) = end.into_iter().find(|(_, ends)| *ends)?;
        let text = quoted[..end].replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\");
        if !text.is_empty() {
            labels.insert(label.trim_start_matches(',').to_owned(), text);
        }
        rest = &quoted[end + 1..];
    }
    Some((labels, value.parse().ok()?))
}

/// First nobody answers for a while that the queue can bridge, then for longer than it can.
#[test]
fn while_nobody_takes_it_what_has_room_waits_and_what_has_none_is_counted() {
    require_root!();
    let ns = NetNs::new("sent-later");
    let Some(mut prometheus) = receiving(&ns) else { return };
    let more = sent_to("http", prometheus.address(), "timeout = \"1s\"\nqueue = \"128KiB\"\n");
    let rig = Rig::start_with(&ns, &config("lo", &format!("{OF_ONE}{more}")));
    wait_for("the first pictures are taken", PATIENCE, || (sending(&rig).requests_ok >= 2).then_some(()));

    let away_s = now_s();
    let still = prometheus.standing_still();
    wait_for("pictures wait", PATIENCE, || {
        let status = sending(&rig);
        (status.requests_retried >= 2 && status.queue_samples > status.sent / status.requests_ok).then_some(())
    });
    let back_s = now_s();
    drop(still);
    let status = drained(&rig, &prometheus);
    assert_eq!((status.dropped, status.rejected), (0, 0), "{status:?}");
    let meanwhile = times(&prometheus).into_iter().filter(|time_s| (away_s..back_s).contains(time_s)).count();
    assert!(meanwhile >= 2, "{meanwhile} pictures of the time in which nobody answered: {:?}", times(&prometheus));

    prometheus.end();
    wait_for("the queue is full", PATIENCE, || {
        let status = sending(&rig);
        let room = status.queue_capacity_samples.expect("known by now");
        assert!(status.queue_samples <= room + room / 10, "{status:?}");
        (status.dropped > 0).then_some(())
    });
    prometheus.again();
    let status = drained(&rig, &prometheus);
    assert!(status.dropped > 0 && status.rejected == 0, "{status:?}");
}

/// Times of the pictures that arrived, seconds since 1970.
fn times(prometheus: &Prometheus) -> Vec<f64> {
    let series = prometheus.query("netrig_build_info[10m]").expect("a query");
    series.iter().flat_map(|series| &series.samples).map(|(time_s, _)| *time_s).collect()
}

/// Waits until nothing waits, and what has arrived is, to the sample, what the rig says was taken.
fn drained(rig: &Rig<'_>, prometheus: &Prometheus) -> RemoteWriteStatus {
    wait_for("all that was taken is there", PATIENCE, || {
        let before = sending(rig);
        let series = prometheus.query(&format!("{ALL}[10m]")).expect("a query");
        let there: usize = series.iter().map(|series| series.samples.len()).sum();
        let after = sending(rig);
        let still = before == after && before.queue_samples == 0;
        if still {
            assert_eq!(before.made, before.sent + before.dropped + before.rejected, "{before:?}");
        }
        (still && there as u64 == before.sent).then_some(before)
    })
}

#[test]
fn what_is_refused_and_what_nobody_answers_is_counted_and_all_goes_on() {
    require_root!();
    let ns = NetNs::new("sent-moods");
    let receiver = Receiver::start(&ns);
    let more = sent_to("http", receiver.address(), "timeout = \"1s\"\n");
    let rig = Rig::start_with(&ns, &config("lo", &format!("{OF_ONE}{more}")));
    let until = |what: &str, is_so: fn(&RemoteWriteStatus) -> bool| {
        wait_for(what, PATIENCE, || Some(sending(&rig)).filter(is_so))
    };
    until("it is taken", |status| status.sent > 0);
    receiver.set(Mood::Refuses);
    let status = until("it is refused", |status| status.requests_failed > 0);
    assert!(status.rejected > 0 && status.detail.contains("400"), "{status:?}");
    receiver.set(Mood::Hangs);
    let status = until("nothing is said", |status| status.requests_retried > 0);
    assert!(status.detail.contains("no answer"), "{status:?}");
    receiver.set(Mood::Takes);
    let status = until("all is taken again", |status| status.queue_samples == 0 && status.detail.is_empty());
    assert_eq!((status.dropped, status.made), (0, status.sent + status.rejected), "{status:?}");
    assert!(receiver.asked() >= status.requests_ok + status.requests_failed);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_one_that_is_named_is_taken() {
    require_root!();
    let ns = NetNs::new("sent-tls");
    let Some(prometheus) = receiving(&ns) else { return };
    let Some(door) = TlsDoor::to(&ns, prometheus.address()) else { return };
    let start = |more: &str| {
        Rig::start_with(&ns, &config("lo", &format!("{OF_ONE}{}", sent_to("https", door.address(), more))))
    };

    let rig = start("");
    let status =
        wait_for("it is refused", PATIENCE, || Some(sending(&rig)).filter(|status| status.requests_retried > 0));
    assert!(status.sent == 0 && status.detail.contains("certificate"), "{status:?}");
    drop(rig);
    assert_eq!(prometheus.query(ALL), Ok(Vec::new()), "nothing has left");

    let rig = start(&format!("tls_ca_file = \"{}\"\n", door.certificate().display()));
    let status = wait_for("it is taken", PATIENCE, || Some(sending(&rig)).filter(|status| status.sent > 0));
    assert_eq!(status.requests_retried, 0, "{status:?}");
    prometheus.wait_until("netrig_build_info");
}
