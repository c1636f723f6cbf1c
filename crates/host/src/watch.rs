//! Interfaces as they come, change and go.

use crate::error::HostError;
use crate::interface::{Interface, list_by};
use crate::netlink::{Message, Socket, Wake, read_u32};
use crate::reach::changes_reach;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::PipeReader;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What happened to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// It is there.
    Added(Interface),
    /// It is not what it was.
    Changed(Interface),
    /// It is gone (or in another namespace).
    Removed {
        /// The index it had.
        index: u32,
        /// The name it had.
        name: String,
    },
    /// Addresses or default routes changed: what `auto` finds may be another now.
    ReachChanged,
}

/// A watch over the interfaces of the namespace it was started in; dropping it ends its thread.
pub struct Watch {
    /// The interfaces when the watch began: events tell what happened since, and nothing is missed between.
    pub initial: Vec<Interface>,
    events: Receiver<LinkEvent>,
    overruns: Arc<AtomicU64>,
    waker: Waker,
    /// Closing it is what wakes the thread for its end.
    _stop: std::io::PipeWriter,
}

/// Called after each news, once somebody wants that.
type Waker = Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>;

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("initial", &self.initial)
            .field("overruns", &self.overruns)
            .finish_non_exhaustive()
    }
}

const RTM_DELLINK: u16 = 17;
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV4_ROUTE: u32 = 7;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const RTNLGRP_IPV6_ROUTE: u32 = 11;
const GROUPS: [u32; 5] =
    [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE];

/// After the last news of a burst, the list is asked for once: the kernel does not tell everything (the first end of a veth
/// pair is told before it has a peer, and not again).
const SETTLE: Duration = Duration::from_millis(100);

/// Room for a few hundred links at once; beyond, the list is asked for anew.
const BUFFER_BYTES: usize = 1 << 20;

/// Watches the interfaces of this thread's network namespace.
///
/// # Errors
/// When netlink does not answer, or no thread can be started.
pub fn watch() -> Result<Watch, HostError> {
    watch_with_buffer(BUFFER_BYTES)
}

/// As [`watch`], with a receive buffer of another size: a small one overruns early, which tests want.
///
/// # Errors
/// When netlink does not answer, or no thread can be started.
pub fn watch_with_buffer(buffer_bytes: usize) -> Result<Watch, HostError> {
    let groups = GROUPS.iter().fold(0, |mask, group| mask | 1 << (group - 1));
    let news = Socket::subscribe(groups, buffer_bytes).map_err(HostError::netlink("watch interfaces"))?;
    // Both sockets are opened here: the namespace is that of the caller, not of a thread to come. The list is asked for
    // after subscribing, so that whatever it does not show will be told.
    let mut dumps = Socket::open().map_err(HostError::netlink("watch interfaces"))?;
    let initial = list_by(&mut dumps)?;
    let (stopped, stop) = std::io::pipe().map_err(HostError::Thread)?;
    let (sender, events) = channel();
    let overruns = Arc::new(AtomicU64::new(0));
    let known = initial.iter().map(|i| (i.index, i.clone())).collect();
    let waker = Waker::default();
    let (theirs, overrun) = (Arc::clone(&waker), Arc::clone(&overruns));
    let mut watcher = Watcher { news, dumps, known: Known(known), sender, overruns: overrun, waker: theirs };
    let thread = std::thread::Builder::new().name("netrig-links".to_owned());
    thread.spawn(move || watcher.run(&stopped)).map_err(HostError::Thread)?;
    Ok(Watch { initial, events, overruns, waker, _stop: stop })
}

impl Watch {
    /// Has the watch's thread call `wake` whenever there are events to be taken, and now, for those that came before. The first to ask is
    /// heard.
    pub fn when_there_is_news(&self, wake: impl Fn() + Send + Sync + 'static) {
        // In this order: what comes in between wakes twice, rather than not at all.
        self.waker.get_or_init(|| Box::new(wake))();
    }

    /// The next event, when there is one already.
    #[must_use]
    pub fn try_next(&self) -> Option<LinkEvent> {
        self.events.try_recv().ok()
    }

    /// The next event, waited for at most `limit`; `None` when there was none.
    #[must_use]
    pub fn next_within(&self, limit: Duration) -> Option<LinkEvent> {
        match self.events.recv_timeout(limit) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // The thread ended on an error, which it logged; not to return at once keeps callers from spinning.
                std::thread::sleep(limit);
                None
            }
        }
    }

    /// How often the kernel had more to say than the buffer held, and the list was asked for anew.
    #[must_use]
    pub fn overruns(&self) -> u64 {
        self.overruns.load(Ordering::Relaxed)
    }
}

struct Watcher {
    news: Socket,
    dumps: Socket,
    known: Known,
    sender: Sender<LinkEvent>,
    overruns: Arc<AtomicU64>,
    waker: Waker,
}

impl Watcher {
    fn run(&mut self, stopped: &PipeReader) {
        let mut unsettled = false;
        loop {
            let news = match self.news.wait(stopped, unsettled.then_some(SETTLE)) {
                Ok(Wake::Stopped) => return,
                Ok(Wake::Messages) => self.next_events(),
                Ok(Wake::TimedOut) => self.settle(),
                Err(e) => return tracing::error!(error = %e, "Interfaces are no longer watched: waiting failed."),
            };
            match news {
                Ok(events) => {
                    unsettled = !events.is_empty();
                    for event in events {
                        // The watch was dropped; the pipe will say so too.
                        let _ = self.sender.send(event);
                    }
                    if let Some(wake) = self.waker.get().filter(|_| unsettled) {
                        wake();
                    }
                }
                Err(e) => {
                    unsettled = true;
                    tracing::warn!(error = %e, "Interfaces could not be listed; trying again in a second.");
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        }
    }

    fn settle(&mut self) -> Result<Vec<LinkEvent>, HostError> {
        Ok(self.known.replace(list_by(&mut self.dumps)?))
    }

    fn next_events(&mut self) -> Result<Vec<LinkEvent>, HostError> {
        let (known, mut events, mut reach_changed) = (&mut self.known, Vec::new(), false);
        let complete = self.news.receive_waiting(&mut |message| {
            events.extend(known.apply(message));
            reach_changed |= changes_reach(message);
        });
        if !complete.map_err(HostError::netlink("watch interfaces"))? {
            self.overruns.fetch_add(1, Ordering::Relaxed);
            // What was lost is unknown, so what came is only half a story. The socket is empty now, so whatever is still
            // to come is newer than, or part of, the list.
            events.extend(self.settle()?);
            reach_changed = true;
        }
        events.extend(reach_changed.then_some(LinkEvent::ReachChanged));
        Ok(events)
    }
}

/// The interfaces as last told, by index.
struct Known(BTreeMap<u32, Interface>);

impl Known {
    /// What a message changes.
    fn apply(&mut self, message: &Message<'_>) -> Option<LinkEvent> {
        if message.kind == RTM_DELLINK {
            // Of a bridge's family, it says that a port left the bridge.
            let of_any_family = message.body.first() == Some(&0);
            return if of_any_family { self.remove(read_u32(message.body, 4)?) } else { None };
        }
        self.insert(Interface::from_message(message)?)
    }

    /// What differs between what was told and the whole list as it is now.
    fn replace(&mut self, list: Vec<Interface>) -> Vec<LinkEvent> {
        let there: BTreeSet<u32> = list.iter().map(|interface| interface.index).collect();
        let gone: Vec<u32> = self.0.keys().copied().filter(|index| !there.contains(index)).collect();
        let mut events: Vec<_> = gone.into_iter().filter_map(|index| self.remove(index)).collect();
        events.extend(list.into_iter().filter_map(|interface| self.insert(interface)));
        events
    }

    fn insert(&mut self, interface: Interface) -> Option<LinkEvent> {
        match self.0.insert(interface.index, interface.clone()) {
            None => Some(LinkEvent::Added(interface)),
            Some(old) if old != interface => Some(LinkEvent::Changed(interface)),
            Some(_) => None,
        }
    }

    fn remove(&mut self, index: u32) -> Option<LinkEvent> {
        self.0.remove(&index).map(|old| LinkEvent::Removed { index, name: old.name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::LinkLayer;
    use proptest::prelude::*;

    fn interface(index: u32, mtu: u32) -> Interface {
        Interface {
            index,
            name: format!("if{index}"),
            alternative_names: Vec::new(),
            kind: None,
            link_layer: LinkLayer::Ethernet,
            mtu,
            up: true,
            carrier: true,
            is_loopback: false,
            master: None,
            lower: None,
            lower_is_elsewhere: false,
        }
    }

    proptest! {
        #[test]
        fn whoever_follows_the_events_knows_the_list(
            old in prop::collection::btree_map(1u32..9, 1u32..3, 0..8),
            new in prop::collection::btree_map(1u32..9, 1u32..3, 0..8),
        ) {
            let state = |map: BTreeMap<u32, u32>| -> BTreeMap<u32, Interface> {
                map.into_iter().map(|(index, mtu)| (index, interface(index, mtu))).collect()
            };
            let (mut mirror, new) = (state(old), state(new));
            let mut known = Known(mirror.clone());
            for event in known.replace(new.values().cloned().collect()) {
                match event {
                    LinkEvent::Added(i) => prop_assert!(mirror.insert(i.index, i).is_none()),
                    LinkEvent::Changed(i) => prop_assert!(mirror.insert(i.index, i.clone()).is_some_and(|old| old != i)),
                    LinkEvent::Removed { index, name } => {
                        prop_assert_eq!(mirror.remove(&index).map(|old| old.name), Some(name));
                    }
                    LinkEvent::ReachChanged => prop_assert!(false, "a list tells nothing of addresses"),
                }
            }
            prop_assert_eq!(&mirror, &new);
            prop_assert_eq!(&known.0, &new);
        }
    }
}
