//! What a request costs with the probe attached and without, in turns.

use super::contenders::{Attached, CONTENDERS, Contenders};
use super::echo::{self, CLIENT_CPU, Client, SERVER_CPU, Server};
use crate::report::Figure;
use crate::rounds::Samples;
use crate::sys;
use anyhow::Result;
use serde::Serialize;
use std::time::Duration;

/// How the client goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// So many requests a second.
    Paced(u32),
    /// The next as soon as the last is answered.
    Closed,
    /// A connection for each.
    Churn,
}

struct Case {
    name: &'static str,
    manner: Manner,
    server_cpu: usize,
    /// At most so many microseconds more.
    max_us: Option<f64>,
}

pub(crate) const PACE: u32 = 10_000;

const CASES: [Case; 5] = [
    Case { name: "10,000 a second", manner: Manner::Paced(PACE), server_cpu: SERVER_CPU, max_us: Some(0.5) },
    Case { name: "10,000 a second", manner: Manner::Paced(PACE), server_cpu: CLIENT_CPU, max_us: Some(0.5) },
    Case { name: "closed loop", manner: Manner::Closed, server_cpu: SERVER_CPU, max_us: Some(0.5) },
    Case { name: "closed loop", manner: Manner::Closed, server_cpu: CLIENT_CPU, max_us: Some(0.5) },
    Case { name: "connection each", manner: Manner::Churn, server_cpu: SERVER_CPU, max_us: None },
];

/// One case's figures, microseconds of CPU a request.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RequestResult {
    pub(crate) name: String,
    pub(crate) cpus: usize,
    pub(crate) rounds: usize,
    pub(crate) without_us: Figure,
    /// What calling programs that do nothing adds.
    pub(crate) empty_us: Figure,
    /// What the probe adds.
    pub(crate) netrig_us: Figure,
    /// Half of the rounds lie between these.
    pub(crate) netrig_quartiles_us: (f64, f64),
    /// How far off the median may be, as far as the rounds tell: its standard error.
    pub(crate) netrig_error_us: f64,
    pub(crate) max_us: Option<f64>,
}

impl RequestResult {
    pub(crate) fn key(&self) -> String {
        format!("{} cpus={}", self.name, self.cpus)
    }

    /// With the probe, as a multiple of without.
    pub(crate) fn ratio(&self) -> f64 {
        1.0 + self.netrig_us.median / self.without_us.median
    }

    /// Of a core, at the pace of the promise.
    pub(crate) fn share_of_core(&self) -> f64 {
        self.netrig_us.median * f64::from(PACE) / 1e6
    }
}

/// Of a normal distribution: a median's standard error, in distances between quartiles over the root of the count.
const ERROR_OF_MEDIAN: f64 = 0.93;

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

impl Case {
    fn requests(&self, turn: Duration) -> u32 {
        let each_us = match self.manner {
            Manner::Paced(pace) => 1_000_000 / u128::from(pace),
            Manner::Closed => CLOSED_US,
            Manner::Churn => CHURN_US,
        };
        u32::try_from(turn.as_micros() / each_us).unwrap_or(u32::MAX)
    }
}

pub(crate) fn measure(
    plan: RequestPlan,
    contenders: &mut Contenders,
    told: &mut dyn FnMut(RequestResult),
) -> Result<()> {
    sys::measure_on(CLIENT_CPU)?;
    sys::wake_when_due();
    for case in &CASES {
        contenders.attach(Attached::Netrig)?;
        let server = Server::start(case.server_cpu)?;
        // Made under the probe's eyes, so that it has its place, and the kernel calls back at its round trips.
        let mut client = (case.manner != Manner::Churn).then(|| server.connect()).transpose()?;
        told(measure_case(plan, case, contenders, &server, client.as_mut())?);
        contenders.attach(Attached::Netrig)?;
        drop(client);
        drop(server);
        contenders.drain();
    }
    contenders.attach(Attached::Nothing)
}

fn measure_case(
    plan: RequestPlan,
    case: &Case,
    contenders: &mut Contenders,
    server: &Server,
    mut client: Option<&mut Client>,
) -> Result<RequestResult> {
    let requests = case.requests(plan.turn);
    let mut samples = CONTENDERS.map(|_| Samples::default());
    for round in 0..=plan.rounds {
        for turn in 0..CONTENDERS.len() {
            // Each comes after each of the others equally often.
            let which = if round % 2 == 0 { turn } else { CONTENDERS.len() - 1 - turn };
            contenders.attach(CONTENDERS[which])?;
            ask(case, server, client.as_deref_mut(), requests / 10)?;
            let ns = echo::cpu_ns_of(server, || ask(case, server, client.as_deref_mut(), requests))?;
            contenders.drain();
            // The first round warms up.
            if round > 0 {
                samples[which].push(ns as f64 / f64::from(requests) / 1000.0);
            }
        }
    }
    let [without, empty, netrig] = samples;
    let added = netrig.beyond(&without);
    let quartiles = added.quartiles();
    Ok(RequestResult {
        name: case.name.to_owned(),
        cpus: if case.server_cpu == CLIENT_CPU { 1 } else { 2 },
        rounds: plan.rounds,
        without_us: Figure::of(&without),
        empty_us: Figure::of(&empty.beyond(&without)),
        netrig_us: Figure::of(&added),
        netrig_quartiles_us: quartiles,
        netrig_error_us: ERROR_OF_MEDIAN * (quartiles.1 - quartiles.0) / (plan.rounds as f64).sqrt(),
        max_us: case.max_us,
    })
}

fn ask(case: &Case, server: &Server, client: Option<&mut Client>, requests: u32) -> Result<()> {
    match (case.manner, client) {
        (Manner::Paced(pace), Some(client)) => client.requests(requests, Some(Duration::from_secs(1) / pace)),
        (_, Some(client)) => client.requests(requests, None),
        (_, None) => (0..requests).try_for_each(|_| server.connect()?.request()),
    }
}
