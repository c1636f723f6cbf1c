//! For each alert what a host looks like that it is for, and one that it is not for.

mod remote;
mod rig;
mod traffic;

/// Series and their values, a minute apart, in promtool's notation: `0+60x30` is 0, 60, 120 and so on, 31 of them.
pub(crate) type Series = &'static [(&'static str, &'static str)];

/// One alert's.
pub(crate) struct Case {
    /// Its name.
    pub(crate) alert: &'static str,
    /// A host with the fault.
    pub(crate) fault: Series,
    /// A host that is busy, and has just not got it.
    pub(crate) healthy: Series,
    /// When the alert must fire at the one, and at the other not.
    pub(crate) at: &'static str,
    /// Its labels, but for its name, its severity, and the job and instance of `H`.
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// What it says.
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
}

/// What stands for `job="netrig",instance="web1:9798"` in series.
pub(crate) const HOST: [(&str, &str); 2] = [("job", "netrig"), ("instance", "web1:9798")];

pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    traffic::CASES.iter().chain(rig::CASES).chain(remote::CASES)
}
