//! The rig's configuration: what the user has, what the scenario wants, and what the world needs.

use crate::StressError;
use crate::plan::Plan;
use crate::world::World;
use toml::{Table, Value};

/// Where it serves, in a namespace where nobody else does.
pub(super) const PORT: u16 = 9798;

/// Later beats earlier: `base`, the scenario's `[rig]`, and what keeps the rig in its namespace and its folder.
pub(crate) fn rig_config(base: Option<&Table>, plan: &Plan, world: &World) -> Result<Table, StressError> {
    let mut config = Table::new();
    // Short windows, so that the account is soon told; whoever has an opinion wins.
    merge(&mut config, &section("rig", &[("window", "1s".into())]));
    // Files of the flight recorder's that nobody asked for are no part of what is measured.
    merge(&mut config, &section("recorder", &[("automatic", false.into())]));
    if let Some(base) = base {
        merge(&mut config, base);
    }
    merge(&mut config, &plan.rig);
    // Nothing leaves the host because of a test.
    config.remove("remote_write");
    let path = |name: &str| Value::String(world.folder().join(name).display().to_string());
    let interfaces: Vec<Value> = world.interfaces().into_iter().map(Value::String).collect();
    let listen = Value::String(format!("127.0.0.1:{PORT}"));
    let store = Value::String(world.store().display().to_string());
    for forced in [
        section("rig", &[("interfaces", interfaces.into())]),
        section("serve", &[("enabled", true.into()), ("listen", listen)]),
        section("store", &[("dir", store)]),
        section("policy", &[("socket", path("control.sock")), ("pins", path("pins"))]),
        section("recorder", &[("dir", path("captures"))]),
    ] {
        merge(&mut config, &forced);
    }
    Ok(config)
}

fn section(name: &str, keys: &[(&str, Value)]) -> Table {
    let keys: Table = keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Table::from_iter([(name.to_owned(), Value::Table(keys))])
}

fn merge(into: &mut Table, from: &Table) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_beats_earlier_key_by_key() {
        let mut config: Table = toml::from_str("[rig]\nwindow = \"1s\"\ncpu = \"1%\"").expect("TOML");
        let from: Table = toml::from_str("[rig]\nwindow = \"5s\"\n[flow]\ntunnels = true").expect("TOML");
        merge(&mut config, &from);
        let expected = "[rig]\nwindow = \"5s\"\ncpu = \"1%\"\n[flow]\ntunnels = true";
        assert_eq!(config, toml::from_str::<Table>(expected).expect("TOML"));
    }
}
