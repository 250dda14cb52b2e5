//! The controller as the platform runs it: a transaction runs, its changes are stored, the alarm is set, and its effects are performed. The
//! simulation may kill the controller at any of these points; the controller then continues from its stored documents.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;
use rand::rngs::StdRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serin_logic::Timestamp;
use serin_logic::controller::{Controller, KnownVisitors};
use serin_logic::rollout::{AuditEntry, Effect, Receipt};

use crate::invariants::{Checks, Invariant};
use crate::kv::Kv;
use crate::outcome::Faulted;
use crate::scenario::Faults;

/// Delay after which the platform runs an alarm again whose handler died.
const ALARM_RETRY_MS: i64 = 2_000;

/// A controller, its storage and its clock.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) live: Controller,
    /// Time of the controller's clock.
    pub(crate) alarm: Option<Timestamp>,
    /// Error of the controller's clock in ms.
    pub(crate) clock_off: i64,
    pub(crate) audit: BTreeMap<u64, AuditEntry>,
}

/// The controller's surroundings.
pub(crate) struct Surroundings<'a> {
    pub(crate) rng: &'a mut StdRng,
    pub(crate) kv: &'a mut Kv,
    pub(crate) checks: &'a mut Checks,
    pub(crate) faults: &'a Faults,
    pub(crate) faulted: &'a mut Faulted,
    pub(crate) now: u64,
}

/// Points at which the controller is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Killed {
    BeforeStored,
    AfterStored,
}

// === impl Control ===

impl Control {
    /// The controller's clock.
    pub(crate) fn clock(&self, now: u64) -> Timestamp {
        Timestamp::from_millis(i64::try_from(now).unwrap_or(i64::MAX).saturating_add(self.clock_off))
    }

    /// True time of the next alarm.
    pub(crate) fn rings_at(&self) -> Option<u64> {
        self.alarm.map(|at| at.as_millis().saturating_sub(self.clock_off).max(0).unsigned_abs())
    }

    /// Runs a transaction, stores it and performs its effects. `None` if the controller is killed before it responds.
    pub(crate) fn transaction<T>(
        &mut self,
        around: &mut Surroundings<'_>,
        act: impl FnOnce(&mut Controller, Timestamp) -> (T, Vec<Effect>),
    ) -> Option<T> {
        let at = self.clock(around.now);
        let killed =
            around.is_killed().then(|| if around.rng.random() { Killed::BeforeStored } else { Killed::AfterStored });
        let stored = (killed == Some(Killed::BeforeStored)).then(|| self.live.clone());
        let (answer, effects) = act(&mut self.live, at);
        let effects = self.claimed(effects, at);
        if let Some(stored) = stored {
            self.live = stored;
            self.reload(around);
            return None;
        }
        self.store(around);
        if killed.is_some() {
            self.reload(around);
            return None;
        }
        self.perform(effects, around);
        Some(answer)
    }

    /// Handles an alarm.
    pub(crate) fn handle_alarm(
        &mut self,
        around: &mut Surroundings<'_>,
        act: impl FnOnce(&mut Controller, Timestamp) -> Vec<Effect>,
    ) {
        self.alarm = None;
        if self.transaction(around, |controller, at| ((), act(controller, at))).is_none() {
            let again = Timestamp::from_millis(self.clock(around.now).as_millis() + ALARM_RETRY_MS);
            self.alarm = Some(self.alarm.map_or(again, |at| at.min(again)));
        }
    }

    /// Performs effects. Writes to KV are claimed first; other effects are performed in order.
    fn claimed(&mut self, effects: Vec<Effect>, at: Timestamp) -> Vec<Effect> {
        let is_delivered = |effect: &Effect| matches!(effect, Effect::WriteState(_));
        let mut to_do: Vec<Effect> = effects.into_iter().filter(|effect| !is_delivered(effect)).collect();
        to_do.extend(self.live.claim_write(at).map(Effect::WriteState));
        to_do
    }

    /// Stores the changes of a transaction and its alarm atomically, as the platform does.
    fn store(&mut self, around: &mut Surroundings<'_>) {
        let at = self.clock(around.now);
        around.checks.stored(&self.live, at);
        self.alarm = self.live.next_alarm(at);
    }

    fn perform(&mut self, effects: Vec<Effect>, around: &mut Surroundings<'_>) {
        let mut to_do = VecDeque::from(effects);
        while let Some(effect) = to_do.pop_front() {
            let killed = around.is_killed().then(|| around.rng.random::<bool>());
            if killed == Some(false) {
                return self.reload(around);
            }
            let at = self.clock(around.now);
            let Some(receipt) = self.perform_one(effect, around) else { continue };
            if killed.is_some() {
                return self.reload(around);
            }
            let more = match receipt {
                Receipt::Written { generation } => {
                    self.live.written(generation, true, at);
                    Vec::new()
                }
                Receipt::Halted { .. } | Receipt::Audited { .. } | Receipt::Notified { .. } => {
                    self.live.done(receipt, at)
                }
            };
            let more = self.claimed(more, at);
            to_do.extend(more);
            self.store(around);
        }
    }

    fn perform_one(&mut self, effect: Effect, around: &mut Surroundings<'_>) -> Option<Receipt> {
        Some(match effect {
            // The alarm is set with the stored state, and an analysis runs within the transaction.
            Effect::SetAlarm(_) | Effect::TakeLook(_) => return None,
            // The overlay is derived from the stored state.
            Effect::SetHalt(halt) => Receipt::Halted { epoch: halt.epoch },
            Effect::WriteState(write) => {
                if around.rng.random_bool(around.faults.kv_failing) {
                    around.faulted.kv += 1;
                    self.live.written(write.generation, false, self.clock(around.now));
                    self.store(around);
                    return None;
                }
                around.kv.write(&write, around.now, around.rng);
                around.checks.written(self.clock(around.now));
                Receipt::Written { generation: write.generation }
            }
            Effect::Audit(row) => {
                let seq = row.seq;
                self.audit.entry(seq).or_insert(row);
                Receipt::Audited { seq }
            }
            Effect::Notify(notice) => Receipt::Notified { seq: notice.seq },
        })
    }

    /// Restarts the controller from its stored documents.
    fn reload(&mut self, around: &mut Surroundings<'_>) {
        around.faulted.killed += 1;
        let mut next = self.live.clone();
        next.state = through_json(&self.live.state, around);
        next.analysis = through_json(&self.live.analysis, around);
        next.metrics = through_json(&self.live.metrics, around);
        next.outbox = through_json(&self.live.outbox, around);
        next.switches = through_json(&self.live.switches, around);
        next.known = KnownVisitors {
            scope: through_json(&self.live.known.scope, around),
            failed: through_json(&self.live.known.failed, around),
            slow: through_json(&self.live.known.slow, around),
            seen: through_json(&self.live.known.seen, around),
            worse: through_json(&self.live.known.worse, around),
            slower: through_json(&self.live.known.slower, around),
        };
        self.live = next;
    }
}

// === impl Surroundings ===

impl Surroundings<'_> {
    fn is_killed(&mut self) -> bool {
        self.faults.killed > 0.0 && self.rng.random_bool(self.faults.killed)
    }
}

/// Stores and reloads a value.
pub(crate) fn through_json<T: Serialize + DeserializeOwned + Clone + PartialEq>(
    value: &T,
    around: &mut Surroundings<'_>,
) -> T {
    let read = serde_json::to_string(value).and_then(|text| serde_json::from_str::<T>(&text));
    let is_same = read.as_ref().is_ok_and(|read| read == value);
    around.checks.hold(Invariant::ReloadsIdentically, is_same, || match &read {
        Ok(_) => format!("{} changed in storage", std::any::type_name::<T>()),
        Err(error) => format!("{} cannot be read: {error}", std::any::type_name::<T>()),
    });
    read.unwrap_or_else(|_| value.clone())
}
