//! The policy as one isolate knows it: the values in KV as they were last read, and the controller's overlay.
//!
//! The switches stay as they were last read, however long ago. The `canary-state` document must have been readable within
//! `MAX_STALE_SECONDS`, or the canary is off, because its operators could no longer stop it.

use core::time::Duration;
use std::rc::Rc;

use crate::document::{InvalidDocument, parse_object};
use crate::log_event::LogEvent;
use crate::percentage::Percentage;
use crate::policy::rules::RuleNumber;
use crate::policy::switches::Setting;
use crate::policy::{CanaryState, Switch, Switches};
use crate::rollout::{Observation, Overlay};
use crate::timestamp::Timestamp;

/// The values of the policy's keys in KV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvValues {
    /// The value of the `canary-state` key.
    pub canary_state: Option<String>,
    /// The values of the switches, in the order of `Switch::ALL`.
    pub switches: [Option<String>; Switch::ALL.len()],
}

// === impl KvValues ===

impl KvValues {
    /// The value of a switch.
    pub fn value(&self, switch: Switch) -> Option<&str> {
        self.switches.get(switch.position())?.as_deref()
    }
}

/// The policy as one isolate knows it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    policy: Policy,
    /// The policy with the overlay's percentages, where the overlay is newer.
    patched: Option<Rc<CanaryState>>,
    /// The requests that are observed, while the policy and the overlay agree on the split.
    observation_window: Option<ObservationWindow>,
    overlay: Rc<Overlay>,
    /// The switches of KV and the overlay together.
    switches: Switches,
    switches_in_kv: Switches,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservationWindow {
    /// The observation that the outcomes count for.
    pub observation: Rc<Observation>,
    /// The rule whose requests are observed. Without a rule, the requests that no rule matches are.
    pub ring: Option<RuleNumber>,
    /// The percentage of the observed requests whose response bodies are watched to their end.
    pub watch_bodies: Percentage,
}

/// The last good policy.
#[derive(Clone, Debug, Default)]
enum Policy {
    #[default]
    NeverRead,
    Absent,
    Known(Rc<CanaryState>),
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
            (_, Some(read_at)) if now.since(read_at) > max_stale => PolicyFreshness::Stale,
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

    /// Whether the rollout is the same as in `before`, so that the breaker's knowledge of the canary still holds.
    pub fn continues(&self, before: &Self) -> bool {
        let running =
            |snapshot: &Self| snapshot.last_good().filter(|state| state.enabled).map(|state| state.rollout_id.clone());
        running(self) == running(before)
    }

    /// The snapshot after a read of KV, and the events to log. `key` is the document's name in errors.
    pub fn apply_kv_values(&self, key: &str, values: KvValues, now: Timestamp) -> (Self, Vec<LogEvent>) {
        let mut events = Vec::new();
        let mut next = Self { read_at: Some(now), unreadable: None, ..self.clone() };
        if self.unreadable.is_some() {
            events.push(LogEvent::PolicyRecovered);
        }
        next.switches_in_kv = Switches::read(|switch| values.value(switch));
        next.read_state(key, values.canary_state, now, &mut events);
        next.combine(key, self, now, &mut events);
        (next, events)
    }

    /// The snapshot with a newer overlay, and the events to log. An overlay older than the present one changes nothing.
    pub fn apply_overlay(&self, key: &str, overlay: Overlay, now: Timestamp) -> (Self, Vec<LogEvent>) {
        let mut events = Vec::new();
        let mut next = self.clone();
        if overlay.revision >= self.overlay.revision && overlay != *self.overlay {
            next.overlay = Rc::new(overlay);
            next.combine(key, self, now, &mut events);
        }
        (next, events)
    }

    /// The snapshot after a failed read of KV, and the event to log. The values stay as they are and age.
    pub fn record_read_error(&self, error: String) -> (Self, Option<LogEvent>) {
        let event = self.unreadable.is_none().then(|| LogEvent::PolicyUnreadable { error: error.clone() });
        (Self { unreadable: Some(error), ..self.clone() }, event)
    }

    /// Combines the values in KV with the overlay.
    fn combine(&mut self, key: &str, before: &Self, now: Timestamp, events: &mut Vec<LogEvent>) {
        let overlay = self.overlay.clone();
        self.switches =
            self.switches_in_kv.or(|switch| Setting::parse(overlay.switches.get(switch.key()).map(String::as_str)));
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
