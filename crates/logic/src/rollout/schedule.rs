//! What a rollout is going to do: a plan. It is copied when the rollout starts, so that later edits of presets or defaults don't touch
//! one that is under way. Other strategies are plans too, and no other code: blue-green is one step to 100 that bakes and can be
//! undone, an A/B test is a step with `approval` that stays until somebody promotes, a release that moved data sets `onFail` to `hold`.

use serde::{Deserialize, Serialize};

use crate::percentage::Percentage;
use crate::span::Span;

mod freeze;
mod matcher;
#[cfg(test)]
mod tests;
mod wire;

pub use freeze::{Freeze, UnknownZone, UtcOffset};
pub use matcher::Matcher;
pub use wire::InvalidPlan;

/// A plan whose every value is within its range. Written and read as the JSON document that `POST rollouts` takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "wire::Stored", into = "wire::Stored")]
pub struct Plan {
    pub(super) schedule: Schedule,
    /// 1 to 20; the last is 100 % of everything.
    pub(super) steps: Vec<PlanStep>,
    pub(super) timing: Timing,
    pub(super) limits: Limits,
    pub(super) on_fail: OnFail,
    /// When it takes no step by itself; none: it may at any time.
    pub(super) freeze: Option<Freeze>,
    /// The analysis' own settings, which it checks itself.
    pub(super) analysis: serde_json::Map<String, serde_json::Value>,
}

/// Where the steps came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// 5, 25, 50, 100 %, 15 min each.
    Standard,
    /// 10, 50, 100 %, 5 min each.
    Fast,
    /// 5, 10, 25, 50, 75, 100 %, 30 min each.
    Safe,
    /// 100 % at once; 15 min of bake, and back by undo.
    BlueGreen,
    /// Its own steps.
    Custom,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// Share of the sticky keys; with `where`, of those in the ring.
    pub percentage: Percentage,
    /// How long the step lasts at least, from the moment its state is written; 0s to 30d.
    pub hold: Span,
    /// After its hold, wait for `promote`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
    /// The ring the step is limited to: a rule's matcher. None: the world.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub ring: Option<Matcher>,
}

/// When things happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From a step's start to its first look; 60 s, 0s to 1h.
    pub settle: Span,
    /// Between two looks; 60 s, 100ms to 1h.
    pub look_every: Span,
    /// At 100 %, still judged, before the rollout is completed; the last step's hold, 0s to 30d.
    pub bake: Span,
    /// How late an alarm may be before the time nobody watched stops counting; 5 min, 1s to 1d.
    pub alarm_grace: Span,
    /// How long after its end a rollout can be undone; 1 h, 0s to 30d.
    pub undo_window: Span,
}

/// How often before something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Looks in a row that fail without strong evidence (ceilings) until the canary is rolled back; 3, 1 to 100.
    pub failure_limit: u32,
    /// Inconclusive looks in a row until the rollout pauses; 10, 1 to 1000. Waiting for traffic does not count.
    pub max_inconclusive: u32,
}

/// What a failed verdict does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFail {
    /// Halt, percentage 0.
    #[default]
    RollBack,
    /// Pause where it is and call for a person: for releases that moved data, where going back is the greater harm.
    Hold,
}

// === impl Plan ===

impl Plan {
    /// Parses what an operator sends: a schedule's name or steps of their own, and whatever they want other than the default.
    ///
    /// # Errors
    /// The first field that is unknown, of the wrong type or outside its range.
    pub fn parse(json: &str) -> Result<Self, InvalidPlan> {
        wire::parse(json)
    }

    /// A schedule with every default; `custom` has no steps of its own and is `standard`'s here.
    #[must_use]
    pub fn preset(schedule: Schedule) -> Self {
        let (percents, hold) = schedule.shape();
        let step =
            |&percent: &u32| PlanStep { percentage: Percentage::percent(percent), hold, approval: false, ring: None };
        Self {
            schedule,
            steps: percents.iter().map(step).collect(),
            timing: Timing { bake: hold, ..Timing::default() },
            limits: Limits::default(),
            on_fail: OnFail::default(),
            freeze: None,
            analysis: serde_json::Map::new(),
        }
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[PlanStep] {
        &self.steps
    }

    /// The name of the schedule.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// When things happen.
    #[must_use]
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// How often before something is done.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// When no step is taken.
    #[must_use]
    pub fn freeze(&self) -> Option<&Freeze> {
        self.freeze.as_ref()
    }

    /// What the analysis is to be made of, unchecked here.
    #[must_use]
    pub fn analysis(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.analysis
    }

    /// Index of the step that is 100 % of everything.
    #[must_use]
    pub fn last(&self) -> usize {
        self.steps.len().saturating_sub(1)
    }

    /// Whether `step` is the last that can be compared with stable: it must have had the traffic to notice a bad canary.
    #[must_use]
    pub fn is_last_comparison(&self, step: usize) -> bool {
        step + 1 == self.last()
    }

    /// The time it takes if every look passes: what the analysis spreads its error budget over.
    #[must_use]
    pub fn planned(&self) -> Span {
        let before = self.steps.iter().take(self.last());
        let ms =
            before.map(|step| step.hold.as_millis().max(self.timing.settle.as_millis())).fold(0, u64::saturating_add);
        Span::from_millis(ms.saturating_add(self.timing.bake.as_millis().max(self.timing.settle.as_millis())))
    }
}

impl Schedule {
    /// Percentages and the hold of each. The contract's numbers.
    fn shape(self) -> (&'static [u32], Span) {
        match self {
            Self::Standard | Self::Custom => (&[5, 25, 50, 100], Span::from_secs(15 * 60)),
            Self::Fast => (&[10, 50, 100], Span::from_secs(5 * 60)),
            Self::Safe => (&[5, 10, 25, 50, 75, 100], Span::from_secs(30 * 60)),
            Self::BlueGreen => (&[100], Span::from_secs(15 * 60)),
        }
    }
}

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

impl Default for Limits {
    fn default() -> Self {
        Self { failure_limit: 3, max_inconclusive: 10 }
    }
}
