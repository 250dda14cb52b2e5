//! The policy as one isolate last read it.
//!
//! Two clocks run apart: the switches are whatever the last successful read said, for ever; the `canary-state` document
//! must have been readable within `MAX_STALE_SECONDS`, or the canary is off (a dead man's switch: its operators could no
//! longer stop it).

use core::time::Duration;
use std::rc::Rc;

use super::amendment::Amendment;
use super::canary_state::CanaryState;
use super::document::{InvalidDocument, parse_object};
use super::overlay::Overlay;
use super::rules::RuleNumber;
use super::switches::{Switch, Switches};
use crate::notice::Notice;
use crate::rollout::Observation;
use crate::timestamp::Timestamp;

/// What KV answered: the value of `canary-state` and of each switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// The value of the `canary-state` key.
    pub canary_state: Option<String>,
    /// The values of the switches, in the order of `Switch::ALL`.
    pub switches: [Option<String>; Switch::ALL.len()],
}

// === impl Documents ===

impl Documents {
    /// The value of a switch.
    #[must_use]
    pub fn value(&self, switch: Switch) -> Option<&str> {
        self.switches.get(switch.position())?.as_deref()
    }
}

/// What an isolate knows of the policy.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    policy: Policy,
    /// What the overlay makes of the policy, where it is newer.
    amended: Option<Rc<CanaryState>>,
    /// What is observed while the policy and the overlay agree on who is.
    watch: Option<Watch>,
    overlay: Rc<Overlay>,
    /// KV's, and the overlay's.
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
    /// The text last read, and that of the policy in force: a change is told without parsing.
    text: Option<Rc<str>>,
    good_text: Option<Rc<str>>,
}

/// Who is observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// What it is for.
    pub observation: Rc<Observation>,
    /// Those whom this rule matches; none: those whom no rule does.
    pub ring: Option<RuleNumber>,
}

/// The last good policy.
#[derive(Clone, Debug, Default)]
enum Policy {
    #[default]
    NeverRead,
    Absent,
    Known(Rc<CanaryState>),
}

/// How the policy stands for a decision.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'a> {
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
    /// How the policy stands at this moment.
    #[must_use]
    pub fn standing(&self, max_stale: Duration, now: Timestamp) -> Standing<'_> {
        match (&self.policy, self.policy_read_at) {
            (Policy::NeverRead, _) | (_, None) => Standing::Unknown,
            (_, Some(read_at)) if now.since(read_at) > max_stale => Standing::Stale,
            (Policy::Absent, _) => Standing::Absent,
            (Policy::Known(state), _) => Standing::Current(self.amended.as_ref().unwrap_or(state)),
        }
    }

    /// The last good policy, however old, with what the overlay changes of it.
    #[must_use]
    pub fn last_good(&self) -> Option<&CanaryState> {
        self.amended.as_deref().or_else(|| self.written())
    }

    fn written(&self) -> Option<&CanaryState> {
        match &self.policy {
            Policy::Known(state) => Some(state),
            Policy::NeverRead | Policy::Absent => None,
        }
    }

    /// Whether the controller halted the canary.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.overlay.rollout.halted
    }

    /// Who is observed, if anybody.
    #[must_use]
    pub fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// The newest overlay that was heard.
    #[must_use]
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// The switches that are on in KV or in the overlay.
    #[must_use]
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// When KV last answered.
    #[must_use]
    pub fn read_at(&self) -> Option<Timestamp> {
        self.read_at
    }

    /// When the policy was last readable.
    #[must_use]
    pub fn policy_read_at(&self) -> Option<Timestamp> {
        self.policy_read_at
    }

    /// Why the document last read is not in force.
    #[must_use]
    pub fn rejected(&self) -> Option<&InvalidDocument> {
        self.rejected.as_ref()
    }

    /// Why the last read failed.
    #[must_use]
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// Whether the same rollout goes on as in `before`: what was learnt of its canary still counts.
    #[must_use]
    pub fn continues(&self, before: &Self) -> bool {
        let dealing =
            |snapshot: &Self| snapshot.last_good().filter(|state| state.enabled).map(|state| state.rollout_id.clone());
        dealing(self) == dealing(before)
    }

    /// The snapshot after KV answered, and what an operator should hear of it. `key` is what errors call the document.
    #[must_use]
    pub fn read(&self, key: &str, documents: Documents, now: Timestamp) -> (Self, Vec<Notice>) {
        let mut notices = Vec::new();
        let mut next = Self { read_at: Some(now), unreadable: None, ..self.clone() };
        if self.unreadable.is_some() {
            notices.push(Notice::PolicyRecovered);
        }
        next.switches_in_kv = Switches::read(|switch| documents.value(switch));
        next.read_state(key, documents.canary_state, now, &mut notices);
        next.settle(key, self, now, &mut notices);
        (next, notices)
    }

    /// The snapshot after the controller was heard, and what an operator should hear of it. An overlay that is older than the one at
    /// hand changes nothing.
    #[must_use]
    pub fn heard(&self, key: &str, overlay: Overlay, now: Timestamp) -> (Self, Vec<Notice>) {
        let mut notices = Vec::new();
        let mut next = self.clone();
        if overlay.revision >= self.overlay.revision && overlay != *self.overlay {
            next.overlay = Rc::new(overlay);
            next.settle(key, self, now, &mut notices);
        }
        (next, notices)
    }

    /// The snapshot after a read failed: everything holds, only it grows older.
    #[must_use]
    pub fn unread(&self, error: String) -> (Self, Option<Notice>) {
        let notice = self.unreadable.is_none().then(|| Notice::PolicyUnreadable { error: error.clone() });
        (Self { unreadable: Some(error), ..self.clone() }, notice)
    }

    /// Makes one of what KV and the overlay say.
    fn settle(&mut self, key: &str, before: &Self, now: Timestamp, notices: &mut Vec<Notice>) {
        let overlay = self.overlay.clone();
        self.switches = self.switches_in_kv.or(|switch| overlay.switch(switch));
        for switch in Switch::ALL {
            match (before.switches.is_on(switch, now), self.switches.is_on(switch, now)) {
                (false, true) => notices.push(Notice::thrown(switch, self.switches.get(switch))),
                (true, false) => notices.push(Notice::SwitchCleared { switch: switch.key() }),
                (true, true) | (false, false) => {}
            }
        }
        match (before.is_halted(), self.is_halted()) {
            (false, true) => notices.push(Notice::Halted),
            (true, false) => notices.push(Notice::HaltLifted),
            (true, true) | (false, false) => {}
        }
        let is_new = !Rc::ptr_eq(&before.overlay, &self.overlay) || before.good_text != self.good_text;
        if is_new {
            self.amended = self.amend(key).map(Rc::new);
            self.watch = self.watched();
            if !Rc::ptr_eq(&before.overlay, &self.overlay) {
                notices.extend(Notice::share_changed(before.last_good(), self.last_good()));
            }
        }
    }

    /// The written policy with the overlay's shares, where these are newer. A document that says `enabled: false` stops the canary
    /// whatever is newer: on wins.
    fn amend(&self, key: &str) -> Option<CanaryState> {
        let written = self.written().filter(|state| state.enabled)?;
        let amendment = Amendment::of(&self.overlay.rollout)?;
        if amendment.generation <= written.notes.generation.unwrap_or(0) {
            return None;
        }
        let mut document = parse_object(key, self.good_text.as_deref()?).ok()?;
        amendment.apply(&mut document);
        CanaryState::read(&document).ok()
    }

    /// Nobody is observed where the split is not the one that the controller reckons with.
    fn watched(&self) -> Option<Watch> {
        let rollout = &self.overlay.rollout;
        let observation = rollout.observation.as_ref().filter(|_| !rollout.halted)?;
        let state = self.last_good().filter(|state| state.enabled)?;
        let ring = rollout.ring.map(RuleNumber);
        let share = match ring {
            Some(ring) => state.rules.share_of(ring)?,
            None => state.percentage,
        };
        (share == rollout.share).then(|| Watch { observation: Rc::new(observation.clone()), ring })
    }

    fn read_state(&mut self, key: &str, text: Option<String>, now: Timestamp, notices: &mut Vec<Notice>) {
        let Some(text) = text else {
            if !matches!(self.policy, Policy::Absent) {
                notices.push(Notice::policy_changed(self.written(), None));
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
                    notices.push(Notice::policy_changed(self.written(), Some(&state)));
                }
                self.policy = Policy::Known(Rc::new(state));
                self.policy_read_at = Some(now);
                self.rejected = None;
                self.good_text = Some(text.clone());
            }
            Err(error) => {
                notices.push(Notice::PolicyRejected { field: error.field.clone(), message: error.message.clone() });
                self.rejected = Some(error);
            }
        }
        self.text = Some(text);
    }
}

#[cfg(test)]
mod tests;
