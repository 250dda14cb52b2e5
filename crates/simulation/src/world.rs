//! The event loop: runs the next event at its time. Time is a number, and one generator gives all random numbers.

/// Copies of requests, while a step mirrors.
mod copies;
/// Outsiders beside the site.
mod outsiders;
/// Events in order of time.
mod queue;
/// Requests: decision, answer, count.
mod requests;
/// Messages: flushes, reports and their answers.
mod telemetry;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serin_logic::Span;
use serin_logic::Timestamp;
use serin_logic::analysis::Health;
use serin_logic::controller::{AlarmInputs, CheckAnswer};
use serin_logic::rollout::{Command, CommandRequest, PhaseKind, Start};
use serin_logic::telemetry::Shard;

use crate::control::{Control, Surroundings};
use crate::edge::{COOKIE, Isolate};
use crate::invariants::Checks;
use crate::kv::Kv;
use crate::outcome::{End, Faulted, Messages, Outcome};
use crate::scenario::{Faults, Scenario};
use crate::traffic::Visitors;
use crate::zone::utc_offset;
use outsiders::Identities;
use queue::{Event, Queue};
use requests::Tolls;

/// Start of the simulated time: an arbitrary time with round digits.
const START_MS: u64 = 1_800_000_000_000;

/// Time for which a finished rollout is observed further, because delayed messages arrive later. KV takes a minute.
const AFTERMATH_MS: u64 = 150_000;

/// Time for messages in flight to arrive after traffic stops, besides the scenario's delays.
const DRAIN_MS: u64 = 60_000;

/// Actor of the rollout.
const OPERATOR: &str = "operator";

/// State of a run.
struct World<'a> {
    scenario: &'a Scenario,
    /// Faults that are still active.
    faults: Faults,
    rng: StdRng,
    /// True time, ms since the epoch.
    now: u64,
    queue: Queue,
    visitors: Visitors,
    identities: Vec<Identities>,
    isolates: Vec<Isolate>,
    shards: Vec<Shard>,
    /// Whether a shard's alarm is set.
    shard_wakes: Vec<bool>,
    kv: Kv,
    control: Control,
    /// The alarm in the queue: number and time.
    alarm: (u64, Option<u64>),
    checks: Checks,
    messages: Messages,
    faulted: Faulted,
    tolls: Tolls,
    /// Time of the next request, after the start.
    next_request_ms: f64,
    /// Time at which the rollout ended.
    over_at: Option<u64>,
    /// Whether traffic has stopped. Messages in flight still arrive.
    draining: bool,
}

/// Simulates one rollout.
pub fn simulate(scenario: &Scenario, seed: u64) -> Outcome {
    let mut world = World::new(scenario, seed);
    world.start(seed);
    world.run();
    world.outcome(seed)
}

// === impl World ===

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (edge, faults) = (&scenario.edge, &scenario.faults);
        let document = format!(r#"{{"enabled":true,"percentage":0,"stickiness":["cookie:{COOKIE}"]}}"#);
        let visitors = Visitors::new(&scenario.traffic, &rollout_id(seed), edge.locations, &mut rng);
        let isolate = |slot: u32| Isolate::new(slot % edge.locations, 0, format!("{slot}.0"));
        Self {
            faults: faults.clone(),
            now: START_MS,
            queue: Queue::default(),
            visitors,
            identities: scenario
                .outsiders
                .iter()
                .enumerate()
                .map(|(number, it)| Identities::new(number, it, seed))
                .collect(),
            isolates: (0..edge.locations * edge.isolates).map(isolate).collect(),
            shards: vec![Shard::default(); edge.locations as usize],
            shard_wakes: vec![false; edge.locations as usize],
            kv: Kv::new(&document, edge.locations + 1, faults.kv_delay.as_millis()),
            control: Control::default(),
            alarm: (0, None),
            checks: Checks::new(seed, START_MS),
            messages: Messages::default(),
            faulted: Faulted::default(),
            tolls: Tolls::new(START_MS + scenario.onset().map_or(0, Span::as_millis)),
            next_request_ms: 0.0,
            over_at: None,
            draining: false,
            rng,
            scenario,
        }
    }

    /// Sends the start command until the controller executes it, and schedules the first events.
    fn start(&mut self, seed: u64) {
        for slot in 0..self.isolates.len() {
            self.wake(slot);
        }
        self.schedule_clock_jump();
        let reader = self.scenario.edge.locations;
        let found = self.kv.document(reader, self.now);
        let start = Start { id: rollout_id(seed), plan: self.scenario.plan.clone(), found, reassign: false };
        let command = Command::Start(Box::new(start));
        let request =
            CommandRequest { command, actor: OPERATOR.into(), claimed: false, reason: "simulated".into(), epoch: None };
        let mut taken = false;
        while !taken {
            let (control, mut around) = self.parts();
            taken = control
                .transaction(&mut around, |controller, now| match controller.execute(&request, now) {
                    Ok((_, effects)) => ((), effects),
                    Err(_) => ((), Vec::new()),
                })
                .is_some();
        }
        self.schedule_alarm();
        self.next_request();
        (0..self.identities.len()).for_each(|number| self.next_outsider(number));
    }

    fn run(&mut self) {
        let limit = START_MS + self.scenario.limit.as_millis();
        let mut until = limit;
        while let Some((at, event)) = self.queue.pop_until(until) {
            self.now = at.max(self.now);
            self.checks.now = self.now;
            self.handle(event);
            if self.over_at.is_none() && self.phase().is_some_and(PhaseKind::is_over) {
                self.over_at = Some(self.now);
                until = self.now + AFTERMATH_MS + self.scenario.faults.late_by.as_millis();
            }
        }
        self.now = until;
        self.drain();
    }

    /// Stops traffic. Messages in flight arrive and are counted.
    fn drain(&mut self) {
        self.draining = true;
        let Faults { late_by, alarm_late_by, clock_jump, .. } = self.scenario.faults;
        // The last messages must arrive before the sums are compared.
        self.faults = Faults { late_by, ..Faults::default() };
        for slot in 0..self.isolates.len() {
            let Some(life) = self.isolates.get(slot).map(|isolate| isolate.life) else { continue };
            self.queue.push(self.now, Event::Refresh { slot, life });
        }
        let mut until = self.now + DRAIN_MS + 2 * late_by.as_millis() + 2 * alarm_late_by.as_millis();
        if self.checks.clock_jumped {
            // An alarm that was set before the clock was set back fires only when the clock reaches that time again.
            until += 2 * clock_jump.as_millis();
        }
        while let Some((at, event)) = self.queue.pop_until(until) {
            self.now = at.max(self.now);
            self.checks.now = self.now;
            self.handle(event);
        }
        // Counts that an isolate has not flushed are lost when it is recycled.
        if self.faulted.recycled == 0 {
            self.checks.counted(&self.control.live);
        }
        self.checks.audited(&self.control.audit, &self.control.live.state.summary());
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Request => self.request(),
            Event::Outsider { number } => self.outsider(number),
            Event::Answered(answered) => self.answered(&answered),
            Event::CopyDue(copied) => self.copy_due(copied),
            Event::CopyAnswered(copied, place) => self.copy_answered(&copied, place),
            Event::Refresh { slot, life } => self.refresh(slot, life),
            Event::Flushed { slot, life, location, batch } => self.flushed(slot, life, location, &batch),
            Event::FlushAnswered(answer) => self.flush_answered(&answer),
            Event::Reported { location, report, seq, waiting } => self.reported(location, &report, seq, &waiting),
            Event::ReportAnswered { location, seq, overlay, waiting } => {
                self.report_answered(location, seq, &overlay, &waiting);
            }
            Event::ShardWakes { location } => self.shard_wakes(location),
            Event::Alarm { number } => self.handle_alarm(number),
            Event::Recycled { slot, life } => self.recycle(slot, life),
            Event::ClockJumps => self.jump(),
        }
    }

    fn phase(&self) -> Option<PhaseKind> {
        self.control.live.state.summary().phase
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.now).unwrap_or(i64::MAX))
    }

    fn since_start_ms(&self) -> u64 {
        self.now - START_MS
    }

    /// The controller and its surroundings.
    fn parts(&mut self) -> (&mut Control, Surroundings<'_>) {
        let around = Surroundings {
            rng: &mut self.rng,
            kv: &mut self.kv,
            checks: &mut self.checks,
            faults: &self.faults,
            faulted: &mut self.faulted,
            now: self.now,
        };
        (&mut self.control, around)
    }

    // --- the controller's alarm and clock

    /// Handles an alarm. An alarm that was replaced does not fire; number 0 is a duplicate.
    fn handle_alarm(&mut self, number: u64) {
        if number != 0 {
            if number != self.alarm.0 {
                return;
            }
            self.alarm.1 = None;
            if self.rng.random_bool(self.faults.alarm_doubled) {
                self.faulted.alarms += 1;
                let at = self.now + self.rng.random_range(0..1_000);
                self.queue.push(at, Event::Alarm { number: 0 });
            }
        }
        let is_read = !self.rng.random_bool(self.faults.kv_failing);
        self.faulted.kv += u64::from(!is_read);
        let document = is_read.then(|| self.kv.document(self.scenario.edge.locations, self.now));
        let (control, mut around) = self.parts();
        control.handle_alarm(&mut around, |controller, now| {
            let mut effects =
                controller.alarm(AlarmInputs { document, health: Health::Unknown, version: None, utc_offset }, now);
            // A check of the plan is outside of the simulation: it passes.
            if let Some(question) = controller.claim_check(now) {
                let passes = CheckAnswer::read(&question.check, question.check.expect, "");
                effects.extend(controller.checked(&question, passes, now));
            }
            effects
        });
        self.schedule_alarm();
    }

    fn schedule_alarm(&mut self) {
        let rings_at = self.control.rings_at().map(|at| at.max(self.now));
        if rings_at == self.alarm.1 {
            return;
        }
        self.alarm = (self.alarm.0 + 1, rings_at);
        let Some(at) = rings_at else { return };
        let mut late = 0;
        if self.rng.random_bool(self.faults.alarm_late) {
            self.faulted.alarms += 1;
            late = self.rng.random_range(0..=self.faults.alarm_late_by.as_millis());
        }
        self.queue.push(at + late, Event::Alarm { number: self.alarm.0 });
    }

    fn schedule_clock_jump(&mut self) {
        let per_hour = self.scenario.faults.clock_jumps_per_hour;
        if per_hour > 0.0 {
            let wait_ms = exponential_ms(3_600e3 / per_hour, &mut self.rng);
            self.queue.push(self.now + wait_ms, Event::ClockJumps);
        }
    }

    fn jump(&mut self) {
        self.schedule_clock_jump();
        if self.draining {
            return;
        }
        let most = i64::try_from(self.scenario.faults.clock_jump.as_millis()).unwrap_or(i64::MAX);
        self.control.clock_off = self.rng.random_range(-most..=most);
        self.checks.clock_jumped = true;
        self.faulted.clock_jumps += 1;
        self.schedule_alarm();
    }

    fn outcome(self, seed: u64) -> Outcome {
        let state = &self.control.live.state;
        let standing = state.summary();
        let end = match standing.phase {
            Some(PhaseKind::Completed) => End::Promoted,
            Some(PhaseKind::RolledBack | PhaseKind::Aborted) => End::RolledBack,
            Some(PhaseKind::Paused) => End::Paused,
            Some(PhaseKind::Progressing | PhaseKind::Baking) | None => End::Unfinished,
        };
        let figures = self.control.live.analysis.figures();
        let rolled_back_at = self.over_at.filter(|_| end == End::RolledBack);
        let since = |at: u64, from: u64| at.checked_sub(from);
        let onset = self.scenario.onset().map(|_| self.tolls.from);
        let news = self.control.audit.values().rev().find(|row| row.before.phase != row.after.phase);
        Outcome {
            seed,
            end,
            step: standing.step,
            ended_ms: self.over_at.map(|at| at - START_MS),
            detected_ms: rolled_back_at.zip(onset).and_then(|(at, onset)| since(at, onset)),
            canary_requests: self.tolls.requests,
            counted_requests: figures.map_or(0, |figures| figures.canary.counts.requests()),
            failed: self.tolls.failed,
            without_fallback: self.tolls.without_fallback,
            last_canary_ms: rolled_back_at.zip(self.tolls.last_answer).and_then(|(at, last)| since(last, at)),
            alarms: self.control.live.analysis.alarms().len() as u64,
            why: news.map(|row| row.reason.clone()).unwrap_or_default(),
            simulated_ms: self.since_start_ms(),
            messages: self.messages,
            faulted: self.faulted,
            violations: self.checks.violations,
        }
    }
}

fn rollout_id(seed: u64) -> String {
    format!("run-{seed}")
}

/// A random waiting time with the given average in ms.
fn exponential_ms(mean_ms: f64, rng: &mut StdRng) -> u64 {
    let drawn: f64 = rand_distr::Distribution::sample(&rand_distr::Exp1, rng);
    whole_ms(mean_ms * drawn)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a cast saturates, and times are not negative
fn whole_ms(ms: f64) -> u64 {
    ms as u64
}
