//! The decision which variant serves a request, with its reason. A decision is a value; it has no effects.

use core::time::Duration;

use serde::Serialize;

use super::override_token::OverrideKey;
use crate::bucket::Bucket;
use crate::mirror::MirrorOrder;
use crate::percentage::Percentage;
use crate::policy::rules::{RuleNumber, Serve};
use crate::policy::{CanaryState, Switch};
use crate::request_attributes::RequestAttributes;
use crate::snapshot::{PolicyFreshness, Snapshot};
use crate::sticky_key::StickyKey;
use crate::telemetry::Observed;
use crate::timestamp::Timestamp;
use crate::variant::Variant;
use crate::visitor::VisitorId;

/// The configuration of decisions, which is the same for every request.
#[derive(Debug)]
pub struct RoutingConfig {
    /// Whether the Worker has a binding to a canary.
    pub canary_bound: bool,
    /// Whether the Worker can send requests to versions of stable: `SERVICE_WORKER` and `STABLE` are set.
    pub has_versions: bool,
    /// The key of QA's override, if it is set.
    pub override_key: Option<OverrideKey>,
    /// The age of the policy beyond which the canary is off.
    pub max_stale: Duration,
}

/// A decision on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The variant that serves the request, or the switch that refuses it.
    pub outcome: Outcome,
    /// The reason.
    pub reason: Reason,
    /// The new visitor's id, for Serin's cookie on the response.
    pub new_visitor: Option<VisitorId>,
    /// The cohort that the request's outcome counts for, if a rollout observes it.
    pub observed: Option<Observed>,
    /// The visitor, as in [`Observed`], if a copy of the request may go to the canary.
    pub mirrored: Option<u32>,
    /// Hash of the sticky key, which tells visitors apart within an isolate; none without a sticky key.
    pub visitor: Option<u32>,
}

/// The variant that serves a request, or the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This variant serves it.
    Serve(Variant),
    /// The answer is 503, because of this switch.
    Unavailable(Switch),
}

/// The reason of a decision, in the order of precedence. The words are an interface: logs and `/health` show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `ops:maintenance` is on.
    Maintenance,
    /// `ops:disable_writes` is on and the method writes.
    Writes,
    /// There is no canary bound to the Worker, or none of the kind that the policy has: another Worker, or a version of stable.
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
    /// The bucket and the percentage decided.
    Percentage,
}

// === impl RoutingConfig ===

impl RoutingConfig {
    /// Whether the Worker can send requests to this policy's canary.
    pub fn reaches_canary_of(&self, state: &CanaryState) -> bool {
        if state.versions.is_some() { self.has_versions } else { self.canary_bound }
    }
}

// === impl Reason ===

impl Reason {
    /// The reason's word in logs and metrics.
    pub const fn as_str(self) -> &'static str {
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

/// Methods that do not write (RFC 9110 §9.2.1).
const SAFE_METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

/// Whether a request of this method writes.
pub fn is_write(method: &str) -> bool {
    !SAFE_METHODS.contains(&method)
}

/// Decides a request. The first of these that applies: maintenance, writes disabled, canary disabled or halted, policy
/// missing, invalid or too old, QA's override, rules, percentage.
pub fn decide(
    snapshot: &Snapshot,
    config: &RoutingConfig,
    request: &impl RequestAttributes,
    now: Timestamp,
) -> Decision {
    let switches = snapshot.switches();
    let decision = |outcome, reason| Decision {
        outcome,
        reason,
        new_visitor: None,
        observed: None,
        mirrored: None,
        visitor: None,
    };
    let stable = |reason| decision(Outcome::Serve(Variant::Stable), reason);
    let unavailable = |switch, reason| decision(Outcome::Unavailable(switch), reason);

    if switches.is_on(Switch::Maintenance, now) {
        return unavailable(Switch::Maintenance, Reason::Maintenance);
    }
    if switches.is_on(Switch::DisableWrites, now) && is_write(&request.method()) {
        return unavailable(Switch::DisableWrites, Reason::Writes);
    }
    if !config.canary_bound && !config.has_versions {
        return stable(Reason::Unbound);
    }
    if switches.is_on(Switch::DisableCanary, now) || snapshot.is_halted() {
        return stable(Reason::Halted);
    }
    let state = match snapshot.freshness(config.max_stale, now) {
        PolicyFreshness::Current(state) if state.enabled => state,
        PolicyFreshness::Current(_) => return stable(Reason::Disabled),
        PolicyFreshness::Absent => return stable(Reason::Missing),
        PolicyFreshness::Unknown => return stable(Reason::Unknown),
        PolicyFreshness::Stale => return stable(Reason::Stale),
    };
    if !config.reaches_canary_of(state) {
        return stable(Reason::Unbound);
    }
    if let Some(variant) = config.override_key.as_ref().and_then(|key| key.variant_of(request, now)) {
        return decision(Outcome::Serve(variant), Reason::Override);
    }
    match state.rules.first_match(request) {
        Some((number, Serve::Variant(variant))) => decision(Outcome::Serve(variant), Reason::Rule(number)),
        Some((number, Serve::Percentage(percentage))) => {
            let is_observed = snapshot.observation_window().is_some_and(|window| window.ring == Some(number));
            split(state, percentage, Reason::Rule(number), is_observed, None, request)
        }
        None => {
            let window = snapshot.observation_window();
            let is_observed = window.is_some_and(|window| window.ring.is_none());
            // What a rule decides is not copied: its author said where it goes.
            let mirror = window.and_then(|window| window.mirror.as_deref());
            split(state, state.percentage, Reason::Percentage, is_observed, mirror, request)
        }
    }
}

fn split(
    state: &CanaryState,
    percentage: Percentage,
    reason: Reason,
    is_observed: bool,
    mirror: Option<&MirrorOrder>,
    request: &impl RequestAttributes,
) -> Decision {
    let key = state.stickiness.key_of(request);
    let key_hash = key.as_ref().map(|key| Bucket::hash(&state.rollout_id, key.as_bytes()));
    // A request without a sticky key falls into the last bucket, which reaches the canary only at 100 %.
    let bucket = key_hash.map_or(Bucket::LAST, Bucket::from_hash);
    let variant = if percentage.contains(bucket) { Variant::Canary } else { Variant::Stable };
    let new_visitor = match &key {
        Some(StickyKey::NewVisitor(id)) => Some(*id),
        _ => None,
    };
    let is_compared = variant == Variant::Canary || percentage.control_contains(bucket);
    let is_mirrored = variant == Variant::Stable && mirror.is_some_and(|mirror| mirror.selects(request));
    let hash = |key: StickyKey<'_>| Bucket::independent_hash(&state.rollout_id, key.as_bytes());
    let visitor = key.filter(|_| (is_observed && is_compared) || is_mirrored).map(hash);
    let observed = visitor.filter(|_| is_observed && is_compared).map(|visitor| Observed { variant, visitor });
    let mirrored = visitor.filter(|_| is_mirrored);
    Decision { outcome: Outcome::Serve(variant), reason, new_visitor, observed, mirrored, visitor: key_hash }
}

#[cfg(test)]
mod tests;
