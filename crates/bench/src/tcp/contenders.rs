//! What takes turns at the hooks: nothing, programs that do nothing, and the TCP probe.

use crate::empty::{Empty, cgroup_root};
use crate::rounds::Contenders;
use anyhow::{Result, anyhow};
use netrig_drain::tcp::Places;
use netrig_probes::tcp::{TcpOptions, TcpProbe, TcpSizes};

/// Numbers of contenders.
pub(crate) const NOTHING: usize = 0;
pub(crate) const EMPTY: usize = 1;
pub(crate) const NETRIG: usize = 2;

/// The TCP probe, and the places that it and user space hand to and fro.
pub(crate) struct Tcp {
    probe: TcpProbe,
    places: Places,
}

impl Tcp {
    pub(crate) fn load(sizes: TcpSizes) -> Result<Self> {
        let probe = TcpProbe::load(&options(sizes)?)?;
        let places = Places::new(probe.memory());
        Ok(Self { probe, places })
    }

    pub(crate) fn attach(&mut self) -> Result<()> {
        self.probe.attach()?;
        match self.probe.missing().first() {
            Some(missing) => Err(anyhow!("the TCP probe is not whole: no {}: {}", missing.what, missing.why)),
            None => Ok(()),
        }
    }

    pub(crate) fn detach(&mut self) {
        self.probe.detach();
    }

    pub(crate) fn drain(&mut self) {
        self.places.ended(true, &mut |places, number| places.release(number));
    }
}

/// The programs, loaded; one set of them attached at a time.
pub(crate) struct TcpContenders {
    tcp: Tcp,
    empty: Empty,
    attached: usize,
}

impl TcpContenders {
    pub(crate) fn load(sizes: TcpSizes) -> Result<Self> {
        Ok(Self { tcp: Tcp::load(sizes)?, empty: Empty::load()?, attached: 0 })
    }
}

impl Contenders for TcpContenders {
    fn attach(&mut self, which: usize) -> Result<()> {
        if which == self.attached {
            return Ok(());
        }
        self.tcp.detach();
        self.empty.detach();
        match which {
            EMPTY => self.empty.attach()?,
            NETRIG => self.tcp.attach()?,
            _ => {}
        }
        self.attached = which;
        Ok(())
    }

    fn drain(&mut self) {
        self.tcp.drain();
    }
}

/// The probe as the rig loads it.
pub(crate) fn options(sizes: TcpSizes) -> Result<TcpOptions> {
    Ok(TcpOptions { sizes, cgroup_root: Some(cgroup_root()?), reads: false, first_id: 1 })
}
