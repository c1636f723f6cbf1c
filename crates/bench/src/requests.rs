//! What a request costs with each contender attached, in turns.

use crate::echo::{self, CLIENT_CPU, Client, SERVER_CPU, Server};
use crate::rounds::{self, Contenders, Samples};
use crate::sys;
use anyhow::Result;
use std::time::Duration;

/// How the client goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    /// So many requests a second.
    Paced(u32),
    /// The next as soon as the last is answered.
    Closed,
    /// A connection for each.
    Churn,
}

/// A client and a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) manner: Manner,
    server_cpu: usize,
}

/// Requests a second.
pub(crate) const PACE: u32 = 10_000;

/// One connection, many requests.
pub(crate) const ON_ONE_CONNECTION: [Load; 4] = [
    Load { name: "10,000 a second", manner: Manner::Paced(PACE), server_cpu: SERVER_CPU },
    Load { name: "10,000 a second", manner: Manner::Paced(PACE), server_cpu: CLIENT_CPU },
    Load { name: "closed loop", manner: Manner::Closed, server_cpu: SERVER_CPU },
    Load { name: "closed loop", manner: Manner::Closed, server_cpu: CLIENT_CPU },
];
/// A connection for each request.
pub(crate) const A_CONNECTION_EACH: Load =
    Load { name: "connection each", manner: Manner::Churn, server_cpu: SERVER_CPU };

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestPlan {
    pub(crate) rounds: usize,
    /// Of one contender's turn.
    pub(crate) turn: Duration,
}

/// What a request takes about; for how many fit into a turn.
const CLOSED_US: u128 = 20;
const CHURN_US: u128 = 100;

impl Load {
    /// CPUs that client and server have between them.
    pub(crate) fn cpus(&self) -> usize {
        if self.server_cpu == CLIENT_CPU { 1 } else { 2 }
    }

    pub(crate) fn requests(&self, turn: Duration) -> u32 {
        let each_us = match self.manner {
            Manner::Paced(pace) => 1_000_000 / u128::from(pace),
            Manner::Closed => CLOSED_US,
            Manner::Churn => CHURN_US,
        };
        u32::try_from(turn.as_micros() / each_us).unwrap_or(u32::MAX)
    }

    /// A server for it.
    pub(crate) fn server(&self) -> Result<Server> {
        Server::start(self.server_cpu)
    }

    /// Asks so many times, and a few times before that. Microseconds of CPU a request, both ends.
    pub(crate) fn turn(&self, server: &Server, requests: u32) -> Result<f64> {
        // Made under the contender's eyes: a probe has its place, and the kernel calls back for those that asked it to.
        let mut client = (self.manner != Manner::Churn).then(|| server.connect()).transpose()?;
        self.ask(server, client.as_mut(), requests / 10)?;
        let ns = echo::cpu_ns_of(server, || self.ask(server, client.as_mut(), requests))?;
        // And ended under them: what a probe remembers of it, it forgets.
        client.map(Client::close).transpose()?;
        Ok(ns as f64 / f64::from(requests) / 1000.0)
    }

    fn ask(&self, server: &Server, client: Option<&mut Client>, requests: u32) -> Result<()> {
        match (self.manner, client) {
            (Manner::Paced(pace), Some(client)) => client.requests(requests, Some(Duration::from_secs(1) / pace)),
            (_, Some(client)) => client.requests(requests, None),
            (_, None) => (0..requests).try_for_each(|_| server.connect()?.request()),
        }
    }
}

/// Microseconds of CPU a request, both ends: of each of `which`.
pub(crate) fn measure(
    plan: RequestPlan,
    load: &Load,
    which: &[usize],
    contenders: &mut dyn Contenders,
) -> Result<Vec<Samples>> {
    sys::measure_on(CLIENT_CPU)?;
    sys::wake_when_due();
    let server = load.server()?;
    let requests = load.requests(plan.turn);
    let samples = rounds::contest(plan.rounds, which, contenders, &mut |_| Ok([load.turn(&server, requests)?]));
    drop(server);
    contenders.drain();
    Ok(samples?.into_iter().map(|[of_one]| of_one).collect())
}
