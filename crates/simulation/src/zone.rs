//! The time zone that a plan names, from the database that jiff carries. The Worker asks its runtime.

use jiff::tz::TimeZone;
use serin_logic::Timestamp;

/// Minutes that a zone is ahead of UTC at a moment; none: no such zone.
pub fn utc_offset(zone: &str, at: Timestamp) -> Option<i32> {
    let moment = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(TimeZone::get(zone).ok()?.to_offset(moment).seconds() / 60)
}
