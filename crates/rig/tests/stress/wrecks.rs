//! What breaks first, and that it is named. These want the machine for themselves, so they come last, by their module's name: until then
//! nobody has to wait for another.

use crate::support::{alone, assert_accounted, report};
use netrig_stress::report::model::Stage;
use netrig_testkit::require_root;
use tempfile::TempDir;

/// What is wrecked on purpose breaks first only where nothing else is the limit: on a slow machine the CPU budget would be.
const UNTHROTTLED: &str = "[rig]\ncpu = \"100%\"\n";

const ONE_PACKET_EACH: &str = "about = \"Flows of one packet.\"
[[flood]]
flows = 4000000000
draw = \"new\"
packets_per_flow = 1
bytes = 64
";

/// A folder with a configuration in it, and where that is.
fn configured(more_of_rig: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rig.toml");
    std::fs::write(&path, format!("{UNTHROTTLED}{more_of_rig}")).expect("write");
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn a_rig_that_stood_still_names_the_ring_as_what_broke() {
    require_root!();
    let _alone = alone();
    let (_folder, config) = configured("");
    let report = report(&["ring-starved", "--duration", "9s", "--no-victim", "--config", &config]);
    assert_accounted(&report);
    assert_eq!(report.bottleneck.stage, Stage::Ring, "{:?} {:?}", report.bottleneck, report.losses);
    assert!(report.traffic.lost_packets.is_some_and(|lost| lost > 0), "{:?}", report.traffic);
}

#[test]
fn a_full_disk_names_the_store_as_what_broke() {
    require_root!();
    let _alone = alone();
    let (_folder, config) = configured("");
    let report = report(&["disk-full", "--duration", "4s", "--no-victim", "--config", &config]);
    assert_accounted(&report);
    assert_eq!(report.bottleneck.stage, Stage::Store, "{:?} {:?}", report.bottleneck, report.losses);
    let rows = report.losses.iter().find(|loss| loss.stage == Stage::Store).expect("rows are lost");
    assert!(rows.count > 0 && rows.unit == "rows");
}

#[test]
fn a_table_made_small_is_named_with_the_setting_that_moves_it() {
    require_root!();
    let _alone = alone();
    let (folder, config) = configured("memory = \"16MiB\"\n");
    // A flow for each packet: no process takes them over as fast as the kernel makes them.
    let churn = folder.path().join("churn.toml");
    std::fs::write(&churn, ONE_PACKET_EACH).expect("write");
    let churn = churn.display().to_string();
    let report = report(&[&churn, "--duration", "4s", "--rate", "600000", "--no-victim", "--config", &config]);
    assert_accounted(&report);
    assert_eq!(report.bottleneck.stage, Stage::Table, "{:?} {:?}", report.bottleneck, report.losses);
    let setting = report.bottleneck.setting.expect("a setting");
    assert_eq!((setting.key.as_str(), setting.now.as_str()), ("rig.memory", "\"16MiB\""));
}
