//! One turn of the controller. Everything here is synchronous: what a shell stores afterwards is the whole of it, and two turns never
//! mix, whatever is awaited between them.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::Delivery;
use super::desk::Desk;
use super::inbox::Inbox;
use super::switchboard::Switchboard;
use crate::analysis::Health;
use crate::observation::Batch;
use crate::policy::{CanaryState, Overlay};
use crate::rollout::{
    Document, Effect, Event, Finding, FindingKind, Look, Notice, Order, Outcome, Receipt, Refused, State, Step,
    UtcOffset, WriteState, carry_out, pending, step,
};
use crate::timestamp::Timestamp;

/// The longest pause between two tries to write `canary-state`.
const LONGEST_WRITE_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause between two tries to send a notice.
const LONGEST_NOTICE_PAUSE: Duration = Duration::from_mins(10);

/// After so many failures a notice is dropped: two and a half hours. The audit has it.
const MAX_NOTICE_FAILURES: u32 = 24;

/// All that a controller keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controller {
    /// The rollout.
    pub state: State,
    /// How it is judged.
    pub desk: Desk,
    /// What was reported since.
    pub inbox: Inbox,
    /// Switches thrown here.
    pub switches: Switchboard,
    /// How what is for the outside gets there.
    pub deliveries: Deliveries,
}

/// To each receiver one at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deliveries {
    /// `canary-state`, to KV.
    pub writes: Delivery,
    /// Notices, to the webhook.
    pub notices: Delivery,
}

/// What an alarm needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// `canary-state`, to see whether somebody edited it.
    pub document: bool,
    /// The canary's own health.
    pub health: bool,
}

/// What the shell saw before a turn.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `canary-state` as KV has it (inside: none where the key is absent); none: KV was not read, did not answer, or holds what is not valid
    /// and hence not in force.
    pub document: Option<Option<Document>>,
    /// What the canary's own /health said.
    pub health: Health,
    /// What the time zone database says.
    pub utc_offset: UtcOffset,
}

// === impl Controller ===

impl Controller {
    /// The alarm rang, in time, late, twice or for nothing. Gives what is to be done.
    pub fn alarm(&mut self, seen: Seen, now: Timestamp) -> Vec<Effect> {
        if let Some(document) = seen.document {
            // What it asks for is asked for again below: the alarm asks for everything that is not done.
            let _ = self.tell(Event::Seen(document), now);
        }
        let strong = self.desk.tick(&mut self.inbox, &self.state, now);
        if let (Some(finding), Some(observation)) = (strong, self.state.observation()) {
            let _ = self.tell(Event::Look(Look { observation, finding, frozen_until: None }), now);
        }
        let mut to_do = Vec::new();
        for effect in self.tell(Event::Alarm, now) {
            let Effect::TakeLook(observation) = effect else {
                to_do.push(effect);
                continue;
            };
            let finding = self.desk.look(&self.inbox, &self.state, seen.health, now);
            let (finding, frozen_until) = self.frozen_until(finding, seen.utc_offset, now);
            to_do.extend(self.tell(Event::Look(Look { observation, finding, frozen_until }), now));
        }
        to_do
    }

    /// The end of the window there is `now`. Where that is not known, a canary that may go on waits until it is.
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

    /// A shard reports, and hears what holds.
    pub fn report(&mut self, report: &Batch, now: Timestamp) -> Overlay {
        self.inbox.absorb(report, now);
        self.overlay(now)
    }

    /// What the shell should find out before it calls [`Controller::alarm`].
    #[must_use]
    pub fn wants(&self, now: Timestamp) -> Wants {
        let rollout = self.state.rollout().filter(|rollout| !rollout.phase.kind().is_over());
        let looks = rollout.and_then(|rollout| rollout.next_look).is_some_and(|at| now >= at);
        Wants { document: rollout.is_some(), health: looks && self.state.observation().is_some() }
    }

    /// Somebody replaced `canary-state` through the control API.
    pub fn replaced(&mut self, document: Document, now: Timestamp) -> Vec<Effect> {
        self.tell(Event::Seen(Some(document)), now)
    }

    /// Somebody orders something.
    ///
    /// # Errors
    /// Why it is not done; then nothing has changed.
    pub fn order(&mut self, order: &Order, now: Timestamp) -> Result<(bool, Vec<Effect>), Refused> {
        let Outcome { step, already } = carry_out(&self.state, order, now)?;
        Ok((already, self.take(step, now)))
    }

    /// An effect was performed.
    pub fn done(&mut self, receipt: Receipt, now: Timestamp) -> Vec<Effect> {
        self.tell(Event::Done(receipt), now)
    }

    /// What isolates are to know. What KV has as well is told only until KV has it everywhere: after that, whoever edits KV must not
    /// find that something else is stronger.
    #[must_use]
    pub fn overlay(&self, now: Timestamp) -> Overlay {
        let mut rollout = self.state.overlay();
        if !self.state.is_spreading(now) {
            rollout.target = None;
        }
        // Both only grow, so their sum does.
        let revision = self.state.epoch().saturating_add(self.switches.changes());
        Overlay { revision, rollout, switches: self.switches.spreading(now) }
    }

    /// When the alarm should ring next: to close a tick, for the rollout's own reasons, or to try a delivery again.
    #[must_use]
    pub fn next_alarm(&self, now: Timestamp) -> Option<Timestamp> {
        let next_look = self.state.rollout().and_then(|rollout| rollout.next_look).map(Timestamp::from);
        // A look that is due now has been taken, or is the next alarm's.
        let mut first = [next_look, self.desk.next_tick(&self.state)].into_iter().flatten().min();
        for effect in pending(&self.state, now) {
            let retry = match effect {
                Effect::WriteState(_) => self.deliveries.writes.next_at(),
                Effect::Notify(_) => self.deliveries.notices.next_at(),
                Effect::Audit(_) | Effect::SetHalt(_) => now,
                Effect::SetAlarm(_) | Effect::TakeLook(_) => continue,
            };
            first = Some(first.map_or(retry, |first| first.min(retry)));
        }
        first.map(|at| at.max(now))
    }

    /// What the caller is to write to KV, if anything, and nobody else meanwhile.
    pub fn claim_write(&mut self, now: Timestamp) -> Option<WriteState> {
        let is_write = |effect| if let Effect::WriteState(write) = effect { Some(write) } else { None };
        let write = pending(&self.state, now).into_iter().find_map(is_write)?;
        self.deliveries.writes.claim(now).then_some(write)
    }

    /// What came of it.
    pub fn written(&mut self, generation: u64, is_taken: bool, now: Timestamp) {
        if is_taken {
            self.deliveries.writes.succeeded();
            let _ = self.done(Receipt::Written { generation }, now);
        } else {
            self.deliveries.writes.failed(LONGEST_WRITE_PAUSE, now);
        }
    }

    /// The notice that the caller is to send, if any, and nobody else meanwhile.
    pub fn claim_notice(&mut self, now: Timestamp) -> Option<Notice> {
        let notice = self.unsent(now)?;
        self.deliveries.notices.claim(now).then_some(notice)
    }

    /// What came of it. A notice that nobody takes is dropped in the end: the audit has it.
    pub fn notified(&mut self, seq: u64, is_taken: bool, now: Timestamp) {
        let failures = if is_taken { 0 } else { self.deliveries.notices.failed(LONGEST_NOTICE_PAUSE, now) };
        if is_taken || failures >= MAX_NOTICE_FAILURES {
            self.deliveries.notices.succeeded();
            let _ = self.done(Receipt::Notified { seq }, now);
        }
    }

    /// The oldest notice that was not sent.
    #[must_use]
    pub fn unsent(&self, now: Timestamp) -> Option<Notice> {
        let is_notice = |effect| if let Effect::Notify(notice) = effect { Some(notice) } else { None };
        pending(&self.state, now).into_iter().find_map(is_notice)
    }

    /// In a line, for /health: what is wrong, if anything.
    #[must_use]
    pub fn trouble(&self, now: Timestamp) -> Option<String> {
        let late = self.state.overdue(now);
        let late = late.map(|late| format!("no look at the canary for {late} after it was due: the percentage holds"));
        late.or_else(|| {
            self.deliveries.writes.is_failing().then(|| "canary-state could not be written to KV yet".into())
        })
    }

    fn tell(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let step = step(&self.state, event, now);
        self.take(step, now)
    }

    fn take(&mut self, step: Step, now: Timestamp) -> Vec<Effect> {
        self.state = step.next;
        self.desk.follow(&self.state, now);
        self.inbox.observe(self.state.observation().as_ref());
        step.effects
    }
}

// === impl Document ===

impl From<&CanaryState> for Document {
    fn from(state: &CanaryState) -> Self {
        Self {
            enabled: state.enabled,
            percentage: state.percentage,
            rollout_id: state.rollout_id.clone(),
            generation: state.notes.generation,
        }
    }
}
