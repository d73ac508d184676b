//! A minimal venue: it answers every order at once with two reports, New and Filled.
//!
//! A line belongs here if the node needs it to trade; then a lane measures the node and not a
//! simulated exchange. The venue speaks the part of Binance's FIX order entry that the node needs.
//! Its prices equal the still books of `harness`. It matches, books and checks nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use rutter_fix::codec::{
    Encoder, FieldIndex, Message, Status, TimePrecision, decode, write_timestamp,
};
use rutter_fix::tags::{self, msg_type};

use super::acceptor::Acceptor;
use crate::clock::unix_ns;

const READ_BYTES: usize = 256 << 10;
const BUY_PRICE: &[u8] = b"60000.00000000";
const SELL_PRICE: &[u8] = b"59999.00000000";
/// `TradeID`.
const TRADE_ID: u32 = 1003;
/// `AggressorIndicator`.
const AGGRESSOR: u32 = 1057;
/// `UUID` in the venue's Logon.
const UUID: u32 = 25_037;

/// Starts the venue. The node must have ended before the venue can be stopped.
///
/// # Errors
/// The system's.
pub fn start() -> io::Result<Acceptor> {
    let mut serial = 0;
    Acceptor::start("bare-venue", move |stream| serve(stream, &mut serial))
}

/// The header of every message on one connection.
struct Header {
    sequence: u64,
    peer: Vec<u8>,
    ours: Vec<u8>,
    /// Text of `SendingTime` (52) and `TransactTime` (60), rendered once for each read.
    time: Vec<u8>,
}

impl Header {
    fn begin<'a>(&mut self, out: &'a mut Vec<u8>, kind: &[u8]) -> Encoder<'a> {
        self.sequence += 1;
        let mut encoder = Encoder::begin(out, b"FIX.4.4", kind);
        encoder.uint(tags::MSG_SEQ_NUM, self.sequence);
        encoder.field(tags::SENDER_COMP_ID, &self.ours);
        encoder.field(tags::SENDING_TIME, &self.time);
        encoder.field(tags::TARGET_COMP_ID, &self.peer);
        encoder
    }
}

fn serve(mut stream: TcpStream, serial: &mut u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut index = FieldIndex::new();
    let mut input = vec![0; READ_BYTES];
    let (mut filled, mut out) = (0, Vec::with_capacity(READ_BYTES));
    let mut header = Header { sequence: 0, peer: Vec::new(), ours: Vec::new(), time: Vec::new() };
    loop {
        let count = stream.read(&mut input[filled..])?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        header.time.clear();
        write_timestamp(&mut header.time, unix_ns(), TimePrecision::Micros);
        let mut taken = 0;
        while let Ok(Status::Complete { consumed }) = decode(&input[taken..filled], &mut index) {
            let message = Message::new(&input[taken..taken + consumed], &index);
            answer(&message, &mut header, serial, &mut out);
            taken += consumed;
        }
        stream.write_all(&out)?;
        out.clear();
        input.copy_within(taken..filled, 0);
        filled -= taken;
    }
}

/// Answers one message. `finish` fails only for a message above the codec's limit, which no answer
/// here reaches.
fn answer(message: &Message<'_>, header: &mut Header, serial: &mut u64, out: &mut Vec<u8>) {
    let value = |tag| message.get(tag).unwrap_or(b"?");
    match message.msg_type() {
        msg_type::LOGON => {
            header.peer = value(tags::SENDER_COMP_ID).to_vec();
            header.ours = value(tags::TARGET_COMP_ID).to_vec();
            let mut logon = header.begin(out, msg_type::LOGON);
            logon.char(tags::ENCRYPT_METHOD, b'0');
            logon.field(tags::HEART_BT_INT, value(tags::HEART_BT_INT));
            logon.field(UUID, b"00000000-0000-4000-8000-000000000001");
            let _ = logon.finish();
        }
        msg_type::TEST_REQUEST => {
            let mut heartbeat = header.begin(out, msg_type::HEARTBEAT);
            heartbeat.field(tags::TEST_REQ_ID, value(tags::TEST_REQ_ID));
            let _ = heartbeat.finish();
        }
        msg_type::LOGOUT => {
            let _ = header.begin(out, msg_type::LOGOUT).finish();
        }
        msg_type::NEW_ORDER_SINGLE => {
            *serial += 1;
            report(message, header, *serial, false, out);
            report(message, header, *serial, true, out);
        }
        _ => {}
    }
}

/// Writes the report New, or the report of the whole fill.
fn report(message: &Message<'_>, header: &mut Header, serial: u64, fill: bool, out: &mut Vec<u8>) {
    let value = |tag| message.get(tag).unwrap_or(b"0");
    let time = header.time.clone();
    let mut report = header.begin(out, msg_type::EXECUTION_REPORT);
    let (side, quantity) = (value(tags::SIDE), value(tags::ORDER_QTY));
    let price = if side == b"1" { BUY_PRICE } else { SELL_PRICE };
    report.uint(tags::EXEC_ID, serial * 2 + u64::from(fill)).uint(tags::ORDER_ID, serial);
    report.field(tags::CL_ORD_ID, value(tags::CL_ORD_ID)).field(tags::SYMBOL, value(tags::SYMBOL));
    report.field(tags::SIDE, side).field(tags::ORDER_QTY, quantity);
    report.field(tags::ORD_TYPE, value(tags::ORD_TYPE)).field(tags::TRANSACT_TIME, &time);
    if fill {
        report.char(tags::EXEC_TYPE, b'F').char(tags::ORD_STATUS, b'2');
        report.field(tags::LAST_QTY, quantity).field(tags::LAST_PX, price);
        report.field(tags::CUM_QTY, quantity).char(tags::LEAVES_QTY, b'0');
        report.uint(TRADE_ID, serial).bool(AGGRESSOR, true);
        report.char(tags::NO_MISC_FEES, b'1').field(tags::MISC_FEE_AMT, b"0.00100000");
        report.field(tags::MISC_FEE_CURR, b"USDT").char(tags::MISC_FEE_TYPE, b'4');
    } else {
        report.char(tags::EXEC_TYPE, b'0').char(tags::ORD_STATUS, b'0');
        report.char(tags::CUM_QTY, b'0').field(tags::LEAVES_QTY, quantity);
    }
    let _ = report.finish();
}
