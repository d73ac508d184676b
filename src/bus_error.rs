//! SIGBUS: a page of a mapped file cannot be had, because the file was cut or its disk fails.
//!
//! The signal kills a process without a word. Here the process ends with a message that names the
//! file and the byte, and with an exit code of its own. A page that is not there is a fault that no
//! program can go on from: neither journal nor message store can be believed.
//!
//! A line belongs here if it runs in the handler of SIGBUS. Such a line may call only functions
//! that are safe in a signal handler: system calls, and code that neither allocates nor locks.

use core::fmt::{self, Write};

use rustix::fs::{CWD, Mode, OFlags, openat};

/// Exit code of a process that was ended by SIGBUS: `EX_IOERR` of `sysexits.h`.
pub const EXIT_CODE: i32 = 74;

/// Bytes of the message; a longer one is cut.
const MESSAGE_BYTES_MAX: usize = 5 << 10;

/// Bytes of a line of `/proc/self/maps` that are looked at: the path is the last part of the line.
const LINE_BYTES_MAX: usize = 4_352;

/// Text that needs no memory but its own.
struct Fixed<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Fixed<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], used: 0 }
    }

    /// Appends as many bytes as there is room for.
    fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.used..).unwrap_or(&mut []);
        let mut count = 0;
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
            count += 1;
        }
        self.used += count;
    }

    fn written(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or(&[])
    }
}

impl<const N: usize> Write for Fixed<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Installs the handler, once, at the start of the process.
///
/// # Errors
/// The system's error.
#[allow(unsafe_code, reason = "a signal handler may only do what is safe in one")]
pub fn install() -> std::io::Result<()> {
    // SAFETY: the action opens, reads and writes files by system calls and formats into arrays on
    // its stack. It takes no lock, allocates nothing and ends the process.
    let installed = unsafe {
        signal_hook_registry::register_sigaction(signal_hook::consts::SIGBUS, |info| {
            // The kernel fills the address in for SIGBUS.
            let address = info.si_addr() as usize as u64;
            tell(address);
            signal_hook::low_level::exit(EXIT_CODE)
        })
    };
    installed.map(|_| ())
}

fn tell(address: u64) {
    let mut message = Fixed::<MESSAGE_BYTES_MAX>::new();
    message.push(b"rutter: SIGBUS: ");
    let mut line = Fixed::<LINE_BYTES_MAX>::new();
    let found = find(address, &mut line);
    let written = match &found {
        Some(place) => {
            message.push(place.path);
            write!(message, " cannot be read at byte {}", place.offset)
        }
        None => write!(message, "no file is mapped at address {address:#x}"),
    };
    // The array takes every text, cut if need be.
    let _ = written.and_then(|()| {
        writeln!(message, ": the file was cut, or its disk fails; exit code {EXIT_CODE}")
    });
    let mut rest = message.written();
    while !rest.is_empty() {
        match rustix::io::write(std::io::stderr(), rest) {
            Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or(&[]),
            _ => return,
        }
    }
}

/// A place in a mapped file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place<'a> {
    path: &'a [u8],
    /// Offset in the file, in bytes.
    offset: u64,
}

/// The file that is mapped at an address. `line` holds the path.
fn find(address: u64, line: &mut Fixed<LINE_BYTES_MAX>) -> Option<Place<'_>> {
    let maps = openat(CWD, c"/proc/self/maps", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let maps = maps.ok()?;
    let mut buffer = [0; 1_024];
    loop {
        let count = rustix::io::read(&maps, &mut buffer).ok()?;
        if count == 0 {
            return None;
        }
        for byte in buffer.get(..count)? {
            if *byte != b'\n' {
                line.push(&[*byte]);
            } else if place_of(address, line.written()).is_some() {
                return place_of(address, line.written());
            } else {
                line.used = 0;
            }
        }
    }
}

/// The place of an address in a line of `/proc/self/maps`, such as
/// `7f12a000-7f12b000 rw-s 00001000 08:01 1234   /var/lib/file` (man page `proc_pid_maps`).
fn place_of(address: u64, line: &[u8]) -> Option<Place<'_>> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let range = words.next()?;
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let (from, upto) = (hex(range.get(..dash)?)?, hex(range.get(dash + 1..)?)?);
    if !(from..upto).contains(&address) {
        return None;
    }
    let offset = hex(words.nth(1)?)?;
    let path = line.get(line.iter().position(|byte| *byte == b'/')?..)?;
    Some(Place { path, offset: offset.checked_add(address - from)? })
}

fn hex(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        value.checked_mul(16)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_its_line_with_the_offset_in_the_file() {
        let line = b"7f12a000-7f12c000 rw-s 00003000 08:01 1234                /var/lib/a b.seg";
        let place = Place { path: b"/var/lib/a b.seg", offset: 0x3000 + 0x1010 };
        assert_eq!(place_of(0x7f12_b010, line), Some(place));
        assert_eq!(place_of(0x7f12_c000, line), None, "the end is not part of the range");
        assert_eq!(place_of(0x7f12_a000, b"7f12a000-7f12c000 rw-p 00000000 00:00 0"), None);
        for odd in [&b""[..], b"x", b"-", b"zz-yy r", b"1-2", b"1-f r", b"1-f r 0 x y"] {
            assert_eq!(place_of(1, odd), None, "{odd:?}");
        }
        assert_eq!(hex(b"ffffffffffffffffff"), None, "too large a number is none");
    }

    #[test]
    fn a_mapped_file_of_this_process_is_found_by_its_address() {
        let code = find as *const () as usize as u64;
        let mut line = Fixed::new();
        let place = find(code, &mut line).expect("the program itself is mapped");
        let path = std::env::current_exe().expect("known");
        assert_eq!(place.path, path.as_os_str().as_encoded_bytes());
    }

    #[test]
    fn a_message_is_cut_at_its_room() {
        let mut text = Fixed::<4>::new();
        write!(text, "{}", 123_456).expect("cut");
        assert_eq!(text.written(), b"1234");
    }
}
