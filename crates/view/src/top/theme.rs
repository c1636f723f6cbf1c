//! Colours, or none of them.

use ratatui::style::{Color, Modifier, Style};

/// How things are told apart. Without colour, by weight alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    pub(crate) color: bool,
}

impl Theme {
    fn fg(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    pub(crate) fn title(self) -> Style {
        self.fg(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn bar(self) -> Style {
        self.fg(Color::Cyan)
    }

    pub(crate) fn quiet(self) -> Style {
        self.fg(Color::DarkGray)
    }

    pub(crate) fn good(self) -> Style {
        self.fg(Color::Green)
    }

    pub(crate) fn bad(self) -> Style {
        self.fg(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn warn(self) -> Style {
        self.fg(Color::Yellow)
    }

    pub(crate) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Zero is as it should be, anything else is not.
    pub(crate) fn zero_is_good(self, n: u64) -> Style {
        if n == 0 { self.quiet() } else { self.bad() }
    }
}
