//! Tiers of venues: backup venues get only what no other venue can take.
//!
//! A line belongs here if it keeps the tiers apart. What becomes of quantity within a tier is the
//! parent's.

use super::exact::Scratch;
use super::{Candidate, Plan, RouteRequest, RoutingView, among};
use crate::output::Verdict;
use crate::reference::VENUES_MAX;

/// Plans among the venues that are no backup; then, if these can neither fill nor hold the rest at
/// this moment, plans the rest among the backup venues.
pub(super) fn in_tiers(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    candidates: &mut [Option<Candidate<'_>>],
    plan: &mut Plan,
    scratch: &mut Scratch,
) {
    let mut backups = [const { None }; VENUES_MAX];
    for (slot, backup) in candidates.iter_mut().zip(&mut backups) {
        *backup = slot.take_if(|c| request.backup.has(c.listing.venue));
    }
    let backups = &mut backups[..candidates.len()];
    let excluded = request.excluded.union(request.backup);
    let left = among(market, &RouteRequest { excluded, ..*request }, candidates, plan, scratch);
    // A part that rests: whatever is left may rest at a further venue that is no backup.
    if left.is_zero() || !plan.rests().is_empty() {
        for c in backups.iter().flatten() {
            let line = &mut plan.lines[c.line];
            if c.available(request.worst).next().is_some() {
                line.verdict = Verdict::Backup;
            } else if c.best.is_some() {
                line.verdict = Verdict::BeyondLimit;
            }
        }
        return;
    }
    let excluded = request.excluded.union(request.backup.complement());
    let rest = RouteRequest { excluded, qty: left, ..*request };
    among(market, &rest, backups, plan, scratch);
}
