//! The alert that looks back for a week fires for a service that has become slow, and for its stage alone. That week is made:
//! Prometheus remembers what the very rig told of the service as it was well.

use crate::support::judged::{Judged, judged_config};
use crate::support::scraped::scraping;
use crate::support::street::NEAR;
use crate::support::{Rig, Street, wait_for};
use netrig_testkit::{AlertState, Answers, PrometheusSetup, Questions, Server, require_root};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

const ALERT: &str = "NetrigLatencyStageRegressed";
const P99: &str = "instance_stage:netrig_latency_seconds:p99_15m";
const VALUES: &str = "instance_stage:netrig_latency_values:rate15m";
const PORT: u16 = 20_903;
/// Every message is looked at; all that others do on this machine and another alert is about is not.
const LATENCY_ALONE: &str =
    "[burst]\nenabled = false\n[tcp]\nenabled = false\n[drop]\nenabled = false\n[latency]\nsampling = 1\n";
/// Stages in which a process waits for a processor are not remembered: what they are now depends on whatever else this machine does.
const UNTOUCHED: &str = "stage!~\"wakeup|run_queue\"";
/// Nor is the time in which the server's peer does.
const PEERS: &str = "{__name__=~\"instance_stage:netrig_latency_.*\",role=\"server\",stage=\"wire_peer\"}";
const WEEK: Duration = Duration::from_hours(7 * 24);
/// As long as a test may take that begins a week later.
const AROUND: Duration = Duration::from_mins(30);
/// Far above what a busy machine makes of no time, and of which many pass in a test.
const SLOW: Duration = Duration::from_millis(80);
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_service_that_takes_longer_than_a_week_ago() {
    require_root!();
    let street = Street::new("alert-week");
    slower_than_a_week_ago(&street, "classic", scraping());
    slower_than_a_week_ago(&street, "native", scraping().native_histograms());
}

fn slower_than_a_week_ago(street: &Street, form: &str, scraping: PrometheusSetup) {
    let rig = Rig::start_with(&street.near, &judged_config("near0", LATENCY_ALONE));
    let Some(mut judged) = Judged::by(scraping, rig, &street.near) else { return };
    let ours = format!("form=\"{form}\",service=~\".*:{PORT}\"");
    let measured = |ago: &str| format!("({VALUES}{{{ours},role=\"server\",stage=\"think\"}}{ago} > 0.2)");
    // Plenty, so that a few late ones are none of a hundred.
    wait_for("many messages", PATIENCE, || {
        ask(street, Duration::ZERO, 300);
        judged.prometheus.query(&format!("{} > 1", measured(""))).is_ok_and(|found| !found.is_empty()).then_some(())
    });
    let ours = format!("{{__name__=~\"{P99}|{VALUES}\",{ours},{UNTOUCHED}}}");
    judged.prometheus.remember(&format!("{ours} unless {PEERS}"), WEEK, AROUND);
    // All that the alert asks for but that it is slower.
    judged.prometheus.wait_until(&format!("{} and {}", measured(""), measured(" offset 1w")));
    judged.assert_only(&[], |_| ask(street, Duration::ZERO, 60));
    judged.assert_only(&[ALERT], |_| ask(street, SLOW, 60));
    let alerts = judged.prometheus.alerts();
    let firing = alerts.iter().filter(|alert| alert.state == AlertState::Firing);
    let whose: BTreeSet<_> =
        firing.map(|alert| ["role", "service", "stage"].map(|n| alert.labels[n].clone())).collect();
    // To its client the server is the peer.
    let (server, client) = (format!(":{PORT}"), format!("{NEAR}:{PORT}"));
    let expected = [["server", server.as_str(), "think"], ["client", client.as_str(), "wire_peer"]];
    assert_eq!(whose, expected.map(|labels| labels.map(str::to_owned)).into(), "{form}: {alerts:#?}");
}

/// Some questions to the service, which thinks for so long about each.
fn ask(street: &Street, think: Duration, count: usize) {
    let address = SocketAddr::from((IpAddr::V4(NEAR.parse::<Ipv4Addr>().expect("an address")), PORT));
    let server = Server::answering(&street.near, address, Answers::default().think(think));
    drop(Questions::to(server.address(), count).on_connections(6).ask(&street.far));
}
