//! Draws one frame from answers and keys. No input, output or clock.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text as tui;
use ratatui::widgets::{Block, Clear, Paragraph};
use rutter_admin::console::verb::Verb;
use serde_json::{Value, json};

use super::super::render::{self, Look, number, orders, rows, state, tally, word};
use super::super::text::{self, Line, Paint, Table};
use super::keys::{App, Dialog, Field, Mode, Panel, View};
use super::sample::Sample;

/// Fewest columns of a terminal.
pub const WIDTH_MIN: u16 = 80;
/// Most lines about what is wrong.
const TROUBLE_LINES_MAX: usize = 4;
/// Fewest lines of a terminal.
pub const HEIGHT_MIN: u16 = 24;

/// Draws everything. `now_ns` is for how long the node has not been heard.
pub fn draw(frame: &mut Frame<'_>, app: &App, now_ns: u64) {
    let area = frame.area();
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        let (width, height) = (area.width, area.height);
        let words = format!("{width}x{height} is too small: {WIDTH_MIN}x{HEIGHT_MIN} is needed");
        return put(frame, area, &[Line::of(words, Paint::Warn)]);
    }
    let width = usize::from(area.width);
    let mut lines = header(app, width, now_ns);
    let left = usize::from(area.height).saturating_sub(lines.len() + 1);
    let mut body = body(app, width, left);
    body.resize(left, Line::default());
    lines.extend(body);
    lines.push(footer(app));
    put(frame, area, &lines);
    match &app.mode {
        Mode::Dialog(dialog) => boxed(frame, &dialog.confirmation(), &dialog_lines(dialog)),
        Mode::Help => boxed(frame, "keys", &help_lines()),
        Mode::Lists | Mode::Filter | Mode::Name(_) => {}
    }
}

fn style(paint: Paint) -> Style {
    match paint {
        Paint::Plain => Style::new(),
        Paint::Dim => Style::new().add_modifier(Modifier::DIM),
        Paint::Bold => Style::new().add_modifier(Modifier::BOLD),
        Paint::Good => Style::new().fg(Color::Green),
        Paint::Warn => Style::new().fg(Color::Yellow),
        Paint::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
    }
}

fn put(frame: &mut Frame<'_>, area: Rect, lines: &[Line]) {
    let lines: Vec<tui::Line<'_>> = lines
        .iter()
        .map(|line| {
            let spans = line.0.iter().map(|span| tui::Span::styled(span.text(), style(span.paint)));
            tui::Line::from(spans.collect::<Vec<_>>())
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn boxed(frame: &mut Frame<'_>, title: &str, lines: &[Line]) {
    let area = frame.area();
    let (width, height) = (76.min(area.width), (lines.len() as u16 + 2).min(area.height));
    let x = (area.width - width) / 2;
    let area = Rect { x, y: (area.height - height) / 2, width, height };
    let block = Block::bordered().title(format!(" {title} "));
    let inner = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    put(frame, inner, lines);
}

fn header(app: &App, width: usize, now_ns: u64) -> Vec<Line> {
    let empty = Sample::default();
    let sample = app.sample.as_ref().unwrap_or(&empty);
    let status = &sample.status;
    let halted = state::halted(status);
    let up = number(status, "started_ns").map(|at| text::age(sample.now_ns(), at));
    let mut first =
        Line::of(format!("{} {}  ", word(status, "node"), word(status, "version")), Paint::Bold);
    let silence_ns = app.silence_ns(now_ns);
    first = match (&app.lost, silence_ns, &halted) {
        (Some(_), ..) => first.with("DISCONNECTED", Paint::Bad),
        (None, Some(_), _) => first.with("NO ANSWER", Paint::Bad),
        (None, None, Some(_)) => first.with("HALTED", Paint::Bad),
        (None, None, None) if app.sample.is_none() => first.with("connecting", Paint::Warn),
        (None, None, None) => first.with("running", Paint::Good),
    };
    first = first.with(format!("  up {}", up.as_deref().unwrap_or("-")), Paint::Plain);
    let clock = text::clock(sample.now_ns(), sample.now_ns());
    let right =
        format!("{} ({})  {} UTC", sample.user, sample.role, clock.split('.').next().unwrap_or(""));
    let gap = width.saturating_sub(first.text().chars().count() + right.chars().count());
    first = first.with(" ".repeat(gap), Paint::Plain).with(right, Paint::Dim);
    let mut lines = vec![first];
    if let Some(silence_ns) = silence_ns {
        let why = app.lost.as_ref().map_or("the node does not answer", |(why, _)| why);
        let since = if app.sample.is_some() { "; all below is as it was then" } else { "" };
        let silence = text::duration(silence_ns);
        lines.push(Line::of(format!("not heard for {silence}: {why}{since}"), Paint::Bad));
    }
    if let Some(why) = &sample.refused {
        lines.push(Line::of(format!("the node does not tell: {why}"), Paint::Bad));
    }
    if let Some(what) = halted {
        lines.push(Line::of(format!("!!! HALTED: {what} !!!  (r resumes)"), Paint::Bad));
    }
    let reduce_only = render::scopes(status, "reduce_only");
    if !reduce_only.is_empty() {
        lines.push(Line::of(format!("reduce-only: {}", reduce_only.join(", ")), Paint::Warn));
    }
    lines.push(speed(app));
    // Of a node that is not heard, nobody knows that nothing is wrong.
    if app.sample.is_some() {
        let trouble = state::trouble(status);
        let known = silence_ns.is_none() || trouble.iter().any(|line| !line.is(Paint::Good));
        lines.extend(known.then(|| shortened(trouble)).into_iter().flatten());
    }
    lines.extend([counts(status), rings(status)]);
    lines
}

/// The first lines, worst first, and how many more there are.
fn shortened(mut lines: Vec<Line>) -> Vec<Line> {
    if lines.len() > TROUBLE_LINES_MAX {
        let more = lines.split_off(TROUBLE_LINES_MAX - 1).len();
        lines.push(Line::of(format!("! {more} more: rutter ctl status"), Paint::Bad));
    }
    lines
}

fn speed(app: &App) -> Line {
    let rate = |tenths: Option<u64>| match tenths {
        None => "-".to_owned(),
        Some(tenths) if tenths < 1_000 => format!("{}.{}", tenths / 10, tenths % 10),
        Some(tenths) => text::count(tenths / 10),
    };
    let rates = app.rates;
    Line::of("a second ", Paint::Dim).with(
        format!(
            "orders {}, fills {}, reports {}, journal {}",
            rate(rates.map(|rates| rates.orders)),
            rate(rates.map(|rates| rates.fills)),
            rate(rates.map(|rates| rates.reports)),
            rate(rates.map(|rates| rates.journal)),
        ),
        Paint::Plain,
    )
}

fn counts(status: &Value) -> Line {
    let count = |name| number(status, name).map_or_else(|| "-".to_owned(), text::count);
    let unknown = number(status, "unknown_children").is_some_and(|n| n > 0);
    let some_wait = status.get("waiting").and_then(Value::as_object).is_some_and(|w| !w.is_empty());
    let waiting = if some_wait {
        format!(", waiting {}", tally(status, "waiting", 3))
    } else {
        String::new()
    };
    Line::of("orders   ", Paint::Dim)
        .with(
            format!("open {}, pending {}, ", count("open_orders"), count("pending_orders")),
            Paint::Plain,
        )
        .with(
            format!("unknown {}", count("unknown_children")),
            if unknown { Paint::Bad } else { Paint::Plain },
        )
        .with(waiting, Paint::Warn)
        .with(format!("; refused since the start: {}", tally(status, "refused", 3)), Paint::Plain)
}

fn rings(status: &Value) -> Line {
    let count = |ring: &Value, name| number(ring, name).map_or_else(|| "-".to_owned(), text::count);
    let shown: Vec<String> = rows(status, "rings")
        .iter()
        .map(|ring| {
            format!("{} {}/{}", word(ring, "ring"), count(ring, "used"), count(ring, "slots"))
        })
        .collect();
    let lag = number(status, "journal_seq").zip(number(status, "durable_seq"));
    let lag = lag.map_or_else(|| "-".to_owned(), |(seq, at)| text::count(seq.saturating_sub(at)));
    let unsynced = number(status, "unsynced_bytes").map_or_else(|| "-".to_owned(), text::bytes);
    Line::of("rings    ", Paint::Dim)
        .with(shown.join(", "), Paint::Plain)
        .with("; not on the disk ", Paint::Dim)
        .with(format!("{lag} ({unsynced})"), Paint::Plain)
}

fn body(app: &App, width: usize, height: usize) -> Vec<Line> {
    let Some(sample) = &app.sample else { return vec![Line::of("no answer yet", Paint::Dim)] };
    let look = Look { width, now_ns: sample.now_ns() };
    match &app.view {
        View::Overview => overview(app, sample, width, height),
        View::Order(id) => {
            let Some(order) = &sample.order else {
                return vec![Line::of(format!("order {id}: no answer yet"), Paint::Dim)];
            };
            let lines = render::answer(Verb::Order, order, &look);
            let from = app.marked[3].min(lines.len().saturating_sub(height));
            lines.into_iter().skip(from).take(height).collect()
        }
        View::Venue(name) => {
            let named = sample.venues().iter().filter(|venue| word(venue, "name") == *name);
            let one = json!({"venues": named.collect::<Vec<_>>()});
            let mut lines = state::venues(&one).upright();
            lines.push(Line::default());
            let left = height.saturating_sub(lines.len());
            lines.extend(panel(app, Panel::Orders, width, left));
            lines
        }
    }
}

/// Four lists, one under the other; the one with the marked row has room first.
fn overview(app: &App, sample: &Sample, width: usize, height: usize) -> Vec<Line> {
    let stages = state::stages(&sample.status).body(width.saturating_sub(2));
    let panels = [Panel::Venues, Panel::Sessions, Panel::Orders];
    let rows_of = |panel| app.rows(panel).len() + 1;
    let wants = [rows_of(panels[0]), stages.len(), rows_of(panels[1]), rows_of(panels[2])];
    let focus = match app.focus {
        Panel::Venues => 0,
        Panel::Sessions => 2,
        Panel::Orders => 3,
    };
    let rooms = allot(wants, focus, height);
    let parts = [
        panel(app, Panel::Venues, width, rooms[0]),
        stages.into_iter().take(rooms[1]).map(|line| prefixed("  ", line)).collect(),
        panel(app, Panel::Sessions, width, rooms[2]),
        panel(app, Panel::Orders, width, rooms[3]),
    ];
    // A blank line between two, where there is room for all.
    let used: usize = parts.iter().map(Vec::len).sum();
    let apart = used + parts.len() <= height;
    let mut lines = Vec::new();
    for part in parts {
        lines.extend(part);
        lines.extend(apart.then(Line::default));
    }
    lines
}

/// Each list gets its title and two rows. Then the list with the marked row gets the rows that it
/// needs, then the others from top to bottom.
pub fn allot(wants: [usize; 4], focus: usize, height: usize) -> [usize; 4] {
    let mut rooms = wants.map(|want| want.min(3));
    let mut left = height.saturating_sub(rooms.iter().sum());
    for at in [focus, 0, 1, 2, 3] {
        let more = wants[at].saturating_sub(rooms[at]).min(left);
        rooms[at] += more;
        left -= more;
    }
    rooms
}

/// A list in `height` lines, around its marked row.
fn panel(app: &App, panel: Panel, width: usize, height: usize) -> Vec<Line> {
    let rows = app.rows(panel);
    let now_ns = app.sample.as_ref().map_or(0, Sample::now_ns);
    let owned: Vec<Value> = rows.into_iter().cloned().collect();
    let table: Table = match panel {
        Panel::Venues => state::venues(&json!({ "venues": owned })),
        Panel::Sessions => state::sessions(&json!({ "sessions": owned }), now_ns),
        Panel::Orders => orders::table(&owned, now_ns),
    };
    let focused = app.list() == panel;
    let mark = app.marked[panel as usize];
    let mut lines = table.body(width.saturating_sub(2)).into_iter();
    let mut shown: Vec<Line> =
        lines.next().into_iter().map(|title| prefixed("  ", title)).take(height).collect();
    let room = height.saturating_sub(1);
    let lines: Vec<Line> = lines.collect();
    let hidden = lines.len() > room;
    let room = if hidden { room.saturating_sub(1) } else { room };
    let from = (mark + 1).saturating_sub(room).min(lines.len().saturating_sub(room));
    let total = lines.len();
    for (n, line) in lines.into_iter().enumerate().skip(from).take(room) {
        shown.push(prefixed(if focused && n == mark { "> " } else { "  " }, line));
    }
    if hidden && height > 1 {
        let others = total - room;
        shown.push(Line::of(format!("  … {} more", text::count(others as u64)), Paint::Dim));
    }
    shown
}

fn prefixed(prefix: &str, line: Line) -> Line {
    let mut marked = Line::of(prefix, Paint::Bold);
    marked.0.extend(line.0);
    marked
}

fn footer(app: &App) -> Line {
    if app.mode == Mode::Filter {
        return Line::of(format!("/{}_", app.filter), Paint::Bold);
    }
    if let Mode::Name(name) = &app.mode {
        return Line::of(format!("order, by any id: {name}_"), Paint::Bold);
    }
    let filter = if app.filter.is_empty() { String::new() } else { format!("  /{}", app.filter) };
    let words = "? keys  q leave  Tab list  Enter open  Esc back  / filter  h halt  r resume";
    Line::of(words, Paint::Dim).with(filter, Paint::Bold)
}

fn dialog_lines(dialog: &Dialog) -> Vec<Line> {
    let scope = match dialog.scopes.get(dialog.at) {
        Some(Some((kind, name))) => format!("{kind} {name}"),
        _ => "everything".to_owned(),
    };
    let others = if dialog.scopes.len() > 1 { "   (up and down: another scope)" } else { "" };
    let field = |field: Field, title: &str, typed: &str| {
        let cursor = if dialog.field == field && !dialog.sent { "_" } else { "" };
        Line::of(format!("{title:<12}"), Paint::Dim).with(format!("{typed}{cursor}"), Paint::Plain)
    };
    let would = if dialog.would.is_empty() { "…" } else { dialog.would.as_str() };
    let mut lines = vec![
        Line::of(format!("{} ", dialog.verb.name()), Paint::Bold)
            .with(scope, Paint::Bad)
            .with(others, Paint::Dim),
        Line::of(would, Paint::Warn),
        Line::default(),
        field(Field::Reason, "reason", &dialog.reason),
    ];
    if dialog.verb == Verb::Resume {
        let hidden = "*".repeat(dialog.code.chars().count());
        lines.push(field(Field::Code, "code, if any", &hidden));
    }
    lines.push(field(Field::Word, &format!("type {}", dialog.confirmation()), &dialog.word));
    let last = if dialog.sent { "sent …" } else { dialog.outcome.as_str() };
    lines.push(Line::default());
    lines.push(Line::of(last, Paint::Bold));
    lines.push(Line::of("Enter goes on, Esc closes", Paint::Dim));
    lines
}

fn help_lines() -> Vec<Line> {
    [
        "Tab, Shift-Tab   the next list, the one before",
        "Up, Down, j, k   another row; Page Up and Page Down: ten",
        "Enter            opens the marked venue or order",
        "Esc              back; clears the filter",
        "/                shows only rows with what is typed",
        "o                opens an order by any of its ids",
        "h                halt: shows what it would do, asks for a reason and HALT",
        "r                resume what is halted",
        "f                four times a second, or once",
        "q, Ctrl-C        leave; the node goes on",
    ]
    .map(|line| Line::of(line, Paint::Plain))
    .to_vec()
}
