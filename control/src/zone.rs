//! What time it is elsewhere: the one place that asks the runtime's time zone database.

use serin_logic::rollout::Timestamp;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/zone.js")]
extern "C" {
    #[wasm_bindgen(js_name = utcOffset)]
    fn offset(zone: &str, at: f64) -> Option<i32>;
}

/// Minutes that a zone is ahead of UTC at a moment; none: no such zone.
pub(crate) fn utc_offset(zone: &str, at: Timestamp) -> Option<i32> {
    #[expect(clippy::cast_precision_loss, reason = "a time of day in ms is far below 2^53")]
    offset(zone, at.ms() as f64)
}
