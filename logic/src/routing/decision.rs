//! Which variant answers a request, and why: a value, never an act.

use core::time::Duration;

use serde::Serialize;

use super::bucket::Bucket;
use super::facts::Facts;
use super::override_token::OverrideKey;
use super::sticky_key::StickyKey;
use super::visitor::VisitorId;
use crate::policy::rules::{RuleNumber, Serve};
use crate::policy::snapshot::{Snapshot, Standing};
use crate::policy::{CanaryState, Share, Switch};
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
    /// `ops:disable_canary` is on.
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

/// Methods that change nothing (RFC 9110 §9.2.1).
const SAFE_METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

/// Decides a request. The first of these that applies: maintenance, writes disabled, canary disabled or halted, policy
/// missing, invalid or too old, QA's override, rules, percentage.
#[must_use]
pub fn decide(snapshot: &Snapshot, setup: &Setup, facts: &impl Facts, now: Timestamp) -> Decision {
    let switches = snapshot.switches();
    let stable = |reason| Decision { outcome: Outcome::Serve(Variant::Stable), reason, new_visitor: None };
    let unavailable = |switch, reason| Decision { outcome: Outcome::Unavailable(switch), reason, new_visitor: None };

    if switches.is_on(Switch::Maintenance, now) {
        return unavailable(Switch::Maintenance, Reason::Maintenance);
    }
    if switches.is_on(Switch::DisableWrites, now) && !SAFE_METHODS.contains(&&*facts.method()) {
        return unavailable(Switch::DisableWrites, Reason::Writes);
    }
    if !setup.canary_bound {
        return stable(Reason::Unbound);
    }
    if switches.is_on(Switch::DisableCanary, now) {
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
        return Decision { outcome: Outcome::Serve(variant), reason: Reason::Override, new_visitor: None };
    }
    match state.rules.first_match(facts) {
        Some((number, Serve::Variant(variant))) => {
            Decision { outcome: Outcome::Serve(variant), reason: Reason::Rule(number), new_visitor: None }
        }
        Some((number, Serve::Share(share))) => deal(state, share, Reason::Rule(number), facts),
        None => deal(state, state.share, Reason::Percentage, facts),
    }
}

fn deal(state: &CanaryState, share: Share, reason: Reason, facts: &impl Facts) -> Decision {
    let key = state.stickiness.key_of(facts);
    // A request that nothing identifies goes where nobody is sent before everybody is.
    let bucket = key.as_ref().map_or(Bucket::LAST, |key| Bucket::of(&state.rollout_id, key.as_str()));
    let variant = if share.contains(bucket) { Variant::Canary } else { Variant::Stable };
    let new_visitor = match key {
        Some(StickyKey::NewVisitor(id)) => Some(id),
        _ => None,
    };
    Decision { outcome: Outcome::Serve(variant), reason, new_visitor }
}

#[cfg(test)]
mod tests;
