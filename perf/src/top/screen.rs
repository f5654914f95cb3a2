//! Drawing the view on a terminal of any size.
//!
//! ```text
//!   orders, process 4711, up 5m02s, 12 actors, 1.23M msg/s
//!   ▁▂▄▆█▇▆▆▅▆▇█                      the throughput, the latest at the right
//!   wrk core busy idle hand ...       the workers
//!    msg/s share wait99 hand99        the types of actors
//!   dead letters: stopped 3 (0/s)
//!   q quit  p pause ...               or that the connection is lost
//! ```

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph, RenderDirection, Row, Sparkline, Table, Wrap};

use super::columns::{self, ACTOR_TYPE, Columns, MEANING, WORKER};
use super::figures::type_name;
use super::state::{Focus, Sort, State};
use super::view::View;

const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
const HEADING: Style = Style::new().add_modifier(Modifier::REVERSED);
const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);

/// Draws everything; a screen of few lines goes without the throughput first, then without the losses and the keys.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State) {
    let Rect { width, height, .. } = frame.area();
    let if_tall = |lines: u16, least: u16| if height >= least { lines } else { 0 };
    let workers = state.view.as_ref().map_or(0, |view| lines_of_table(view.workers.len()));
    let losses = state.view.as_ref().map_or(1, |view| lines_of(&columns::losses(view), width).min(3));
    let [title, throughput, tables, lost, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(if_tall(2, 16)),
        Constraint::Fill(1),
        Constraint::Length(if_tall(losses, 6)),
        Constraint::Length(if_tall(1, 3)),
    ])
    .areas(frame.area());
    // The workers have half of the room, or what the types of actors leave.
    let types = state.view.as_ref().map_or(0, |view| lines_of_table(view.actor_types.len()));
    let most = (tables.height / 2).max(tables.height.saturating_sub(types));
    let [upper, lower] = Layout::vertical([Constraint::Length(workers.min(most)), Constraint::Fill(1)]).areas(tables);

    draw_title(frame, title, state);
    let data: Vec<u64> = state.history.iter().copied().collect();
    frame
        .render_widget(Sparkline::default().data(data).direction(RenderDirection::RightToLeft).style(GOOD), throughput);
    if let Some(view) = &state.view {
        draw_workers(frame, upper, view, &mut state.first_worker, state.focus == Focus::Workers);
        draw_types(frame, lower, view, state.sort, &mut state.first_type, state.focus == Focus::ActorTypes);
        let style = if view.dead_letters.is_empty() { FAINT } else { Style::new().fg(Color::Yellow) };
        frame.render_widget(Paragraph::new(columns::losses(view)).wrap(Wrap { trim: true }).style(style), lost);
    }
    draw_bottom(frame, bottom, state);
    if state.is_helping {
        draw_help(frame, &keys(state));
    }
}

fn lines_of(text: &str, width: u16) -> u16 {
    at_most_a_screen(text.chars().count().div_ceil(usize::from(width.max(1))))
}

/// The rows and the heading.
fn lines_of_table(rows: usize) -> u16 {
    at_most_a_screen(rows.saturating_add(1))
}

/// No screen has more lines.
fn at_most_a_screen(lines: usize) -> u16 {
    lines.try_into().unwrap_or(u16::MAX)
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let title = state.view.as_ref().map_or_else(|| "waiting for two snapshots".to_owned(), columns::summary);
    let paused = if state.is_paused { "  PAUSED" } else { "" };
    frame.render_widget(Line::styled(format!("{title}{paused}"), TITLE), area);
}

fn draw_bottom(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let line = match &state.lost {
        Some(why) => Line::styled(format!("connection lost, trying again: {why}"), BAD),
        None => Line::styled(keys(state), FAINT),
    };
    frame.render_widget(line, area);
}

fn keys(state: &State) -> String {
    format!("q quit  p pause  s sort by {}  tab table  ↑↓ scroll  ? help", state.sort.next().name())
}

fn draw_workers(frame: &mut Frame<'_>, area: Rect, view: &View, first: &mut usize, is_focused: bool) {
    *first = clamp(*first, view.workers.len(), area);
    let fit = columns_that_fit(&WORKER, area.width);
    let rows = view.workers.iter().skip(*first).map(|worker| {
        let row = Row::new(right(&columns::of_worker(worker)[..fit]));
        if worker.is_late { row.style(BAD) } else { row }
    });
    let table = Table::new(rows, widths(&WORKER[..fit]));
    frame.render_widget(table.header(header(right(&headings(&WORKER)[..fit]), is_focused)), area);
}

fn draw_types(frame: &mut Frame<'_>, area: Rect, view: &View, sort: Sort, first: &mut usize, is_focused: bool) {
    *first = clamp(*first, view.actor_types.len(), area);
    let rows = view.actor_types.iter().skip(*first).map(|entry| {
        let mut cells = right(&columns::of_actor_type(entry));
        cells.push(Line::from(type_name(&entry.actor_type)));
        Row::new(cells)
    });
    let mut heading = right(&headings(&ACTOR_TYPE));
    heading.push(Line::from(format!("actor type, by {}", sort.name())));
    let mut widths = widths(&ACTOR_TYPE);
    widths.push(Constraint::Fill(1));
    frame.render_widget(Table::new(rows, widths).header(header(heading, is_focused)), area);
}

/// The first row that is shown: as far as was scrolled, but not so far that there is room left.
fn clamp(first: usize, rows: usize, area: Rect) -> usize {
    first.min(rows.saturating_sub(usize::from(area.height.saturating_sub(1))))
}

fn headings<const N: usize>(columns: &Columns<N>) -> [String; N] {
    columns.map(|(heading, _)| heading.to_owned())
}

fn header(cells: Vec<Line<'static>>, is_focused: bool) -> Row<'static> {
    Row::new(cells).style(if is_focused { HEADING.add_modifier(Modifier::BOLD) } else { HEADING })
}

/// Numbers stand at the right of their columns.
fn right(cells: &[String]) -> Vec<Line<'static>> {
    cells.iter().map(|cell| Line::from(cell.clone()).right_aligned()).collect()
}

fn widths(columns: &[(&str, u16)]) -> Vec<Constraint> {
    columns.iter().map(|(_, width)| Constraint::Length(*width)).collect()
}

/// How many columns a narrow screen has room for: a column is there as a whole or not at all.
fn columns_that_fit(columns: &[(&str, u16)], width: u16) -> usize {
    let ends = columns.iter().scan(0, |end, (_, width)| {
        *end += width + 1;
        Some(*end - 1)
    });
    ends.take_while(|end| *end <= width).count()
}

fn draw_help(frame: &mut Frame<'_>, keys: &str) {
    let text = format!("{keys}\n\n{MEANING}");
    let height = text.lines().count() as u16 + 2;
    let width = text.lines().map(|line| line.chars().count() as u16).max().unwrap_or(0) + 2;
    let area = frame.area().centered(Constraint::Length(width), Constraint::Length(height)).intersection(frame.area());
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text).block(Block::bordered().title("perf top")), area);
}
