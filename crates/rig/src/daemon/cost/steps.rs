//! What can be turned down to keep the budget, in the order in which it is: first what is missed least.

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Recorder,
    LatencyOneIn256,
    LatencyOneIn1024,
    LatencyOneIn4096,
    Payload,
    Bursts,
    DropExamples,
    FlowsOneIn4,
    FlowsOneIn16,
    FlowsOneIn64,
    Latency,
    FlowsOneIn256,
    FlowsOneIn1024,
}

impl Step {
    /// All, in order.
    pub(crate) const ALL: [Self; 13] = [
        Self::Recorder,
        Self::LatencyOneIn256,
        Self::LatencyOneIn1024,
        Self::LatencyOneIn4096,
        Self::Payload,
        Self::Bursts,
        Self::DropExamples,
        Self::FlowsOneIn4,
        Self::FlowsOneIn16,
        Self::FlowsOneIn64,
        Self::Latency,
        Self::FlowsOneIn256,
        Self::FlowsOneIn1024,
    ];

    /// Up to here all is turned down at once where the cost is beyond all measure.
    pub(crate) const LEAP_TO: Self = Self::FlowsOneIn16;

    /// The word for it in the status and in logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Recorder => "recorder",
            Self::LatencyOneIn256 => "latency_256",
            Self::LatencyOneIn1024 => "latency_1024",
            Self::LatencyOneIn4096 => "latency_4096",
            Self::Payload => "payload",
            Self::Bursts => "bursts",
            Self::DropExamples => "drop_examples",
            Self::FlowsOneIn4 => "flows_4",
            Self::FlowsOneIn16 => "flows_16",
            Self::FlowsOneIn64 => "flows_64",
            Self::Latency => "latency",
            Self::FlowsOneIn256 => "flows_256",
            Self::FlowsOneIn1024 => "flows_1024",
        }
    }

    /// What is given up by it, for people.
    pub(crate) fn gives_up(self) -> &'static str {
        match self {
            Self::Recorder => "no packets are kept for the flight recorder's files",
            Self::LatencyOneIn256 => "latency is told of 1 message in 256",
            Self::LatencyOneIn1024 => "latency is told of 1 message in 1024",
            Self::LatencyOneIn4096 => "latency is told of 1 message in 4096",
            Self::Payload => "no requests are read",
            Self::Bursts => "no bursts are told",
            Self::DropExamples => "no examples of dropped packets; they are counted all the same",
            Self::FlowsOneIn4 => "flows are told of 1 packet in 4; totals stay exact",
            Self::FlowsOneIn16 => "flows are told of 1 packet in 16; totals stay exact",
            Self::FlowsOneIn64 => "flows are told of 1 packet in 64; totals stay exact",
            Self::Latency => "no latency is told",
            Self::FlowsOneIn256 => "flows are told of 1 packet in 256; totals stay exact",
            Self::FlowsOneIn1024 => "flows are told of 1 packet in 1024; totals stay exact",
        }
    }
}

/// How things are to be with some steps turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turned {
    pub(crate) recorder: bool,
    pub(crate) payload: bool,
    pub(crate) bursts: bool,
    pub(crate) drop_examples: bool,
    pub(crate) latency: bool,
    /// Latency is told of one message in so many, if it is not rarer anyway.
    pub(crate) latency_one_in: u32,
    /// Flows of one packet in so many.
    pub(crate) flows_one_in: u32,
}

impl Default for Turned {
    fn default() -> Self {
        Self {
            recorder: false,
            payload: false,
            bursts: false,
            drop_examples: false,
            latency: false,
            latency_one_in: 1,
            flows_one_in: 1,
        }
    }
}

impl Turned {
    /// With these turned down.
    pub(crate) fn of(steps: impl Iterator<Item = Step>) -> Self {
        let mut turned = Self::default();
        for step in steps {
            match step {
                Step::Recorder => turned.recorder = true,
                Step::LatencyOneIn256 => turned.latency_one_in = turned.latency_one_in.max(256),
                Step::LatencyOneIn1024 => turned.latency_one_in = turned.latency_one_in.max(1024),
                Step::LatencyOneIn4096 => turned.latency_one_in = turned.latency_one_in.max(4096),
                Step::Payload => turned.payload = true,
                Step::Bursts => turned.bursts = true,
                Step::DropExamples => turned.drop_examples = true,
                Step::FlowsOneIn4 => turned.flows_one_in = turned.flows_one_in.max(4),
                Step::FlowsOneIn16 => turned.flows_one_in = turned.flows_one_in.max(16),
                Step::FlowsOneIn64 => turned.flows_one_in = turned.flows_one_in.max(64),
                Step::Latency => turned.latency = true,
                Step::FlowsOneIn256 => turned.flows_one_in = turned.flows_one_in.max(256),
                Step::FlowsOneIn1024 => turned.flows_one_in = turned.flows_one_in.max(1024),
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_turns_something_down_and_none_up() {
        let mut before = Turned::default();
        for taken in 1..=Step::ALL.len() {
            let now = Turned::of(Step::ALL.into_iter().take(taken));
            assert_ne!(now, before, "{:?} changes nothing", Step::ALL[taken - 1]);
            assert!(now.latency_one_in >= before.latency_one_in && now.flows_one_in >= before.flows_one_in);
            before = now;
        }
        let Turned { latency_one_in, flows_one_in, .. } = before;
        assert_eq!((latency_one_in, flows_one_in), (4096, 1024));
    }

    #[test]
    fn names_are_words_of_their_own() {
        let names: std::collections::BTreeSet<_> = Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names.len(), Step::ALL.len());
    }
}
