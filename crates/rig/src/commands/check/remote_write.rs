//! Remote write: the files it names are read, and the server is asked to take a request without samples.

use super::Line;
use crate::daemon::remote_write_options;
use netrig_config::Config;

pub(super) fn remote_write(config: &Config) -> Vec<Line> {
    let line = |fine, detail| vec![(fine, "remote_write".to_owned(), detail)];
    let Some(options) = remote_write_options(config) else {
        return line(true, "off: [remote_write] url names no server".to_owned());
    };
    match netrig_export::try_out(&options) {
        Ok(()) => line(true, format!("{} takes metrics", options.url)),
        Err(error) => line(false, error.to_string()),
    }
}
