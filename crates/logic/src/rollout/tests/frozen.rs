//! The stored form, byte for byte. A controller that is deployed during a rollout reads the state of the version before, so a change that
//! makes one of these tests fail loses that rollout, unless the old form is still read.

use super::*;

const PLAN: &str = r#"{"steps":[{"percentage":50,"where":{"country":["NZ"]}},2.5,100],"hold":"10m"}"#;

/// A state in which as much as possible is set: killed during a rollback, after a hand edit and a command.
fn crowded() -> State {
    let mut world = World::new();
    let found = PublishedState {
        enabled: false,
        percentage: Percentage::ZERO,
        rollout_id: "r0".into(),
        generation: Some(7),
        canary_version: None,
    };
    let plan = Plan::parse(PLAN).unwrap();
    world
        .execute(Command::Start(Box::new(Start { id: "r1".into(), plan, found: Some(found), reassign: false })))
        .unwrap();
    world.run("3m");
    world.execute(Command::Pause).unwrap();
    let observation = world.state.observation().unwrap();
    step(&world.state, Event::Look(Look { observation, finding: fail(true), frozen_until: None }), world.now).next
}

#[test]
fn the_state_is_frozen() {
    let stored = include_str!("state.json").trim_end();
    assert_eq!(serde_json::to_string(&crowded()).unwrap(), stored, "a deployed controller would lose its rollout");
    assert_eq!(serde_json::from_str::<State>(stored).unwrap(), crowded());
}

#[test]
fn the_state_before_the_first_rollout_is_frozen() {
    assert_eq!(
        serde_json::to_string(&State::default()).unwrap(),
        concat!(
            r#"{"epoch":0,"generation":0,"seq":0,"halted":null,"rollout":null,"past":[],"recent":[],"lastCommand":null,"#,
            r#""outbox":{"halt":null,"write":null,"audit":[],"notifications":[]}}"#
        ),
        "a deployed controller would lose its rollout"
    );
}

#[test]
fn fields_of_a_newer_version_are_ignored() {
    let newer = include_str!("state.json").replacen('{', r#"{"fromTheFuture":1,"#, 1);
    assert_eq!(serde_json::from_str::<State>(&newer).unwrap(), crowded(), "or nobody could go back to an older Serin");
}

#[test]
fn phases_are_frozen() {
    let at = Timestamp::from_millis(7);
    let (actor, reason) = (String::from("ada"), String::from("because"));
    for (phase, json) in [
        (Phase::Progressing { step: 0, since: at }, r#"{"phase":"progressing","step":0,"since":7}"#),
        (
            Phase::Paused {
                step: 1,
                held: Span::from_millis(5),
                at,
                kind: PauseKind::HandEdited,
                actor: actor.clone(),
                reason: reason.clone(),
            },
            r#"{"phase":"paused","step":1,"held":5,"at":7,"kind":"hand-edited","actor":"ada","reason":"because"}"#,
        ),
        (Phase::Baking { since: at }, r#"{"phase":"baking","since":7}"#),
        (Phase::Completed { at }, r#"{"phase":"completed","at":7}"#),
        (
            Phase::RolledBack {
                step: 1,
                at,
                kind: RollbackKind::Ceiling,
                actor: actor.clone(),
                reason: reason.clone(),
            },
            r#"{"phase":"rolled-back","step":1,"at":7,"kind":"ceiling","actor":"ada","reason":"because"}"#,
        ),
        (
            Phase::Aborted { step: 1, at, actor, reason },
            r#"{"phase":"aborted","step":1,"at":7,"actor":"ada","reason":"because"}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&phase).unwrap(), json, "a rollout in this phase would be lost");
        assert_eq!(serde_json::from_str::<Phase>(json).unwrap(), phase);
    }
}

#[test]
fn a_stored_phase_without_its_fields_is_refused() {
    let said = |json| serde_json::from_str::<Phase>(json).unwrap_err().to_string();
    assert_eq!(said(r#"{"phase":"baking","step":3,"at":7}"#), "missing field `since`");
    assert_eq!(said(r#"{"phase":"rolled-back","step":3,"at":7}"#), "missing field `kind`");
    assert!(
        said(r#"{"phase":"paused","step":1,"held":5,"at":7,"kind":"evidence"}"#)
            .starts_with("unknown variant `evidence`")
    );
}

#[test]
fn names_in_interfaces_are_frozen() {
    let pauses = [
        PauseKind::Operator,
        PauseKind::Approval,
        PauseKind::Inconclusive,
        PauseKind::Failed,
        PauseKind::HandEdited,
        PauseKind::Halted,
        PauseKind::RollbackUndone,
    ];
    assert_eq!(
        serde_json::to_string(&pauses).unwrap(),
        r#"["operator","approval","inconclusive","failed","hand-edited","halted","rollback-undone"]"#,
        "stored pauses and dashboards use these words"
    );
    let whats = [
        Action::Started,
        Action::Stepped,
        Action::Promoted,
        Action::Paused,
        Action::Resumed,
        Action::Completed,
        Action::RolledBack,
        Action::Aborted,
        Action::Undone,
        Action::Halted,
        Action::CanaryResumed,
        Action::HandEdited,
        Action::Late,
        Action::Looked,
        Action::LookFailed,
    ];
    assert_eq!(
        serde_json::to_string(&whats).unwrap(),
        concat!(
            r#"["started","stepped","promoted","paused","resumed","completed","rolled-back","aborted","undone","halted","#,
            r#""canary-resumed","hand-edited","late","looked","look-failed"]"#
        ),
        "webhooks and stored audit rows use these words"
    );
    let rollbacks = [RollbackKind::Evidence, RollbackKind::Ceiling, RollbackKind::Undone];
    assert_eq!(
        serde_json::to_string(&rollbacks).unwrap(),
        r#"["evidence","ceiling","undone"]"#,
        "stored rollbacks use these words"
    );
}

#[test]
fn the_overlay_is_frozen() {
    let world = World::started(r#"{"schedule":"fast"}"#);
    assert_eq!(
        serde_json::to_string(&world.state.desired_state()).unwrap(),
        concat!(
            r#"{"epoch":1,"halted":false,"generation":1,"rolloutId":"r1","target":{"percentage":10},"#,
            r#""observation":{"rolloutId":"r1","attempt":0,"step":0},"ring":null,"share":10,"watchBodies":5}"#
        ),
        "isolates of the version before read this while a new one is being deployed"
    );
}
