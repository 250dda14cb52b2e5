//! Which variant answers a request, and why: a value, never an act.

use core::time::Duration;

use serde::Serialize;

use super::facts::Facts;
use super::override_token::OverrideKey;
use super::sticky_key::StickyKey;
use super::visitor::VisitorId;
use crate::bucket::Bucket;
use crate::percentage::Percentage;
use crate::policy::rules::{RuleNumber, Serve};
use crate::policy::snapshot::{Snapshot, Standing};
use crate::policy::{CanaryState, Switch};
use crate::telemetry::Observed;
use crate::timestamp::Timestamp;
use crate::variant::Variant;

/// What does not change from request to request.
#[derive(Debug)]
pub struct Setup {
    /// Whether there is a canary to send anything to.
    pub canary_bound: bool,
    /// The key of QA's override, if there is one.
    pub override_key: Option<OverrideKey>,
    /// How old the policy may become before the canary is off.
    pub max_stale: Duration,
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who answers.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The visitor who gets Serin's cookie with the response.
    pub new_visitor: Option<VisitorId>,
    /// How its outcome counts, if a rollout observes it.
    pub observed: Option<Observed>,
}

/// Who answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A variant.
    Serve(Variant),
    /// Nobody: 503, because of this switch.
    Unavailable(Switch),
}

/// Why a request was decided as it was, in the order of precedence. The words are an interface: logs and `/health` show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `ops:maintenance` is on.
    Maintenance,
    /// `ops:disable_writes` is on and the method writes.
    Writes,
    /// There is no canary bound to the Worker.
    Unbound,
    /// `ops:disable_canary` is on, or the controller halted the canary.
    Halted,
    /// The policy says `enabled: false`.
    Disabled,
    /// There is no policy: the key is absent.
    Missing,
    /// No valid policy was ever read.
    Unknown,
    /// The policy has not been readable for too long: its operators could no longer stop the canary.
    Stale,
    /// QA's token named the variant.
    Override,
    /// This rule matched.
    Rule(RuleNumber),
    /// By bucket and percentage.
    Percentage,
}

// === impl Reason ===

impl Reason {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Writes => "writes",
            Self::Unbound => "unbound",
            Self::Halted => "halted",
            Self::Disabled => "disabled",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::Override => "override",
            Self::Rule(_) => "rule",
            Self::Percentage => "percentage",
        }
    }
}

/// Methods that change nothing (RFC 9110 §9.2.1).
const SAFE_METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

/// Decides a request. The first of these that applies: maintenance, writes disabled, canary disabled or halted, policy
/// missing, invalid or too old, QA's override, rules, percentage.
#[must_use]
pub fn decide(snapshot: &Snapshot, setup: &Setup, facts: &impl Facts, now: Timestamp) -> Decision {
    let switches = snapshot.switches();
    let decision = |outcome, reason| Decision { outcome, reason, new_visitor: None, observed: None };
    let stable = |reason| decision(Outcome::Serve(Variant::Stable), reason);
    let unavailable = |switch, reason| decision(Outcome::Unavailable(switch), reason);

    if switches.is_on(Switch::Maintenance, now) {
        return unavailable(Switch::Maintenance, Reason::Maintenance);
    }
    if switches.is_on(Switch::DisableWrites, now) && !SAFE_METHODS.contains(&&*facts.method()) {
        return unavailable(Switch::DisableWrites, Reason::Writes);
    }
    if !setup.canary_bound {
        return stable(Reason::Unbound);
    }
    if switches.is_on(Switch::DisableCanary, now) || snapshot.is_halted() {
        return stable(Reason::Halted);
    }
    let state = match snapshot.standing(setup.max_stale, now) {
        Standing::Current(state) if state.enabled => state,
        Standing::Current(_) => return stable(Reason::Disabled),
        Standing::Absent => return stable(Reason::Missing),
        Standing::Unknown => return stable(Reason::Unknown),
        Standing::Stale => return stable(Reason::Stale),
    };
    if let Some(variant) = setup.override_key.as_ref().and_then(|key| key.variant_of(facts, now)) {
        return decision(Outcome::Serve(variant), Reason::Override);
    }
    match state.rules.first_match(facts) {
        Some((number, Serve::Variant(variant))) => decision(Outcome::Serve(variant), Reason::Rule(number)),
        Some((number, Serve::Percentage(share))) => {
            let is_observed = snapshot.watch().is_some_and(|watch| watch.ring == Some(number));
            deal(state, share, Reason::Rule(number), is_observed, facts)
        }
        None => {
            let is_observed = snapshot.watch().is_some_and(|watch| watch.ring.is_none());
            deal(state, state.percentage, Reason::Percentage, is_observed, facts)
        }
    }
}

fn deal(state: &CanaryState, share: Percentage, reason: Reason, is_observed: bool, facts: &impl Facts) -> Decision {
    let key = state.stickiness.key_of(facts);
    let key_hash = key.as_ref().map(|key| Bucket::hash(&state.rollout_id, key.as_bytes()));
    // A request that nothing identifies goes where nobody is sent before everybody is.
    let bucket = key_hash.map_or(Bucket::LAST, Bucket::from_hash);
    let variant = if share.contains(bucket) { Variant::Canary } else { Variant::Stable };
    let new_visitor = match key {
        Some(StickyKey::NewVisitor(id)) => Some(id),
        _ => None,
    };
    let is_compared = variant == Variant::Canary || share.control_contains(bucket);
    let observed = key_hash.filter(|_| is_observed && is_compared).map(|key_hash| Observed { variant, key_hash });
    Decision { outcome: Outcome::Serve(variant), reason, new_visitor, observed }
}

#[cfg(test)]
mod tests;
