//! The report of `/health`: the status of each part, and of the whole Worker.

use core::time::Duration;

use serde::{Serialize, Serializer};

use crate::document::{InvalidDocument, shown};
use crate::effective::Effective;
use crate::percentage::Percentage;
use crate::policy::switches::Setting;
use crate::policy::{Metadata, Switch};
use crate::rollout::DesiredState;
use crate::snapshot::{HeldBy, PolicyFreshness, Snapshot};
use crate::timestamp::Timestamp;
use crate::variant::Variant;
use crate::version::{VersionCheck, VersionOverrides};

/// The status of a part. The whole Worker has the worst status of its parts, except that only stable can take the whole Worker down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The part works.
    #[default]
    Ok,
    /// The part works with limits. Users are served.
    Degraded,
    /// The part does not work.
    Down,
}

/// The response of `GET /health`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    status: Status,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_object")]
    components: Option<Vec<(&'static str, Component)>>,
}

/// One part of the detailed report.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    status: Status,
    /// The duration of the check, if the check called another service.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u64>,
    /// The fault, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(flatten)]
    detail: Detail,
}

/// Additional fields of some parts.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(untagged)]
enum Detail {
    #[default]
    None,
    Policy(Box<PolicyDetail>),
    Switches {
        on: Vec<SwitchDetail>,
    },
    Halt(HaltDetail),
    Build(BuildDetail),
    #[serde(rename_all = "camelCase")]
    Version {
        /// The version that was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        asked_version: Option<String>,
        /// The version that answered, if the answer states one.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percentage: Option<Percentage>,
    /// The percentage in force.
    effective_percentage: Percentage,
    /// Why the percentage in force is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<usize>,
    #[serde(flatten)]
    metadata: Metadata,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<InvalidDocument>,
}

#[derive(Clone, Debug, Serialize)]
struct SwitchDetail {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(flatten)]
    hold: HoldDetail,
}

/// Source of a switch or a halt, and its time.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HoldDetail {
    held_by: HeldBy,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

/// A halt of the canary.
#[derive(Clone, Debug, Serialize)]
struct HaltDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    hold: HoldDetail,
}

/// The deployed build.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDetail {
    /// The commit that the Worker was built from.
    pub commit: &'static str,
    /// The platform's id of the deployed version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

// === impl Report ===

impl Report {
    /// The detailed report, with its parts in the order in which it shows them.
    pub fn detailed(version: &'static str, components: Vec<(&'static str, Component)>) -> Self {
        Self { status: overall(&components), version, components: Some(components) }
    }

    /// The short form of this report.
    pub fn without_detail(self) -> Self {
        Self { components: None, ..self }
    }

    /// 200 while users are served, else 503.
    pub const fn http_status(&self) -> u16 {
        match self.status {
            Status::Ok | Status::Degraded => 200,
            Status::Down => 503,
        }
    }

    /// The response body.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[expect(clippy::ref_option, reason = "what serde passes")]
fn as_object<S: Serializer>(parts: &Option<Vec<(&'static str, Component)>>, serializer: S) -> Result<S::Ok, S::Error> {
    let parts = parts.as_deref().unwrap_or_default();
    serializer.collect_map(parts.iter().map(|(name, component)| (name, component)))
}

/// Whether the query of `GET /health` asks for the detailed report.
pub fn is_detailed(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "detailed")
        .is_some_and(|(_, value)| value == "true")
}

/// The name of the part without which users are not served.
pub const STABLE: &str = "stable";

fn overall(components: &[(&'static str, Component)]) -> Status {
    let worst = components.iter().map(|(_, component)| component.status).max().unwrap_or_default();
    let stable_is_down = components.iter().any(|(name, part)| *name == STABLE && part.status == Status::Down);
    if stable_is_down { Status::Down } else { worst.min(Status::Degraded) }
}

// === impl Component ===

impl Component {
    /// A part that works.
    pub fn ok() -> Self {
        Self::default()
    }

    /// A part with a fault.
    pub fn wrong(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: Some(message.into()), ..Self::default() }
    }

    /// Adds the duration of the check.
    pub fn took(self, latency: Duration) -> Self {
        Self { latency_ms: Some(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)), ..self }
    }

    /// A variant that responded with this HTTP status. A status below 500 counts as working, because the variant may not have the path.
    pub fn variant(http_status: u16) -> Self {
        if http_status < 500 { Self::ok() } else { Self::wrong(Status::Down, format!("answered {http_status}")) }
    }

    /// A canary without a binding in the Worker. Stable gets every request.
    pub fn unbound() -> Self {
        Self::wrong(Status::Degraded, "not bound: stable gets all requests")
    }

    /// A canary that is a version of stable's Worker, whose name the Worker does not have. Stable gets every request.
    pub fn unnamed() -> Self {
        let message = "canary-state names a version, but SERVICE_WORKER is not set: stable gets everything";
        Self::wrong(Status::Degraded, message)
    }

    /// A Worker whose canaries are versions, while the policy names none. Stable gets every request.
    pub fn without_version() -> Self {
        Self { message: Some("canary-state names no canaryVersion: stable gets everything".to_owned()), ..Self::ok() }
    }

    /// A variant that is a version of one Worker, and whose answer states this version.
    pub fn of_version(self, overrides: &VersionOverrides, variant: Variant, stated: Option<String>) -> Self {
        let versions = overrides.versions();
        let asked = match variant {
            Variant::Canary => Some(&versions.canary),
            Variant::Stable => versions.stable.as_ref(),
        };
        let check = overrides.check(variant, stated.as_deref());
        let (status, message) = match (check, &stated) {
            (VersionCheck::Wrong, Some(version)) => {
                let asked = asked.map_or_else(|| "which is the canary's".to_owned(), |asked| format!("not by {asked}"));
                let message = format!("answered by version {}, {asked}", shown(version));
                (self.status.max(Status::Degraded), Some(message))
            }
            (VersionCheck::Unmarked, _) if variant == Variant::Canary => {
                let unverified = || "its version is not verified: the answer states none".to_owned();
                (self.status, self.message.or_else(|| Some(unverified())))
            }
            _ => (self.status, self.message),
        };
        let asked_version = asked.map(ToString::to_string);
        let version = stated.map(|version| shown(&version));
        Self { status, message, detail: Detail::Version { asked_version, version }, latency_ms: self.latency_ms }
    }

    /// The deployed build.
    pub fn build(detail: BuildDetail) -> Self {
        Self { detail: Detail::Build(detail), ..Self::ok() }
    }

    /// The policy in the isolate's memory.
    pub fn policy(snapshot: &Snapshot, max_stale: Duration, now: Timestamp) -> Self {
        let state = snapshot.last_good();
        let mut warnings = state.map(|state| state.warnings.clone()).unwrap_or_default();
        let (status, message) = match snapshot.freshness(max_stale, now) {
            PolicyFreshness::Current(_) if snapshot.rejected().is_some() => {
                (Status::Degraded, Some("the document in KV is not valid: the last good policy is in force"))
            }
            PolicyFreshness::Current(_) => (Status::Ok, None),
            PolicyFreshness::Absent => {
                warnings.push("there is no policy document: the canary is off".to_owned());
                (Status::Ok, None)
            }
            PolicyFreshness::Unknown => (Status::Degraded, Some("no valid policy was read yet: the canary is off")),
            PolicyFreshness::Stale => {
                (Status::Degraded, Some("the policy was not readable for too long: the canary is off"))
            }
        };
        let effective = Effective::of(snapshot, max_stale, now);
        warnings.extend(effective.warning());
        let detail = PolicyDetail {
            age_seconds: snapshot.policy_read_at().map(|read_at| now.since(read_at).as_secs()),
            enabled: state.map(|state| state.enabled),
            percentage: state.map(|state| state.percentage),
            effective_percentage: effective.percentage,
            stopped_by: effective.stopped_by.map(|why| why.to_string()),
            rollout_id: state.map(|state| state.rollout_id.clone()),
            rules: state.map(|state| state.rules.len()),
            metadata: state.map(|state| state.metadata.clone()).unwrap_or_default(),
            warnings,
            error: snapshot.rejected().cloned(),
        };
        Self {
            status,
            message: message.map(str::to_owned),
            detail: Detail::Policy(Box::new(detail)),
            ..Self::default()
        }
    }

    /// The switches that are on.
    pub fn switches(snapshot: &Snapshot, now: Timestamp) -> Self {
        let switches = snapshot.switches();
        let on = Switch::ALL.into_iter().filter_map(|switch| {
            let hold = snapshot.hold(switch, now)?;
            let Setting { reason, until, .. } = switches.get(switch);
            Some(SwitchDetail {
                name: switch.key(),
                reason: reason.clone(),
                until: until.map(|until| until.to_string()),
                hold: HoldDetail::new(hold.held_by, hold.since),
            })
        });
        let on: Vec<_> = on.collect();
        let status = if on.is_empty() { Status::Ok } else { Status::Degraded };
        Self { status, detail: Detail::Switches { on }, ..Self::default() }
    }

    /// The halt of the canary, by an operator or by a rollback.
    pub fn halt(snapshot: &Snapshot) -> Self {
        let DesiredState { halted: true, halted_since, halted_by, halt_reason, .. } = &snapshot.overlay().rollout
        else {
            return Self::ok();
        };
        let by = halted_by.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
        let detail = HaltDetail {
            actor: halted_by.clone(),
            reason: halt_reason.clone(),
            hold: HoldDetail::new(HeldBy::Controller, *halted_since),
        };
        let message = format!("the canary is halted{by}: stable serves all visitors until `serin resume-canary`");
        Self { detail: Detail::Halt(detail), ..Self::wrong(Status::Degraded, message) }
    }

    /// The part's status.
    pub const fn status(&self) -> Status {
        self.status
    }
}

// === impl HoldDetail ===

impl HoldDetail {
    fn new(held_by: HeldBy, since: Option<Timestamp>) -> Self {
        Self { held_by, since: since.map(|since| since.to_string()) }
    }
}

#[cfg(test)]
mod tests;
