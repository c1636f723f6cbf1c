//! Who holds an interface's XDP hook. It has room for one program: whoever comes second has to know whose the first is.

mod ask;
mod processes;

pub use ask::{driver_takes_xdp, xdp_holder};

use std::fmt::Write as _;
use std::time::Duration;

/// What libxdp calls the program that it lets several others run behind.
const DISPATCHER: &str = "xdp_dispatcher";
/// What netrig's policies are attached as.
const DOOR: &str = "policy_entry";
/// And its flow probe, where that is asked for.
const FLOW: &str = "flow_xdp";
/// How many processes are named; the rest are counted.
const NAMED_MAX: usize = 3;

/// Where an XDP program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver, before the kernel makes a packet of what came.
    Native,
    /// In the stack.
    Generic,
    /// In the device.
    Offload,
}

impl XdpMode {
    /// As `ip` and `bpftool` have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Offload => "offload",
        }
    }

    /// What `ip link set` calls it.
    const fn of_ip(self) -> &'static str {
        match self {
            Self::Native => "xdpdrv",
            Self::Generic => "xdpgeneric",
            Self::Offload => "xdpoffload",
        }
    }
}

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachedBy {
    /// By a link of this number: until nobody holds it, neither a process nor a pin.
    Link(u32),
    /// By netlink: until somebody takes it off.
    Netlink,
    /// Not known: who may not load programs may not ask.
    Unknown,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// A program at an interface's XDP hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpHolder {
    /// The kernel's number of it.
    pub program: u32,
    /// Its name, of which the kernel keeps 15 octets; none where it has none, or this process may not ask.
    pub name: Option<String>,
    /// A hash of its instructions, as `bpftool` shows it.
    pub tag: Option<String>,
    /// How long ago it was loaded.
    pub loaded_ago: Option<Duration>,
    /// Where it runs.
    pub mode: XdpMode,
    /// How it is attached.
    pub by: AttachedBy,
    /// Who holds its link, or the program itself where it was attached by netlink; as far as could be seen in the time that is
    /// allowed for it.
    pub processes: Vec<Process>,
    /// Whether all processes were looked at.
    pub all_seen: bool,
}

impl XdpHolder {
    /// Whether it is libxdp's, behind which several programs run.
    #[must_use]
    pub fn is_dispatcher(&self) -> bool {
        self.name.as_deref() == Some(DISPATCHER)
    }

    /// Whether its link is pinned: nothing else keeps a link that no process holds. One that a process holds may be pinned too.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        matches!(self.by, AttachedBy::Link(_)) && self.all_seen && self.processes.is_empty()
    }

    /// For people: who it is.
    #[must_use]
    pub fn text(&self, iface: &str) -> String {
        let mut text = format!("{iface}'s XDP hook is held by program {}", self.program);
        if let Some(name) = &self.name {
            let _ = write!(text, " `{name}`");
        }
        let _ = write!(text, " ({}", self.mode.as_str());
        if let Some(ago) = self.loaded_ago {
            let _ = write!(text, ", loaded {} ago", age(ago));
        }
        text.push(')');
        text.push_str(&self.owners());
        match self.by {
            AttachedBy::Link(_) if self.is_pinned() => text.push_str(", attached by a link that is pinned"),
            AttachedBy::Link(_) => text.push_str(", attached by a link"),
            AttachedBy::Netlink => text.push_str(", attached by netlink"),
            AttachedBy::Unknown => {}
        }
        text
    }

    fn owners(&self) -> String {
        let named: Vec<_> = self.processes.iter().take(NAMED_MAX).map(|p| format!("{} `{}`", p.pid, p.name)).collect();
        let more = self.processes.len() - named.len();
        match (named.as_slice(), more) {
            ([], _) => String::new(),
            ([one], _) => format!(" of process {one}"),
            ([others @ .., last], 0) => format!(" of processes {} and {last}", others.join(", ")),
            (all, more) => format!(" of processes {} and {more} more", all.join(", ")),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self, iface: &str) -> String {
        let is = |name: &str| self.name.as_deref() == Some(name);
        match self.by {
            _ if is(FLOW) => {
                "that is netrig's flow probe: leave the hook to policies by [flow] hook = \"tcx\"".to_owned()
            }
            _ if self.is_dispatcher() => format!(
                "that is libxdp's dispatcher, which netrig does not join yet: detach it with `xdp-loader unload {iface} --all`, or leave this interface to it"
            ),
            AttachedBy::Link(_) if self.is_pinned() && is(DOOR) => {
                "that is a policy that outlived its rig: `netrig policy remove` takes it off".to_owned()
            }
            _ if is(DOOR) => {
                "that is a policy of netrig's: remove it, or count flows beside it by [flow] hook = \"tcx\"".to_owned()
            }
            AttachedBy::Link(id) if self.is_pinned() => {
                format!("it goes when its pin is removed (`bpftool -f link show id {id}` tells where it is)")
            }
            AttachedBy::Link(_) if !self.processes.is_empty() => "it goes with that process".to_owned(),
            AttachedBy::Netlink => {
                format!("if nobody needs it, `ip link set dev {iface} {} off` takes it off", self.mode.of_ip())
            }
            AttachedBy::Link(_) | AttachedBy::Unknown => format!("`bpftool net show dev {iface}` tells more"),
        }
    }
}

/// How long ago, in one unit.
fn age(ago: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let seconds = ago.as_secs();
    let unit = UNITS.iter().find(|(length, _)| seconds >= 2 * length);
    unit.map_or_else(|| format!("{seconds} s"), |(length, unit)| format!("{} {unit}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> XdpHolder {
        XdpHolder {
            program: 41,
            name: Some("xdp_filter".into()),
            tag: None,
            loaded_ago: Some(Duration::from_secs(7_300)),
            mode: XdpMode::Native,
            by: AttachedBy::Link(5),
            processes: vec![Process { pid: 1, name: "xdp-loader".into() }],
            all_seen: true,
        }
    }

    #[test]
    fn a_holder_is_named_with_all_that_is_known() {
        let mut holder = holder();
        let said = "eth0's XDP hook is held by program 41 `xdp_filter` (native, loaded 2 h ago) of process 1 `xdp-loader`, attached by a link";
        assert_eq!(holder.text("eth0"), said);
        assert_eq!(holder.advice("eth0"), "it goes with that process");
        holder.processes.clear();
        assert!(holder.text("eth0").ends_with("(native, loaded 2 h ago), attached by a link that is pinned"));
        assert!(holder.advice("eth0").contains("bpftool -f link show id 5"));
        holder.name = Some("policy_entry".into());
        assert!(holder.advice("eth0").contains("netrig policy remove"));
        holder.name = Some("flow_xdp".into());
        assert!(holder.advice("eth0").contains("[flow] hook = \"tcx\""));
        holder.all_seen = false;
        assert!(
            holder.text("eth0").ends_with("ago), attached by a link"),
            "a process may have it that was not looked at"
        );
    }

    #[test]
    fn little_may_be_known() {
        let unknown =
            XdpHolder { name: None, loaded_ago: None, by: AttachedBy::Unknown, processes: vec![], ..holder() };
        assert_eq!(unknown.text("eth0"), "eth0's XDP hook is held by program 41 (native)");
        assert!(unknown.advice("eth0").contains("bpftool net show dev eth0"));
    }

    #[test]
    fn some_processes_are_named_and_the_rest_counted() {
        let of = |count: u32| {
            let processes = (1..=count).map(|pid| Process { pid, name: "a".into() }).collect();
            XdpHolder { processes, ..holder() }.owners()
        };
        assert_eq!(of(2), " of processes 1 `a` and 2 `a`");
        assert_eq!(of(3), " of processes 1 `a`, 2 `a` and 3 `a`");
        assert_eq!(of(5), " of processes 1 `a`, 2 `a`, 3 `a` and 2 more");
    }

    #[test]
    fn a_dispatcher_is_known_by_its_name() {
        let holder = XdpHolder { name: Some("xdp_dispatcher".into()), by: AttachedBy::Netlink, ..holder() };
        assert!(holder.advice("eth0").contains("xdp-loader unload eth0 --all"), "{}", holder.advice("eth0"));
    }

    #[test]
    fn netlink_leaves_it_until_somebody_takes_it_off() {
        let holder = XdpHolder { by: AttachedBy::Netlink, mode: XdpMode::Generic, processes: vec![], ..holder() };
        assert!(holder.advice("eth0").contains("ip link set dev eth0 xdpgeneric off"));
        assert!(!holder.is_pinned());
    }

    #[test]
    fn ages_have_one_unit() {
        let of = |seconds| age(Duration::from_secs(seconds));
        assert_eq!(
            [of(3), of(119), of(120), of(7_199), of(7_200), of(200_000)],
            ["3 s", "119 s", "2 min", "119 min", "2 h", "2 d"]
        );
    }
}
