//! What a Prometheus is told before it starts.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Before 3.8 a flag of the whole server makes Prometheus read native histograms; from then on the scrape's configuration
/// does, and the flag is let pass.
const NATIVE_FLAG: &str = "--enable-feature=native-histograms";
const NATIVE_LINE: &str = "    scrape_native_histograms: true\n";
const NATIVE_LINE_SINCE: (u32, u32) = (3, 8);

/// What it scrapes, how often, and by which rules it judges.
///
/// ```no_run
/// use netrig_testkit::{NetNs, PrometheusSetup};
/// use std::time::Duration;
///
/// let ns = NetNs::new("scraped");
/// let setup = PrometheusSetup::every(Duration::from_secs(2)).job("netrig", "127.0.0.1:9798").native_histograms();
/// // Not installed: the test is reported as skipped, and ends.
/// let Some(prometheus) = setup.start(Some(&ns)) else { return };
/// assert_eq!(prometheus.wait_value(r#"up{job="netrig"}"#), 1.0);
/// ```
#[derive(Clone, Debug)]
pub struct PrometheusSetup {
    every: Duration,
    jobs: Vec<Job>,
    pub(super) rules: Vec<String>,
    native: bool,
    pub(super) flags: Vec<String>,
}

#[derive(Clone, Debug)]
struct Job {
    name: String,
    target: String,
    path: String,
}

impl PrometheusSetup {
    /// Scrapes each target once in so long, whole seconds, and waits for each answer as long; rules are judged once a second.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self { every: interval, jobs: Vec::new(), rules: Vec::new(), native: false, flags: Vec::new() }
    }

    /// Scrapes `/metrics` at this address and port, as this job.
    #[must_use]
    pub fn job(self, name: &str, target: &str) -> Self {
        self.job_at(name, target, "/metrics")
    }

    /// The same at another path.
    #[must_use]
    pub fn job_at(mut self, name: &str, target: &str, path: &str) -> Self {
        self.jobs.push(Job { name: name.to_owned(), target: target.to_owned(), path: path.to_owned() });
        self
    }

    /// Asks for native histograms and keeps them, in place of classic ones where a target has both.
    #[must_use]
    pub fn native_histograms(mut self) -> Self {
        self.native = true;
        self
    }

    /// Judges by the rules of this file, too: its text.
    #[must_use]
    pub fn rules(mut self, yaml: &str) -> Self {
        self.rules.push(yaml.to_owned());
        self
    }

    /// A further argument of the command, such as `--web.enable-remote-write-receiver`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// The arguments that all this takes; `dir` is where [`PrometheusSetup::write`] has written.
    pub(super) fn arguments(&self, dir: &Path, listen: SocketAddr) -> Vec<String> {
        let mut arguments = vec![
            format!("--config.file={}", dir.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", dir.join("data").display()),
            format!("--web.listen-address={listen}"),
            // Why a scrape failed is told at this level only.
            "--log.level=debug".to_owned(),
        ];
        arguments.extend(self.native.then(|| NATIVE_FLAG.to_owned()));
        arguments.extend(self.flags.iter().cloned());
        arguments
    }

    /// Writes the configuration and the rules.
    pub(super) fn write(&self, dir: &Path, version: (u32, u32)) {
        let seconds = self.every.as_secs();
        let mut config = format!(
            "global: {{ scrape_interval: {seconds}s, scrape_timeout: {seconds}s, evaluation_interval: 1s }}\n\
             rule_files: [\"rules-*.yml\"]\nscrape_configs:\n"
        );
        let native = if self.native && version >= NATIVE_LINE_SINCE { NATIVE_LINE } else { "" };
        for Job { name, target, path } in &self.jobs {
            write!(
                config,
                "  - job_name: {name}\n    metrics_path: {path}\n{native}    static_configs: [{{ targets: [\"{target}\"] }}]\n"
            )
            .expect("write to a string");
        }
        std::fs::write(dir.join("prometheus.yml"), config).expect("write the configuration");
        for (number, rules) in self.rules.iter().enumerate() {
            std::fs::write(dir.join(format!("rules-{number}.yml")), rules).expect("write the rules");
        }
    }
}

/// Version of the command that is installed; none where it is not.
pub(super) fn installed_version() -> Option<(u32, u32)> {
    let output = Command::new("prometheus").arg("--version").output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let version = said.split("version ").nth(1).unwrap_or_else(|| panic!("prometheus tells no version: {said}"));
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    Some((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
}
