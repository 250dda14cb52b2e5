//! The surroundings of the state machine: a clock, a KV, an audit log, and a controller that performs the effects.

use std::collections::BTreeMap;

use super::*;
use crate::analysis::HeldFor;
use crate::percentage::Percentage;
use crate::span::Span;
use crate::timestamp::Timestamp;

mod commands;
mod crash;
mod documented;
mod edited;
mod frozen;
mod mirrored;
mod properties;
mod stories;
mod transitions;
mod windows;

const STANDARD: &str = r#"{"schedule":"standard"}"#;

/// A controller with everything around it, which may be killed once.
struct World {
    state: State,
    now: Timestamp,
    alarm: Option<Timestamp>,
    kv: Option<PublishedState>,
    halted: bool,
    audit: BTreeMap<u64, AuditEntry>,
    notifications: BTreeMap<u64, Notification>,
    /// Offset of the time zone that plans name.
    offset: UtcOffset,
    /// Finding of every analysis.
    finding: Finding,
    /// Effects that were begun.
    begun: usize,
    /// Number of the effect that kills the controller, and the kind of fault.
    fault: Option<(usize, Fault)>,
    killed: bool,
}

/// Fate of the effect during which the controller was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NotPerformed,
    PerformedButReportedFailed,
}

fn pass() -> Finding {
    Finding::Pass { sentence: "0 of 400 requests failed.".into() }
}

fn fail(strong: bool) -> Finding {
    Finding::Fail { strong, sentence: "40 of 400 requests failed.".into() }
}

fn unsure() -> Finding {
    Finding::Inconclusive { held_for: HeldFor::Evidence, sentence: "Stable itself has trouble.".into() }
}

fn waiting() -> Finding {
    Finding::Inconclusive { held_for: HeldFor::Traffic, sentence: "3 of 20 requests.".into() }
}

fn diverted() -> Finding {
    Finding::Inconclusive { held_for: HeldFor::Breakers, sentence: "A breaker kept visitors from the canary.".into() }
}

fn error() -> Finding {
    Finding::Error { sentence: "Shard did not answer.".into() }
}

fn request(command: Command) -> CommandRequest {
    CommandRequest { command, actor: "ada".into(), claimed: false, reason: "because".into(), epoch: None }
}

fn start_of(id: &str, plan: &str) -> Command {
    Command::Start(Box::new(Start { id: id.into(), plan: Plan::parse(plan).unwrap(), found: None, reassign: false }))
}

impl World {
    fn new() -> Self {
        Self {
            state: State::default(),
            now: Timestamp::from_millis(1_000_000),
            alarm: None,
            kv: None,
            halted: false,
            audit: BTreeMap::new(),
            notifications: BTreeMap::new(),
            offset: |_, _| Some(0),
            finding: pass(),
            begun: 0,
            fault: None,
            killed: false,
        }
    }

    /// A world in which rollout `r1` of this plan has just started.
    fn started(plan: &str) -> Self {
        let mut world = Self::new();
        world.execute(start_of("r1", plan)).unwrap();
        world
    }

    fn execute(&mut self, command: Command) -> Result<bool, CommandError> {
        let outcome = execute(&self.state, &request(command), self.now)?;
        self.take(outcome.step);
        self.wake();
        Ok(outcome.already)
    }

    fn event(&mut self, event: Event) {
        let step = step(&self.state, event, self.now);
        self.take(step);
    }

    /// Saves the state, as JSON, and performs the effects.
    fn take(&mut self, step: Step) {
        let json = serde_json::to_string(&step.next).unwrap();
        self.state = serde_json::from_str(&json).unwrap();
        assert_eq!(self.state, step.next, "the state must reload as it was");
        self.perform(step.effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if self.killed {
                return;
            }
            let index = self.begun;
            self.begun += 1;
            let fault = self.fault.filter(|(at, _)| *at == index).map(|(_, fault)| fault);
            let receipt = if fault == Some(Fault::NotPerformed) { None } else { self.do_it(effect) };
            match (fault, receipt) {
                (Some(_), _) => self.killed = true,
                (None, Some(receipt)) => self.event(Event::Done(receipt)),
                (None, None) => {}
            }
        }
    }

    /// A controller that was killed starts again, with nothing but its storage.
    fn wake(&mut self) {
        if std::mem::take(&mut self.killed) {
            self.perform(pending(&self.state, self.now));
        }
    }

    fn do_it(&mut self, effect: Effect) -> Option<Receipt> {
        match effect {
            Effect::SetAlarm(at) => self.alarm = Some(at),
            Effect::SetHalt(halt) => {
                self.halted = halt.on;
                return Some(Receipt::Halted { epoch: halt.epoch });
            }
            Effect::WriteState(write) => {
                self.kv = Some(PublishedState {
                    enabled: true,
                    percentage: write.target.percentage,
                    rollout_id: write.rollout_id,
                    generation: Some(write.generation),
                    // A write keeps the fields that it does not set.
                    canary_version: self.kv.as_ref().and_then(|document| document.canary_version.clone()),
                });
                return Some(Receipt::Written { generation: write.generation });
            }
            Effect::Audit(entry) => {
                let seq = entry.seq;
                let twin = self.audit.insert(seq, entry.clone());
                assert!(twin.is_none_or(|twin| twin == entry), "a number stands for one row");
                return Some(Receipt::Audited { seq });
            }
            Effect::Notify(notification) => {
                let seq = notification.seq;
                self.notifications.insert(seq, notification);
                return Some(Receipt::Notified { seq });
            }
            Effect::TakeLook(observation) => {
                let (finding, frozen_until) = (self.finding.clone(), self.frozen_until());
                self.event(Event::Look(Look { observation, finding, frozen_until }));
            }
        }
        None
    }

    /// Advances the clock to the next alarm and fires it.
    fn ring(&mut self) {
        if let Some(at) = self.alarm.take() {
            self.now = self.now.max(at);
            self.event(Event::Alarm);
            self.wake();
        }
    }

    /// Fires alarms until `span` has passed.
    fn run(&mut self, span: &str) {
        let end = self.now.after(Span::parse(span).unwrap());
        while self.alarm.is_some_and(|at| at <= end) {
            self.ring();
        }
        self.now = end;
    }

    fn look(&mut self, finding: Finding) {
        let Some(observation) = self.state.observation() else { return };
        let frozen_until = self.frozen_until();
        self.event(Event::Look(Look { observation, finding, frozen_until }));
    }

    fn frozen_until(&self) -> Option<Timestamp> {
        let freeze = self.state.rollout()?.plan.freeze()?;
        freeze.end(self.offset, self.now).unwrap()
    }

    fn says(&self) -> String {
        self.state.summary().to_string()
    }

    /// The canary's percentage in KV, in whole percents.
    fn kv(&self) -> u32 {
        self.kv.as_ref().unwrap().percentage.thousandths() / 1_000
    }

    fn notified(&self) -> Vec<Action> {
        self.notifications.values().map(|notification| notification.action).collect()
    }

    fn last_row(&self) -> String {
        self.audit.values().last().unwrap().to_string()
    }
}
