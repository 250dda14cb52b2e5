//! The policy as one isolate knows it: the values in KV as they were last read, and the controller's overlay.
//!
//! The switches stay as they were last read, however long ago. The `canary-state` document must have been readable within
//! `MAX_STALE_SECONDS`, or the canary is off, because its operators could no longer stop it.

use core::mem;
use core::time::Duration;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::document::{InvalidDocument, parse_object};
use crate::log_event::LogEvent;
use crate::mirror::MirrorOrder;
use crate::percentage::Percentage;
pub use crate::policy::KvValues;
use crate::policy::rules::RuleNumber;
use crate::policy::switches::Setting;
use crate::policy::{CanaryState, Switch, SwitchOrder, SwitchOrders, Switches};
use crate::rollout::{Observation, Overlay};
use crate::timestamp::Timestamp;

/// Age difference from which another isolate's newer read of KV counts here: as long as a location's cache may answer for KV.
const SHARED_AFTER: Duration = Duration::from_secs(30);

/// Time after which all isolates of a location read from KV what one of them has read.
const LOCATION_AGREES: Duration = Duration::from_mins(1);

/// The policy as one isolate knows it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    policy: Policy,
    /// The policy with the overlay's percentages, where the overlay is newer.
    patched: Option<Rc<CanaryState>>,
    /// The requests that are observed, while the policy and the overlay agree on the split.
    observation_window: Option<ObservationWindow>,
    overlay: Rc<Overlay>,
    /// The switches of KV and of the orders together.
    switches: Switches,
    switches_in_kv: Switches,
    /// When KV was first read with the switch on, since it was last read with the switch off.
    on_in_kv_since: [Option<Timestamp>; Switch::ALL.len()],
    /// The last order on each switch.
    orders: SwitchOrders,
    /// When this isolate heard that its location has confirmed an order that it holds itself.
    confirmed_elsewhere: [Option<Timestamp>; Switch::ALL.len()],
    /// When KV last answered.
    read_at: Option<Timestamp>,
    /// When `canary-state` was last read and valid, or absent.
    policy_read_at: Option<Timestamp>,
    /// Why the document last read is not the one in force.
    rejected: Option<InvalidDocument>,
    /// Why the last read failed.
    unreadable: Option<String>,
    /// The text last read and the text of the policy in force. They show a change without parsing.
    text: Option<Rc<str>>,
    good_text: Option<Rc<str>>,
}

/// The requests whose outcomes are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationWindow {
    /// The observation that the outcomes count for.
    pub observation: Rc<Observation>,
    /// The rule whose requests are observed. Without a rule, the requests that no rule matches are.
    pub ring: Option<RuleNumber>,
    /// The percentage of the observed requests whose response bodies are watched to their end.
    pub watch_bodies: Percentage,
    /// The requests of which the canary gets a copy, while no visitor is on it.
    pub mirror: Option<Rc<MirrorOrder>>,
}

/// The last good policy.
#[derive(Clone, Debug, Default)]
enum Policy {
    #[default]
    NeverRead,
    Absent,
    Known(Rc<CanaryState>),
}

/// Greatest age of the policy with which a request does not wait for a fresh one.
#[derive(Clone, Copy, Debug)]
pub struct AgeLimits {
    /// For a request that writes, because a kill switch must hold.
    pub write: Duration,
    /// For any request.
    pub read: Duration,
}

/// A switch that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchHold {
    /// Source of the switch.
    pub held_by: HeldBy,
    /// When it was ordered through the control API; none where it was turned on in KV by hand.
    pub ordered_at: Option<Timestamp>,
    /// Since when this snapshot knows it: the time of the order, else the time at which KV was first read with it.
    pub since: Option<Timestamp>,
}

/// Source of a switch that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldBy {
    /// The value in KV.
    Kv,
    /// An order that KV has not confirmed yet.
    Controller,
    /// Both.
    Both,
}

/// Whether the policy is fresh enough for a decision.
#[derive(Clone, Copy, Debug)]
pub enum PolicyFreshness<'a> {
    /// Read recently enough.
    Current(&'a CanaryState),
    /// There is no `canary-state` key.
    Absent,
    /// Never read and valid.
    Unknown,
    /// Not readable for too long.
    Stale,
}

// === impl Snapshot ===

impl Snapshot {
    /// Whether the policy is fresh enough for a decision at this moment.
    pub fn freshness(&self, max_stale: Duration, now: Timestamp) -> PolicyFreshness<'_> {
        match (&self.policy, self.policy_read_at) {
            (Policy::NeverRead, _) | (_, None) => PolicyFreshness::Unknown,
            (_, Some(read_at)) if read_at > now || now.since(read_at) > max_stale => PolicyFreshness::Stale,
            (Policy::Absent, _) => PolicyFreshness::Absent,
            (Policy::Known(state), _) => PolicyFreshness::Current(self.patched.as_ref().unwrap_or(state)),
        }
    }

    /// The last good policy, however old, with the overlay's percentages.
    pub fn last_good(&self) -> Option<&CanaryState> {
        self.patched.as_deref().or_else(|| self.written())
    }

    fn written(&self) -> Option<&CanaryState> {
        match &self.policy {
            Policy::Known(state) => Some(state),
            Policy::NeverRead | Policy::Absent => None,
        }
    }

    /// Whether the controller halted the canary.
    pub fn is_halted(&self) -> bool {
        self.overlay.rollout.halted
    }

    /// The requests that are observed, if any.
    pub fn observation_window(&self) -> Option<&ObservationWindow> {
        self.observation_window.as_ref()
    }

    /// The newest overlay.
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// The switches that are on in KV or in the overlay.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// Whether a request has to wait for a fresh policy: it writes and the switches are too old, or the whole policy is. A policy from the
    /// future is too old, because the clock went back. `is_write` is asked where it matters.
    pub fn is_too_old(&self, is_write: impl Fn() -> bool, limits: AgeLimits, now: Timestamp) -> bool {
        let is_older = |limit| self.read_at.is_none_or(|read_at| now.is_due(read_at, limit));
        is_older(limits.read) || (is_older(limits.write) && is_write())
    }

    /// Whether an order, which needs no confirmation by KV, refuses a request.
    pub fn refuses_by_order(&self, is_write: bool, now: Timestamp) -> bool {
        let is_ordered = |switch| self.held(switch).is_some_and(|order| order.setting().is_on(now));
        is_ordered(Switch::Maintenance) || (is_write && is_ordered(Switch::DisableWrites))
    }

    /// Source of a switch, and its time; none while it is off.
    pub fn hold(&self, switch: Switch, now: Timestamp) -> Option<SwitchHold> {
        let order = self.orders.get(switch).filter(|order| order.setting().is_on(now));
        let is_held = order.is_some() && self.held(switch).is_some();
        let held_by = match (self.switches_in_kv.is_on(switch, now), is_held) {
            (true, true) => HeldBy::Both,
            (true, false) => HeldBy::Kv,
            (false, true) => HeldBy::Controller,
            (false, false) => return None,
        };
        let in_kv = self.on_in_kv_since.get(switch.position()).copied().flatten();
        let is_on = self.switches.is_on(switch, now);
        let ordered_at = order.map(|order| order.since);
        is_on.then(|| SwitchHold { held_by, ordered_at, since: ordered_at.or(in_kv) })
    }

    /// The order on a switch that holds here: one that KV has not confirmed, or any while KV was not read.
    fn held(&self, switch: Switch) -> Option<&SwitchOrder> {
        self.orders.get(switch).filter(|order| !order.confirmed || self.read_at.is_none())
    }

    /// When KV last answered.
    pub fn read_at(&self) -> Option<Timestamp> {
        self.read_at
    }

    /// When the policy was last readable.
    pub fn policy_read_at(&self) -> Option<Timestamp> {
        self.policy_read_at
    }

    /// Why the document last read is not in force.
    pub fn rejected(&self) -> Option<&InvalidDocument> {
        self.rejected.as_ref()
    }

    /// Why the last read failed.
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// Whether the rollout and its step are the same as in `before`, so that the breaker's knowledge of the canary still holds. What opened
    /// the breaker before a step was observed is no evidence in that step, so the breaker starts there from the beginning.
    pub fn continues(&self, before: &Self) -> bool {
        let running = |snapshot: &Self| {
            let state = snapshot.last_good().filter(|state| state.enabled);
            state.map(|state| (state.rollout_id.clone(), state.versions.clone()))
        };
        let observed = |snapshot: &Self| snapshot.observation_window.as_ref().map(|window| window.observation.clone());
        let is_next_step = observed(self).is_some() && observed(self) != observed(before);
        running(self) == running(before) && !is_next_step
    }

    /// The snapshot after a read of KV, and the events to log. `key` is the document's name in errors.
    pub fn apply_kv_values(&self, key: &str, values: KvValues, now: Timestamp) -> (Self, Vec<LogEvent>) {
        let mut events = Vec::new();
        let mut next = Self { read_at: Some(now), unreadable: None, ..self.clone() };
        if self.unreadable.is_some() {
            events.push(LogEvent::PolicyRecovered);
        }
        next.switches_in_kv = Switches::read(|switch| values.value(switch));
        for (since, switch) in next.on_in_kv_since.iter_mut().zip(Switch::ALL) {
            *since = next.switches_in_kv.is_on(switch, now).then(|| since.unwrap_or(now));
        }
        next.orders.confirm(|switch| values.value(switch), now);
        for (heard_at, switch) in next.confirmed_elsewhere.iter().zip(Switch::ALL) {
            if let (Some(at), Some(order)) = (heard_at, next.orders.get_mut(switch)) {
                order.confirmed |= now.is_due(*at, LOCATION_AGREES);
            }
        }
        next.read_state(key, values.canary_state, now, &mut events);
        next.combine(key, self, now, &mut events);
        (next, events)
    }

    /// The snapshot with a newer overlay, and the events to log. An overlay older than the present one changes nothing; what the location
    /// has read from KV since this isolate did counts in any case.
    pub fn apply_overlay(&self, key: &str, mut overlay: Overlay, now: Timestamp) -> (Self, Vec<LogEvent>) {
        let reading = overlay.reading.take().filter(|reading| self.is_news(reading.read_at, now));
        let (mut next, mut events) = match reading {
            Some(reading) => {
                let read_at = reading.read_at;
                self.apply_kv_values(key, reading.into_values(), read_at)
            }
            None => (self.clone(), Vec::new()),
        };
        let before = next.clone();
        next.adopt(mem::take(&mut overlay.orders), now);
        if overlay.revision >= self.overlay.revision && overlay != *self.overlay {
            next.overlay = Rc::new(overlay);
        }
        if next.orders != before.orders || !Rc::ptr_eq(&next.overlay, &before.overlay) {
            next.combine(key, &before, now, &mut events);
        }
        (next, events)
    }

    /// Whether another isolate's read of KV counts here, because this isolate has read nothing for long. One from the future does not,
    /// because its clock is wrong.
    fn is_news(&self, read_at: Timestamp, now: Timestamp) -> bool {
        read_at <= now && self.read_at.is_none_or(|known| known > now || read_at.since(known) >= SHARED_AFTER)
    }

    /// Takes over newer orders. A command that applies here keeps applying where the location has confirmed it, because this isolate may
    /// still get the value from before out of another cache.
    fn adopt(&mut self, orders: SwitchOrders, now: Timestamp) {
        for (heard_at, switch) in self.confirmed_elsewhere.iter_mut().zip(Switch::ALL) {
            if let Some(order) = orders.get(switch) {
                let is_held =
                    self.orders.get(switch).is_some_and(|known| known.number == order.number && !known.confirmed);
                *heard_at = if is_held && order.confirmed { heard_at.or(Some(now)) } else { None };
            }
        }
        self.orders.adopt(orders);
    }

    /// The snapshot after a failed read of KV, and the event to log. The values stay as they are and age.
    pub fn record_read_error(&self, error: String) -> (Self, Option<LogEvent>) {
        let event = self.unreadable.is_none().then(|| LogEvent::PolicyUnreadable { error: error.clone() });
        (Self { unreadable: Some(error), ..self.clone() }, event)
    }

    /// Combines the values in KV with the overlay.
    fn combine(&mut self, key: &str, before: &Self, now: Timestamp, events: &mut Vec<LogEvent>) {
        self.switches = self.switches_in_kv.map(|switch, in_kv| match (self.orders.get(switch), self.held(switch)) {
            (_, Some(order)) if order.value.is_none() => Setting::default(),
            (_, Some(order)) => in_kv.or(&order.setting()),
            (Some(_), None) => in_kv.clone(),
            // A controller of an older version knows no orders.
            (None, None) => in_kv.or(&Setting::parse(self.overlay.switches.get(switch.key()).map(String::as_str))),
        });
        for switch in Switch::ALL {
            match (before.switches.is_on(switch, now), self.switches.is_on(switch, now)) {
                (false, true) => events.push(LogEvent::thrown(switch, self.switches.get(switch))),
                (true, false) => events.push(LogEvent::SwitchCleared { switch: switch.key() }),
                (true, true) | (false, false) => {}
            }
        }
        match (before.is_halted(), self.is_halted()) {
            (false, true) => events.push(LogEvent::Halted),
            (true, false) => events.push(LogEvent::HaltLifted),
            (true, true) | (false, false) => {}
        }
        let is_new = !Rc::ptr_eq(&before.overlay, &self.overlay) || before.good_text != self.good_text;
        if is_new {
            self.patched = self.patch(key).map(Rc::new);
            self.observation_window = self.observed();
            if !Rc::ptr_eq(&before.overlay, &self.overlay) {
                events.extend(LogEvent::percentage_changed(before.last_good(), self.last_good()));
            }
        }
    }

    /// The policy in KV with the overlay's percentages, where the overlay is newer. A document with `enabled: false` stops the canary
    /// even where it is older, so that an operator's stop always works.
    fn patch(&self, key: &str) -> Option<CanaryState> {
        let written = self.written().filter(|state| state.enabled)?;
        let patch = self.overlay.rollout.patch()?;
        if patch.generation <= written.metadata.generation.unwrap_or(0) {
            return None;
        }
        let mut document = parse_object(key, self.good_text.as_deref()?).ok()?;
        patch.apply(&mut document);
        CanaryState::read(key, document).ok()
    }

    /// The requests to observe: none where the split differs from the one that the controller's analysis assumes.
    fn observed(&self) -> Option<ObservationWindow> {
        let rollout = &self.overlay.rollout;
        let observation = rollout.observation.as_ref().filter(|_| !rollout.halted)?;
        let state = self.last_good().filter(|state| state.enabled)?;
        let ring = rollout.ring.map(RuleNumber);
        let percentage = match ring {
            Some(ring) => state.rules.percentage_of(ring)?,
            None => state.percentage,
        };
        (percentage == rollout.share).then(|| ObservationWindow {
            observation: Rc::new(observation.clone()),
            ring,
            watch_bodies: rollout.watch_bodies,
            mirror: rollout.mirror.clone().map(Rc::new),
        })
    }

    fn read_state(&mut self, key: &str, text: Option<String>, now: Timestamp, events: &mut Vec<LogEvent>) {
        let Some(text) = text else {
            if !matches!(self.policy, Policy::Absent) {
                events.push(LogEvent::policy_changed(self.written(), None));
            }
            (self.policy, self.policy_read_at, self.rejected) = (Policy::Absent, Some(now), None);
            (self.text, self.good_text) = (None, None);
            return;
        };
        if self.text.as_deref() == Some(&text) {
            if self.rejected.is_none() {
                self.policy_read_at = Some(now);
            }
            return;
        }
        let text: Rc<str> = text.into();
        match CanaryState::parse(key, &text) {
            Ok(state) => {
                if self.good_text.as_ref() != Some(&text) {
                    events.push(LogEvent::policy_changed(self.written(), Some(&state)));
                }
                self.policy = Policy::Known(Rc::new(state));
                self.policy_read_at = Some(now);
                self.rejected = None;
                self.good_text = Some(text.clone());
            }
            Err(error) => {
                events.push(LogEvent::PolicyRejected { field: error.field.clone(), message: error.message.clone() });
                self.rejected = Some(error);
            }
        }
        self.text = Some(text);
    }
}

#[cfg(test)]
mod tests;
