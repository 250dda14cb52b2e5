//! Messages of isolates and shards, one a line. No counts are added twice, whatever their values are, and the controller keeps working and
//! can be restarted.

use core::time::Duration;
use std::collections::BTreeMap;

use serin_logic::analysis::Health;
use serin_logic::controller::{AlarmInputs, Controller};
use serin_logic::telemetry::{Batch, Shard};

use super::{NOW, controller, read, reloaded, restarted, text};

/// Messages of one input.
const MOST: usize = 8;

/// Parses each line as a message to a shard and to a controller.
pub fn check(input: &[u8]) {
    let text = text(input);
    let mut shard = Shard::default();
    let mut controller = controller();
    let mut now = NOW;
    for line in text.lines().take(MOST) {
        let Ok(batch) = read::<Batch>(line) else { continue };
        let written = serde_json::to_string(&batch).unwrap();
        assert_eq!(read::<Batch>(&written).unwrap(), batch);

        let overlay = controller.report(&batch, now);
        let (controller_after, shard_once) = (controller.clone(), shard_after(&mut shard, &batch, now));
        controller.report(&batch, now);
        assert_eq!(parts(&controller), parts(&controller_after), "a message counts once");
        shard.ingest(&batch, now);
        assert_eq!(shard, shard_once, "a message counts once");
        let report = shard.report("FRA", now);
        shard.acknowledge(report.seq, overlay);
        controller.report(&report, now);

        now = now.after(Duration::from_secs(5));
        let before = controller.state.epoch();
        let _ = controller.alarm(
            AlarmInputs { document: None, health: Health::Unknown, version: None, utc_offset: |_, _| None },
            now,
        );
        assert!(controller.state.epoch() >= before);
        controller = restarted(&controller);
        let _ = serin_logic::api::RolloutView::new(&controller, now);
    }
    let _ = reloaded(&shard);
}

fn shard_after(shard: &mut Shard, batch: &Batch, now: serin_logic::Timestamp) -> Shard {
    shard.ingest(batch, now);
    shard.clone()
}

fn parts(controller: &Controller) -> BTreeMap<&'static str, String> {
    let Controller { state, analysis, metrics, switches, outbox, known } = controller;
    BTreeMap::from([
        ("state", serde_json::to_string(state).unwrap()),
        ("analysis", serde_json::to_string(analysis).unwrap()),
        ("metrics", serde_json::to_string(metrics).unwrap()),
        ("switches", serde_json::to_string(switches).unwrap()),
        ("outbox", serde_json::to_string(outbox).unwrap()),
        ("known", serde_json::to_string(&known.failed).unwrap()),
    ])
}
