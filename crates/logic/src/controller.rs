//! The controller: the rollout's state machine, the analysis that feeds it, and the switches, as one value. An embedding loads the
//! documents, calls one method, stores what has changed, and performs the effects. Every method is synchronous, so that what is stored
//! afterwards is the whole result and two calls never mix.

/// Runs the analysis of the current rollout.
mod analysis_runner;
/// What a step's check answers.
mod check_answer;
/// Asks a step's check.
mod check_runner;
/// Visitors that were counted.
mod known_visitors;
/// Counts that shards reported since the last tick.
mod metrics_buffer;
/// What a rollout has mirrored.
mod mirror_totals;
/// Deliveries to the outside.
mod outbox;
/// When a delivery is tried again.
mod retry_state;
/// Switches that were set through the control API.
mod switch_overrides;
/// How much traffic there is.
mod traffic;
/// Bodies of webhook requests.
mod webhook;

#[cfg(test)]
mod tests;

pub use self::analysis_runner::{AnalysisRunner, LastLook, MissingTraffic};
pub(crate) use self::analysis_runner::{analysis_config, split};
pub use self::check_answer::{CheckAnswer, CheckVerdict};
pub use self::check_runner::{CheckQuestion, CheckRunner};
pub use self::known_visitors::{KnownScope, KnownVisitors};
pub use self::metrics_buffer::{Impact, MetricsBuffer};
pub use self::mirror_totals::MirrorTotals;
use self::outbox::{LONGEST_NOTIFICATION_PAUSE, LONGEST_WRITE_PAUSE, MAX_NOTIFICATION_FAILURES};
pub use self::outbox::{Outbox, QueuedMessage};
pub use self::retry_state::RetryState;
pub use self::switch_overrides::SwitchOverrides;
pub use self::traffic::Traffic;
pub use self::webhook::{WebhookFormat, WebhookMessage, service_name};
use crate::analysis::Health;
use crate::percentage::Percentage;
use crate::policy::{CanaryState, Switch};
use crate::rollout::{
    CommandError, CommandRequest, Effect, Event, Finding, FindingKind, Look, Outcome, Overlay, PublishedState, Receipt,
    Replacement, State, Step, UtcOffset, WriteState, execute, pending, step,
};
use crate::telemetry::{Batch, Sample};
use crate::timestamp::Timestamp;
use crate::version::VersionCheck;

/// Names of the documents that hold a [`Controller`].
pub mod documents {
    /// Name of the document of [`Controller::state`](super::Controller::state).
    pub const STATE: &str = "state";
    /// Name of the document of [`Controller::analysis`](super::Controller::analysis).
    pub const ANALYSIS: &str = "analysis";
    /// Name of the document of [`Controller::metrics`](super::Controller::metrics).
    pub const METRICS: &str = "metrics";
    /// Name of the document of [`Controller::switches`](super::Controller::switches).
    pub const SWITCHES: &str = "switches";
    /// Name of the document of [`Controller::outbox`](super::Controller::outbox).
    pub const OUTBOX: &str = "outbox";
    /// Names of the documents of [`Controller::known`](super::Controller::known): scope, failed, slow and seen visitors, and those of pairs
    /// in which an answer was worse, or slower.
    pub const KNOWN: [&str; 6] =
        ["visitors", "visitors-failed", "visitors-slow", "visitors-seen", "visitors-worse", "visitors-slower"];
}

/// Everything a controller stores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controller {
    /// The rollout.
    pub state: State,
    /// The analysis of the rollout.
    pub analysis: AnalysisRunner,
    /// Counts for the analysis.
    pub metrics: MetricsBuffer,
    /// Switches that were set through the control API.
    pub switches: SwitchOverrides,
    /// Attempts of deliveries to the outside.
    pub outbox: Outbox,
    /// Visitors that were counted. Only [`Controller::alarm`] reads and changes them, so any other call may do without.
    pub known: KnownVisitors,
}

/// A switch to write to KV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchWrite {
    /// The switch.
    pub switch: Switch,
    /// Number of the order.
    pub number: u64,
    /// The value; none removes the key.
    pub value: Option<String>,
}

/// Inputs that an alarm needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedInputs {
    /// `canary-state`, to notice an edit by hand.
    pub document: bool,
    /// The canary's own health.
    pub health: bool,
}

/// Inputs of an alarm.
#[derive(Clone, Debug)]
pub struct AlarmInputs {
    /// `canary-state` in KV; inside, none if the key is absent. None if KV was not read, did not answer, or holds an invalid document,
    /// which is not in force.
    pub document: Option<Option<PublishedState>>,
    /// Answer of the canary's own /health.
    pub health: Health,
    /// Version of that answer; none where the canary is a Worker of its own, or did not answer.
    pub version: Option<VersionCheck>,
    /// Offsets from the time zone database.
    pub utc_offset: UtcOffset,
}

// === impl Controller ===

impl Controller {
    /// Handles an alarm and gives the effects to perform. Alarms may be late, duplicated or spurious; handling is idempotent.
    pub fn alarm(&mut self, inputs: AlarmInputs, now: Timestamp) -> Vec<Effect> {
        if let Some(document) = inputs.document {
            // Its effects are dropped, because the alarm below gives every effect that is not done.
            self.read(document, now);
        }
        let strong = self.analysis.tick(&mut self.metrics, &mut self.known, &self.state, now);
        if let (Some(finding), Some(observation)) = (strong, self.state.observation()) {
            let _ = self.transition(Event::Look(Look { observation, finding, frozen_until: None }), now);
        }
        let mut to_do = Vec::new();
        for effect in self.transition(Event::Alarm, now) {
            let Effect::TakeLook(observation) = effect else {
                to_do.push(effect);
                continue;
            };
            let finding = self.analysis.look(&self.metrics, &self.state, (inputs.health, inputs.version), now);
            let (finding, frozen_until) = self.frozen_until(finding, inputs.utc_offset, now);
            to_do.extend(self.transition(Event::Look(Look { observation, finding, frozen_until }), now));
        }
        to_do
    }

    /// The finding, and the end of the plan's freeze window that is open `now`. If the window is not known, a canary that passes waits
    /// until it is.
    fn frozen_until(&self, finding: Finding, utc_offset: UtcOffset, now: Timestamp) -> (Finding, Option<Timestamp>) {
        let freeze = self.state.rollout().and_then(|rollout| rollout.plan.freeze());
        match freeze.map(|freeze| freeze.end(utc_offset, now)) {
            Some(Ok(end)) => (finding, end),
            Some(Err(error)) if finding.kind() == FindingKind::Pass => {
                (Finding::Error { sentence: format!("Whether a step may be taken is not known: {error}.") }, None)
            }
            None | Some(Err(_)) => (finding, None),
        }
    }

    /// Ingests a shard's report and gives the overlay to answer with.
    pub fn report(&mut self, report: &Batch, now: Timestamp) -> Overlay {
        self.receive(report, now).0
    }

    /// As [`Controller::report`]; also gives the outcomes that now count for the first time, for the history.
    pub fn receive<'a>(&mut self, report: &'a Batch, now: Timestamp) -> (Overlay, Option<&'a Sample>) {
        let is_new = self.metrics.ingest(report, now);
        self.switches.confirm(&report.from, &report.confirmed);
        let observation = self.state.observation();
        let counted =
            report.sample.as_ref().filter(|sample| is_new && observation.as_ref() == Some(&sample.observation));
        (self.overlay(now), counted)
    }

    /// The inputs that [`Controller::alarm`] needs at `now`.
    pub fn wants(&self, now: Timestamp) -> WantedInputs {
        let rollout = self.state.rollout().filter(|rollout| !rollout.phase.kind().is_over());
        let looks = rollout.is_some_and(|rollout| rollout.is_look_due(now));
        WantedInputs { document: rollout.is_some(), health: looks && self.state.observation().is_some() }
    }

    /// Handles a `canary-state` that was just read; none if the key is absent.
    pub fn read(&mut self, document: Option<PublishedState>, now: Timestamp) {
        let _ = self.transition(Event::Seen(document), now);
    }

    /// The percentage of visitors that the canary gets once its halt is lifted: its rollout's, or that of the document in KV.
    pub fn percentage_without_halt(&self, found: Option<&PublishedState>) -> Percentage {
        let in_kv = || found.filter(|document| document.enabled).map(|document| document.percentage);
        let resumed = self.state.percentage_without_halt().map(|resumed| resumed.percentage);
        resumed.or_else(in_kv).unwrap_or_default()
    }

    /// Handles a `canary-state` that was replaced through the control API.
    pub fn replaced(&mut self, replacement: Replacement, now: Timestamp) -> Vec<Effect> {
        self.transition(Event::Replaced(replacement), now)
    }

    /// Executes a command. Gives whether it had been executed before, and the effects to perform.
    ///
    /// # Errors
    /// The command is refused; nothing has changed.
    pub fn execute(&mut self, order: &CommandRequest, now: Timestamp) -> Result<(bool, Vec<Effect>), CommandError> {
        let Outcome { step, already } = execute(&self.state, order, now)?;
        Ok((already, self.adopt(step, now)))
    }

    /// Handles the receipt of an effect that was performed.
    pub fn done(&mut self, receipt: Receipt, now: Timestamp) -> Vec<Effect> {
        self.transition(Event::Done(receipt), now)
    }

    /// The overlay for isolates. It carries what is also in KV only until KV has it everywhere, so that an edit of KV counts at once after
    /// that.
    pub fn overlay(&self, now: Timestamp) -> Overlay {
        let mut rollout = self.state.desired_state();
        if !self.state.is_spreading(now) {
            rollout.target = None;
        }
        // Both only grow, so their sum does too.
        let revision = self.state.epoch().saturating_add(self.switches.changes());
        let (switches, orders) = (self.switches.spreading(now), self.switches.orders());
        Overlay { revision, rollout, switches, orders, reading: None, measure: self.analysis.measure() }
    }

    /// The overlay for people: an order is confirmed where every location has confirmed it.
    pub fn overlay_everywhere(&self, now: Timestamp) -> Overlay {
        Overlay { orders: self.switches.summary(&self.metrics.location_names()), ..self.overlay(now) }
    }

    /// Time of the next alarm: a tick closes, an analysis is due, or a delivery is tried again.
    pub fn next_alarm(&self, now: Timestamp) -> Option<Timestamp> {
        let rollout = self.state.rollout();
        let next_look =
            rollout.and_then(|rollout| if rollout.is_look_due(now) { Some(now) } else { rollout.next_look });
        // An analysis that is due now has been made, or the next alarm makes it.
        let (tick, check) = (self.analysis.tick_due_at(&self.state, now), self.analysis.check_due_at(&self.state, now));
        let mut first = [next_look, tick, check].into_iter().flatten().min();
        for effect in pending(&self.state, now) {
            let retry = match effect {
                Effect::WriteState(_) => self.outbox.writes.next_at(now),
                Effect::Notify(_) | Effect::Audit(_) | Effect::SetHalt(_) => now,
                Effect::SetAlarm(_) | Effect::TakeLook(_) => continue,
            };
            first = Some(first.map_or(retry, |first| first.min(retry)));
        }
        let message = self.unsent_message().map(|_| self.outbox.notifications.next_at(now));
        let switch = self.switches.unwritten().map(|_| self.outbox.switches.next_at(now));
        let first = [first, message, switch].into_iter().flatten().min();
        first.map(|at| at.max(now))
    }

    /// Leases the next question to the step's check to the caller, if it is due and no other caller holds it.
    pub fn claim_check(&mut self, now: Timestamp) -> Option<CheckQuestion> {
        self.analysis.claim_check(&self.state, now)
    }

    /// Records what became of a question to a check. One that failed too often takes effect at once.
    pub fn checked(&mut self, question: &CheckQuestion, answer: CheckAnswer, now: Timestamp) -> Vec<Effect> {
        let finding = self.analysis.checked(question, answer, &self.metrics, &self.state, now);
        let Some(finding) = finding else { return Vec::new() };
        let observation = question.observation().clone();
        self.transition(Event::Look(Look { observation, finding, frozen_until: None }), now)
    }

    /// Leases the write of `canary-state` to the caller, if there is one and no other caller holds it.
    pub fn claim_write(&mut self, now: Timestamp) -> Option<WriteState> {
        let is_write = |effect| if let Effect::WriteState(write) = effect { Some(write) } else { None };
        let write = pending(&self.state, now).into_iter().find_map(is_write)?;
        self.outbox.writes.claim(now).then_some(write)
    }

    /// Records the outcome of a write.
    pub fn written(&mut self, generation: u64, succeeded: bool, now: Timestamp) {
        if succeeded {
            self.outbox.writes.reset();
            let _ = self.done(Receipt::Written { generation }, now);
        } else {
            self.outbox.writes.fail(LONGEST_WRITE_PAUSE, now);
        }
    }

    /// Orders a switch to a value for KV, or off, and leases its write to the caller. `found` is what KV had before, empty where it had
    /// nothing, and none where KV was not asked. Returns whether that was the last order too.
    pub fn order_switch(
        &mut self,
        switch: Switch,
        value: Option<String>,
        found: Option<String>,
        now: Timestamp,
    ) -> (bool, SwitchWrite) {
        let already = self.switches.order(switch, value, found, now);
        self.outbox.switches.lease(now);
        let order = self.switches.get(switch).cloned().unwrap_or_default();
        (already, SwitchWrite { switch, number: order.number, value: order.value })
    }

    /// Leases the write of a switch to the caller, if there is one and no other caller holds it.
    pub fn claim_switch(&mut self, now: Timestamp) -> Option<SwitchWrite> {
        let (switch, order) = self.switches.unwritten()?;
        let write = SwitchWrite { switch, number: order.number, value: order.value.clone() };
        self.outbox.switches.claim(now).then_some(write)
    }

    /// Records the outcome of a write of a switch.
    pub fn switch_written(&mut self, write: &SwitchWrite, succeeded: bool, now: Timestamp) {
        if succeeded {
            self.outbox.switches.reset();
            self.switches.written(write.switch, write.number, now);
        } else {
            self.outbox.switches.fail(LONGEST_WRITE_PAUSE, now);
        }
    }

    /// Leases the oldest message to the caller, if there is one and no other caller holds it.
    pub fn claim_message(&mut self, now: Timestamp) -> Option<QueuedMessage> {
        let message = self.unsent_message()?.clone();
        self.outbox.notifications.claim(now).then_some(message)
    }

    /// Records the outcome of a message. One that keeps failing is dropped in the end; the audit has it.
    pub fn notified(&mut self, seq: u64, succeeded: bool, now: Timestamp) {
        let failures = if succeeded { 0 } else { self.outbox.notifications.fail(LONGEST_NOTIFICATION_PAUSE, now) };
        if succeeded || failures >= MAX_NOTIFICATION_FAILURES {
            self.outbox.notifications.reset();
            self.outbox.messages.retain(|message| message.seq != seq);
        }
    }

    /// The oldest message that was not sent.
    pub fn unsent_message(&self) -> Option<&QueuedMessage> {
        self.outbox.messages.first()
    }

    /// Trouble of the controller itself as a line for /health, if there is any.
    pub fn trouble(&self, now: Timestamp) -> Option<String> {
        let late = self.state.overdue(now);
        let late = late.map(|late| format!("no look at the canary for {late} after it was due: the percentage holds"));
        let unwritten = |key: &str| format!("{key} could not be written to KV yet");
        let is_over = self.state.rollout().is_none_or(|rollout| rollout.phase.kind().is_over());
        let mixed = self.analysis.mixed_versions().filter(|_| !is_over);
        let late = late.or_else(|| mixed.map(|why| format!("{why} The rollout holds.")));
        late.or_else(|| self.outbox.writes.is_failing().then(|| unwritten("canary-state"))).or_else(|| {
            let (switch, _) = self.switches.unwritten().filter(|_| self.outbox.switches.is_failing())?;
            Some(unwritten(switch.key()))
        })
    }

    fn transition(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let step = step(&self.state, event, now);
        self.adopt(step, now)
    }

    fn adopt(&mut self, step: Step, now: Timestamp) -> Vec<Effect> {
        self.state = step.next;
        self.analysis.follow(&self.state, now);
        self.metrics.observe(self.state.observation().as_ref());
        step.effects
    }
}

// === impl Document ===

impl From<&CanaryState> for PublishedState {
    fn from(state: &CanaryState) -> Self {
        Self {
            enabled: state.enabled,
            percentage: state.percentage,
            rollout_id: state.rollout_id.clone(),
            generation: state.metadata.generation,
            canary_version: state.versions.as_ref().map(|versions| versions.canary.clone()),
        }
    }
}
