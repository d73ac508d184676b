//! Mixes outputs into the rolling digest: every field of every output, in a fixed order.

use crate::hash::Rolling;
use crate::input::ChildFill;
use crate::output::{
    CancelReject, ChildRef, MassCancelReport, Notice, OperatorReport, Output, Report, SendNew,
};
use crate::wire::{INPUT_BYTES_MAX, encode};

/// Mixes one output in.
#[inline]
pub fn mix(hash: &mut Rolling, output: &Output) {
    match output {
        Output::Report(report) => mix_report(hash, report),
        Output::CancelReject(reject) => mix_cancel_reject(hash, reject),
        Output::MassCancelReport(report) => mix_mass_cancel_report(hash, report),
        Output::Command(session, command) => {
            hash.pair(7 | (*command as u64) << 8, u64::from(session.0));
        }
        Output::Operator(report) => mix_operator(hash, report),
        Output::SendNew(send) => mix_send(hash, send),
        Output::SendCancel(child) => mix_child(hash, 4, child),
        Output::Query(child) => mix_child(hash, 5, child),
        Output::Notice(notice) => mix_notice(hash, *notice),
    }
}

fn mix_report(hash: &mut Rolling, r: &Report) {
    let enums = u64::from_le_bytes([
        1,
        r.kind as u8,
        r.status as u8,
        r.side as u8,
        r.ord_type as u8,
        r.tif as u8,
        r.reason as u8,
        u8::from(r.last.is_some()) | u8::from(r.replaced) << 1,
    ]);
    hash.pair(enums, r.event);
    hash.pair(
        u64::from(r.session.0) << 32 | u64::from(r.instrument.map_or(u16::MAX, |i| i.0)),
        r.client_seq,
    );
    hash.pair(r.time.0, r.exec);
    hash.text(&r.cl_ord_id);
    hash.text(&r.orig_cl_ord_id);
    if !r.symbol.is_empty() {
        hash.text(&r.symbol);
    }
    if !r.request.is_empty() {
        hash.text(&r.request);
        hash.pair(u64::from(r.mass_total), u64::from(r.mass_left));
    }
    hash.pair(r.order.0, r.qty.0.cast_unsigned());
    hash.pair(r.price.0.cast_unsigned(), r.filled.0.cast_unsigned());
    hash.pair(r.leaves.0.cast_unsigned(), r.trace);
    hash.notional(r.filled_notional);
    if let Some(last) = &r.last {
        let enums = u64::from_le_bytes([last.venue.0, last.liquidity as u8, 0, 0, 0, 0, 0, 0]);
        hash.pair(enums, u64::from(last.fee_asset.0));
        hash.pair(last.qty.0.cast_unsigned(), last.price.0.cast_unsigned());
        hash.amount(last.fee);
        hash.word(last.child.0);
        hash.wide(last.exec.0.cast_signed());
        hash.text(&last.venue_order);
    }
}

fn mix_cancel_reject(hash: &mut Rolling, r: &CancelReject) {
    let of_replace = u8::from(r.of_replace);
    let enums = u64::from_le_bytes([2, r.status as u8, r.reason as u8, of_replace, 0, 0, 0, 0]);
    hash.pair(enums, r.event);
    hash.pair(u64::from(r.session.0), r.client_seq);
    hash.pair(r.time.0, r.order.0);
    hash.word(r.trace);
    hash.text(&r.cl_ord_id);
    hash.text(&r.orig_cl_ord_id);
}

fn mix_mass_cancel_report(hash: &mut Rolling, r: &MassCancelReport) {
    let instrument = r.scope.instrument.map_or(u16::MAX, |i| i.0);
    let side = r.scope.side.map_or(0, |side| side as u8);
    let [low, high] = instrument.to_le_bytes();
    let enums = u64::from_le_bytes([6, r.reason as u8, side, low, high, r.asked, 0, 0]);
    hash.pair(enums, r.event);
    hash.pair(u64::from(r.session.0) << 32 | u64::from(r.affected), r.client_seq);
    hash.word(r.time.0);
    hash.text(&r.cl_ord_id);
}

/// The command as the journal has it, eight bytes a word.
fn mix_operator(hash: &mut Rolling, r: &OperatorReport) {
    hash.pair(8 | (r.refusal as u64) << 8, u64::from(r.affected));
    hash.word(r.time.0);
    let mut bytes = [0; INPUT_BYTES_MAX];
    let len = encode(&crate::input::Input::Operator(r.operator), &mut bytes);
    for chunk in bytes[..len].chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash.word(u64::from_le_bytes(word));
    }
}

fn mix_send(hash: &mut Rolling, s: &SendNew) {
    let enums = u64::from_le_bytes([
        3,
        s.venue.0,
        s.side as u8,
        s.ord_type as u8,
        s.tif as u8,
        0,
        s.instrument.0 as u8,
        (s.instrument.0 >> 8) as u8,
    ]);
    hash.pair(enums, s.child.0);
    hash.pair(s.qty.0.cast_unsigned(), s.price.0.cast_unsigned());
    hash.pair(s.order.0, s.trace);
}

fn mix_child(hash: &mut Rolling, tag: u64, child: &ChildRef) {
    let ids = tag | u64::from(child.venue.0) << 8 | u64::from(child.instrument.0) << 16;
    hash.pair(ids, child.child.0);
    hash.pair(child.order.0, child.trace);
}

fn mix_fill(hash: &mut Rolling, fill: &ChildFill) {
    hash.pair(fill.qty.0.cast_unsigned(), fill.price.0.cast_unsigned());
    hash.wide(fill.exec.0.cast_signed());
    hash.amount(fill.fee);
    let enums = (fill.side as u64) << 8 | fill.liquidity as u64;
    let ids = u64::from(fill.instrument.0) << 16 | u64::from(fill.fee_asset.0);
    hash.pair(enums, ids);
}

fn mix_notice(hash: &mut Rolling, notice: Notice) {
    let (tag, venue, other) = match notice {
        Notice::VenueUp(venue) => (10, venue.0, 0),
        Notice::VenueDown(venue) => (11, venue.0, 0),
        Notice::BookDistrusted(venue, instrument, why) => {
            (12, venue.0, u64::from(instrument.0) << 8 | why as u64)
        }
        Notice::BookTrusted(venue, instrument) => (13, venue.0, u64::from(instrument.0)),
        Notice::ChildUnknown(venue, child) => (14, venue.0, child.0),
        Notice::ChildResolved(venue, child) => (15, venue.0, child.0),
        Notice::ChildRejected(venue, child, why) => (16 | (why as u64) << 8, venue.0, child.0),
        Notice::ChildAccepted(venue, child) => (25, venue.0, child.0),
        Notice::ChildEnded(venue, child, end) => (26, venue.0, child.0 << 8 | end as u64),
        Notice::Balance(venue, asset, total) => {
            hash.amount(total);
            (27, venue.0, u64::from(asset.0))
        }
        Notice::OrphanFill(fill) => {
            mix_fill(hash, &fill);
            (17, fill.venue.0, fill.child.0)
        }
        Notice::Overfill(account, fill, beyond) => {
            mix_fill(hash, &fill);
            hash.pair(beyond.0.cast_unsigned(), u64::from(account.0));
            (18, fill.venue.0, fill.child.0)
        }
        Notice::IllegalEvent(venue, child) => (19, venue.0, child.0),
        Notice::FoundAfterEnd(venue, child) => (23, venue.0, child.0),
        Notice::CancelStuck(order) => (24, 0, order.0),
        Notice::CalledBack(order, why) => (0x1c | (why as u64) << 8, 0, order.0),
        Notice::BadReference => (20, 0, 0),
        Notice::Halted => (21, 0, 0),
        Notice::Resumed => (22, 0, 0),
    };
    hash.pair(tag | u64::from(venue) << 32, other);
}
