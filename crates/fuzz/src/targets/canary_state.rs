//! `canary-state`: an invalid document is rejected whole and changes nothing; a valid one is in force.

use core::time::Duration;

use serin_logic::Variant;
use serin_logic::policy::CanaryState;
use serin_logic::rollout::WriteState;
use serin_logic::routing::{Outcome, Reason, decide};
use serin_logic::snapshot::Snapshot;

use super::{GOOD, KEY, NOW, SETUP, are_lines, check_error, document, good, text, visitors};

/// Parses the input as `canary-state`.
pub fn check(input: &[u8]) {
    let text = text(input);
    let later = NOW.after(Duration::from_secs(5));
    let parsed = CanaryState::parse(KEY, &text);
    for before in [Snapshot::default(), good()] {
        let (after, notices) = before.apply_kv_values(KEY, document(Some(&text)), later);
        are_lines(&notices);
        match &parsed {
            Err(error) => {
                check_error(error);
                assert_eq!(after.rejected(), Some(error));
                for visitor in visitors().iter() {
                    let decision = decide(&after, &SETUP, visitor, later);
                    assert_eq!(
                        decision,
                        decide(&before, &SETUP, visitor, later),
                        "an invalid document changed the snapshot"
                    );
                }
            }
            Ok(state) => {
                assert!(after.rejected().is_none());
                visitors().iter().for_each(|visitor| obeys(state, &after, visitor));
            }
        }
    }
    rewritten(&text, parsed.is_ok());
}

fn obeys(state: &CanaryState, snapshot: &Snapshot, visitor: &serin_logic::api::ExplainQuery) {
    let later = NOW.after(Duration::from_secs(5));
    let decision = decide(snapshot, &SETUP, visitor, later);
    assert_eq!(decision, decide(snapshot, &SETUP, visitor, later), "a decision is a function");
    if !state.enabled {
        assert_eq!((decision.outcome, decision.reason), (Outcome::Serve(Variant::Stable), Reason::Disabled));
    } else if decision.reason == Reason::Percentage {
        let is_canary = decision.outcome == Outcome::Serve(Variant::Canary);
        assert!(!is_canary || state.percentage.thousandths() > 0, "a visitor is on a canary of 0 %");
        assert!(is_canary || state.percentage.thousandths() < 100_000, "a visitor is not on a canary of 100 %");
    }
}

/// Checks that the controller's write keeps a valid document valid, and that writing again changes nothing.
fn rewritten(text: &str, was_valid: bool) {
    let write = r#"{"generation":8,"rolloutId":"r2","percentage":5,"updatedAt":1800000000000,"updatedBy":"ada"}"#;
    let write: WriteState = serde_json::from_str(write).unwrap();
    let Ok(written) = write.document(KEY, Some(text)) else {
        assert!(!was_valid, "a valid document is not overwritten");
        return;
    };
    assert_eq!(write.document(KEY, Some(&written)).unwrap(), written, "a second write changes nothing");
    let parsed = CanaryState::parse(KEY, &written);
    if was_valid {
        let state = parsed.expect("a write over a valid document is valid");
        assert_eq!((state.enabled, state.percentage.thousandths(), state.rollout_id.as_str()), (true, 5_000, "r2"));
        assert!(CanaryState::parse(KEY, GOOD).is_ok());
    }
}
