//! The lane `floor`: an acceptor that cuts messages by their length and answers each with the same
//! prebuilt bytes.
//!
//! A line belongs here if every FIX acceptor must do as much. There is no session, no store and no
//! decision, so the lane shows the cost of two sockets and one thread.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::acceptor::Acceptor;
use super::bare::frame;

const READ_BYTES: usize = 256 << 10;

/// Starts the acceptor.
///
/// # Errors
/// The system's.
pub fn start() -> io::Result<Acceptor> {
    Acceptor::start("floor", serve)
}

fn prebuilt(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let text = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum = rutter_fix::codec::checksum(text.as_bytes());
    format!("{text}10={sum:03}\x01").into_bytes()
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let header = "49=RUTTER|52=20240627-11:17:26.100|56=DESK1|";
    let logon = prebuilt(&format!("35=A|34=1|{header}98=0|108=30|141=Y|"));
    let logout = prebuilt(&format!("35=5|34=3|{header}"));
    let report = prebuilt(&format!(
        "35=8|34=2|{header}37=00000001-1|17=00000001-1|150=8|39=8|11=b000000001|1=fund|\
         55=BTC/USDT|54=1|40=2|59=3|38=0.00100000|44=90000.00|14=0.00000000|151=0.00000000|6=0|\
         60=20240627-11:17:26.100|103=99|58=PriceCollar|"
    ));
    let mut input = vec![0; READ_BYTES];
    let (mut filled, mut out) = (0, Vec::with_capacity(READ_BYTES));
    loop {
        let count = stream.read(&mut input[filled..])?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let mut taken = 0;
        while let Some((total, body)) = frame(&input[taken..filled]) {
            let answer = match input.get(taken + body + 3) {
                Some(b'D') => &report,
                Some(b'A') => &logon,
                _ => &logout,
            };
            out.extend_from_slice(answer);
            taken += total;
        }
        stream.write_all(&out)?;
        out.clear();
        input.copy_within(taken..filled, 0);
        filled -= taken;
    }
}
