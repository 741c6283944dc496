//! Rate limits: how often a service account calls one operation, and how often an IP address calls a public one.
//!
//! Each has an allowance of one minute's calls that refills evenly. It is stored as one time: when it is full again. No
//! library fits, because the rates differ by workspace and the time comes from outside. Each node counts its own calls.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axme_api::{ApiError, ErrorCode};
use axme_intent::Time;
use uuid::Uuid;

use super::quota;
use super::snapshot::Snapshot;
use super::tier::Allowance;
use crate::error::Result;
use axme_store::{Limits, Store};

const MINUTE_MICROS: i64 = 60_000_000;
/// Maximum number of allowances in memory. Full ones are not stored; beyond the limit, those with the least usage are dropped.
const MAX_ALLOWANCES: usize = 100_000;
/// How long the limits of a workspace are cached.
const TRUST: Duration = Duration::from_secs(5);

/// The remaining allowance after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLeft {
    pub limit: u64,
    pub remaining: u64,
    /// Seconds until the allowance is full again.
    pub reset_seconds: u64,
}

#[derive(Default)]
pub struct RateLimiter {
    hasher: RandomState,
    full_at: Mutex<HashMap<u64, i64>>,
}

impl RateLimiter {
    /// Charges one call of an operation to the allowance of a key, or refuses it. Without a limit it charges nothing.
    pub fn check(&self, key: &str, operation: &str, per_minute: u64, now: Time) -> Result<Option<RateLeft>> {
        let Some(step) = i64::try_from(per_minute).ok().and_then(|rate| MINUTE_MICROS.checked_div(rate)) else {
            return Ok(None);
        };
        let (now, step) = (now.micros(), step.max(1));
        let mut known = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.hasher.hash_one((key, operation));
        // A time far in the future is from before the clock was set back. It must not lock a caller out.
        let full_at = known.get(&place).copied().filter(|at| *at <= now + 2 * MINUTE_MICROS).unwrap_or(now);
        let full_at = full_at.clamp(now, now + MINUTE_MICROS);
        let next = full_at + step;
        let seconds = |micros: i64| u64::try_from(micros.max(0)).unwrap_or(0).div_ceil(1_000_000);
        let over = next - now - MINUTE_MICROS;
        if over > 0 {
            return Err(refusal(per_minute, seconds(over), seconds(full_at - now)).into());
        }
        if known.len() >= MAX_ALLOWANCES && !known.contains_key(&place) {
            forget_some(&mut known, now);
        }
        known.insert(place, next);
        let remaining = u64::try_from((now + MINUTE_MICROS - next) / step).unwrap_or(0);
        Ok(Some(RateLeft { limit: per_minute, remaining, reset_seconds: seconds(next - now) }))
    }

    /// Charges one call of a client without credentials to its IP address. All IPv6 addresses of one /64 network share
    /// an allowance.
    pub(crate) fn check_address(
        &self,
        source: Option<IpAddr>,
        operation: &str,
        per_minute: u64,
        now: Time,
    ) -> Result<Option<RateLeft>> {
        if per_minute == 0 {
            return Ok(None);
        }
        self.check(&client_of(source), operation, per_minute, now)
    }

    /// Returns the allowance of a workspace, which may be some seconds old. `None` if nothing is limited.
    pub(crate) async fn allowance(&self, store: &Store, limits: &Limits, workspace: Uuid) -> Result<Option<Allowance>> {
        if workspace.is_nil() {
            // No workspace: the limits of the server apply, so the store is not read.
            let is_limited = limits.tier.is_hosted() || limits.rate_limit_per_minute.is_some();
            return Ok(is_limited.then(|| quota::allowance(limits, None)).transpose()?);
        }
        let rules = match store.remembered_rules::<Snapshot>(workspace, TRUST) {
            Some(rules) => rules,
            None => store.read(move |tx| Snapshot::of(tx, workspace)).await?,
        };
        if rules.quota.is_none() && !limits.tier.is_hosted() {
            return Ok(limits.rate_limit_per_minute.map(|_| quota::allowance(limits, None)).transpose()?);
        }
        Ok(Some(quota::allowance(limits, rules.quota.as_ref())?))
    }

    /// Drops the allowances that are full again.
    pub fn sweep(&self, now: Time) {
        let mut known = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, full_at| *full_at > now.micros());
        known.shrink_to_fit();
    }

    #[cfg(test)]
    fn remembered(&self) -> usize {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Returns the name of a client without credentials.
pub fn client_of(source: Option<IpAddr>) -> String {
    source.map_or_else(|| "unknown".to_owned(), |address| network(address).to_string())
}

/// Returns the address under which a client is counted: all IPv6 addresses of one /64 network are one client.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// Makes room: drops the full allowances and, if many remain, the half with the least usage.
fn forget_some(known: &mut HashMap<u64, i64>, now: i64) {
    known.retain(|_, full_at| *full_at > now);
    if known.len() > MAX_ALLOWANCES / 2 {
        let mut times: Vec<i64> = known.values().copied().collect();
        let middle = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(middle);
        let middle = *middle;
        known.retain(|_, full_at| *full_at > middle);
    }
}

fn refusal(limit: u64, wait_seconds: u64, reset_seconds: u64) -> ApiError {
    let message = format!("more than {limit} calls of this operation per minute; try again in {wait_seconds} s");
    ApiError::new(ErrorCode::RateLimitExceeded, message)
        .with("limit", limit)
        .with("remaining", 0)
        .with("reset_seconds", reset_seconds)
        .with("retry_after_seconds", wait_seconds)
}

impl RateLeft {
    /// The headers that show a client its remaining calls before it is refused.
    pub fn headers(&self) -> [(&'static str, u64); 3] {
        [
            ("x-ratelimit-limit", self.limit),
            ("x-ratelimit-remaining", self.remaining),
            ("x-ratelimit-reset", self.reset_seconds),
        ]
    }

    /// Reads the remaining allowance from a refusal of this module.
    pub fn of_refusal(error: &ApiError) -> Option<RateLeft> {
        let number = |name: &str| error.details.get(name).and_then(serde_json::Value::as_u64);
        if error.code != ErrorCode::RateLimitExceeded {
            return None;
        }
        Some(RateLeft {
            limit: number("limit")?,
            remaining: number("remaining")?,
            reset_seconds: number("reset_seconds")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_micros(1_700_000_000_000_000).plus_millis(millis)
    }

    #[test]
    fn an_allowance_holds_a_minute_and_fills_up_evenly() {
        let limiter = RateLimiter::default();
        for left in (0..60).rev() {
            let seen = limiter.check("a", "op", 60, at(0)).unwrap().unwrap();
            assert_eq!((seen.limit, seen.remaining), (60, left));
        }
        let refused = limiter.check("a", "op", 60, at(500)).unwrap_err().into_api();
        assert_eq!((refused.code, &refused.details["retry_after_seconds"]), (ErrorCode::RateLimitExceeded, &1.into()));
        assert_eq!(RateLeft::of_refusal(&refused), Some(RateLeft { limit: 60, remaining: 0, reset_seconds: 60 }));
        // Refusals cost nothing, and others are not affected.
        assert!(limiter.check("b", "op", 60, at(500)).is_ok());
        assert!(limiter.check("a", "other", 60, at(500)).is_ok());
        assert!(limiter.check("a", "op", 60, at(1_000)).is_ok());
        assert!(limiter.check("a", "op", 60, at(1_000)).is_err());
        assert_eq!(limiter.check("a", "op", 60, at(900_000)).unwrap().unwrap().remaining, 59);
        // The clock was set back.
        assert_eq!(limiter.check("a", "op", 60, at(2_000)).unwrap().unwrap().remaining, 59);
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let limiter = RateLimiter::default();
        assert_eq!(limiter.check("a", "op", 0, at(0)).unwrap(), None);
        assert_eq!(limiter.remembered(), 0);
    }

    #[test]
    fn memory_is_bounded_and_those_who_use_most_are_remembered() {
        let limiter = RateLimiter::default();
        for _ in 0..10 {
            limiter.check("busy", "op", 10, at(0)).unwrap();
        }
        for n in 0..=MAX_ALLOWANCES {
            limiter.check(&n.to_string(), "op", 10, at(0)).unwrap();
        }
        assert!(limiter.remembered() <= MAX_ALLOWANCES);
        assert!(limiter.check("busy", "op", 10, at(0)).is_err());
        limiter.sweep(at(60_000));
        assert_eq!(limiter.remembered(), 0);
    }
}
