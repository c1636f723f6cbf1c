//! Standard output and standard error.

use netrig_view::Style;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::process;

/// A sentence for people, on stderr. That nobody may read it is no reason to fail.
pub(crate) fn say(sentence: &str) {
    let _ = writeln!(io::stderr(), "{sentence}");
}

/// Buffered standard output that remembers its first failure, so that records can be written from places that cannot fail.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    failed: Option<io::Error>,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self { out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()), failed: None }
    }

    /// Writes `text` as it is.
    pub(crate) fn write(&mut self, text: &str) {
        if self.failed.is_none() {
            let written = self.out.write_all(text.as_bytes());
            self.note(written);
        }
    }

    /// Writes `text` and a line feed.
    pub(crate) fn line(&mut self, text: &str) {
        self.write(text);
        self.write("\n");
    }

    /// Writes what is buffered, and tells the first failure.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.note(flushed);
        self.failed.map_or(Ok(()), Err)
    }

    fn note(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            // `netrig flows | head`: the reader has seen enough. End at once and quietly, as SIGPIPE ends other tools,
            // rather than read a week of records for nobody.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
            Err(error) => self.failed = Some(error),
        }
    }
}

/// How tables are shown on this standard output.
pub(crate) fn table_style() -> Style {
    if !io::stdout().is_terminal() {
        return Style::default();
    }
    let width = ratatui::crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns)).filter(|w| *w > 0);
    Style { width, color: color_wanted() }
}

/// Whether a terminal may be coloured.
pub(crate) fn color_wanted() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    !no_color && !dumb
}
