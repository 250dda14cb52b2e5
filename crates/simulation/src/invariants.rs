//! Invariants, checked from outside: by stored documents, writes, assignments and answers, not by what the code under test reports of
//! itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serin_logic::Span;
use serin_logic::Timestamp;
use serin_logic::analysis::{Counts, PerVariant};
use serin_logic::controller::Controller;
use serin_logic::rollout::{AuditEntry, FindingKind, Observation, PhaseKind, RolloutSummary};
use serin_logic::variant::Variant;

use crate::zone::utc_offset;

/// An invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// The percentage is never outside 0 to that of the step, at the controller and in any isolate.
    PercentageWithinStep,
    /// An isolate with the overlay of a rollback assigns no visitor to the canary.
    NothingAfterRollback,
    /// Epochs and revisions only increase.
    EpochsGrow,
    /// A step is taken only after a passed analysis, its hold and its minimum number of requests, and outside the windows of the plan's
    /// freeze.
    GatedPromotion,
    /// Only an operator undoes a rollback.
    RollbackStays,
    /// The counts equal the requests that happened, each counted once.
    CountsAreTrue,
    /// A stored document reads back unchanged.
    ReloadsIdentically,
    /// A tick closes at most once in its interval.
    OneOpenTick,
    /// Every transition is in the audit, once and in order.
    TransitionsAudited,
}

/// A violated invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Seed of the run.
    pub seed: u64,
    /// The violated invariant.
    pub invariant: Invariant,
    /// Time since the start.
    pub at_ms: u64,
    /// The observation that violates the invariant.
    pub what: String,
}

/// Requests and failures.
pub(crate) type Seen = (u64, u64);

/// Observations of a run so far.
pub(crate) struct Checks {
    seed: u64,
    started_at: u64,
    pub(crate) now: u64,
    pub(crate) violations: Vec<Violation>,
    /// Whether the control plane's clock jumped. Spans measured by it are then wrong.
    pub(crate) clock_jumped: bool,
    last: Option<RolloutSummary>,
    transitions: Vec<RolloutSummary>,
    next_tick: Option<(Observation, Timestamp)>,
    /// Time at which the state in force was written, by the controller's clock.
    written_at: Option<Timestamp>,
    /// Revision of the overlay that announces the rollback.
    pub(crate) rollback: Option<u64>,
    /// Highest percentage requested so far, in thousandths.
    pub(crate) highest: u32,
    /// Outcomes that isolates observed.
    observed: BTreeMap<(String, u32, usize), PerVariant<Seen>>,
}

// === impl Checks ===

impl Checks {
    pub(crate) fn new(seed: u64, started_at: u64) -> Self {
        Self {
            seed,
            started_at,
            now: started_at,
            violations: Vec::new(),
            clock_jumped: false,
            last: None,
            transitions: Vec::new(),
            next_tick: None,
            written_at: None,
            rollback: None,
            highest: 0,
            observed: BTreeMap::new(),
        }
    }

    pub(crate) fn hold(&mut self, invariant: Invariant, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let at_ms = self.now - self.started_at;
            self.violations.push(Violation { seed: self.seed, invariant, at_ms, what: what() });
        }
    }

    /// Records an answer that an isolate counted.
    pub(crate) fn observed(&mut self, observation: &Observation, variant: Variant, failed: bool) {
        let arms = self.observed.entry(key(observation)).or_default();
        let seen = match variant {
            Variant::Canary => &mut arms.canary,
            Variant::Stable => &mut arms.stable,
        };
        seen.0 += 1;
        seen.1 += u64::from(failed);
    }

    /// Records that `canary-state` is in place.
    pub(crate) fn written(&mut self, at: Timestamp) {
        self.written_at = Some(at);
    }

    /// Checks the state that a transaction stored.
    pub(crate) fn stored(&mut self, controller: &Controller, at: Timestamp) {
        let standing = controller.state.summary();
        if self.last.as_ref() != Some(&standing) {
            self.moved(controller, &standing, at);
        }
        self.ticks(controller);
        let now_rolled_back = standing.phase == Some(PhaseKind::RolledBack);
        if now_rolled_back && self.rollback.is_none() {
            self.rollback = Some(controller.overlay(at).revision);
        }
        if self.rollback.is_some() {
            // The controller does not overwrite a document that was edited by hand; the halt then protects users.
            let is_edited = controller.state.rollout().is_some_and(|rollout| rollout.edited.is_some());
            let served = !is_edited && controller.state.desired_state().target.is_none_or(|target| !target.is_zero());
            self.hold(Invariant::RollbackStays, now_rolled_back && standing.halted && !served, || {
                format!("after a rollback: {standing}")
            });
        }
    }

    fn moved(&mut self, controller: &Controller, standing: &RolloutSummary, at: Timestamp) {
        let before = self.last.replace(standing.clone());
        let epoch = before.as_ref().map_or(0, |before| before.epoch);
        self.hold(Invariant::EpochsGrow, standing.epoch >= epoch, || format!("epoch {} after {epoch}", standing.epoch));
        let Some(rollout) = controller.state.rollout() else { return };
        let planned = rollout.plan.steps().get(standing.step.saturating_sub(1)).map(|step| step.percentage);
        let share = standing.percentage.thousandths();
        self.hold(
            Invariant::PercentageWithinStep,
            share == 0
                || planned.is_some_and(|planned| {
                    // A percentage that was written by hand stays, and may be lower.
                    share == planned.thousandths() || rollout.edited.is_some() && share < planned.thousandths()
                }),
            || format!("{standing}, planned {planned:?}"),
        );
        self.highest = self.highest.max(share);
        let forward = before.as_ref().is_some_and(|before| before.step > 0 && standing.step > before.step);
        let completed = standing.phase == Some(PhaseKind::Completed);
        let is_new = before.as_ref().is_none_or(|before| {
            (before.phase, before.step, before.halted) != (standing.phase, standing.step, standing.halted)
        });
        if is_new {
            self.transitions.push(standing.clone());
        }
        if let Some(before) = before.filter(|_| is_new && (forward || completed)) {
            self.gate(controller, &before, at);
        }
    }

    /// Checks a step forward: an analysis passed just now, the hold of the step is over, and the step had its requests.
    fn gate(&mut self, controller: &Controller, before: &RolloutSummary, at: Timestamp) {
        let Some(rollout) = controller.state.rollout() else { return };
        let look = controller.analysis.last_look();
        let passed = look.is_some_and(|look| look.verdict == FindingKind::Pass && look.at == at);
        self.hold(Invariant::GatedPromotion, passed, || format!("went on from {before} after {look:?}"));
        let index = before.step.saturating_sub(1);
        let step = rollout.plan.steps().get(index).filter(|_| index < rollout.plan.last());
        let planned = step.map_or(rollout.plan.timing().bake, |step| step.hold);
        let held = self
            .written_at
            .map_or(Span::default(), |written| Span::from_millis(millis(at) - millis(written).min(millis(at))));
        self.hold(Invariant::GatedPromotion, self.clock_jumped || held >= planned, || {
            format!("went on from {before} after {held}, planned {planned}")
        });
        let window = rollout.plan.freeze().map(|freeze| freeze.end(utc_offset, at));
        self.hold(Invariant::GatedPromotion, matches!(window, None | Some(Ok(None))), || {
            format!("went on from {before} in a window: {window:?}")
        });
        let observed = self.observed.get(&(rollout.id.clone(), rollout.attempt, index)).copied().unwrap_or_default();
        let least = rollout.plan.analysis().get("minRequests").and_then(serde_json::Value::as_u64).unwrap_or(20);
        self.hold(Invariant::GatedPromotion, observed.canary.0 >= least, || {
            format!("went on from {before} after {} canary requests, least {least}", observed.canary.0)
        });
    }

    fn ticks(&mut self, controller: &Controller) {
        let next = controller.state.observation().zip(controller.analysis.next_tick(&controller.state));
        if let (Some((observation, at)), Some((before, was))) = (&next, &self.next_tick)
            && observation == before
            && at != was
            && !self.clock_jumped
        {
            let apart = millis(*at).saturating_sub(millis(*was));
            let plan = controller.state.rollout().map(|rollout| rollout.plan.analysis());
            let tick_ms = plan.and_then(|it| it.get("tickMs")?.as_u64()).unwrap_or(5_000);
            self.hold(Invariant::OneOpenTick, apart >= tick_ms, || format!("two ticks within {apart} ms"));
        }
        self.next_tick = next;
    }

    /// Checks that every request that isolates observed in the present step was counted once.
    pub(crate) fn counted(&mut self, controller: &Controller) {
        let (Some(observation), Some(figures)) = (controller.state.observation(), controller.analysis.figures()) else {
            return;
        };
        let truth = self.observed.get(&key(&observation)).copied().unwrap_or_default();
        // A step has requests of visitors or pairs of answers.
        let pairs = figures.paired.map(|paired| paired.counts).unwrap_or_default();
        let sum = |counts: Counts, failures: u64| (counts.requests() + pairs.pairs, counts.failures() + failures);
        let counted = PerVariant::new(
            sum(figures.canary.counts, pairs.failures.canary),
            sum(figures.stable.counts, pairs.failures.stable),
        );
        self.hold(Invariant::CountsAreTrue, counted == truth, || format!("counted {counted:?}, happened {truth:?}"));
    }

    /// Checks the audit: its numbers have no gaps, each entry starts from the phase in which the previous entry ended, and every transition
    /// has one entry.
    pub(crate) fn audited(&mut self, rows: &BTreeMap<u64, AuditEntry>, present: &RolloutSummary) {
        let numbers_follow = rows.keys().copied().eq(1..=rows.len() as u64);
        self.hold(Invariant::TransitionsAudited, numbers_follow, || format!("rows {:?}", rows.keys()));
        let mut last = None;
        for row in rows.values() {
            if let Some(last) = last.replace(row.after.clone()) {
                self.hold(Invariant::TransitionsAudited, same(&last, &row.before), || {
                    format!("row {} begins at {}, the one before ended at {last}", row.seq, row.before)
                });
            }
        }
        let present = last.as_ref().is_some_and(|last| same(last, present));
        self.hold(Invariant::TransitionsAudited, present, || format!("the last row ends at {last:?}"));
        for transition in std::mem::take(&mut self.transitions) {
            if transition.phase.is_some() {
                let is_there = rows.values().any(|row| same(&row.after, &transition));
                self.hold(Invariant::TransitionsAudited, is_there, || format!("no row for {transition}"));
            }
        }
    }
}

fn same(one: &RolloutSummary, other: &RolloutSummary) -> bool {
    (one.phase, one.step, one.halted, one.percentage) == (other.phase, other.step, other.halted, other.percentage)
}

fn key(observation: &Observation) -> (String, u32, usize) {
    (observation.rollout_id.clone(), observation.attempt, observation.step)
}

fn millis(at: Timestamp) -> u64 {
    at.as_millis().max(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use serin_logic::Timestamp as At;
    use serin_logic::rollout::{Command, CommandRequest, Plan, Schedule, Start, execute};

    use super::*;

    /// A controller that has just executed a start command.
    fn started() -> Controller {
        let plan = Plan::preset(Schedule::Fast);
        let command = Command::Start(Box::new(Start { id: "r".into(), plan, found: None, reassign: false }));
        let request =
            CommandRequest { command, actor: "ada".into(), claimed: false, reason: "test".into(), epoch: None };
        let mut controller = Controller::default();
        controller.execute(&request, Timestamp::from_seconds(1_000)).unwrap();
        controller
    }

    fn broken(checks: &Checks) -> Vec<Invariant> {
        checks.violations.iter().map(|violation| violation.invariant).collect()
    }

    #[test]
    fn a_step_without_an_analysis_is_detected() {
        let (mut checks, now) = (Checks::new(1, 0), Timestamp::from_seconds(1_000));
        let mut controller = started();
        checks.stored(&controller, now);
        assert_eq!(broken(&checks), []);
        let promote = CommandRequest {
            command: Command::Promote,
            actor: "ada".into(),
            claimed: false,
            reason: "now".into(),
            epoch: None,
        };
        controller.state = execute(&controller.state, &promote, At::from_millis(1_000_000)).unwrap().step.next;
        checks.stored(&controller, now);
        // No analysis passed, the hold is not over, and there is no request.
        assert_eq!(broken(&checks), [Invariant::GatedPromotion; 3]);
    }

    #[test]
    fn a_decreasing_epoch_and_an_undone_rollback_are_detected() {
        let (mut checks, now) = (Checks::new(1, 0), Timestamp::from_seconds(1_000));
        checks.stored(&started(), now);
        checks.rollback = Some(7);
        checks.stored(&Controller::default(), now);
        assert_eq!(broken(&checks), [Invariant::EpochsGrow, Invariant::RollbackStays]);
    }

    #[test]
    fn a_missing_audit_entry_is_detected() {
        let mut checks = Checks::new(1, 0);
        let controller = started();
        checks.stored(&controller, Timestamp::from_seconds(1_000));
        checks.audited(&BTreeMap::new(), &controller.state.summary());
        assert_eq!(broken(&checks), [Invariant::TransitionsAudited; 2]);
    }

    #[test]
    fn an_uncounted_request_is_detected() {
        let mut checks = Checks::new(1, 0);
        let controller = started();
        let observation = controller.state.observation().unwrap();
        checks.counted(&controller);
        assert_eq!(broken(&checks), []);
        checks.observed(&observation, Variant::Canary, true);
        checks.counted(&controller);
        assert_eq!(broken(&checks), [Invariant::CountsAreTrue]);
    }
}
