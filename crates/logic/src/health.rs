//! `/health`: what each part reports, and what that means for the whole.

use core::time::Duration;

use serde::{Serialize, Serializer};

use crate::json;
use crate::percentage::Percentage;
use crate::policy::canary_state::Notes;
use crate::policy::snapshot::{Snapshot, Standing};
use crate::policy::{InvalidDocument, Switch};
use crate::timestamp::Timestamp;

/// How a part is. Ordered: the worst of the parts is the whole's, except that only stable can take the whole down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    #[default]
    Ok,
    /// Users are served, something is wrong.
    Degraded,
    /// It does not work.
    Down,
}

/// The answer of `GET /health`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    status: Status,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_object")]
    components: Option<Vec<(&'static str, Component)>>,
}

/// One part's line of the detailed report.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    status: Status,
    /// How long the check took, where something was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u64>,
    /// What is wrong, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(flatten)]
    detail: Detail,
}

/// What only some parts have.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(untagged)]
enum Detail {
    #[default]
    None,
    Policy(Box<PolicyDetail>),
    Switches {
        on: Vec<SwitchDetail>,
    },
    Build(BuildDetail),
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
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<usize>,
    #[serde(flatten)]
    notes: Notes,
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
}

/// What was deployed.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDetail {
    /// The commit the Worker was built from.
    pub commit: &'static str,
    /// The platform's id of the deployed version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

// === impl Report ===

impl Report {
    /// The detailed answer, with its parts in the order in which they are shown.
    #[must_use]
    pub fn detailed(version: &'static str, components: Vec<(&'static str, Component)>) -> Self {
        Self { status: overall(&components), version, components: Some(components) }
    }

    /// The short form of this report.
    #[must_use]
    pub fn without_detail(self) -> Self {
        Self { components: None, ..self }
    }

    /// 200 while users are served, else 503.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self.status {
            Status::Ok | Status::Degraded => 200,
            Status::Down => 503,
        }
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::text(self)
    }
}

#[expect(clippy::ref_option, reason = "what serde passes")]
fn as_object<S: Serializer>(parts: &Option<Vec<(&'static str, Component)>>, serializer: S) -> Result<S::Ok, S::Error> {
    let parts = parts.as_deref().unwrap_or_default();
    serializer.collect_map(parts.iter().map(|(name, component)| (name, component)))
}

/// The name of the one part without which nobody is served.
pub const STABLE: &str = "stable";

fn overall(components: &[(&'static str, Component)]) -> Status {
    let worst = components.iter().map(|(_, component)| component.status).max().unwrap_or_default();
    let stable_is_down = components.iter().any(|(name, part)| *name == STABLE && part.status == Status::Down);
    if stable_is_down { Status::Down } else { worst.min(Status::Degraded) }
}

// === impl Component ===

impl Component {
    /// A part that is as it should be.
    #[must_use]
    pub fn ok() -> Self {
        Self::default()
    }

    /// A part of which something is wrong.
    #[must_use]
    pub fn wrong(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: Some(message.into()), ..Self::default() }
    }

    /// With how long the check took.
    #[must_use]
    pub fn took(self, latency: Duration) -> Self {
        Self { latency_ms: Some(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)), ..self }
    }

    /// A variant that answered with this HTTP status. Below 500 it is there, whatever it thinks of the path.
    #[must_use]
    pub fn variant(http_status: u16) -> Self {
        if http_status < 500 { Self::ok() } else { Self::wrong(Status::Down, format!("answered {http_status}")) }
    }

    /// A variant that the Worker is not bound to: stable gets everything.
    #[must_use]
    pub fn unbound() -> Self {
        Self::wrong(Status::Degraded, "not bound: stable gets everything")
    }

    /// What was deployed.
    #[must_use]
    pub fn build(detail: BuildDetail) -> Self {
        Self { detail: Detail::Build(detail), ..Self::ok() }
    }

    /// The policy as the isolate sees it.
    #[must_use]
    pub fn policy(snapshot: &Snapshot, max_stale: Duration, now: Timestamp) -> Self {
        let state = snapshot.last_good();
        let mut warnings = state.map(|state| state.warnings.clone()).unwrap_or_default();
        let (status, message) = match snapshot.standing(max_stale, now) {
            Standing::Current(_) if snapshot.rejected().is_some() => {
                (Status::Degraded, Some("the document in KV is not valid: the last good policy is in force"))
            }
            Standing::Current(_) => (Status::Ok, None),
            Standing::Absent => {
                warnings.push("there is no policy document: the canary is off".to_owned());
                (Status::Ok, None)
            }
            Standing::Unknown => (Status::Degraded, Some("no valid policy was read yet: the canary is off")),
            Standing::Stale => (Status::Degraded, Some("the policy was not readable for too long: the canary is off")),
        };
        let detail = PolicyDetail {
            age_seconds: snapshot.policy_read_at().map(|read_at| now.since(read_at).as_secs()),
            enabled: state.map(|state| state.enabled),
            percentage: state.map(|state| state.percentage),
            rollout_id: state.map(|state| state.rollout_id.clone()),
            rules: state.map(|state| state.rules.len()),
            notes: state.map(|state| state.notes.clone()).unwrap_or_default(),
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
    #[must_use]
    pub fn switches(snapshot: &Snapshot, now: Timestamp) -> Self {
        let switches = snapshot.switches();
        let on = Switch::ALL.into_iter().filter(|switch| switches.is_on(*switch, now)).map(|switch| SwitchDetail {
            name: switch.key(),
            reason: switches.get(switch).reason.clone(),
            until: switches.get(switch).until.map(|until| until.to_string()),
        });
        let on: Vec<_> = on.collect();
        let status = if on.is_empty() { Status::Ok } else { Status::Degraded };
        Self { status, detail: Detail::Switches { on }, ..Self::default() }
    }

    /// How the part is.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }
}

#[cfg(test)]
mod tests;
