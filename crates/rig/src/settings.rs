//! The configuration, as the command line names it.

use netrig_config::{Config, ConfigErrors, process_environment};
use std::path::Path;

/// The file at `path`, or the defaults, with the environment over it.
pub(crate) fn load(path: Option<&Path>) -> Result<Config, ConfigErrors> {
    Config::load(path, process_environment())
}

/// Where a rig with these settings answers.
pub(crate) fn url(config: &Config) -> String {
    format!("http://{}", config.serve.listen)
}
