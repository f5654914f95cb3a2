//! What is shown, and what the keys change about it.

use std::cmp::Ordering;
use std::collections::VecDeque;

use hippodrome::stats::Snapshot;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::feed::News;
use super::view::{ActorTypeView, View};

/// How many intervals the history of the throughput has: more than a terminal has columns.
const HISTORY: usize = 512;
/// How far a page scrolls.
const PAGE: usize = 10;

/// What the types of actors are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Rate,
    Waiting,
    Handling,
    Name,
}

impl Sort {
    /// What comes next.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Rate => Self::Waiting,
            Self::Waiting => Self::Handling,
            Self::Handling => Self::Name,
            Self::Name => Self::Rate,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "msg/s",
            Self::Waiting => "wait99",
            Self::Handling => "hand99",
            Self::Name => "name",
        }
    }

    fn compare(self, one: &ActorTypeView, other: &ActorTypeView) -> Ordering {
        match self {
            Self::Rate => other.messages_per_second.total_cmp(&one.messages_per_second),
            Self::Waiting => other.waiting_p99_ns.cmp(&one.waiting_p99_ns),
            Self::Handling => other.handling_p99_ns.cmp(&one.handling_p99_ns),
            Self::Name => one.actor_type.cmp(&other.actor_type),
        }
    }
}

/// The table that the arrows scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    Workers,
    ActorTypes,
}

/// Everything that the screen shows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) view: Option<View>,
    /// Messages a second, the latest first.
    pub(super) history: VecDeque<u64>,
    /// Why there is no connection.
    pub(super) lost: Option<String>,
    pub(super) is_paused: bool,
    pub(super) is_helping: bool,
    pub(super) sort: Sort,
    pub(super) focus: Focus,
    pub(super) first_worker: usize,
    pub(super) first_type: usize,
    latest: Option<Snapshot>,
    is_done: bool,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            view: None,
            history: VecDeque::with_capacity(HISTORY),
            lost: None,
            is_paused: false,
            is_helping: false,
            sort: Sort::Rate,
            focus: Focus::ActorTypes,
            first_worker: 0,
            first_type: 0,
            latest: None,
            is_done: false,
        }
    }

    /// Whether the user has enough.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes in what came from the engine. While the view is paused, only the beginning of the next interval is kept.
    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Lost(why) => {
                self.lost = Some(why);
                self.latest = None;
            }
            News::Snapshot(snapshot) => {
                self.lost = None;
                let view = self.latest.as_ref().and_then(|latest| View::between(latest, &snapshot));
                self.latest = Some(*snapshot);
                if let Some(view) = view.filter(|_| !self.is_paused) {
                    self.history.truncate(HISTORY - 1);
                    self.history.push_front(view.messages_per_second as u64);
                    self.view = Some(view);
                    self.put_in_order();
                }
            }
        }
    }

    fn put_in_order(&mut self) {
        if let Some(view) = &mut self.view {
            view.actor_types.sort_by(|one, other| self.sort.compare(one, other));
        }
    }

    /// Does what a key says.
    pub(super) fn press(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => self.is_done = true,
            KeyCode::Esc if self.is_helping => self.is_helping = false,
            KeyCode::Char('q') | KeyCode::Esc => self.is_done = true,
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Char('?') => self.is_helping = !self.is_helping,
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                self.put_in_order();
            }
            KeyCode::Tab => {
                self.focus = match self.focus {
                    Focus::Workers => Focus::ActorTypes,
                    Focus::ActorTypes => Focus::Workers,
                }
            }
            KeyCode::Up => self.scroll(|first| first.saturating_sub(1)),
            KeyCode::Down => self.scroll(|first| first + 1),
            KeyCode::PageUp => self.scroll(|first| first.saturating_sub(PAGE)),
            KeyCode::PageDown => self.scroll(|first| first + PAGE),
            KeyCode::Home => self.scroll(|_| 0),
            _ => {}
        }
    }

    /// The screen, which knows how much fits, takes back what is too far.
    fn scroll(&mut self, change: impl FnOnce(usize) -> usize) {
        let first = match self.focus {
            Focus::Workers => &mut self.first_worker,
            Focus::ActorTypes => &mut self.first_type,
        };
        *first = change(*first);
    }
}
