//! The limits of agents: counts their intents against their cost policies, and tells which agents are stopped by the
//! kill switch.

use axme_api::mesh::CostPolicy;
use axme_api::{ApiError, ErrorCode};
use axme_intent::{Address, Time};
use uuid::Uuid;

use super::snapshot::Snapshot;
use crate::error::StoreError;
use axme_store::Tx;
use axme_store::mesh::{self as store, Counts, hour_of};

/// Returns the number of today's first hour, in UTC.
pub(crate) fn midnight(now: Time) -> i64 {
    hour_of(now).div_euclid(24) * 24
}

pub(crate) fn usd(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}

/// Counts an intent against a cost policy. An intent that exceeds a limit is refused and not counted.
pub(crate) fn spend(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    policy: &CostPolicy,
) -> Result<Result<(), ApiError>, StoreError> {
    let now = tx.now;
    // Counting first locks the row, so that two calls cannot both take the last place.
    count(tx, workspace, address, 1)?;
    let hour = hour_of(now);
    let this_hour = store::sum(tx, workspace, address, hour)?;
    let today = store::sum(tx, workspace, address, midnight(now))?;
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let is_over = |most: Option<u64>, used: i64| most.is_some_and(|most| number(used) > most);
    let (code, text, resets_at) = if is_over(policy.max_intents_per_hour, this_hour.admitted) {
        (ErrorCode::MaxIntentsPerHourExceeded, "intents per hour", hour + 1)
    } else if is_over(policy.max_intents_per_day, today.admitted) {
        (ErrorCode::MaxIntentsPerDayExceeded, "intents per day", midnight(now) + 24)
    } else if policy.max_cost_per_day_usd.is_some_and(|most| usd(today.cost_micros) >= most) {
        (ErrorCode::MaxCostPerDayExceeded, "cost per day", midnight(now) + 24)
    } else {
        return Ok(Ok(()));
    };
    count(tx, workspace, address, -1)?;
    let resets_at = Time::from_micros(resets_at.saturating_mul(3_600_000_000));
    let message = format!("agent {address} has reached its limit of {text}; try again at {resets_at}");
    let error = ApiError::new(code, message);
    let error = error.with("address", address.as_str()).with("resets_at", resets_at.to_string());
    Ok(Err(error.with("retry_after_seconds", resets_at.since(now).as_secs() + 1)))
}

fn count(tx: &mut Tx<'_>, workspace: Uuid, address: &Address, admitted: i64) -> Result<(), StoreError> {
    let now = tx.now;
    store::add(tx, workspace, address, hour_of(now), &Counts { admitted, ..Counts::default() })
}

/// Returns true if the agent of an address is killed, so that nothing is delivered to it.
pub(crate) fn is_stopped(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<bool, StoreError> {
    let rules = Snapshot::of(tx, workspace)?.agent(tx, workspace, address)?;
    Ok(rules.is_some_and(|rules| rules.is_killed))
}
