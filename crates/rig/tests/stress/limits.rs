//! The search for the highest rate without loss, and two of them beside each other.

use crate::support::{beside_others, said, stress};
use netrig_stress::report::json;
use netrig_testkit::require_root;
use std::fs;

#[test]
fn a_limit_is_found_kept_and_compared() {
    require_root!();
    let _beside = beside_others();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    // With the smallest tables and flows that never come again, the limit is low.
    fs::write(path("rig.toml"), "[rig]\nmemory = \"16MiB\"\n").expect("write");
    let args = ["ring-starved", "--find-limit", "--duration", "12s", "--config", &path("rig.toml")];
    let output = stress().args(args).args(["--save", &path("a.json"), "--html", &path("a.html")]).output();
    let output = output.expect("start netrig");
    assert!(output.status.success(), "{}", said(&output));
    let report = json::read(&fs::read_to_string(path("a.json")).expect("saved")).expect("a report");
    let limit = report.limit.expect("a limit");
    assert!(limit.lowest_pps_with_loss.is_some(), "{limit:?}");
    assert!(limit.highest_pps_without_loss < limit.lowest_pps_with_loss, "{limit:?}");
    assert!(
        limit.steps.len() > 1 && limit.steps.iter().all(|step| step.lost_packets == 0 || step.first_loss.is_some())
    );
    let page = fs::read_to_string(path("a.html")).expect("a page");
    assert!(page.contains("<svg") && !page.contains("<script"), "charts, and nothing that runs");
    let output = stress().args(["compare", &path("a.json"), &path("a.json"), "--json"]).output().expect("start netrig");
    assert!(output.status.success(), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"record\":\"stress_compare\""));
}
