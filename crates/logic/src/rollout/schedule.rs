//! The plan of a rollout. It is copied when the rollout starts, so that later edits of presets or defaults don't touch a rollout that is
//! under way. Other strategies are plans too: blue-green is one step to 100 that bakes and can be undone, an A/B test is a step with
//! `approval` that stays until an operator promotes, a release that moved data sets `onFail` to `hold`.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::analysis::Regression;
use crate::document::InvalidDocument;
use crate::matcher::pattern::Patterns;
use crate::matcher::{self, Matcher};
use crate::mirror;
use crate::percentage::Percentage;
use crate::span::Span;

mod check;
mod document;
mod freeze;
mod mirroring;
#[cfg(test)]
mod tests;

pub use check::{Check, CheckUrl};
pub use freeze::{Freeze, UnknownZone, UtcOffset};
pub use mirroring::Mirroring;

/// Most steps of a plan.
const MAX_STEPS: usize = 20;

/// A plan whose every value is within its range. Its stored form is a document that [`Plan::parse`] accepts. A stored plan may have fields
/// that a newer version wrote; they are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub(super) schedule: Schedule,
    /// 1 to 20; the last is 100 % of everything.
    #[serde(deserialize_with = "stored_steps")]
    pub(super) steps: Vec<PlanStep>,
    #[serde(flatten)]
    pub(super) timing: Timing,
    #[serde(flatten)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) on_fail: OnFail,
    /// Share of the observed requests whose response bodies are watched to their end; 5 %.
    #[serde(default = "watched_bodies")]
    pub(super) watch_bodies: Percentage,
    /// The smallest regression that must have been detectable before the canary replaces stable.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) detect: Regression,
    /// How steps that mirror do it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) mirroring: Mirroring,
    /// Windows in which the rollout takes no step by itself.
    #[serde(default, deserialize_with = "stored_freeze", skip_serializing_if = "Option::is_none")]
    pub(super) freeze: Option<Freeze>,
    /// The settings of the analysis, which checks them itself.
    #[serde(default)]
    pub(super) analysis: Map<String, Value>,
}

/// Origin of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// 5, 25, 50, 100 %, 15 min each.
    Standard,
    /// 10, 50, 100 %, 5 min each.
    Fast,
    /// 5, 10, 25, 50, 75, 100 %, 30 min each.
    Safe,
    /// 100 % at once with 15 min of bake.
    BlueGreen,
    /// The plan's own steps.
    Custom,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// Percentage of sticky keys; with `where`, of the keys in the ring.
    pub percentage: Percentage,
    /// Shortest time that the step lasts, from the moment its state is written; 0s to 30d.
    pub hold: Span,
    /// Whether the step waits for `promote` after its hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
    /// The ring that the step is limited to.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub ring: Option<Matcher>,
    /// Percentage of the requests of which the canary gets a copy. Such a step gives the canary no visitor: `percentage` is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Percentage>,
    /// Paths whose requests may be copied; all without it.
    #[serde(default, deserialize_with = "matcher::paths", skip_serializing_if = "Option::is_none")]
    pub paths: Option<Patterns>,
    /// The operator's own check, without which the step does not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

/// Times and intervals of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Timing {
    /// Time from a step's start to its first analysis; 60 s, 0s to 1h.
    pub settle: Span,
    /// Time between two analyses; 60 s, 100ms to 1h.
    pub look_every: Span,
    /// Time at 100 % in which the canary is still analysed before the rollout completes; the last step's hold, 0s to 30d.
    pub bake: Span,
    /// How late an analysis may be before the overdue time no longer counts towards the hold; 5 min, 1s to 1d.
    pub alarm_grace: Span,
    /// Time after its end in which a rollout can be undone; 1 h, 0s to 30d.
    pub undo_window: Span,
}

/// How often a result must repeat before the rollout acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Analyses in a row that fail without strong evidence (ceilings) until the canary is rolled back; 3, 1 to 100.
    pub failure_limit: u32,
    /// Inconclusive analyses in a row until the rollout pauses; 10, 1 to 1000. Waiting for traffic does not count.
    pub max_inconclusive: u32,
    /// How long a step waits for traffic until `on_max_wait` happens; without limit, or 1s to 30d.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Span>,
    /// The action then.
    #[serde(skip_serializing_if = "is_default")]
    pub on_max_wait: OnMaxWait,
}

/// Reaction to a failed canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFail {
    /// Roll back: percentage 0 and a halt.
    #[default]
    RollBack,
    /// Pause at the current step until an operator decides: for releases that moved data, where going back does greater harm.
    Hold,
}

/// Reaction to a step that has waited for traffic for too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnMaxWait {
    /// Pause until an operator decides.
    #[default]
    Pause,
    /// Take the next step with the traffic that there was.
    GoOn,
    /// Roll back.
    RollBack,
}

// === impl Plan ===

impl Plan {
    /// A schedule with every default. `custom` has no steps of its own; it gets those of `standard`.
    pub fn preset(schedule: Schedule) -> Self {
        let hold = schedule.hold();
        let step = |&percent: &u32| PlanStep {
            percentage: Percentage::percent(percent),
            hold,
            approval: false,
            ring: None,
            mirror: None,
            paths: None,
            check: None,
        };
        Self {
            schedule,
            steps: schedule.percents().iter().map(step).collect(),
            timing: Timing { bake: hold, ..Timing::default() },
            limits: Limits::default(),
            on_fail: OnFail::default(),
            watch_bodies: watched_bodies(),
            detect: Regression::default(),
            mirroring: Mirroring::default(),
            freeze: None,
            analysis: Map::new(),
        }
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[PlanStep] {
        &self.steps
    }

    /// The name of the schedule.
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Times and intervals of a plan.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Limits of repeated results.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Share of the observed requests whose response bodies are watched to their end.
    pub fn watch_bodies(&self) -> Percentage {
        self.watch_bodies
    }

    /// The smallest regression that must have been detectable before the canary replaces stable.
    pub fn detect(&self) -> Regression {
        self.detect
    }

    /// The windows in which no step is taken.
    pub fn freeze(&self) -> Option<&Freeze> {
        self.freeze.as_ref()
    }

    /// Settings of the analysis, unchecked.
    pub fn analysis(&self) -> &Map<String, Value> {
        &self.analysis
    }

    /// Index of the step that is 100 % of everything.
    pub fn last(&self) -> usize {
        self.steps.len().saturating_sub(1)
    }

    /// Whether `step` is the last one with stable traffic to compare with.
    pub fn is_last_comparison(&self, step: usize) -> bool {
        step + 1 == self.last()
    }

    /// What isolates are to copy at `step`; none unless the step mirrors.
    pub fn mirror_order(&self, step: usize) -> Option<mirror::MirrorOrder> {
        let PlanStep { mirror, ring, paths, .. } = self.steps.get(step)?;
        let Mirroring { in_flight, statuses } = self.mirroring.clone();
        let (ring, paths) = (ring.clone(), paths.clone());
        mirror.map(|percentage| mirror::MirrorOrder { percentage, in_flight, ring, paths, statuses })
    }

    /// Duration of the steps that mirror, if every look passes; zero where there are none.
    pub fn mirrored(&self) -> Span {
        let mirrored = self.steps.iter().filter(|step| step.mirror.is_some());
        let ms = mirrored.map(|step| step.hold.as_millis().max(self.timing.settle.as_millis()).max(1));
        Span::from_millis(ms.fold(0, u64::saturating_add))
    }

    /// Duration of the rollout if every analysis passes. The analysis spreads its error budget over it.
    pub fn planned(&self) -> Span {
        let before = self.steps.iter().take(self.last());
        let ms =
            before.map(|step| step.hold.as_millis().max(self.timing.settle.as_millis())).fold(0, u64::saturating_add);
        Span::from_millis(ms.saturating_add(self.timing.bake.as_millis().max(self.timing.settle.as_millis())))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(super) fn watched_bodies() -> Percentage {
    Percentage::percent(5)
}

/// The stored form of steps. An operator may also leave holds out: see [`document`].
fn stored_steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PlanStep>, D::Error> {
    check_steps(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn stored_freeze<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Freeze>, D::Error> {
    Option::<Freeze>::deserialize(deserializer)?.map(Freeze::check).transpose().map_err(D::Error::custom)
}

/// Steps that mirror come first, then those of rings, then those of the world; within its ring or within the world a step must grow.
fn check_steps(steps: Vec<PlanStep>) -> Result<Vec<PlanStep>, InvalidDocument> {
    if steps.is_empty() || steps.len() > MAX_STEPS {
        let message = format!("{} steps are not accepted, accepted: a list of 1 to {MAX_STEPS} steps", steps.len());
        return Err(InvalidDocument { field: "steps".into(), message });
    }
    for (index, step) in steps.iter().enumerate() {
        let percentage = |accepted: &str| {
            Err(InvalidDocument::new(format!("steps[{index}].percentage"), &step.percentage, accepted))
        };
        let ring = |accepted| Err(InvalidDocument::new(format!("steps[{index}].where"), &step.ring, accepted));
        let is_last = index + 1 == steps.len();
        let before = index.checked_sub(1).and_then(|before| steps.get(before));
        mirroring::check(step, before, index, is_last)?;
        if step.mirror.is_some() {
            continue;
        }
        if step.ring.is_some() && before.is_some_and(|before| before.mirror.is_none() && before.ring.is_none()) {
            return ring("left out, because the steps of rings come before those of the world");
        }
        if is_last && step.ring.is_some() {
            return ring("left out, because the last step is 100 % of everything");
        }
        let is_earlier = |earlier: &&PlanStep| earlier.ring == step.ring && earlier.mirror.is_none();
        let smaller = steps.iter().take(index).rev().find(is_earlier);
        match smaller.map(|smaller| smaller.percentage) {
            Some(smaller) if step.percentage <= smaller => {
                return percentage(&format!("more than {smaller}, because steps ascend"));
            }
            None if step.percentage == Percentage::ZERO => return percentage("more than 0"),
            _ if is_last && step.percentage != Percentage::FULL => return percentage("100, as the last step"),
            _ => {}
        }
    }
    Ok(steps)
}

// === impl Schedule ===

impl Schedule {
    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Fast => "fast",
            Self::Safe => "safe",
            Self::BlueGreen => "blue-green",
            Self::Custom => "custom",
        }
    }

    fn percents(self) -> &'static [u32] {
        match self {
            Self::Standard | Self::Custom => &[5, 25, 50, 100],
            Self::Fast => &[10, 50, 100],
            Self::Safe => &[5, 10, 25, 50, 75, 100],
            Self::BlueGreen => &[100],
        }
    }

    /// Of each step.
    fn hold(self) -> Span {
        match self {
            Self::Standard | Self::Custom | Self::BlueGreen => Span::from_secs(15 * 60),
            Self::Fast => Span::from_secs(5 * 60),
            Self::Safe => Span::from_secs(30 * 60),
        }
    }
}

// === impl Timing ===

impl Default for Timing {
    fn default() -> Self {
        Self {
            settle: Span::from_secs(60), // as long as KV may take to reach every location
            look_every: Span::from_secs(60),
            bake: Span::from_secs(15 * 60),
            alarm_grace: Span::from_secs(5 * 60),
            undo_window: Span::from_secs(60 * 60),
        }
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { failure_limit: 3, max_inconclusive: 10, max_wait: None, on_max_wait: OnMaxWait::default() }
    }
}
