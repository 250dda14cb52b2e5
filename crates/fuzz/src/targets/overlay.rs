//! The overlay for isolates: an invalid overlay is refused with its field, a halt holds, and a written overlay reads back unchanged.

use serin_logic::Variant;
use serin_logic::api::ExplainQuery;
use serin_logic::policy::CanaryState;
use serin_logic::rollout::Overlay;
use serin_logic::routing::{Outcome, Reason, decide};

use super::{KEY, NOW, SETUP, are_lines, check_error, good, text, visitors};

/// Parses the input as a shard's response.
pub fn check(input: &[u8]) {
    let text = text(input);
    let overlay = match Overlay::parse(&text) {
        Ok(Some(overlay)) => overlay,
        Ok(None) => return,
        Err(error) => return check_error(&error),
    };
    let written = serde_json::to_string(&overlay).unwrap();
    assert_eq!(Overlay::parse(&written), Ok(Some(overlay.clone())), "{written}");
    assert_eq!(serde_json::from_str::<Overlay>(&written).unwrap(), overlay, "{written}");

    let (snapshot, notices) = good().apply_overlay(KEY, overlay.clone(), NOW);
    are_lines(&notices);
    for visitor in visitors().iter() {
        let decision = decide(&snapshot, &SETUP, visitor, NOW);
        if overlay.rollout.halted && matches!(decision.outcome, Outcome::Serve(_)) {
            assert_eq!((decision.outcome, decision.reason), (Outcome::Serve(Variant::Stable), Reason::Halted));
        }
        assert!(decision.observed.is_none() || !overlay.rollout.halted, "a halted canary is not observed");
    }
    // A disabled document outranks every overlay.
    let off = r#"{"enabled":false,"percentage":50}"#;
    assert!(CanaryState::parse(KEY, off).is_ok());
    let (disabled, _) = snapshot.apply_kv_values(KEY, super::document(Some(off)), NOW);
    let is_canary =
        |visitor: &ExplainQuery| decide(&disabled, &SETUP, visitor, NOW).outcome == Outcome::Serve(Variant::Canary);
    assert!(!visitors().iter().any(is_canary), "an overlay enabled a disabled canary");
}
