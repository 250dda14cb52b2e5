//! Rows in the storage of the controller and of the shards, as another version may have written them. The first line names the row. An
//! unreadable row is an error for its reader; with a readable row the controller keeps working.

use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serin_logic::Timestamp;
use serin_logic::analysis::Health;
use serin_logic::controller::{
    AlarmInputs, AnalysisRunner, Controller, MetricsBuffer, Outbox, SwitchOverrides, documents,
};
use serin_logic::policy::Switch;
use serin_logic::rollout::{Command, CommandRequest, State};
use serin_logic::telemetry::{Batch, Deduplicator, Shard};

use super::{NOW, controller, line, read, reloaded, text};

/// Reads the input as the name of a row and its body.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (row, body) = line(&text);
    match row {
        documents::STATE => check_row(body, |state: State| Controller { state, ..Controller::default() }),
        documents::ANALYSIS => check_row(body, |analysis: AnalysisRunner| Controller { analysis, ..controller() }),
        documents::METRICS => check_row(body, |metrics: MetricsBuffer| Controller { metrics, ..controller() }),
        documents::SWITCHES => check_row(body, |switches: SwitchOverrides| Controller { switches, ..controller() }),
        documents::OUTBOX => check_row(body, |outbox: Outbox| Controller { outbox, ..controller() }),
        "shard" => {
            let Some(mut shard) = stored::<Shard>(body) else { return };
            let report = shard.report("FRA", NOW);
            shard.ingest(
                &Batch { from: "a".into(), seq: u64::MAX, sample: report.sample.clone(), ..Batch::default() },
                NOW,
            );
            shard.acknowledge(report.seq, shard.overlay().unwrap_or_default());
            let _ = reloaded(&shard);
        }
        "deduplicator" => {
            let Some(mut messages) = stored::<Deduplicator>(body) else { return };
            let _ = messages.accept("a", 7, NOW);
            assert!(!messages.accept("a", 7, NOW), "a message is accepted once");
        }
        _ => {}
    }
}

/// Parses a row and checks that it reads back unchanged.
fn stored<T: Serialize + DeserializeOwned>(body: &str) -> Option<T> {
    read::<T>(body).ok().inspect(|row| drop(reloaded(row)))
}

/// Executes every command and some alarms, each on the stored row.
fn check_row<T: Serialize + DeserializeOwned>(body: &str, into: impl FnOnce(T) -> Controller) {
    let Some(row) = stored(body) else { return };
    let stored = into(row);
    let commands = [
        Command::Pause,
        Command::Resume,
        Command::Promote,
        Command::PromoteFull,
        Command::Halt,
        Command::ResumeCanary { percentage: None },
        Command::Undo,
        Command::Abort { rollout: None },
    ];
    for command in commands {
        let mut controller = stored.clone();
        let request =
            CommandRequest { command, actor: "ada".into(), claimed: false, reason: "calm".into(), epoch: None };
        let _ = controller.execute(&request, NOW);
        check_controller(&mut controller, NOW.after(Duration::from_secs(1)));
    }
    let mut controller = stored;
    for now in [NOW, NOW.after(Duration::from_secs(70)), Timestamp::default(), Timestamp::from_millis(i64::MAX)] {
        check_controller(&mut controller, now);
    }
}

fn check_controller(controller: &mut Controller, now: Timestamp) {
    let before = controller.state.epoch();
    let _ = controller.wants(now);
    let _ = controller.alarm(
        AlarmInputs { document: Some(None), health: Health::Unhealthy, version: None, utc_offset: |_, _| Some(120) },
        now,
    );
    controller.switches.order(Switch::Maintenance, Some("1".into()), None, now);
    assert!(controller.state.epoch() >= before, "epochs only grow");
    let _ = (controller.overlay(now), controller.trouble(now), controller.next_alarm(now));
    let _ = (controller.claim_write(now), controller.claim_message(now));
    controller.written(1, false, now);
    controller.notified(1, false, now);
    let _ = serin_logic::api::RolloutView::new(controller, now);
    let _ = super::restarted(controller);
}
