//! Text for a terminal: lines of marked spans, aligned tables, numbers as people read them.
//!
//! A line belongs here if it does not know the meaning of an answer. Text of a node becomes a
//! [`Span`] before it is shown, and a span holds no control character.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use rutter_admin::printable::Escape;

/// Meaning of a span; the terminal chooses the colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// Normal text.
    #[default]
    Plain,
    /// Less important: titles of columns.
    Dim,
    /// Important text.
    Bold,
    /// As it should be.
    Good,
    /// A value that needs attention.
    Warn,
    /// A fault.
    Bad,
}

impl Paint {
    /// Select Graphic Rendition (ECMA-48, 8.3.117), without its frame.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "1;31",
        }
    }
}

/// Text of one meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    text: String,
    /// Meaning of the text.
    pub paint: Paint,
    /// The measured value; a table shows all values of one column in one unit.
    measured: Option<(u64, Scale)>,
}

impl Span {
    /// Makes a span; control characters become escapes.
    pub fn new(text: impl AsRef<str>, paint: Paint) -> Self {
        Self { text: clean(text.as_ref()), paint, measured: None }
    }

    /// A duration of that many nanoseconds.
    pub fn duration(ns: u64) -> Self {
        Self { measured: Some((ns, DURATIONS)), ..Self::from(duration(ns)) }
    }

    /// That many bytes.
    pub fn bytes(n: u64) -> Self {
        Self { measured: Some((n, BYTES)), ..Self::from(bytes(n)) }
    }

    /// The value in a unit of its scale.
    fn in_unit(mut self, (_, size): Unit) -> Self {
        if let Some((value, _)) = self.measured {
            self.text = digits(value, size);
        }
        self
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl<T: AsRef<str>> From<T> for Span {
    fn from(text: T) -> Self {
        Self::new(text, Paint::Plain)
    }
}

/// A unit: its name, and how many of the scale's smallest unit it is.
type Unit = (&'static str, u64);

/// The units of a quantity, smallest first.
type Scale = &'static [Unit];

/// Whatever is measured here takes microseconds at least.
const DURATIONS: Scale = &[
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const BYTES: Scale = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Below this in its unit, the largest value of a column can still be read at a glance.
const UNITS_MAX: u64 = 10_000;

/// The unit for a column whose largest value is this.
fn unit_for(largest: u64, scale: Scale) -> Option<Unit> {
    let fits = |(_, size): &&Unit| largest / size < UNITS_MAX;
    scale.iter().find(fits).or(scale.last()).copied()
}

/// `value / size` with three digits, or more in front of the point; at most three behind it.
fn digits(value: u64, size: u64) -> String {
    let whole = value / size;
    // A remainder is below its unit, and the largest unit is below 2^47.
    let thousandths = value % size * 1_000 / size;
    match whole {
        _ if value.is_multiple_of(size) && (whole == 0 || size == 1) => count(whole),
        0 => format!("0.{thousandths:03}"),
        1..10 => format!("{whole}.{:02}", thousandths / 10),
        10..100 => format!("{whole}.{}", thousandths / 100),
        _ => count(whole),
    }
}

/// A line of spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<Span>);

impl Line {
    /// A line of one span.
    pub fn of(text: impl AsRef<str>, paint: Paint) -> Self {
        Self(vec![Span::new(text, paint)])
    }

    /// Appends text.
    #[must_use]
    pub fn with(mut self, text: impl AsRef<str>, paint: Paint) -> Self {
        self.0.push(Span::new(text, paint));
        self
    }

    /// The line as plain text.
    pub fn text(&self) -> String {
        self.0.iter().map(Span::text).collect()
    }

    /// True if a span has this meaning.
    pub fn is(&self, paint: Paint) -> bool {
        self.0.iter().any(|span| span.paint == paint)
    }
}

/// The lines as a terminal takes them.
pub fn painted(lines: &[Line], color: bool) -> String {
    let mut out = String::new();
    for line in lines {
        for span in &line.0 {
            if color && span.paint != Paint::Plain {
                // Writing to a String cannot fail.
                let _ = write!(out, "\x1b[{}m{}\x1b[0m", span.paint.code(), span.text);
            } else {
                out.push_str(&span.text);
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    out
}

/// A text whose unprintable characters are escapes.
pub fn clean(text: &str) -> String {
    Escape::Text.apply(text).into_owned()
}

/// Longest cell, characters; longer texts are cut.
const CELL_CHARS_MAX: usize = 64;

/// One column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    title: Cow<'static, str>,
    right: bool,
    /// 0 is never left out; of the others the highest goes first.
    rank: u8,
}

/// A column of words.
pub const fn words(title: &'static str, rank: u8) -> Column {
    Column { title: Cow::Borrowed(title), right: false, rank }
}

/// A column of numbers.
pub const fn numbers(title: &'static str, rank: u8) -> Column {
    Column { title: Cow::Borrowed(title), right: true, rank }
}

/// A column of numbers that is always shown, with a title that is made.
pub const fn numbers_titled(title: String) -> Column {
    Column { title: Cow::Owned(title), right: true, rank: 0 }
}

/// A table of rows under column titles.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Span>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// One more row, a cell a column.
    pub fn row(&mut self, cells: Vec<Span>) {
        let cut = |mut cell: Span| {
            if cell.width() > CELL_CHARS_MAX {
                cell.text = cell.text.chars().take(CELL_CHARS_MAX - 1).collect();
                cell.text.push('…');
            }
            cell
        };
        self.rows.push(cells.into_iter().map(cut).collect());
    }

    /// True if the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Titles, then a line a row. Columns fall away until it fits into `width`; a last line names
    /// those.
    pub fn lines(&self, width: usize) -> Vec<Line> {
        let (mut lines, left_out) = self.fitted(width);
        if !left_out.is_empty() {
            lines.push(Line::of(
                format!("(a wider terminal has: {})", left_out.join(", ")),
                Paint::Dim,
            ));
        }
        lines
    }

    /// Like [`Self::lines`], without the line about hidden columns.
    pub fn body(&self, width: usize) -> Vec<Line> {
        self.fitted(width).0
    }

    /// The first row, a line a column.
    pub fn upright(&self) -> Vec<Line> {
        let cells = self.rows.first().map_or(&[][..], Vec::as_slice);
        let line = |(column, cell): (&Column, &Span)| {
            let mut line = Line::of(format!("{:<10}", column.title), Paint::Dim);
            line.0.push(cell.clone());
            line
        };
        self.columns.iter().zip(cells).map(line).collect()
    }

    /// The same table with all measured values of a column in one unit, which the title names.
    fn in_units(&self) -> Self {
        let mut table = self.clone();
        for (at, column) in table.columns.iter_mut().enumerate() {
            let cells = || self.rows.iter().filter_map(|row| row.get(at)?.measured);
            let largest = cells().max_by_key(|(value, _)| *value);
            let Some(unit) = largest.and_then(|(value, scale)| unit_for(value, scale)) else {
                continue;
            };
            column.title = Cow::Owned(format!("{} {}", column.title, unit.0));
            for cell in table.rows.iter_mut().filter_map(|row| row.get_mut(at)) {
                *cell = std::mem::take(cell).in_unit(unit);
            }
        }
        table
    }

    fn fitted(&self, width: usize) -> (Vec<Line>, Vec<String>) {
        self.in_units().fitted_as_it_is(width)
    }

    fn fitted_as_it_is(&self, width: usize) -> (Vec<Line>, Vec<String>) {
        let widths: Vec<usize> = (0..self.columns.len()).map(|at| self.column_width(at)).collect();
        let mut kept: Vec<(usize, Column)> = self.columns.iter().cloned().enumerate().collect();
        let mut left_out = Vec::new();
        while total(&kept, &widths) > width {
            // Of equals the last goes first.
            let worst = kept.iter().enumerate().max_by_key(|(n, (_, column))| (column.rank, *n));
            let Some((n, rank)) = worst.map(|(n, (_, column))| (n, column.rank)) else { break };
            if rank == 0 {
                break;
            }
            left_out.push(kept.remove(n).1.title.into_owned());
        }
        let title = |_: usize, column: &Column| Span::new(column.title.clone(), Paint::Dim);
        let mut lines = vec![aligned(&kept, &widths, title)];
        for row in &self.rows {
            lines.push(aligned(&kept, &widths, |at, _| row.get(at).cloned().unwrap_or_default()));
        }
        left_out.reverse();
        (lines, left_out)
    }

    fn column_width(&self, at: usize) -> usize {
        let title = self.columns.get(at).map_or(0, |column| column.title.chars().count());
        let cells = self.rows.iter().filter_map(|row| row.get(at)).map(Span::width);
        cells.max().unwrap_or(0).max(title)
    }
}

/// Spaces between two columns.
const GAP: usize = 2;

fn total(kept: &[(usize, Column)], widths: &[usize]) -> usize {
    let cells: usize = kept.iter().filter_map(|(at, _)| widths.get(*at)).sum();
    cells + GAP * kept.len().saturating_sub(1)
}

fn aligned(
    kept: &[(usize, Column)],
    widths: &[usize],
    cell: impl Fn(usize, &Column) -> Span,
) -> Line {
    let mut spans = Vec::new();
    for (n, (at, column)) in kept.iter().enumerate() {
        let span = cell(*at, column);
        let blank = widths.get(*at).map_or(0, |width| width.saturating_sub(span.width()));
        let (before, after) = if column.right { (blank, 0) } else { (0, blank) };
        spans.push(Span::from(" ".repeat(if n == 0 { before } else { GAP + before })));
        spans.push(span);
        spans.push(Span::from(" ".repeat(after)));
    }
    spans.retain(|span| !span.text.is_empty());
    Line(spans)
}

/// A whole number with its thousands apart.
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A decimal number, as the node wrote it, with its thousands apart.
pub fn decimal(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    format!("{sign}{}{fraction}", grouped(whole))
}

/// Decimals of an amount of money on a screen at most. JSON has all of them.
pub const SHOWN_DECIMALS: usize = 8;

/// As [`decimal`], rounded to [`SHOWN_DECIMALS`] decimals, half away from zero, without zeros at
/// the end.
pub fn rounded(text: &str) -> String {
    let Some((whole, fraction)) = text.split_once('.') else { return decimal(text) };
    let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let Some(next) = fraction.as_bytes().get(SHOWN_DECIMALS).filter(|_| is_number) else {
        return decimal(text);
    };
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let kept = fraction.get(..SHOWN_DECIMALS).unwrap_or(fraction);
    let mut digits = format!("{}{kept}", whole.trim_start_matches('-')).into_bytes();
    if *next >= b'5' {
        let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
        let at = digits.len() - nines;
        digits[at..].fill(b'0');
        match at.checked_sub(1) {
            Some(at) => digits[at] += 1,
            None => digits.insert(0, b'1'),
        }
    }
    let digits = String::from_utf8_lossy(&digits);
    let (whole, fraction) = digits.split_at(digits.len() - SHOWN_DECIMALS);
    match fraction.trim_end_matches('0') {
        "" => decimal(&format!("{sign}{whole}")),
        fraction => decimal(&format!("{sign}{whole}.{fraction}")),
    }
}

fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A duration with three digits, in a suitable unit.
pub fn duration(ns: u64) -> String {
    const US: u64 = 1_000;
    const MS: u64 = 1_000 * US;
    const S: u64 = 1_000 * MS;
    match ns {
        0..US => format!("{ns} ns"),
        US..MS => three(ns, US, "µs"),
        MS..S => three(ns, MS, "ms"),
        _ if ns < 60 * S => three(ns, S, "s"),
        _ => {
            let s = ns / S;
            let (minutes, hours, days) = (s / 60, s / 3_600, s / 86_400);
            match () {
                () if hours == 0 => format!("{minutes} min {} s", s % 60),
                () if days == 0 => format!("{hours} h {} min", minutes % 60),
                () => format!("{days} d {} h", hours % 24),
            }
        }
    }
}

/// `value / unit`, cut to three digits.
fn three(value: u64, unit: u64, name: &str) -> String {
    let whole = value / unit;
    let hundredths = value % unit * 100 / unit;
    match whole {
        0..10 => format!("{whole}.{hundredths:02} {name}"),
        10..100 => format!("{whole}.{} {name}", hundredths / 10),
        _ => format!("{whole} {name}"),
    }
}

/// Time since `then_ns`; `-` for zero and for a future time.
pub fn age(now_ns: u64, then_ns: u64) -> String {
    match now_ns.checked_sub(then_ns) {
        Some(ns) if then_ns != 0 => duration(ns),
        _ => "-".to_owned(),
    }
}

/// A number of bytes in binary multiples.
pub fn bytes(n: u64) -> String {
    match n {
        0..1_024 => format!("{n} B"),
        1_024..1_048_576 => three(n, 1 << 10, "KiB"),
        1_048_576..1_073_741_824 => three(n, 1 << 20, "MiB"),
        _ => three(n, 1 << 30, "GiB"),
    }
}

/// Time of the day, UTC, with the date if it is another day than `now_ns`.
pub fn clock(now_ns: u64, ns: u64) -> String {
    let date = |ns: u64| utc(ns).strftime("%Y-%m-%d").to_string();
    let time = utc(ns).strftime("%H:%M:%S%.3f").to_string();
    if date(ns) == date(now_ns) { time } else { format!("{} {time}", date(ns)) }
}

/// A time as a moment; `u64` nanoseconds end in the year 2554.
fn utc(ns: u64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_read_them() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(decimal("-1234567.0050"), "-1,234,567.0050");
        assert_eq!(decimal("0.5"), "0.5");
        assert_eq!(decimal("odd"), "odd");
        for (exact, shown) in [
            ("61000.1234567849999", "61,000.12345678"),
            ("-61000.123456785", "-61,000.12345679"),
            ("999.999999995", "1,000"),
            ("0.99999999499", "0.99999999"),
            ("1.5", "1.5"),
            ("7", "7"),
            ("0.000000004", "0"),
            ("odd.123456789x", "odd.123456789x"),
        ] {
            assert_eq!(rounded(exact), shown);
        }
        let s = 1_000_000_000;
        for (ns, text) in [
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (14_260, "14.2 µs"),
            (999_999, "999 µs"),
            (3_420_000, "3.42 ms"),
            (59 * s, "59.0 s"),
            (125 * s, "2 min 5 s"),
            (11_520 * s, "3 h 12 min"),
            (100 * 3_600 * s, "4 d 4 h"),
        ] {
            assert_eq!(duration(ns), text);
        }
        assert_eq!(bytes(1_536), "1.50 KiB");
        assert_eq!(bytes(u64::MAX), "17179869183 GiB");
        assert_eq!(age(10, 0), "-");
        assert_eq!(age(10, 11), "-");
    }

    #[test]
    fn a_time_has_its_date_on_another_day_only() {
        let at = 1_763_732_787_123_000_000;
        assert_eq!(clock(at, at), "13:46:27.123");
        assert_eq!(clock(0, at), "2025-11-21 13:46:27.123");
        let day = |days: u64| clock(0, days * 86_400 * 1_000_000_000);
        assert_eq!(day(11_016), "2000-02-29 00:00:00.000");
        assert_eq!(day(47_540), "2100-02-28 00:00:00.000");
        assert_eq!(day(47_541), "2100-03-01 00:00:00.000");
        assert_eq!(clock(0, u64::MAX), "2554-07-21 23:34:33.709");
    }

    #[test]
    fn nothing_that_commands_a_terminal_gets_through() {
        let evil = "a\x1b[2Jb\x07\u{9b}31m\u{202e}c\u{7f}é";
        let shown = painted(&[Line::of(evil, Paint::Plain)], false);
        assert_eq!(shown, "a\\u{1b}[2Jb\\u{7}\\u{9b}31m\\u{202e}c\\u{7f}é\n");
    }

    #[test]
    fn a_column_has_one_unit_in_its_title_and_what_was_not_measured_stays_a_word() {
        let mut table = Table::new(&[words("name", 0), numbers("p99", 0), numbers("size", 0)]);
        let s = 1_000_000_000;
        for (name, ns, bytes) in [("A", 9_590, 0), ("B", 1_190_000, 4_608), ("C", 0, 20_480)] {
            table.row(vec![name.into(), Span::duration(ns), Span::bytes(bytes)]);
        }
        table.row(vec!["D".into(), "never".into()]);
        let wanted = "name  p99 µs  size KiB\nA       9.59         0\nB      1,190      4.50\n\
                      C          0      20.0\nD      never\n";
        assert_eq!(painted(&table.lines(80), false), wanted);
        let shown = |values: &[u64]| -> Vec<String> {
            let mut table = Table::new(&[numbers("age", 0)]);
            for ns in values {
                table.row(vec![Span::duration(*ns)]);
            }
            table.lines(80).iter().map(|line| line.text().trim().to_owned()).collect()
        };
        assert_eq!(shown(&[6_140_000, 61 * s]), ["age s", "0.006", "61.0"]);
        assert_eq!(shown(&[999]), ["age µs", "0.999"]);
        assert_eq!(shown(&[9_999 * s, 86_400 * s]), ["age min", "166", "1,440"]);
        assert_eq!(shown(&[u64::MAX]), ["age d", "213,503"]);
    }

    #[test]
    fn a_narrow_table_leaves_out_what_matters_least_and_says_so() {
        let mut table = Table::new(&[words("name", 0), numbers("p50", 1), numbers("p99", 2)]);
        table.row(vec!["A".into(), "1".into(), "22222".into()]);
        let text = |width| painted(&table.lines(width), false);
        assert_eq!(text(80), "name  p50    p99\nA       1  22222\n");
        assert_eq!(text(10), "name  p50\nA       1\n(a wider terminal has: p99)\n");
        assert_eq!(text(1), "name\nA\n(a wider terminal has: p50, p99)\n");
    }

    #[test]
    fn colour_is_only_there_when_it_is_asked_for() {
        let lines = [Line::of("down", Paint::Bad).with(" x", Paint::Plain)];
        assert_eq!(painted(&lines, false), "down x\n");
        assert_eq!(painted(&lines, true), "\x1b[1;31mdown\x1b[0m x\n");
    }
}
