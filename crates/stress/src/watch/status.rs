//! What the rig says of itself, by HTTP in its namespace.

use super::config::PORT;
use crate::StressError;
use crate::world::World;
use netrig_model::Snapshot;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A rig that stands still is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);
const REQUEST: &str = "GET /api/v1/status HTTP/1.0\r\nHost: localhost\r\n\r\n";

/// Its status now.
pub(super) fn fetch(world: &World) -> Result<Snapshot, StressError> {
    let answer = world.right.inside(|| {
        let doing = || StressError::doing("ask the rig how it fares");
        let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, PORT).into(), PATIENCE).map_err(doing())?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(doing())?;
        stream.write_all(REQUEST.as_bytes()).map_err(doing())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(doing())?;
        Ok(answer)
    })?;
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(&[][..], |at| &answer[at + 4..]);
    serde_json::from_slice(body)
        .map_err(|error| StressError::Rig(format!("the rig's status cannot be read: {error}; is it of this version?")))
}
