//! Where packets go: files, standard output as pcapng, or a line each.

use crate::cli::CaptureArgs;
use crate::failure::Usage;
use netrig_capture::{
    Alike, Files, Interface, InterfaceNumber, Octets, Packet, Progress, Rotation, Section, Statistics, Writer, Zone,
    push_line,
};
use netrig_model::Timestamp;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

const MEGABYTE: u64 = 1_000_000;
const LINES_OCTETS: usize = 64 * 1024;

pub(super) enum Sink {
    Files(Box<Files>),
    Stream(Box<Writer<StdoutLock<'static>>>),
    Lines(Box<Lines>),
}

/// A line each, on standard output.
pub(super) struct Lines {
    out: BufWriter<StdoutLock<'static>>,
    interfaces: Vec<Interface>,
    zone: Zone,
    line: String,
    written: u64,
}

impl Lines {
    fn new() -> Self {
        let out = BufWriter::with_capacity(LINES_OCTETS, io::stdout().lock());
        Self { out, interfaces: Vec::new(), zone: Zone::local(), line: String::new(), written: 0 }
    }

    fn declare(&mut self, interface: Interface) -> InterfaceNumber {
        self.interfaces.push(interface);
        InterfaceNumber(self.interfaces.len() as u32 - 1)
    }

    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let Some(interface) = self.interfaces.get(packet.interface.0 as usize) else { return Ok(()) };
        self.line.clear();
        push_line(&mut self.line, packet, interface, &self.zone);
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes())?;
        self.written += 1;
        Ok(())
    }
}

impl Sink {
    pub(super) fn open(args: &CaptureArgs, now: Timestamp, namespace_of: Option<&str>) -> anyhow::Result<Self> {
        Ok(match &args.write {
            None => Self::Lines(Box::new(Lines::new())),
            Some(path) if path.as_os_str() == "-" => Self::Stream(Box::new(stream(args, namespace_of)?)),
            Some(path) => {
                let rotation = Rotation {
                    size: args.rotate_size.map(|size| size.saturating_mul(MEGABYTE)),
                    seconds: args.rotate_seconds,
                    count: args.rotate_count,
                };
                if rotation.count.is_some() && rotation.size.is_none() && rotation.seconds.is_none() {
                    return Err(Usage("-W: how many files of what? Name -C or -G too".to_owned()).into());
                }
                Self::Files(Box::new(Files::create(path, rotation, section(namespace_of), now, Zone::local())?))
            }
        })
    }

    pub(super) fn declare(&mut self, interface: Interface) -> InterfaceNumber {
        match self {
            Self::Files(files) => files.declare(interface),
            Self::Stream(writer) => writer.declare(interface),
            Self::Lines(lines) => lines.declare(interface),
        }
    }

    #[inline]
    pub(super) fn packet(&mut self, packet: &Packet<'_>) -> anyhow::Result<Progress> {
        match self {
            Self::Files(files) => Ok(files.packet(packet)?),
            Self::Stream(writer) => {
                writer.packet(packet)?;
                Ok(Progress::Going)
            }
            Self::Lines(lines) => {
                lines.packet(packet)?;
                Ok(Progress::Going)
            }
        }
    }

    /// Takes a packet like others; lines are made of whole ones.
    #[inline]
    pub(super) fn alike(&mut self, alike: &Alike, packet: &Octets<'_>) -> anyhow::Result<Progress> {
        match self {
            Self::Files(files) => Ok(files.alike(alike, packet)?),
            Self::Stream(writer) => {
                writer.alike(alike, packet)?;
                Ok(Progress::Going)
            }
            Self::Lines(_) => Ok(Progress::Going),
        }
    }

    /// Whether each packet becomes a line of text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Lines(_))
    }

    /// Whether counts have a place in what is written.
    pub(super) fn has_statistics(&self) -> bool {
        !self.is_text()
    }

    pub(super) fn statistics(&mut self, interface: InterfaceNumber, told: Statistics) -> anyhow::Result<Progress> {
        match self {
            Self::Files(files) => files.statistics(interface, told)?,
            Self::Stream(writer) => writer.statistics(interface, told)?,
            Self::Lines(_) => {}
        }
        Ok(Progress::Going)
    }

    /// Nothing is held back longer than a turn: who reads is waiting.
    pub(super) fn turn(&mut self, now: Timestamp) -> anyhow::Result<Progress> {
        match self {
            Self::Files(files) => {
                files.flush()?;
                return Ok(files.tick(now)?);
            }
            Self::Stream(writer) => writer.flush()?,
            Self::Lines(lines) => lines.out.flush()?,
        }
        Ok(Progress::Going)
    }

    pub(super) fn written(&self) -> u64 {
        match self {
            Self::Files(files) => files.counts().written,
            Self::Stream(writer) => writer.counts().written,
            Self::Lines(lines) => lines.written,
        }
    }

    pub(super) fn lost_write(&self) -> u64 {
        match self {
            Self::Files(files) => files.counts().lost_write,
            Self::Stream(writer) => writer.counts().lost_write,
            Self::Lines(_) => 0,
        }
    }

    /// The end, packets that have been written, and those that could not be.
    pub(super) fn finish(mut self) -> (anyhow::Result<()>, u64, u64) {
        let flushed = match &mut self {
            Self::Files(files) => files.flush().map_err(Into::into),
            Self::Stream(writer) => writer.flush().map_err(Into::into),
            Self::Lines(lines) => lines.out.flush().map_err(Into::into),
        };
        let (written, lost) = (self.written(), self.lost_write());
        // Behind the packets there are only counts.
        let ended = flushed.and_then(|()| match self {
            Self::Files(files) => files.finish().map(drop).map_err(Into::into),
            Self::Stream(writer) => writer.finish().map(drop).map_err(Into::into),
            Self::Lines(_) => Ok(()),
        });
        (ended, written, lost)
    }
}

fn stream(args: &CaptureArgs, namespace_of: Option<&str>) -> Result<Writer<StdoutLock<'static>>, Usage> {
    if args.rotate_seconds.is_some() || args.rotate_size.is_some() || args.rotate_count.is_some() {
        return Err(Usage("-C, -G and -W: standard output is one stream, and cannot be rotated".to_owned()));
    }
    if io::stdout().is_terminal() {
        return Err(Usage("-w -: packets are no text; send them to a file or to another program".to_owned()));
    }
    Ok(Writer::new(io::stdout().lock(), section(namespace_of)))
}

fn section(namespace_of: Option<&str>) -> Section {
    Section {
        hardware: Some(std::env::consts::ARCH.to_owned()),
        os: Some(format!("Linux {}", netrig_host::kernel_release())),
        application: Some(format!("netrig {}", env!("CARGO_PKG_VERSION"))),
        comment: namespace_of.map(|container| format!("in the network namespace of {container}")),
    }
}
