//! A probe that the rig can do without: it runs, has failed or is off, and its status says which.

use netrig_model::{ProbeState, ProbeStatus};

/// One of the probes, under its name in the configuration.
pub(super) struct Optional<P> {
    name: &'static str,
    state: State<P>,
}

enum State<P> {
    Running(P),
    /// It is asked for, and this is why there is none.
    Failed(String),
    /// It is not asked for, or what it stands on is not.
    Off(String),
}

impl<P> Optional<P> {
    /// What `lay` makes of it, where it is asked for: its failure is not the rig's.
    pub(super) fn lay(name: &'static str, enabled: bool, lay: impl FnOnce() -> anyhow::Result<P>) -> Self {
        let mut probe = Self::off(name, format!("switched off by [{name}] enabled = false"));
        if enabled {
            match lay() {
                Ok(running) => probe.state = State::Running(running),
                Err(error) => probe.fail(&error),
            }
        }
        probe
    }

    /// One that is off, and why.
    pub(super) fn off(name: &'static str, why: String) -> Self {
        Self { name, state: State::Off(why) }
    }

    /// A step that it may not survive.
    pub(super) fn try_to(&mut self, step: impl FnOnce(&mut P) -> anyhow::Result<()>) {
        if let Some(running) = self.get_mut()
            && let Err(error) = step(running)
        {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &anyhow::Error) {
        tracing::error!(error = %format_args!("{error:#}"), "The {} probe is off; the rest goes on.", self.name);
        self.state = State::Failed(format!("{error:#}"));
    }

    pub(super) fn get(&self) -> Option<&P> {
        match &self.state {
            State::Running(probe) => Some(probe),
            State::Failed(_) | State::Off(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut P> {
        match &mut self.state {
            State::Running(probe) => Some(probe),
            State::Failed(_) | State::Off(_) => None,
        }
    }

    /// What a running one says of itself, or why it does not run.
    pub(super) fn status(&self, of_running: impl FnOnce(&P) -> ProbeStatus) -> ProbeStatus {
        let (state, detail) = match &self.state {
            State::Running(probe) => return of_running(probe),
            State::Failed(why) => (ProbeState::Failed, why.clone()),
            State::Off(why) => (ProbeState::Off, why.clone()),
        };
        ProbeStatus { name: self.name.to_owned(), state, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    fn status(probe: &Optional<u8>) -> ProbeStatus {
        probe.status(|n| ProbeStatus { name: "dice".into(), state: ProbeState::Running, detail: format!("shows {n}") })
    }

    #[test]
    fn one_that_is_off_is_never_laid() {
        let probe = Optional::lay("dice", false, || -> anyhow::Result<u8> { unreachable!() });
        assert!(probe.get().is_none());
        let status = status(&probe);
        assert_eq!((status.name.as_str(), status.state), ("dice", ProbeState::Off));
        assert_eq!(status.detail, "switched off by [dice] enabled = false");
    }

    #[test]
    fn one_that_fails_says_why_and_does_nothing_more() {
        let mut probe = Optional::lay("dice", true, || Ok(4_u8));
        assert_eq!(status(&probe).detail, "shows 4");
        probe.try_to(|n| {
            *n += 1;
            Ok(())
        });
        assert_eq!(probe.get(), Some(&5));
        probe.try_to(|_| bail!("it rolled away"));
        assert_eq!(probe.get_mut(), None);
        probe.try_to(|_| unreachable!());
        let status = status(&probe);
        assert_eq!((status.state, status.detail.as_str()), (ProbeState::Failed, "it rolled away"));
        let never = Optional::<u8>::lay("dice", true, || bail!("no table"));
        assert_eq!(never.status(|_| unreachable!()).detail, "no table");
    }
}
