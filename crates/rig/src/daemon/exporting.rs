//! What the rig sends by itself: from the configuration to threads that send.

use super::live;
use super::rights::{self, Needs};
use anyhow::Context;
use netrig_config::Config;
use netrig_export::{Credentials, RemoteWrite, RemoteWriteOptions};
use netrig_metrics::Exporter;
use netrig_serve::Live;
use std::sync::{Arc, Mutex};

/// What `[remote_write]` asks for; none where it names no server.
pub(crate) fn remote_write_options(config: &Config) -> Option<RemoteWriteOptions> {
    let remote = &config.remote_write;
    let host = config.rig.host.clone().unwrap_or_else(netrig_host::host_name);
    let mut labels = remote.external_labels.clone();
    labels.entry("job".to_owned()).or_insert_with(|| "netrig".to_owned());
    labels.entry("instance".to_owned()).or_insert(host);
    let credentials = match (&remote.basic_auth_user, &remote.basic_auth_password_file, &remote.bearer_token_file) {
        (Some(user), Some(password), _) => Credentials::Basic(user.clone(), password.clone()),
        (_, _, Some(token)) => Credentials::Bearer(token.clone()),
        _ => Credentials::None,
    };
    Some(RemoteWriteOptions {
        url: remote.url.clone()?,
        interval: remote.interval,
        timeout: remote.timeout,
        credentials,
        ca_file: remote.tls_ca_file.clone(),
        labels,
        native_histograms: remote.native_histograms,
        queue_bytes_max: remote.queue.0,
        samples_max: usize::try_from(remote.samples_per_request).unwrap_or(usize::MAX),
    })
}

/// Starts to send, by threads that have no rights but to read files of credentials; none where nothing is to be sent.
///
/// # Errors
/// When a file that is named cannot be read, or the address is none.
pub(super) fn start(
    config: &Config,
    exporter: &Arc<Mutex<Exporter>>,
    live: &Arc<live::Handle>,
) -> anyhow::Result<Option<RemoteWrite>> {
    let Some(options) = remote_write_options(config) else { return Ok(None) };
    let (exporter, live) = (Arc::clone(exporter), Arc::clone(live));
    // Threads have the rights of the one that starts them.
    let starting = std::thread::spawn(move || {
        rights::drop_all_but_needed(Needs::Files)?;
        let started = RemoteWrite::start(&options, exporter, Box::new(move || live.snapshot()));
        let started = started.context("[remote_write] cannot send metrics")?;
        tracing::info!(url = %options.url, "Sending metrics by remote write.");
        anyhow::Ok(started)
    });
    starting.join().unwrap_or_else(|_| anyhow::bail!("the thread that starts to send metrics panicked")).map(Some)
}
