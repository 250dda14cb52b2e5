//! A turn of the controller: load, act, settle, store, set the alarm; without waiting for anything in between, so that no other event
//! comes in and the platform stores all of it or nothing.

use serin_logic::Timestamp;
use serin_logic::api::rollout_row;
use serin_logic::controller::Controller;
use serin_logic::json;
use serin_logic::rollout::{Effect, Notice, Receipt, WriteState, pending};
use serin_runtime::clock;
use serin_runtime::javascript::ObjectState;
use wasm_bindgen_futures::spawn_local;

use crate::settings::Settings;
use crate::storage::{Fault, Store};

const STATE: &str = "state";
const DESK: &str = "desk";
const INBOX: &str = "inbox";
const SWITCHES: &str = "switches";
const DELIVERIES: &str = "deliveries";

/// What is to be done outside, claimed by this turn.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    pub(crate) write: Option<WriteState>,
    pub(crate) notice: Option<Notice>,
}

/// A turn that has begun.
struct Turn {
    store: Store,
    /// Names of its documents, and their texts as they were stored.
    before: [(&'static str, String); 5],
    controller: Controller,
    /// As it was set.
    alarm: Option<Timestamp>,
    now: Timestamp,
}

/// The controller as it is stored.
pub(crate) fn load(object: &ObjectState) -> Result<Controller, Fault> {
    Turn::begin(object).map(|turn| turn.controller)
}

/// Acts on the controller, and gives what came of it and what is to be done outside.
pub(crate) fn take<T>(
    object: &ObjectState,
    settings: &Settings,
    act: impl FnOnce(&mut Controller, &Store, Timestamp) -> Result<T, Fault>,
) -> Result<(T, Errands), Fault> {
    let mut turn = Turn::begin(object)?;
    let answer = act(&mut turn.controller, &turn.store, turn.now)?;
    Ok((answer, turn.end(object, settings)?))
}

// === impl Turn ===

impl Turn {
    fn begin(object: &ObjectState) -> Result<Self, Fault> {
        let store = Store::open(object)?;
        let (state, state_text) = store.load_with_text(STATE)?;
        let (desk, desk_text) = store.load_with_text(DESK)?;
        let (inbox, inbox_text) = store.load_with_text(INBOX)?;
        let (switches, switches_text) = store.load_with_text(SWITCHES)?;
        let (deliveries, deliveries_text) = store.load_with_text(DELIVERIES)?;
        let controller = Controller { state, desk, inbox, switches, deliveries };
        let before = [
            (STATE, state_text),
            (DESK, desk_text),
            (INBOX, inbox_text),
            (SWITCHES, switches_text),
            (DELIVERIES, deliveries_text),
        ];
        let now = clock::now();
        Ok(Self { store, before, alarm: controller.next_alarm(now), controller, now })
    }

    fn end(mut self, object: &ObjectState, settings: &Settings) -> Result<Errands, Fault> {
        let Self { store, before, controller, alarm: set, now } = &mut self;
        let now = *now;
        settle(controller, store, settings, now)?;
        let errands = Errands { write: controller.claim_write(now), notice: controller.claim_notice(now) };

        let Controller { state, desk, inbox, switches, deliveries } = &*controller;
        let after =
            [json::text(state), json::text(desk), json::text(inbox), json::text(switches), json::text(deliveries)];
        for ((name, before), after) in before.iter().zip(after) {
            if *before != after {
                store.put(name, &after)?;
            }
        }
        let alarm = controller.next_alarm(now);
        // A report moves no date: the alarm that is set stays, unless it should have rung by now.
        if alarm != *set || alarm.is_some_and(|at| at <= now) {
            set_alarm(object, alarm);
        }
        Ok(errands)
    }
}

/// Rings at `at`, or not at all. An alarm that cannot be set is set by the next turn.
pub(crate) fn set_alarm(object: &ObjectState, at: Option<Timestamp>) {
    let storage = object.storage();
    spawn_local(async move {
        let _ = match at {
            #[expect(clippy::cast_precision_loss, reason = "a time of day in ms is far below 2^53")]
            Some(at) => storage.set_alarm(at.as_millis() as f64).await,
            None => storage.delete_alarm().await,
        };
    });
}

/// What needs nobody else is done at once.
fn settle(controller: &mut Controller, store: &Store, settings: &Settings, now: Timestamp) -> Result<(), Fault> {
    for effect in pending(&controller.state, now.into()) {
        let receipt = match effect {
            Effect::Audit(row) => {
                store.append(Some(row.seq), &rollout_row(&row))?;
                Receipt::Audited { seq: row.seq }
            }
            // The overlay is made of what is stored.
            Effect::SetHalt(halt) => Receipt::Halted { epoch: halt.epoch },
            Effect::Notify(notice) if settings.webhook_url.is_none() => Receipt::Notified { seq: notice.seq },
            Effect::Notify(_) | Effect::WriteState(_) | Effect::SetAlarm(_) | Effect::TakeLook(_) => continue,
        };
        let _ = controller.done(receipt, now);
    }
    Ok(())
}
