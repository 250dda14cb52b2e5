//! One turn of the controller. Everything here is synchronous: what a shell stores afterwards is the whole of it, and two turns never
//! mix, whatever is awaited between them.

use core::time::Duration;

use super::desk::Desk;
use super::inbox::Inbox;
use super::postbox::Postbox;
use super::switchboard::Switchboard;
use crate::analysis::Health;
use crate::observation::Batch;
use crate::policy::{CanaryState, Overlay};
use crate::rollout::{
    Document, Effect, Event, Look, Notice, Order, Outcome, Percentage, Receipt, Refused, State, Step, WriteState,
    carry_out, pending, step,
};
use crate::timestamp::Timestamp;

/// What KV did not take is tried again after so long.
const RETRY: Duration = Duration::from_secs(5);

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
    /// How notices get out.
    pub postbox: Postbox,
}

/// What the shell saw before a turn.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `canary-state` as KV has it (inside: none where the key is absent); none: KV was not read, did not answer, or holds what is not valid
    /// and hence not in force.
    pub document: Option<Option<Document>>,
    /// What the canary's own /health said.
    pub health: Health,
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
            let _ = self.tell(Event::Look(Look { observation, finding }), now);
        }
        let mut to_do = Vec::new();
        for effect in self.tell(Event::Alarm, now) {
            let Effect::TakeLook(observation) = effect else {
                to_do.push(effect);
                continue;
            };
            let finding = self.desk.look(&self.inbox, &self.state, seen.health, now);
            to_do.extend(self.tell(Event::Look(Look { observation, finding }), now));
        }
        to_do
    }

    /// A shard reports, and hears what holds.
    pub fn report(&mut self, report: &Batch, now: Timestamp) -> Overlay {
        self.inbox.absorb(report, now);
        self.overlay()
    }

    /// Somebody orders something.
    ///
    /// # Errors
    /// Why it is not done; then nothing has changed.
    pub fn order(&mut self, order: &Order, now: Timestamp) -> Result<(bool, Vec<Effect>), Refused> {
        let Outcome { step, already } = carry_out(&self.state, order, now.into())?;
        Ok((already, self.take(step, now)))
    }

    /// An effect was performed.
    pub fn done(&mut self, receipt: Receipt, now: Timestamp) -> Vec<Effect> {
        self.tell(Event::Done(receipt), now)
    }

    /// What isolates are to know.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        Overlay {
            // Both only grow, so their sum does.
            revision: self.state.epoch().saturating_add(self.switches.changes()),
            rollout: self.state.overlay(),
            switches: self.switches.values().clone(),
        }
    }

    /// When the alarm should ring next: to close a tick, or for the rollout's own reasons.
    #[must_use]
    pub fn next_alarm(&self, now: Timestamp) -> Option<Timestamp> {
        let next_look = self.state.rollout().and_then(|rollout| rollout.next_look).map(Timestamp::from);
        let retry = pending(&self.state, now.into()).into_iter().filter_map(|effect| match effect {
            Effect::WriteState(_) | Effect::Audit(_) | Effect::SetHalt(_) => Some(now.after(RETRY)),
            Effect::Notify(_) => Some(self.postbox.next_at()),
            Effect::SetAlarm(_) | Effect::TakeLook(_) => None,
        });
        // A look that is due now has been taken, or is the next alarm's.
        [next_look, self.desk.next_tick(&self.state)].into_iter().flatten().chain(retry).min().map(|at| at.max(now))
    }

    /// What must still be written to KV.
    #[must_use]
    pub fn unwritten(&self, now: Timestamp) -> Option<WriteState> {
        pending(&self.state, now.into()).into_iter().find_map(|effect| match effect {
            Effect::WriteState(write) => Some(write),
            _ => None,
        })
    }

    /// The notice to be sent next, if it is time.
    #[must_use]
    pub fn unsent(&self, now: Timestamp) -> Option<Notice> {
        pending(&self.state, now.into()).into_iter().find_map(|effect| match effect {
            Effect::Notify(notice) if now >= self.postbox.next_at() => Some(notice),
            _ => None,
        })
    }

    /// In a line, for /health: what is wrong, if anything.
    #[must_use]
    pub fn trouble(&self, now: Timestamp) -> Option<String> {
        let late = self.state.overdue(now.into());
        late.map(|late| format!("no look at the canary for {late} after it was due: the percentage holds"))
    }

    fn tell(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let step = step(&self.state, event, now.into());
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
            percentage: Percentage::from_thousandths(state.share.buckets()),
            rollout_id: state.rollout_id.clone(),
            generation: state.notes.generation,
        }
    }
}

impl Percentage {
    fn from_thousandths(thousandths: u32) -> Self {
        Self::try_from(f64::from(thousandths) / 1e3).unwrap_or_default()
    }
}
