//! What the view remembers, and what keys do.

use super::counts::Sample;
use super::rates::Rates;
use super::theme::Theme;
use netrig_model::Snapshot;

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Who talks to whom.
    Talkers,
    /// The host's TCP: connections, services, listeners.
    Connections,
    /// Interfaces.
    Interfaces,
    /// The account of the last window.
    Ledger,
    /// What the rig itself costs, and how it fares.
    Rig,
    /// Requests, and the servers they go to.
    Requests,
}

impl Screen {
    /// All, in the order of the tabs.
    pub const ALL: [Self; 6] =
        [Self::Talkers, Self::Connections, Self::Interfaces, Self::Ledger, Self::Rig, Self::Requests];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Talkers => "Talkers",
            Self::Connections => "Connections",
            Self::Interfaces => "Interfaces",
            Self::Ledger => "Ledger",
            Self::Rig => "Rig",
            Self::Requests => "Requests",
        }
    }
}

/// What lines are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Bits a second.
    Rate,
    /// Packets a second.
    Packets,
    /// Bytes since the view was started.
    Total,
    /// Address or interface.
    Name,
}

impl Sort {
    const ALL: [Self; 4] = [Self::Rate, Self::Packets, Self::Total, Self::Name];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Packets => "packets",
            Self::Total => "total",
            Self::Name => "name",
        }
    }
}

/// A key, in the view's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Next screen.
    Tab,
    /// Previous screen.
    BackTab,
    /// Ends what is being typed, keeping it.
    Enter,
    /// Ends what is being typed, dropping it.
    Escape,
    /// Takes back a character.
    Backspace,
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// Ten lines up.
    PageUp,
    /// Ten lines down.
    PageDown,
}

/// What to do after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Leave.
    Quit,
}

/// Whether the rig answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not asked yet.
    Connecting,
    /// It answered last time.
    Up,
    /// It did not; the sentence says why.
    Lost(String),
}

/// The live view.
#[derive(Debug)]
pub struct App {
    pub(crate) theme: Theme,
    pub(crate) source: String,
    pub(crate) screen: Screen,
    pub(crate) sort: Sort,
    pub(crate) paused: bool,
    pub(crate) filter: String,
    pub(crate) typing: bool,
    pub(crate) scroll: usize,
    pub(crate) link: Link,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) rates: Rates,
    pub(crate) left_out: u64,
}

impl App {
    /// A view of the rig at `source`, which is only a name here.
    #[must_use]
    pub fn new(source: &str, color: bool) -> Self {
        Self {
            theme: Theme { color },
            source: source.to_owned(),
            screen: Screen::Talkers,
            sort: Sort::Rate,
            paused: false,
            filter: String::new(),
            typing: false,
            scroll: 0,
            link: Link::Connecting,
            snapshot: None,
            rates: Rates::default(),
            left_out: 0,
        }
    }

    /// A poll that succeeded.
    pub fn update(&mut self, mut sample: Sample) {
        self.link = Link::Up;
        if self.paused {
            return;
        }
        if let Some(talkers) = &sample.talkers {
            self.left_out = talkers.left_out;
        }
        self.rates.update(self.snapshot.as_ref(), &mut sample);
        self.snapshot = Some(sample.snapshot);
    }

    /// A poll that failed.
    pub fn lost(&mut self, reason: &str) {
        self.link = Link::Lost(reason.to_owned());
    }

    /// A key was pressed.
    pub fn key(&mut self, key: Key) -> Action {
        if self.typing {
            self.type_filter(key);
            return Action::Continue;
        }
        match key {
            Key::Char('q') => return Action::Quit,
            Key::Char('p' | ' ') => self.paused = !self.paused,
            Key::Char('s') => self.sort = next(&Sort::ALL, self.sort, 1),
            Key::Char('/') => self.typing = true,
            Key::Char(digit @ '1'..='6') => self.show(Screen::ALL[digit as usize - '1' as usize]),
            Key::Tab => self.show(next(&Screen::ALL, self.screen, 1)),
            Key::BackTab => self.show(next(&Screen::ALL, self.screen, Screen::ALL.len() - 1)),
            Key::Up | Key::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            Key::Down | Key::Char('j') => self.scroll += 1,
            Key::PageUp => self.scroll = self.scroll.saturating_sub(10),
            Key::PageDown => self.scroll += 10,
            Key::Escape => self.filter.clear(),
            Key::Char(_) | Key::Enter | Key::Backspace => {}
        }
        Action::Continue
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Char(c) if !c.is_control() => self.filter.push(c),
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Enter => self.typing = false,
            Key::Escape => {
                self.filter.clear();
                self.typing = false;
            }
            _ => {}
        }
        self.scroll = 0;
    }

    fn show(&mut self, screen: Screen) {
        self.screen = screen;
        self.scroll = 0;
    }

    /// Whether a line with these words is wanted: every word of the filter is in one of them.
    pub(crate) fn wanted(&self, words: &[&str]) -> bool {
        self.filter.split_whitespace().all(|part| words.iter().any(|word| word.contains(part)))
    }
}

fn next<T: Copy + PartialEq, const N: usize>(all: &[T; N], now: T, steps: usize) -> T {
    let at = all.iter().position(|x| *x == now).unwrap_or(0);
    all[(at + steps) % N]
}
