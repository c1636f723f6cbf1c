//! Which interfaces are watched: chosen at the start, followed as they come and go.

use anyhow::{Context, bail};
use netrig_host::{Interface, LinkEvent, LinkLayer, Reach, Selection, Selector, Watch, reach};
use netrig_model::{Direction, InterfaceId, ProbeState, ProbeStatus};
use netrig_probes::ProbeError;
use netrig_probes::flow::{FlowProbe, LinkKind, LinkTarget};
use std::collections::BTreeMap;

/// An interface under watch, or one that was.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) id: InterfaceId,
    pub(crate) name: String,
    pub(crate) ifindex: u32,
    /// Words of the hooks, by direction; empty once it is gone.
    pub(crate) hooks: [&'static str; 2],
}

/// The set of watched interfaces.
pub(crate) struct Watching {
    selector: Selector,
    watch: Watch,
    existing: BTreeMap<u32, Interface>,
    watched: BTreeMap<u32, Watched>,
    /// Why an interface that should be watched is not, by index.
    failed: BTreeMap<u32, String>,
    problems: Vec<String>,
    /// Whether the first choice has been carried out.
    settled: bool,
}

/// What to attach to now, by the entries of `[rig] interfaces`: for `netrig check`.
///
/// # Errors
/// When netlink does not answer, or an entry can never be met.
pub(crate) fn targets(entries: &[String]) -> anyhow::Result<(Vec<Interface>, Selection)> {
    let selector = Selector::parse(entries).context("[rig] interfaces")?;
    let existing = netrig_host::list()?;
    let selection = selector.select(&existing, &reached(&selector)?);
    let chosen = existing.into_iter().filter(|i| selection.indices.contains(&i.index)).collect();
    Ok((chosen, selection))
}

fn reached(selector: &Selector) -> anyhow::Result<Reach> {
    Ok(if selector.needs_reach() { reach()? } else { Reach::default() })
}

/// How frames of an interface begin, for those that netrig can read.
pub(crate) fn link_kind(interface: &Interface) -> Option<LinkKind> {
    match interface.link_layer {
        LinkLayer::Ethernet => Some(LinkKind::Ethernet),
        LinkLayer::None => Some(LinkKind::RawIp),
        LinkLayer::Other(_) => None,
    }
}

impl Watching {
    /// Begins to follow the host's interfaces; attaches to none yet.
    pub(crate) fn start(entries: &[String]) -> anyhow::Result<Self> {
        let selector = Selector::parse(entries).context("[rig] interfaces")?;
        let watch = netrig_host::watch()?;
        let existing: BTreeMap<_, _> = watch.initial.iter().map(|i| (i.index, i.clone())).collect();
        let list: Vec<_> = existing.values().cloned().collect();
        if let Some(error) = selector.select(&list, &reached(&selector)?).start_error() {
            bail!("[rig] interfaces: {error}");
        }
        Ok(Self {
            selector,
            watch,
            existing,
            watched: BTreeMap::new(),
            failed: BTreeMap::new(),
            problems: Vec::new(),
            settled: false,
        })
    }

    /// What is to be done when something has happened that [`Self::take_events`] takes in; by another thread.
    pub(crate) fn when_there_is_news(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.watch.when_there_is_news(wake);
    }

    /// Another choice, from a reload.
    pub(crate) fn choose(&mut self, entries: &[String]) -> anyhow::Result<()> {
        self.selector = Selector::parse(entries).context("[rig] interfaces")?;
        Ok(())
    }

    /// Takes in what has happened; true when the choice is to be made again.
    pub(crate) fn take_events(&mut self) -> bool {
        let mut again = false;
        while let Some(event) = self.watch.try_next() {
            again = true;
            match event {
                LinkEvent::Added(interface) | LinkEvent::Changed(interface) => {
                    self.failed.remove(&interface.index);
                    self.existing.insert(interface.index, interface);
                }
                LinkEvent::Removed { index, .. } => {
                    self.existing.remove(&index);
                    self.failed.remove(&index);
                }
                LinkEvent::ReachChanged => {}
            }
        }
        again
    }

    /// Attaches to what should be watched and is not, lets go of what should not be. The rest is not touched.
    /// Returns those that were let go.
    pub(crate) fn settle(&mut self, probe: &mut FlowProbe) -> anyhow::Result<Vec<Watched>> {
        let list: Vec<_> = self.existing.values().cloned().collect();
        let selection = self.selector.select(&list, &reached(&self.selector)?);
        self.problems = selection.problems.iter().map(ToString::to_string).collect();
        let gone: Vec<u32> = self.watched.keys().copied().filter(|i| !selection.indices.contains(i)).collect();
        let mut let_go = Vec::new();
        for index in gone {
            if let Some(watched) = self.watched.remove(&index) {
                probe.unwatch(watched.id);
                tracing::info!(iface = %watched.name, "No longer watching the interface.");
                let_go.push(watched);
            }
        }
        for index in selection.indices {
            self.follow(probe, index);
        }
        self.settled = true;
        Ok(let_go)
    }

    fn follow(&mut self, probe: &mut FlowProbe, index: u32) {
        let Some(interface) = self.existing.get(&index) else { return };
        if let Some(watched) = self.watched.get_mut(&index) {
            watched.name.clone_from(&interface.name);
            return;
        }
        if self.failed.contains_key(&index) {
            return;
        }
        match attach(probe, interface) {
            Ok(watched) => {
                tracing::info!(iface = %watched.name, ingress = watched.hooks[0], egress = watched.hooks[1], "Watching the interface.");
                self.watched.insert(index, watched);
            }
            Err(error) => {
                tracing::warn!(iface = %interface.name, %error, "The interface is not watched.");
                self.failed.insert(index, error);
            }
        }
    }

    /// Those under watch.
    pub(crate) fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.watched.values()
    }

    /// The probe's status in a sentence.
    pub(crate) fn status(&self) -> ProbeStatus {
        if !self.settled {
            let detail = "starting: nothing is attached yet".to_owned();
            return ProbeStatus { name: "flow".into(), state: ProbeState::Failed, detail };
        }
        let names = |list: &mut dyn Iterator<Item = String>| list.collect::<Vec<_>>().join(", ");
        let mut detail = match self.watched.len() {
            0 => "watching no interface".to_owned(),
            _ => {
                let each = self.watched.values().map(|w| {
                    if w.hooks[0] == w.hooks[1] {
                        format!("{} ({})", w.name, w.hooks[0])
                    } else {
                        format!("{} ({} in, {} out)", w.name, w.hooks[0], w.hooks[1])
                    }
                });
                format!("watching {}", names(&mut { each }))
            }
        };
        for sentence in self.failed.values().chain(&self.problems) {
            detail.push_str("; ");
            detail.push_str(sentence);
        }
        let state = match (self.watched.is_empty(), self.failed.is_empty()) {
            (_, true) => ProbeState::Running,
            (false, false) => ProbeState::Degraded,
            (true, false) => ProbeState::Failed,
        };
        ProbeStatus { name: "flow".into(), state, detail }
    }
}

fn attach(probe: &mut FlowProbe, interface: &Interface) -> Result<Watched, String> {
    let Some(kind) = link_kind(interface) else {
        return Err(format!("{}: its link layer is neither Ethernet nor plain IP", interface.name));
    };
    let target = LinkTarget { name: &interface.name, ifindex: interface.index, kind };
    let id = probe.watch(target).map_err(|e: ProbeError| e.to_string())?;
    let hooks = Direction::BOTH.map(|direction| probe.hook_of(id, direction));
    Ok(Watched { id, name: interface.name.clone(), ifindex: interface.index, hooks })
}
