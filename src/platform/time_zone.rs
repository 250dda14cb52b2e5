//! Time zones: the one place that asks the runtime's time zone database, which the runtime keeps up to date.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, Date, Object, Reflect};
use serin_logic::Timestamp;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Own bindings, because those of `js_sys` do not catch: an unknown zone throws, and so does a time beyond the calendar.
    #[wasm_bindgen(js_namespace = Intl)]
    type DateTimeFormat;

    #[wasm_bindgen(constructor, catch, js_namespace = Intl)]
    fn new(locale: &str, options: &Object) -> Result<DateTimeFormat, JsValue>;

    #[wasm_bindgen(method, catch, js_name = formatToParts)]
    fn format_to_parts(this: &DateTimeFormat, at: &Date) -> Result<Array, JsValue>;
}

thread_local! {
    /// Formats by zone: making one takes a while, and a rollout asks for the same zone again and again.
    static FORMATS: RefCell<HashMap<String, DateTimeFormat>> = RefCell::default();
}

/// The minutes that a zone is ahead of UTC at a time. `None` where there is no such zone.
pub(crate) fn utc_offset(zone: &str, at: Timestamp) -> Option<i32> {
    FORMATS.with_borrow_mut(|formats| {
        if !formats.contains_key(zone) {
            formats.insert(zone.to_owned(), format(zone).ok()?);
        }
        offset_name(formats.get(zone)?, at).and_then(|name| serin_logic::utc_offset::parse(&name))
    })
}

fn format(zone: &str) -> Result<DateTimeFormat, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"timeZone".into(), &zone.into())?;
    Reflect::set(&options, &"timeZoneName".into(), &"longOffset".into())?;
    DateTimeFormat::new("en-US", &options)
}

/// The name of the zone's offset, such as `GMT+05:30`.
fn offset_name(format: &DateTimeFormat, at: Timestamp) -> Option<String> {
    let parts = format.format_to_parts(&Date::new(&(at.as_millis() as f64).into())).ok()?;
    let field = |part: &JsValue, name: &str| Reflect::get(part, &name.into()).ok()?.as_string();
    let part = parts.iter().find(|part| field(part, "type").as_deref() == Some("timeZoneName"))?;
    field(&part, "value")
}
