//! `netrig top`: the live view in a terminal.

use crate::cli::TopArgs;
use crate::client::{Client, ClientError};
use crate::failure::Usage;
use crate::output::color_wanted;
use crate::settings;
use netrig_view::top::{Action, App, Key, Sample, TalkerCounts};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

const POLL_EVERY: Duration = Duration::from_secs(1);
/// Fetching the records of very many flows costs the rig: it takes at most this share of the time.
const FETCH_SHARE_MAX: u32 = 10;

enum Event {
    Sample(Box<Sample>),
    Lost(String),
    Terminal(TerminalEvent),
    Stop,
}

pub(crate) fn run(args: &TopArgs) -> anyhow::Result<()> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Usage("top needs a terminal; `netrig flows --top 10` prints once".to_owned()).into());
    }
    let url = match &args.rig.url {
        Some(url) => url.clone(),
        None => settings::url(&settings::load(args.rig.file.config.as_deref())?),
    };
    let (sender, events) = mpsc::channel();
    stop_on_signals(sender.clone())?;
    let client = Client::new(&url);
    thread::Builder::new().name("poll".to_owned()).spawn({
        let sender = sender.clone();
        move || poll(&client, &sender)
    })?;
    let mut terminal = ratatui::try_init()?;
    thread::Builder::new().name("keys".to_owned()).spawn(move || read_keys(&sender))?;
    let shown = show(&mut terminal, &mut App::new(&url, color_wanted()), &events);
    ratatui::restore();
    Ok(shown?)
}

/// Draws after every event, until a key or a signal ends it.
fn show(terminal: &mut DefaultTerminal, app: &mut App, events: &Receiver<Event>) -> io::Result<()> {
    loop {
        terminal.draw(|frame| app.draw(frame))?;
        let Ok(event) = events.recv() else { return Ok(()) };
        match event {
            Event::Sample(sample) => app.update(*sample),
            Event::Lost(reason) => app.lost(&reason),
            Event::Terminal(TerminalEvent::Key(key)) if key.kind != KeyEventKind::Release => {
                if is_interrupt(key) || key_of(key.code).is_some_and(|k| app.key(k) == Action::Quit) {
                    return Ok(());
                }
            }
            // A resize is drawn by the next turn.
            Event::Terminal(_) => {}
            Event::Stop => return Ok(()),
        }
    }
}

fn is_interrupt(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}

fn key_of(code: KeyCode) -> Option<Key> {
    Some(match code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    })
}

fn read_keys(events: &Sender<Event>) {
    while let Ok(event) = event::read() {
        if events.send(Event::Terminal(event)).is_err() {
            return;
        }
    }
    // The terminal is gone.
    let _ = events.send(Event::Stop);
}

/// Asks the rig every second, whether it answers or not, until nobody listens.
fn poll(client: &Client, events: &Sender<Event>) {
    let mut flows_due = Instant::now();
    loop {
        let began = Instant::now();
        let event = match fetch(client, began >= flows_due) {
            Ok(sample) => {
                if sample.talkers.is_some() {
                    flows_due = Instant::now() + began.elapsed() * (FETCH_SHARE_MAX - 1);
                }
                Event::Sample(Box::new(sample))
            }
            Err(error) => Event::Lost(error.to_string()),
        };
        if events.send(event).is_err() {
            return;
        }
        thread::sleep(POLL_EVERY.saturating_sub(began.elapsed()));
    }
}

fn fetch(client: &Client, with_flows: bool) -> Result<Sample, ClientError> {
    let mut talkers = None;
    if with_flows {
        let mut counts = TalkerCounts::default();
        client.flows()?.for_each(&mut |record| counts.add(record))?;
        talkers = Some(counts);
    }
    Ok(Sample { snapshot: client.status()?, talkers })
}

/// A terminal must be left as it was found, also when the end comes by signal.
fn stop_on_signals(events: Sender<Event>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt, mut hang_up) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        let _ = events.send(Event::Stop);
    })?;
    Ok(())
}
