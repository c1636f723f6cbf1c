//! As many octets over one TCP connection as there is room for, by iperf3.

use super::{CLIENT_CPU, Load, Measured, server_cpu};
use crate::overhead::ground::{Ground, SERVER};
use crate::overhead::stop;
use crate::sys;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Beyond the time it is to take.
const GRACE: Duration = Duration::from_secs(10);

/// Its port, 5201, in the kernel's list of sockets: nobody else has it in the namespace.
const LISTENING: &str = ":1451 00000000:0000 0A";

/// Congestion control that opens its window until something is lost. Cubic stops at a delay as well, which on a machine of few CPUs comes by
/// chance: its turns had 13 or 55 Gbit/s. One that paces itself (BBR) is as fast as its timers.
const CONTROL: &str = "reno";

/// Socket buffers of both ends. With as much as they would grow to, the receiver's queue of a thousand packets runs over now and then, and
/// what that costs (half the window, for the rest of the turn) is a matter of luck, too.
const WINDOW: &str = "1M";

/// The server; a client is run for each turn.
pub(super) struct Bulk<'a> {
    ground: &'a Ground,
    server: Running,
}

/// A child that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        sys::signal_group(self.0.id(), libc::SIGKILL);
        let _ = self.0.wait();
    }
}

impl<'a> Bulk<'a> {
    pub(super) fn begin(ground: &'a Ground) -> Result<Self> {
        let mut command = Command::new("iperf3");
        command.args(["-s", "-4", "-A", &server_cpu().to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        sys::start_inside(&mut command, &ground.server.path())?;
        let server = Running(command.spawn().context("cannot start iperf3: is it installed?")?);
        // Connecting to find out would be a test that failed, to iperf3.
        let listens = stop::wait_for(GRACE, || {
            Ok(ground.server.inside(|| fs::read_to_string("/proc/thread-self/net/tcp"))?.contains(LISTENING))
        })?;
        if !listens {
            bail!("iperf3's server does not listen at {SERVER}");
        }
        Ok(Self { ground, server })
    }
}

impl Load for Bulk<'_> {
    fn run(&mut self, time: Duration) -> Result<Measured> {
        if let Some(status) = self.server.0.try_wait()? {
            bail!("iperf3's server ended ({status})");
        }
        let file = self.ground.folder.join("iperf3.json");
        let mut command = Command::new("iperf3");
        let seconds = time.as_secs().max(1).to_string();
        command.args(["-c", &SERVER.to_string(), "-A", &CLIENT_CPU.to_string(), "-J", "-t", &seconds]);
        command.args(["-C", CONTROL, "-w", WINDOW]);
        let out = File::create(&file).with_context(|| format!("cannot write {}", file.display()))?;
        command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
        sys::start_inside(&mut command, &self.ground.client.path())?;
        let mut client = Running(command.spawn().context("cannot start iperf3")?);
        if !stop::wait_for(time + GRACE, || Ok(client.0.try_wait()?.is_some()))? {
            bail!("iperf3 did not end {GRACE:?} after it should have");
        }
        let text = fs::read_to_string(&file)?;
        fs::remove_file(&file)?;
        Ok(Measured { rate: Some(received(&text)?), ..Measured::default() })
    }
}

/// Bits a second that arrived, from the client's report.
fn received(report: &str) -> Result<f64> {
    let report: Value = serde_json::from_str(report).context("iperf3's report is no JSON")?;
    if let Some(error) = report.get("error") {
        bail!("iperf3: {error}");
    }
    report["end"]["sum_received"]["bits_per_second"].as_f64().context("iperf3 does not say what was received")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_counts_and_an_error_is_one() {
        let report = r#"{"end":{"sum_sent":{"bits_per_second":2e9},"sum_received":{"bits_per_second":1.5e9}}}"#;
        assert_eq!(received(report).expect("a report"), 1.5e9);
        let refused = received(r#"{"end":{},"error":"the server is busy"}"#).expect_err("an error");
        assert!(refused.to_string().contains("the server is busy"));
        assert!(received("{}").is_err());
    }
}
