//! Each alert about what the rig sends fires for its fault, made on purpose, and for that alone.

use crate::support::Street;
use crate::support::judged::{Judged, OF_ONE, judged_config};
use crate::support::receiver::{Mood, Receiver, sent_to};
use netrig_testkit::require_root;
use std::time::Duration;

/// A picture is taken every second: the queue fills, and the server has taken something a short while ago at any time.
const SLOW: Duration = Duration::from_secs(4);

/// A queue as small as it may be. The rate of losses looks back for longer than this test lasts.
#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_server_that_is_slow_and_one_that_says_nothing() {
    require_root!();
    let street = Street::new("alert-slow");
    let receiver = Receiver::start(&street.near);
    let sending = sent_to("http", receiver.address(), "timeout = \"10s\"\nqueue = \"64KiB\"\n");
    let config = judged_config("near0", &format!("{OF_ONE}{sending}"));
    let Some(mut judged) = Judged::start(&street.near, &config) else { return };
    receiver.set(Mood::IsSlow(SLOW));
    judged.assert_only(&["NetrigRemoteWriteQueueFilling", "NetrigRemoteWriteLosing"], |_| {});
    judged
        .prometheus
        .wait_until("ALERTS{alertname=\"NetrigRemoteWriteLosing\",outcome=\"dropped\",alertstate=\"firing\"}");
    receiver.set(Mood::Hangs);
    let all = ["NetrigRemoteWriteQueueFilling", "NetrigRemoteWriteLosing", "NetrigRemoteWriteStalled"];
    judged.assert_only(&all, |_| {});
    receiver.set(Mood::Takes);
    judged.wait_until_calm_but(&["NetrigRemoteWriteLosing"]);
}

#[test]
#[ignore = "minutes: ./dev alerts runs it"]
fn a_server_that_refuses() {
    require_root!();
    let street = Street::new("alert-refuses");
    let receiver = Receiver::start(&street.near);
    let config = judged_config("near0", &format!("{OF_ONE}{}", sent_to("http", receiver.address(), "")));
    let Some(mut judged) = Judged::start(&street.near, &config) else { return };
    receiver.set(Mood::Refuses);
    judged.assert_only(&["NetrigRemoteWriteLosing", "NetrigRemoteWriteStalled"], |_| {});
    judged
        .prometheus
        .wait_until("ALERTS{alertname=\"NetrigRemoteWriteLosing\",outcome=\"rejected\",alertstate=\"firing\"}");
    receiver.set(Mood::Takes);
    judged.wait_until_calm_but(&["NetrigRemoteWriteLosing"]);
}
