//! The time zone that a plan names, from the database that jiff carries. The Worker uses the database of its runtime.

use jiff::tz::TimeZone;
use serin_logic::Timestamp;

/// UTC offset of a zone at a time, in minutes; `None` if the zone does not exist.
pub fn utc_offset(zone: &str, at: Timestamp) -> Option<i32> {
    let moment = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(TimeZone::get(zone).ok()?.to_offset(moment).seconds() / 60)
}
