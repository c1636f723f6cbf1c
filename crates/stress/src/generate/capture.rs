//! A capture as what is sent: some of its packets, each of many flows.

use super::Template;
use crate::StressError;
use crate::plan::Plan;
use netrig_replay::capture::CaptureReader;
use std::path::Path;

/// Packets of a capture that are sent: each needs a program of its own.
const KINDS_MAX: u64 = 48;
/// Packets that are looked at.
const READ_MAX: u64 = 1_000_000;
/// Hosts that each packet is sent as.
const HOSTS: u32 = 250;

/// Packets from all over the capture.
pub(super) fn templates(path: &Path, plan: &Plan) -> Result<Vec<(Template, u32)>, StressError> {
    let asked = |error: String| StressError::Asked(error);
    let read = |each: &mut dyn FnMut(u64, &[u8])| -> Result<u64, StressError> {
        let mut reader = CaptureReader::open(path).map_err(|error| asked(error.to_string()))?;
        let mut count = 0;
        while let Some(packet) = reader.next_packet().map_err(|error| asked(error.to_string()))? {
            let mut scratch = Vec::new();
            let framed = packet.link_type.frame(packet.data, &mut scratch);
            if count == READ_MAX {
                break;
            }
            each(count, &ethernet(framed.data, framed.raw_ip));
            count += 1;
        }
        Ok(count)
    };
    let count = read(&mut |_, _| {})?;
    let stride = count.div_ceil(KINDS_MAX).max(1);
    let mut templates = Vec::new();
    read(&mut |number, frame| {
        if number % stride == 0 && frame.len() <= usize::from(plan.mtu) + 18 {
            templates.extend(Template::of_captured(frame, HOSTS).map(|template| (template, 1)));
        }
    })?;
    if templates.is_empty() {
        let path = path.display();
        return Err(asked(format!(
            "{path}: none of its packets can be sent: it has {count}, and takes IPv4 or IPv6 over Ethernet without tags"
        )));
    }
    Ok(templates)
}

/// A packet that has no Ethernet header gets one.
fn ethernet(data: &[u8], is_raw_ip: bool) -> Vec<u8> {
    if !is_raw_ip {
        return data.to_vec();
    }
    let kind: u16 = if data.first().is_some_and(|octet| octet >> 4 == 6) { 0x86dd } else { 0x0800 };
    [&[0; 12], kind.to_be_bytes().as_slice(), data].concat()
}
