//! Whether policies could be put in force here. It is found out beside the traffic: nothing is attached.

use super::Line;
use crate::daemon::targets;
use netrig_config::Config;
use netrig_host::{Interface, LinkLayer};
use netrig_policy::words::{Management, Policy, Unreadable};
use netrig_policy::{World, compile};
use netrig_probes::holder::{driver_takes_xdp, xdp_holder};
use netrig_probes::policy::PolicyProbe;
use std::fs;
use std::path::Path;

/// What fits into a page of 4 KiB beside what drivers keep there; longer packets take drivers that hand them on in parts.
const ONE_PAGE_MTU: u32 = 3498;

/// A line for the programs, and one for each interface that is watched.
pub(super) fn policy(config: &Config) -> Vec<Line> {
    let line = |fine, detail| (fine, "policy".to_owned(), detail);
    if let Err(error) = put_nothing_in_force() {
        return vec![line(false, format!("{error:#}"))];
    }
    let mut lines =
        vec![line(true, "a policy without rules is loaded, verified and put in force, on no interface".to_owned())];
    // What is wrong with the choice has been told with the flow probe, or is by `netrig run`.
    let interfaces = targets(&config.rig.interfaces).map(|(interfaces, _)| interfaces).unwrap_or_default();
    lines.extend(interfaces.iter().map(|interface| (true, interface.name.clone(), of_interface(interface))));
    lines
}

fn put_nothing_in_force() -> anyhow::Result<()> {
    let nothing = Policy {
        rules: Vec::new(),
        fragments: Unreadable::Pass,
        persist: false,
        management: Management { auto: false, allow: Default::default() },
        interfaces: Vec::new(),
    };
    let compiled = compile(&nothing, &World::default())?;
    PolicyProbe::load(0)?.put(&compiled.tables, None)?;
    Ok(())
}

/// That a policy could not be attached is no failure: most rigs have none.
fn of_interface(interface: &Interface) -> String {
    if interface.link_layer != LinkLayer::Ethernet {
        return "no policy: its packets have no Ethernet header, with which rules begin".to_owned();
    }
    let name = &interface.name;
    match xdp_holder(interface.index) {
        Ok(None) => {}
        Ok(Some(holder)) => return format!("no policy: {}; {}", holder.text(name), holder.advice(name)),
        Err(error) => return format!("policy: cannot find out who holds its XDP hook: {error}"),
    }
    let driver = driver_of(interface, Path::new("/sys/class/net"));
    free(driver.as_deref(), driver_takes_xdp(interface.index).ok().flatten(), interface.mtu)
}

/// What is in sight of an interface whose hook is free; only attaching shows for certain.
fn free(driver: Option<&str>, takes: Option<bool>, mtu: u32) -> String {
    let by = driver.map_or_else(|| "its driver".to_owned(), |driver| format!("its driver ({driver})"));
    let told = match takes {
        Some(true) => format!("{by} says that it takes programs"),
        Some(false) => format!(
            "{by} says that it takes none, as it is set up now: they would run in the stack (generic form), which costs more a packet"
        ),
        None => format!("whether {by} takes programs, or they run in the stack, shows when one is attached"),
    };
    let hint = if takes == Some(false) { None } else { limit(driver.unwrap_or_default(), mtu) };
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("policy: the XDP hook is free; {told}{hint}")
}

/// Why drivers that take programs refuse them all the same.
fn limit(driver: &str, mtu: u32) -> Option<String> {
    match driver {
        "virtio_net" => Some(
            "it may still refuse, while the machine below joins packets (LRO) and leaves this one no say in it"
                .to_owned(),
        ),
        "veth" => {
            Some("it refuses if the other end gets more transmit queues than this one has receive queues".to_owned())
        }
        _ if mtu > ONE_PAGE_MTU => Some(format!("it may still refuse: an MTU of {mtu} is too large for some drivers")),
        _ => None,
    }
}

/// As `ethtool -i` names it: of hardware by its driver, of the kernel's own devices by their kind.
fn driver_of(interface: &Interface, class: &Path) -> Option<String> {
    let link = fs::read_link(class.join(&interface.name).join("device/driver")).ok();
    let driver = link.and_then(|link| Some(link.file_name()?.to_string_lossy().into_owned()));
    let own = || interface.is_loopback.then(|| "loopback".to_owned());
    driver.or_else(|| interface.kind.clone()).or_else(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_free_hook_is_no_promise() {
        let said = free(Some("virtio_net"), Some(true), 1500);
        assert!(said.contains("(virtio_net) says that it takes programs; it may still refuse"), "{said}");
        let said = free(None, None, 9000);
        assert!(said.contains("shows when one is attached; it may still refuse: an MTU of 9000"), "{said}");
        let said = free(Some("veth"), Some(false), 9000);
        assert!(said.ends_with("which costs more a packet"), "{said}");
        assert_eq!(
            free(Some("ixgbe"), Some(true), 1500),
            "policy: the XDP hook is free; its driver (ixgbe) says that it takes programs"
        );
    }
}
