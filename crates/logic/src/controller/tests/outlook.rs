//! The headline and what a rollout waits for, through a rollout's life.

use core::time::Duration;

use super::World;
use crate::api::{ApiContext, Awaited, Outlook};
use crate::rollout::Command;
use crate::snapshot::{KvValues, Snapshot};

const PLAN: &str =
    r#"{"schedule":"custom","steps":[5,{"percentage":25,"approval":true},100],"hold":"15m","settle":"1m"}"#;

impl World {
    /// The outlook where KV has this document, and this value of `ops:disable_canary`.
    fn outlook_with(&self, canary_state: &str, disable_canary: Option<&str>) -> Outlook {
        let switches = [None, None, disable_canary.map(str::to_owned)];
        let values = KvValues { canary_state: Some(canary_state.to_owned()), switches };
        let (snapshot, _) = Snapshot::default().apply_kv_values("canary-state", values, self.now);
        let (snapshot, _) = snapshot.apply_overlay("canary-state", self.controller.overlay(self.now), self.now);
        let context = ApiContext::new("1.0.0", &snapshot, Some(&self.controller), Duration::from_mins(5), self.now);
        Outlook::new(&context, self.now)
    }

    pub(super) fn outlook(&self) -> Outlook {
        self.outlook_with(r#"{"enabled": true, "percentage": 5, "rolloutId": "r1", "generation": 1}"#, None)
    }

    pub(super) fn headline(&self) -> (String, Awaited) {
        let Outlook { headline, waits_for } = self.outlook();
        (headline, waits_for.awaited)
    }
}

#[test]
fn before_a_rollout_nothing_is_awaited() {
    let expected = "Canary at 5 %. No rollout is under way.".to_owned();
    assert_eq!(World::new().headline(), (expected, Awaited::Nothing));
    let disabled = World::new().outlook_with(r#"{"enabled": false, "percentage": 5}"#, None);
    assert_eq!(disabled.headline, "Stable serves all visitors: canary-state says enabled: false.");
}

#[test]
fn a_healthy_step_names_the_next_analysis_and_the_next_step() {
    let mut world = World::new();
    world.start(PLAN);
    world.run(2, 40, 0);
    let expected =
        "Canary at 5 %, step 1 of 3, just begun. Next analysis in 50 s, next step in about 15 min.".to_owned();
    assert_eq!(world.headline(), (expected, Awaited::Settle));
    world.run(21, 40, 0);
    let (headline, awaited) = world.headline();
    assert_eq!(awaited, Awaited::Hold);
    assert!(headline.starts_with("Canary at 5 %, step 1 of 3, healthy. Next analysis in "), "{headline}");
    assert!(headline.ends_with(" s, next step in about 13 min."), "{headline}");
    assert!(world.outlook().waits_for.until.is_some());
}

#[test]
fn a_step_with_approval_waits_for_promote() {
    let mut world = World::new();
    world.start(PLAN);
    world.run(12 * 31, 400, 0);
    let (headline, awaited) = world.headline();
    assert_eq!(awaited, Awaited::Approval, "{headline}");
    assert_eq!(
        headline,
        "Canary at 25 %, step 2 of 3: waits for an operator to approve the next step with `serin promote`."
    );
}

#[test]
fn missing_traffic_is_counted_and_its_end_estimated() {
    let mut world = World::new();
    world.start(PLAN);
    world.run(24, 0, 0);
    world.run(1, 4, 0);
    world.run(24, 0, 0);
    let Outlook { headline, waits_for } = world.outlook();
    assert_eq!(waits_for.awaited, Awaited::Traffic, "{headline}");
    let traffic = waits_for.traffic.unwrap();
    assert_eq!((traffic.have, traffic.needed), (4, Some(20)));
    assert!(traffic.per_minute.is_some_and(|rate| (0.5..2.5).contains(&rate)), "{traffic:?}");
    assert!(headline.contains("Waiting for traffic: 4 of 20 on the canary, about "), "{headline}");
    assert!(headline.ends_with(" min at the present rate."), "{headline}");
}

#[test]
fn what_stops_the_canary_is_said_instead() {
    let mut world = World::new();
    world.start(PLAN);
    world.run(24, 40, 0);
    let on = r#"{"enabled": true, "percentage": 5, "rolloutId": "r1", "generation": 1}"#;
    let Outlook { headline, waits_for } = world.outlook_with(on, Some("1"));
    assert_eq!(waits_for.awaited, Awaited::Switch);
    assert!(headline.starts_with("Stable serves all visitors: ops:disable_canary is on."), "{headline}");
    world.execute(Command::Halt);
    let (headline, awaited) = world.headline();
    assert_eq!(awaited, Awaited::Halt);
    assert!(headline.starts_with("Stable serves all visitors: ada halted the canary at "), "{headline}");
    world.execute(Command::Abort { rollout: None });
    let (headline, awaited) = world.headline();
    assert_eq!(awaited, Awaited::Nothing);
    assert!(
        headline.starts_with("Aborted at ") && headline.ends_with("by ada: test. Stable serves all visitors."),
        "{headline}"
    );
}

#[test]
fn a_rollback_says_why() {
    let mut world = World::new();
    world.start(PLAN);
    world.run(12, 40, 0);
    world.run(12, 40, 30);
    let (headline, awaited) = world.headline();
    assert_eq!(awaited, Awaited::Nothing);
    assert!(headline.starts_with("Rolled back at ") && headline.contains("visitors failed"), "{headline}");
    assert!(headline.ends_with("Stable serves all visitors."), "{headline}");
}
