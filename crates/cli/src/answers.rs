//! What the control API answers, as far as the command line shows it. docs/control-api.md is the contract. Read leniently: every
//! field may be missing and unknown ones are ignored, because this program may be older or newer than the Worker.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// `GET status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) version: Option<String>,
    pub(crate) time: Option<String>,
    pub(crate) epoch: Option<u64>,
    pub(crate) policy: Option<Policy>,
    pub(crate) switches: BTreeMap<String, Switch>,
    pub(crate) halt: Option<Halt>,
    pub(crate) rollout: Option<Rollout>,
    pub(crate) telemetry: Option<Telemetry>,
    pub(crate) outbox: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Policy {
    pub(crate) enabled: Option<bool>,
    pub(crate) percentage: Option<f64>,
    pub(crate) rollout_id: Option<String>,
    pub(crate) generation: Option<u64>,
    pub(crate) rules: Option<u64>,
    pub(crate) canary_worker: Option<String>,
    pub(crate) stable_worker: Option<String>,
    /// Text, or an object with `field` and `message`.
    pub(crate) error: Option<Value>,
    pub(crate) warnings: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Switch {
    pub(crate) on: bool,
    pub(crate) reason: Option<String>,
    pub(crate) until: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Halt {
    pub(crate) by_rollout: bool,
    pub(crate) by: Option<String>,
    pub(crate) at: Option<String>,
    pub(crate) why: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rollout {
    pub(crate) id: String,
    pub(crate) phase: String,
    pub(crate) why: Option<String>,
    pub(crate) who: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) step: u64,
    pub(crate) of: u64,
    pub(crate) percentage: f64,
    #[serde(rename = "where")]
    pub(crate) ring: Option<Value>,
    pub(crate) schedule: Option<String>,
    pub(crate) started_at: Option<String>,
    pub(crate) started_by: Option<String>,
    pub(crate) started_why: Option<String>,
    pub(crate) hold_ends: Option<String>,
    pub(crate) frozen_until: Option<String>,
    pub(crate) next_look: Option<String>,
    pub(crate) overdue_ms: Option<u64>,
    pub(crate) failures: Option<u64>,
    pub(crate) inconclusive: Option<u64>,
    pub(crate) errors: Option<u64>,
    pub(crate) last_look: Option<LastLook>,
    pub(crate) figures: Option<Figures>,
    pub(crate) alarms: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LastLook {
    pub(crate) at: Option<String>,
    pub(crate) verdict: String,
    pub(crate) sentence: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Figures {
    pub(crate) canary: Option<Arm>,
    pub(crate) stable: Option<Arm>,
    pub(crate) errors: Option<Evidence>,
    pub(crate) p95: Option<Evidence>,
    pub(crate) p99: Option<Evidence>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Arm {
    pub(crate) requests: f64,
    pub(crate) failures: f64,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

/// An e-value and where it counts as proof.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Evidence {
    /// `null` where it is too large for JSON.
    pub(crate) evidence: Option<f64>,
    pub(crate) limit: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Telemetry {
    pub(crate) last_report: Option<String>,
    pub(crate) locations: Option<u64>,
}

/// The answer to an order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ordered {
    pub(crate) already: bool,
    pub(crate) rollout: Option<Rollout>,
}

/// A page of `GET audit`. Rows stay as they came, so that `--json` shows all of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AuditPage {
    pub(crate) rows: Vec<Value>,
    pub(crate) next: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AuditRow {
    pub(crate) seq: Option<u64>,
    pub(crate) at: Option<String>,
    pub(crate) who: Option<String>,
    pub(crate) what: Option<String>,
    pub(crate) rollout_id: Option<String>,
    pub(crate) why: Option<String>,
    pub(crate) sentence: Option<String>,
}

/// `GET explain`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Explained {
    pub(crate) key: Option<String>,
    pub(crate) key_from: Option<String>,
    pub(crate) salt: Option<String>,
    pub(crate) bucket: Option<u64>,
    pub(crate) variant: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) rule: Option<u64>,
    pub(crate) percentage: Option<f64>,
    pub(crate) changes_at: Option<f64>,
    pub(crate) switches: Option<Vec<String>>,
    pub(crate) arm: Option<String>,
    pub(crate) sentence: Option<String>,
}

/// `GET /health`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Health {
    pub(crate) status: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) components: Option<BTreeMap<String, BTreeMap<String, Value>>>,
}

// === impl Rollout ===

impl Rollout {
    /// No order but `undo` can move it any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase.as_str(), "completed" | "rolled-back" | "aborted")
    }

    /// What a step waits for, if for the end of a window.
    pub(crate) fn window(&self) -> Option<String> {
        let end = crate::moments::date_and_time(self.frozen_until.as_deref()?);
        Some(format!("for the end of a window, {end}; promote goes on now"))
    }

    /// `step 2 of 4, 25 %`, with its ring.
    pub(crate) fn place(&self) -> String {
        let ring = self.ring.as_ref().filter(|ring| !ring.is_null()).map(|ring| format!(" of {ring}"));
        format!("step {} of {}, {} %{}", self.step, self.of, self.percentage, ring.unwrap_or_default())
    }
}
