//! The least that `[rig] cpu` can be.

use netrig_config::Percent;

/// What the rig takes of a core while nothing happens and everything is turned down that can be (`docs/overhead.md`): no step of the
/// governor brings it below that.
const REST_PERCENT_OF_A_CORE: f64 = 0.3;

/// Refuses a budget that could not be kept for a moment.
///
/// # Errors
/// What it would have to be on a machine of so many CPUs.
pub(crate) fn refuse_too_little(budget: Percent, cpus: usize) -> anyhow::Result<()> {
    let cpus = cpus.max(1);
    let of_a_core = budget.fraction() * cpus as f64 * 100.0;
    if of_a_core >= REST_PERCENT_OF_A_CORE {
        return Ok(());
    }
    let least = Percent::from_thousandths((REST_PERCENT_OF_A_CORE * 1000.0 / cpus as f64).ceil() as u32);
    anyhow::bail!(
        "[rig] cpu = \"{budget}\" is {of_a_core:.3} % of one of this machine's {cpus} CPUs, and the rig takes {REST_PERCENT_OF_A_CORE} % of \
         one while nothing happens at all: set it to \"{least}\" or more"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_least_that_can() {
        let told = |thousandths, cpus| {
            refuse_too_little(Percent::from_thousandths(thousandths), cpus).err().map(|error| error.to_string())
        };
        assert_eq!(told(1000, 1), None);
        assert_eq!(told(150, 2), None);
        assert_eq!(told(10, 64), None, "a hundredth of a percent of many CPUs is more than the rig needs");
        let why = told(100, 2).expect("too little");
        assert!(why.contains("\"0.1%\" is 0.200 % of one of this machine's 2 CPUs"), "{why}");
        assert!(why.ends_with("set it to \"0.15%\" or more"), "{why}");
        assert!(told(99, 3).expect("too little").ends_with("\"0.1%\" or more"));
    }
}
