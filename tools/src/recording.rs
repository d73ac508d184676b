//! Recordings of public market data: one message a line. `docs/recordings.md` has the format.
//!
//! A line belongs here if it reads or writes a line of a recording. What a venue's messages mean is
//! `feed_check`.

use std::io::{self, BufRead, Write};

/// Longest line, in bytes: the largest answer of a venue that we read, and room for its address.
pub const LINE_BYTES_MAX: usize = 32 << 20;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A connection was opened to this address.
    Opened {
        /// The address.
        url: String,
    },
    /// The recorder sent a text on the connection.
    Sent {
        /// The address.
        url: String,
        /// The text.
        text: String,
    },
    /// A text arrived on the connection that was opened last.
    Text(String),
    /// The answer to an HTTP GET.
    Http {
        /// The address with its query.
        url: String,
        /// The body.
        body: String,
    },
}

/// Why a recording cannot be used. Each has a word, which the command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file cannot be opened or read.
    #[error("unreadable_file")]
    UnreadableFile,
    /// The file has no line.
    #[error("empty_file")]
    EmptyFile,
    /// The line is not UTF-8.
    #[error("not_text")]
    NotText,
    /// The line is longer than [`LINE_BYTES_MAX`].
    #[error("line_too_long")]
    LineTooLong,
    /// The last line does not end: the file was cut.
    #[error("cut_file")]
    CutFile,
    /// The line has none of the four forms.
    #[error("unknown_line")]
    UnknownLine,
    /// The time is not seconds since 1970 with at most nine decimals.
    #[error("bad_time")]
    BadTime,
    /// The time is before that of the line before.
    #[error("time_goes_back")]
    TimeGoesBack,
    /// A message stands before the first connection.
    #[error("no_connection")]
    NoConnection,
    /// The text or body is not JSON.
    #[error("bad_json")]
    BadJson,
    /// No handler knows the address.
    #[error("unknown_venue")]
    UnknownVenue,
    /// The file has messages of two venues.
    #[error("two_venues")]
    TwoVenues,
    /// The files have no message with a book or a trade.
    #[error("nothing_to_check")]
    NothingToCheck,
}

/// Nanoseconds of Unix seconds with at most nine decimals.
fn time(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// A time as a recording has it: seconds with nine decimals.
fn time_text(ns: u64) -> String {
    format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

/// Reads one line without its end. `None`: a line that other recorders write and that says nothing.
///
/// # Errors
/// [`Fault::UnknownLine`], [`Fault::BadTime`].
pub fn parse(line: &str) -> Result<Option<(u64, Line)>, Fault> {
    if line.starts_with("configuration:") {
        return Ok(None);
    }
    let timed = |text: &str| time(text).ok_or(Fault::BadTime);
    let parted = |rest: &str| -> Result<(u64, String), Fault> {
        let (at, text) = rest.split_once(": ").ok_or(Fault::UnknownLine)?;
        Ok((timed(at)?, text.to_owned()))
    };
    if line.starts_with(|first: char| first.is_ascii_digit()) {
        let (at, text) = parted(line)?;
        return Ok(Some((at, Line::Text(text))));
    }
    let (url, rest) = line.split_once(' ').ok_or(Fault::UnknownLine)?;
    if !url.contains("://") {
        return Err(Fault::UnknownLine);
    }
    let url = url.to_owned();
    if let Some(at) = rest.strip_prefix("<-> ") {
        return Ok(Some((timed(at)?, Line::Opened { url })));
    }
    if let Some(rest) = rest.strip_prefix("<- ") {
        let (at, text) = parted(rest)?;
        return Ok(Some((at, Line::Sent { url, text })));
    }
    let (at, body) = parted(rest.strip_prefix("-> ").ok_or(Fault::UnknownLine)?)?;
    Ok(Some((at, Line::Http { url, body })))
}

/// A line with its number and its time, in nanoseconds since the Unix epoch.
pub type Numbered = (usize, u64, Line);

/// Reads all lines.
///
/// # Errors
/// The fault, and the number of the line.
pub fn read(mut from: impl BufRead) -> Result<Vec<Numbered>, (Fault, usize)> {
    let mut lines = Vec::new();
    let (mut number, mut last_ns) = (0, 0);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        number += 1;
        let mut limited = io::Read::take(&mut from, LINE_BYTES_MAX as u64 + 1);
        match limited.read_until(b'\n', &mut bytes) {
            Ok(0) if number == 1 => return Err((Fault::EmptyFile, 0)),
            Ok(0) => return Ok(lines),
            Ok(_) => {}
            Err(_) => return Err((Fault::UnreadableFile, number)),
        }
        if bytes.len() > LINE_BYTES_MAX {
            return Err((Fault::LineTooLong, number));
        }
        if bytes.pop() != Some(b'\n') {
            return Err((Fault::CutFile, number));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| (Fault::NotText, number))?;
        let text = text.trim_end_matches('\r');
        if text.is_empty() {
            continue;
        }
        let Some((at_ns, line)) = parse(text).map_err(|fault| (fault, number))? else { continue };
        if at_ns < last_ns {
            return Err((Fault::TimeGoesBack, number));
        }
        last_ns = at_ns;
        lines.push((number, at_ns, line));
    }
}

/// Writes one line. Ends of lines within a text become blanks, which JSON allows between values.
///
/// # Errors
/// The writer's.
pub fn write(to: &mut impl Write, at_ns: u64, line: &Line) -> io::Result<()> {
    let at = time_text(at_ns);
    let flat = |text: &str| text.replace(['\n', '\r'], " ");
    match line {
        Line::Opened { url } => writeln!(to, "{url} <-> {at}"),
        Line::Sent { url, text } => writeln!(to, "{url} <- {at}: {}", flat(text)),
        Line::Text(text) => writeln!(to, "{at}: {}", flat(text)),
        Line::Http { url, body } => writeln!(to, "{url} -> {at}: {}", flat(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let url = "wss://h/ws".to_owned();
        let lines = [
            (1, Line::Opened { url: url.clone() }),
            (2, Line::Sent { url, text: "{\"a\":1}".to_owned() }),
            (1_700_000_000_000_000_007, Line::Text("{\"b\":\n [1]}".to_owned())),
            (
                1_700_000_000_000_000_007,
                Line::Http { url: "https://h/d?x=1".to_owned(), body: "[]".to_owned() },
            ),
        ];
        let mut bytes = Vec::new();
        for (at_ns, line) in &lines {
            write(&mut bytes, *at_ns, line).expect("memory");
        }
        let read = read(bytes.as_slice()).expect("sound");
        let found: Vec<_> = read.into_iter().map(|(_, at_ns, line)| (at_ns, line)).collect();
        assert_eq!(found[..2], lines[..2]);
        assert_eq!(found[2].1, Line::Text("{\"b\":  [1]}".to_owned()));
        assert_eq!(found[3], lines[3]);
    }

    #[test]
    fn a_bad_line_is_named_with_its_fault_and_number() {
        let faults = [
            (&b""[..], Fault::EmptyFile, 0),
            (b"wss://h <-> 1\n2: {}", Fault::CutFile, 2),
            (b"wss://h <-> 1\n2: \xff\n", Fault::NotText, 2),
            (b"hello\n", Fault::UnknownLine, 1),
            (b"hello there\n", Fault::UnknownLine, 1),
            (b"wss://h -- 1\n", Fault::UnknownLine, 1),
            (b"1{}\n", Fault::UnknownLine, 1),
            (b"wss://h <-> soon\n", Fault::BadTime, 1),
            (b"1.1234567890: {}\n", Fault::BadTime, 1),
            (b"1.2.3: {}\n", Fault::BadTime, 1),
            (b"99999999999999999999: {}\n", Fault::BadTime, 1),
            (b"2: {}\n\n1.5: {}\n", Fault::TimeGoesBack, 3),
        ];
        for (bytes, fault, number) in faults {
            assert_eq!(read(bytes), Err((fault, number)), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(read(&b"configuration: x\r\n1.5: {}\r\n"[..]).map(|lines| lines.len()), Ok(1));
    }
}
