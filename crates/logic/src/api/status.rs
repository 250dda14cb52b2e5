//! Status of the policy, the switches and the rollout. The command line reads the same structs: every field has a default and unknown
//! fields are ignored, because it may be older or newer than the Worker.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outlook::{Outlook, WaitsFor};
use super::rollout::RolloutView;
use super::versions::VersionsView;
use crate::controller::Controller;
use crate::effective::Effective;
use crate::percentage::Percentage;
use crate::policy::Switch;
use crate::policy::switches::Setting;
use crate::rollout::{Effect, Halted, pending};
use crate::snapshot::{HeldBy, Snapshot};
use crate::timestamp::Timestamp;

/// Everything that answers of the control API are made of.
#[derive(Clone, Copy, Debug)]
pub struct ApiContext<'a> {
    /// Version of the Worker.
    pub version: &'a str,
    /// The policy in KV, with the controller's overlay.
    pub snapshot: &'a Snapshot,
    /// The controller; none if `ROLLOUT` is not bound.
    pub controller: Option<&'a Controller>,
    /// The canary's share, as configured and as in force.
    pub effective: Effective,
}

/// Answer of `GET status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusView {
    /// Version of the Worker.
    pub version: String,
    /// Time of the answer, in RFC 3339 as all times.
    pub time: String,
    /// The present state, its reason and the next step, in a sentence.
    pub headline: String,
    /// The condition that the rollout waits for.
    pub waits_for: WaitsFor,
    /// The percentage that isolates apply now.
    pub effective: EffectiveView,
    /// Epoch of the controller.
    pub epoch: Option<u64>,
    /// The policy.
    pub policy: PolicyView,
    /// The kill switches, by name.
    pub switches: BTreeMap<String, SwitchView>,
    /// The halt, if the canary is halted.
    pub halt: Option<HaltView>,
    /// The current rollout, or the last one.
    pub rollout: Option<RolloutView>,
    /// Telemetry; none without a controller.
    pub telemetry: Option<TelemetryView>,
    /// The versions that are the variants; none where the variants are two Workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<VersionsView>,
    /// Kinds of effects that are still to be performed: `write`, `switch`, `notify`, `audit`, `halt`.
    pub outbox: Vec<String>,
}

/// The policy, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyView {
    /// Whether the canary is enabled.
    pub enabled: Option<bool>,
    /// The canary's percentage.
    pub percentage: Option<Percentage>,
    /// Salt of the split.
    pub rollout_id: Option<String>,
    /// Generation of the document.
    pub generation: Option<u64>,
    /// Number of rules.
    pub rules: Option<u64>,
    /// The canary's Worker, as deploy scripts write it.
    pub canary_worker: Option<String>,
    /// Stable's Worker, as deploy scripts write it.
    pub stable_worker: Option<String>,
    /// Error that keeps the document in KV from being in force.
    pub error: Option<String>,
    /// Warnings about the document in force, and about a percentage of it that is not in force.
    pub warnings: Vec<String>,
}

/// The canary's share in force, which is not always the configured one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EffectiveView {
    /// The canary's percentage.
    pub percentage: Percentage,
    /// Why it is 0 where the policy has another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A kill switch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SwitchView {
    /// Whether the switch is on.
    pub on: bool,
    /// Reason why the switch is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time at which the switch turns itself off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Source of the switch: KV, an order that KV has not confirmed in every location yet, or both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<HeldBy>,
    /// Time of the order; none for a switch that was turned on in KV by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// A halt of the canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HaltView {
    /// Actor that halted the canary.
    pub actor: String,
    /// Time of the halt.
    pub at: String,
    /// Reason of the halt.
    pub reason: String,
    /// Whether a rollback or an abort halted the canary.
    pub by_rollout: bool,
    /// Source of the halt: always the controller, until the halt is lifted.
    pub held_by: Option<HeldBy>,
}

/// Telemetry of the current rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TelemetryView {
    /// Time of the last report.
    pub last_report: Option<String>,
    /// Locations that report.
    pub locations: usize,
    /// Canary requests that breakers sent to stable in this step.
    pub short_circuited: u64,
}

// === impl ApiContext ===

impl<'a> ApiContext<'a> {
    /// The context of answers at `now`. The canary is off once the policy was unreadable for `max_stale`.
    pub fn new(
        version: &'a str,
        snapshot: &'a Snapshot,
        controller: Option<&'a Controller>,
        max_stale: Duration,
        now: Timestamp,
    ) -> Self {
        Self { version, snapshot, controller, effective: Effective::of(snapshot, max_stale, now) }
    }
}

// === impl StatusView ===

impl StatusView {
    /// The status at `now`.
    pub fn new(context: &ApiContext<'_>, now: Timestamp) -> Self {
        let ApiContext { version, snapshot, controller, effective } = *context;
        let Outlook { headline, waits_for } = Outlook::new(context, now);
        let switches = Switch::ALL.map(|switch| (switch.name().to_owned(), SwitchView::new(switch, snapshot, now)));
        Self {
            version: version.to_owned(),
            time: now.to_rfc3339(),
            headline,
            waits_for,
            effective: effective.into(),
            epoch: controller.map(|controller| controller.state.epoch()),
            policy: PolicyView::new(snapshot, effective),
            switches: switches.into(),
            halt: controller.and_then(|controller| controller.state.halted()).map(HaltView::from),
            rollout: controller.and_then(|controller| RolloutView::new(controller, now)),
            telemetry: controller.map(TelemetryView::from),
            versions: VersionsView::new(context),
            outbox: controller.map(unfinished).unwrap_or_default(),
        }
    }
}

// === impl EffectiveView ===

impl From<Effective> for EffectiveView {
    fn from(effective: Effective) -> Self {
        let Effective { percentage, stopped_by, configured: _ } = effective;
        Self { percentage, reason: stopped_by.map(|why| why.to_string()) }
    }
}

// === impl PolicyView ===

impl PolicyView {
    fn new(snapshot: &Snapshot, effective: Effective) -> Self {
        let error = snapshot.rejected().map(ToString::to_string).or(snapshot.unreadable().map(str::to_owned));
        let Some(state) = snapshot.last_good() else { return Self { error, ..Self::default() } };
        Self {
            enabled: Some(state.enabled),
            percentage: Some(state.percentage),
            rollout_id: Some(state.rollout_id.clone()),
            generation: state.metadata.generation,
            rules: Some(state.rules.len() as u64),
            canary_worker: state.metadata.canary_worker.clone(),
            stable_worker: state.metadata.stable_worker.clone(),
            error,
            warnings: state.warnings.iter().cloned().chain(effective.warning()).collect(),
        }
    }
}

// === impl SwitchView ===

impl SwitchView {
    /// The switch in force at `now`.
    pub fn new(switch: Switch, snapshot: &Snapshot, now: Timestamp) -> Self {
        let Some(hold) = snapshot.hold(switch, now) else { return Self::default() };
        Self {
            held_by: Some(hold.held_by),
            since: hold.ordered_at.map(Timestamp::to_rfc3339),
            ..Self::ordered(snapshot.switches().get(switch))
        }
    }

    /// A switch with this setting.
    pub(super) fn ordered(setting: &Setting) -> Self {
        let Setting { on, reason, until } = setting;
        let until = until.map(Timestamp::to_rfc3339);
        Self { on: *on, reason: reason.clone(), until, ..Self::default() }
    }
}

// === impl HaltView ===

impl From<&Halted> for HaltView {
    fn from(halted: &Halted) -> Self {
        let Halted { by_rollout, at, actor, reason } = halted;
        Self {
            actor: actor.clone(),
            at: at.to_rfc3339(),
            reason: reason.clone(),
            by_rollout: *by_rollout,
            held_by: Some(HeldBy::Controller),
        }
    }
}

// === impl TelemetryView ===

impl From<&Controller> for TelemetryView {
    fn from(controller: &Controller) -> Self {
        let metrics = &controller.metrics;
        Self {
            last_report: metrics.last_report_at().map(Timestamp::to_rfc3339),
            locations: metrics.locations(),
            short_circuited: metrics.short_circuited(),
        }
    }
}

/// Kinds of effects that are still to be performed.
pub(super) fn unfinished(controller: &Controller) -> Vec<String> {
    let kind = |effect| match effect {
        Effect::WriteState(_) => Some("write"),
        Effect::Audit(_) => Some("audit"),
        Effect::SetHalt(_) => Some("halt"),
        Effect::Notify(_) | Effect::SetAlarm(_) | Effect::TakeLook(_) => None,
    };
    let of_rollout = pending(&controller.state, Timestamp::default()).into_iter().filter_map(kind);
    let switch = controller.switches.unwritten().map(|_| "switch");
    // The rollout's own notifications become messages within their transaction.
    of_rollout.chain(switch).chain(controller.unsent_message().map(|_| "notify")).map(str::to_owned).collect()
}
