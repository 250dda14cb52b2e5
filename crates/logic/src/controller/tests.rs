//! The controller in a simulated world: a report every five seconds, an alarm after each, and every effect performed.

use core::time::Duration;

use super::{AlarmInputs, Controller};
use crate::analysis::{Health, PerVariant};
use crate::percentage::Percentage;
use crate::policy::Switch;
use crate::rollout::{AuditEntry, Command, CommandRequest, Effect, PhaseKind, Plan, PublishedState, Receipt, Start};
use crate::telemetry::{Batch, Sample, VariantSample};
use crate::timestamp::Timestamp;
use crate::variant::Variant;
use crate::visitors::{Entry, Marks, Network, VisitorSketch};

mod checks;
mod outlook;

const TICK_MS: i64 = 5_000;

struct World {
    controller: Controller,
    now: Timestamp,
    seq: u64,
    visitor: u32,
    document: Option<PublishedState>,
    audit: Vec<AuditEntry>,
    /// Whether KV refuses writes.
    writes_fail: bool,
}

impl World {
    fn new() -> Self {
        let now = Timestamp::from_seconds(1_800_000_000);
        let (controller, document, audit) = (Controller::default(), None, Vec::new());
        Self { controller, now, seq: 0, visitor: 0, document, audit, writes_fail: false }
    }

    fn execute(&mut self, command: Command) {
        let order = CommandRequest { command, actor: "ada".into(), claimed: false, reason: "test".into(), epoch: None };
        let (_, effects) = self.controller.execute(&order, self.now).unwrap();
        self.perform(effects);
    }

    fn start(&mut self, plan: &str) {
        let start = Start { id: "r1".into(), plan: Plan::parse(plan).unwrap(), found: None, reassign: false };
        self.execute(Command::Start(Box::new(start)));
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let receipt = match effect {
                Effect::WriteState(_) if self.writes_fail => continue,
                Effect::WriteState(write) => {
                    self.document = Some(PublishedState {
                        enabled: true,
                        percentage: write.target.percentage,
                        rollout_id: write.rollout_id,
                        generation: Some(write.generation),
                        canary_version: None,
                    });
                    Receipt::Written { generation: write.generation }
                }
                Effect::SetHalt(halt) => Receipt::Halted { epoch: halt.epoch },
                Effect::Audit(row) => {
                    let seq = row.seq;
                    self.audit.push(row);
                    Receipt::Audited { seq }
                }
                Effect::Notify(notice) => Receipt::Notified { seq: notice.seq },
                Effect::SetAlarm(_) | Effect::TakeLook(_) => continue,
            };
            let more = self.controller.done(receipt, self.now);
            self.perform(more);
        }
    }

    /// Lets five seconds pass with `requests` on the canary, of which `failures` visitors fail, and four times as many on stable.
    fn tick(&mut self, requests: u64, failures: u32) {
        self.now = Timestamp::from_millis(self.now.as_millis() + TICK_MS);
        if let Some(observation) = self.controller.state.observation() {
            // Every request is from a new visitor.
            let mut visitors = |many: u64| {
                let mut sketch = VisitorSketch::default();
                for _ in 0..many {
                    self.visitor += 1;
                    sketch.insert(self.visitor);
                }
                sketch
            };
            let mut sample = Sample::new(observation);
            sample.variants = PerVariant::new(
                VariantSample {
                    requests,
                    failures: failures.into(),
                    visits: requests,
                    failed_visits: failures.into(),
                    visitors: visitors(requests),
                    ..VariantSample::default()
                },
                VariantSample {
                    requests: requests * 4,
                    visits: requests * 4,
                    visitors: visitors(requests * 4),
                    ..VariantSample::default()
                },
            );
            for visitor in self.visitor..self.visitor + failures {
                let entry = Entry { variant: Variant::Canary, network: Network::UNKNOWN, marks: Marks::FAILED };
                sample.failed.offer(visitor, entry, 1_000);
            }
            self.seq += 1;
            let report = Batch { from: "FRA".into(), seq: self.seq, sample: Some(sample), ..Batch::default() };
            let overlay = self.controller.report(&report, self.now);
            assert_eq!(overlay, self.controller.report(&report, self.now), "a repeated report counts once");
        }
        // A restart at any time: the stored documents are the whole controller.
        let stored = serde_json::to_string(&self.controller.analysis).unwrap();
        self.controller.analysis = serde_json::from_str(&stored).unwrap();
        let stored = serde_json::to_string(&self.controller.metrics).unwrap();
        self.controller.metrics = serde_json::from_str(&stored).unwrap();
        let inputs = AlarmInputs {
            document: Some(self.document.clone()),
            health: Health::Healthy,
            version: None,
            utc_offset: |_, _| None,
        };
        let effects = self.controller.alarm(inputs, self.now);
        self.perform(effects);
    }

    fn phase(&self) -> PhaseKind {
        self.controller.state.rollout().unwrap().phase.kind()
    }

    fn run(&mut self, ticks: usize, requests: u64, failures: u32) {
        for _ in 0..ticks {
            self.tick(requests, failures);
        }
    }
}

const QUICK: &str =
    r#"{"schedule":"custom","steps":[5,50,100],"hold":"30s","settle":"5s","lookEvery":"10s","bake":"30s"}"#;

#[test]
fn a_good_canary_is_completed_and_the_audit_has_each_step() {
    let mut world = World::new();
    world.start(QUICK);
    world.run(60, 2_000, 0);
    assert_eq!(world.phase(), PhaseKind::Completed);
    let words: Vec<String> =
        world.audit.iter().map(|row| row.action.to_string()).filter(|it| it != "analysed").collect();
    assert_eq!(words, ["started", "stepped", "stepped", "completed"]);
    assert_eq!(world.document.unwrap().percentage, Percentage::FULL);
}

#[test]
fn a_bad_canary_is_rolled_back_within_a_tick_of_the_evidence() {
    let mut world = World::new();
    world.start(QUICK);
    world.run(2, 100, 0);
    world.tick(100, 60);
    assert_eq!(world.phase(), PhaseKind::RolledBack);
    assert!(world.controller.overlay(world.now).rollout.halted);
    assert_eq!(world.document.as_ref().unwrap().percentage, Percentage::ZERO);
    let last = world.audit.last().unwrap();
    assert!(last.reason.starts_with("The canary fails more often than stable"), "{}", last.reason);
    let look = world.controller.analysis.last_look().unwrap();
    assert_eq!(look.sentence, last.reason);
}

#[test]
fn a_late_report_after_a_rollback_changes_nothing() {
    let mut world = World::new();
    world.start(QUICK);
    let observation = world.controller.state.observation();
    world.tick(100, 60);
    world.tick(100, 60);
    assert_eq!(world.phase(), PhaseKind::RolledBack);
    let before = world.controller.clone();
    let report = Batch { from: "late".into(), seq: 1, sample: observation.map(Sample::new), ..Batch::default() };
    assert!(world.controller.report(&report, world.now).rollout.halted);
    assert_eq!((world.controller.state, world.controller.analysis), (before.state, before.analysis));
}

#[test]
fn no_step_is_taken_while_kv_refuses_the_state() {
    let mut world = World::new();
    world.writes_fail = true;
    world.start(QUICK);
    world.run(60, 2_000, 0);
    assert_eq!(world.controller.state.summary().step, 1);
    world.writes_fail = false;
    world.run(60, 2_000, 0);
    assert_eq!(world.phase(), PhaseKind::Completed);
}

#[test]
fn without_traffic_the_rollout_waits() {
    let mut world = World::new();
    world.start(QUICK);
    world.run(120, 0, 0);
    assert_eq!((world.phase(), world.controller.state.summary().step), (PhaseKind::Progressing, 1));
    assert!(world.controller.analysis.last_look().unwrap().sentence.contains("visitors"));
}

#[test]
fn a_hand_edited_document_pauses_the_rollout_and_is_left_alone() {
    let mut world = World::new();
    world.start(QUICK);
    world.run(2, 100, 0);
    let edited = world.document.as_mut().unwrap();
    edited.percentage = Percentage::percent(1);
    let edited = world.document.clone();
    world.run(30, 100, 0);
    assert_eq!(world.phase(), PhaseKind::Paused);
    assert_eq!(world.document, edited);
    assert_eq!(world.controller.state.share(), Percentage::percent(1));
}

#[test]
fn a_switch_is_a_new_revision_and_so_is_a_transition() {
    let mut world = World::new();
    let mut revisions = vec![world.controller.overlay(world.now).revision];
    world.controller.switches.order(Switch::DisableCanary, Some("1".into()), None, world.now);
    revisions.push(world.controller.overlay(world.now).revision);
    world.start(QUICK);
    revisions.push(world.controller.overlay(world.now).revision);
    world.execute(Command::Halt);
    revisions.push(world.controller.overlay(world.now).revision);
    assert!(revisions.is_sorted_by(|one, other| one < other), "{revisions:?}");
}

#[test]
fn alarms_come_for_each_tick_while_a_rollout_is_observed() {
    let mut world = World::new();
    assert_eq!(world.controller.next_alarm(world.now), None);
    world.start(QUICK);
    let next = world.controller.next_alarm(world.now).unwrap();
    assert!(next.since(world.now).as_millis() <= 5_000, "{next}");
    world.execute(Command::Abort { rollout: None });
    assert_eq!(world.controller.next_alarm(world.now), None);
}

#[test]
fn after_the_clock_went_back_a_rollout_goes_on() {
    let mut world = World::new();
    world.start(QUICK);
    world.run(3, 100, 0);
    world.now = world.now.before(Duration::from_hours(1));
    assert_eq!(world.controller.next_alarm(world.now), Some(world.now));
    world.run(400, 100, 0);
    assert_eq!(world.phase(), PhaseKind::Completed);
}

#[test]
fn an_order_on_a_switch_is_written_until_kv_takes_it() {
    let mut world = World::new();
    let (controller, now) = (&mut world.controller, world.now);
    let (already, write) = controller.order_switch(Switch::Maintenance, Some("1".into()), None, now);
    assert_eq!((already, write.value.as_deref()), (false, Some("1")));
    assert_eq!(controller.claim_switch(now), None, "the caller has it");
    assert!(controller.next_alarm(now).is_some_and(|at| at > now));
    controller.switch_written(&write, false, now);
    assert_eq!(controller.trouble(now).as_deref(), Some("ops:maintenance could not be written to KV yet"));
    let later = now.after(Duration::from_secs(2));
    assert_eq!(controller.next_alarm(now), Some(later));
    assert_eq!(controller.claim_switch(later), Some(write.clone()));
    controller.switch_written(&write, true, later);
    assert_eq!(
        (controller.claim_switch(later), controller.trouble(later), controller.next_alarm(later)),
        (None, None, None)
    );
    let written_at = controller.overlay(later).orders.get(Switch::Maintenance).unwrap().written_at;
    assert_eq!(written_at, Some(later));
}

#[test]
fn shares_are_in_the_overlay_until_kv_has_them_everywhere() {
    let mut world = World::new();
    world.start(r#"{"schedule":"custom","steps":[5,100],"hold":"1h","settle":"5s","lookEvery":"10s"}"#);
    assert!(world.controller.overlay(world.now).rollout.target.is_some());
    world.run(23, 100, 0);
    assert!(world.controller.overlay(world.now).rollout.target.is_some());
    world.run(2, 100, 0);
    let overlay = world.controller.overlay(world.now);
    assert_eq!(overlay.rollout.target, None, "an edit of KV counts at once");
    assert!(overlay.rollout.observation.is_some());
}

#[test]
fn a_refused_write_is_tried_again_after_a_pause_by_one_caller_at_a_time() {
    let mut world = World::new();
    world.writes_fail = true;
    world.start(QUICK);
    let World { controller, now, .. } = &mut world;
    let write = controller.claim_write(*now).unwrap();
    assert_eq!(controller.claim_write(*now), None, "another caller holds the lease");
    assert!(controller.next_alarm(*now).unwrap() > *now);
    controller.written(write.generation, false, *now);
    assert!(controller.trouble(*now).unwrap().contains("KV"));
    assert_eq!(controller.claim_write(*now), None);
    let again = controller.next_alarm(*now).unwrap();
    assert_eq!(again.since(*now).as_secs(), 2);
    assert_eq!(controller.claim_write(again), Some(write.clone()));
    controller.written(write.generation, true, again);
    assert_eq!((controller.claim_write(again), controller.trouble(again)), (None, None));
}

#[test]
fn a_notification_is_sent_once_and_dropped_in_the_end() {
    let mut controller = Controller::default();
    let mut now = Timestamp::from_seconds(1_800_000_000);
    let row = |seq| super::QueuedMessage { seq, body: "{}".into() };
    controller.outbox.push(row(1));
    let first = controller.claim_message(now).unwrap();
    assert_eq!(controller.claim_message(now), None);
    controller.notified(first.seq, true, now);
    assert_eq!(controller.claim_message(now), None);
    controller.outbox.push(row(2));
    let mut tries = 0;
    while let Some(message) = controller.unsent_message().cloned() {
        now = controller.next_alarm(now).unwrap();
        assert_eq!(controller.claim_message(now).as_ref(), Some(&message));
        controller.notified(message.seq, false, now);
        tries += 1;
    }
    assert_eq!((tries, controller.next_alarm(now)), (24, None));
    for seq in 0..200 {
        controller.outbox.push(row(seq));
    }
    let kept: Vec<u64> = controller.outbox.messages.iter().map(|message| message.seq).collect();
    assert!(kept.into_iter().eq(100..200), "a receiver that does not answer costs no memory without end");
}

#[test]
fn looks_go_on_during_a_pause_and_after_it_and_a_halt_ends_the_row() {
    let plan = r#"{"schedule":"custom","steps":[5,100],"hold":"1h","settle":"5s","lookEvery":"10s","onFail":"hold"}"#;
    let mut world = World::new();
    world.start(plan);
    let counted = |world: &World| {
        let look = world.controller.analysis.last_look().unwrap().at;
        (look, world.controller.analysis.figures().unwrap().canary.counts.requests())
    };
    let failures = |world: &World| world.controller.state.rollout().unwrap().counters.failures;
    world.run(20, 40, 0);
    for command in [Command::Pause, Command::Resume] {
        let before = counted(&world);
        world.execute(command);
        world.run(20, 40, 0);
        let after = counted(&world);
        assert!(after.0 > before.0 && after.1 == before.1 + 800, "{before:?} {after:?}");
    }
    world.run(20, 40, 20);
    assert_eq!((world.phase(), failures(&world) > 3), (PhaseKind::Paused, true));
    world.execute(Command::Halt);
    assert_eq!(failures(&world), 0, "a halted canary is not analysed, so no row of analyses continues");
}
