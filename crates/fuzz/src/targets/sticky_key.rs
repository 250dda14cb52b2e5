//! Stickiness and buckets. The first line is a request in the form of `explain`'s query, and the second is the value of `stickiness`.

use serde_json::{Value, json};
use serin_logic::Percentage;
use serin_logic::bucket::{BUCKETS, Bucket};
use serin_logic::policy::CanaryState;
use serin_logic::request_attributes::RequestAttributes;
use serin_logic::sticky_key::StickyKey;
use serin_logic::visitor::{self, VisitorId};

use super::{KEY, check_error, line, request, text};

/// Parses the input as a request and its sticky key.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (query, stickiness) = line(&text);
    let (Some(request), Ok(stickiness)) = (request(query), serde_json::from_str::<Value>(stickiness)) else { return };
    let document = json!({"enabled": true, "percentage": 0, "stickiness": stickiness}).to_string();
    let state = match CanaryState::parse(KEY, &document) {
        Ok(state) => state,
        Err(error) => {
            check_error(&error);
            assert!(error.field.starts_with("stickiness"), "{error}");
            return;
        }
    };
    let key = state.stickiness.key_of(&request);
    assert_eq!(key.as_ref().map(StickyKey::as_str).map(str::to_owned), expected(&stickiness, &request), "{query}");
    let bucket = Bucket::of(query, key.as_ref().map_or("", StickyKey::as_str));
    assert!(bucket.index() < BUCKETS && Percentage::FULL.contains(bucket) && !Percentage::ZERO.contains(bucket));
}

fn expected(stickiness: &Value, request: &impl RequestAttributes) -> Option<String> {
    if let Some(given) = request.given_key() {
        return Some(given.to_owned());
    }
    let ip = || request.header("cf-connecting-ip").map(|ip| ip.to_string());
    let of = |source: &str| match source.split_once(':') {
        Some(("cookie", name)) => request.cookie(name).filter(|value| !value.is_empty()).map(str::to_owned),
        Some(_) => {
            let name = source.strip_prefix("header:").unwrap_or_default().to_ascii_lowercase();
            request.header(&name).filter(|value| !value.is_empty()).map(|value| value.to_string())
        }
        None if source == "ip" => ip(),
        None => match request.cookie(visitor::COOKIE).filter(|value| VisitorId::parse(value).is_some()) {
            Some(id) => Some(id.to_owned()),
            None => ip(),
        },
    };
    let none = vec![json!("visitor")];
    stickiness.as_array().unwrap_or(&none).iter().filter_map(Value::as_str).find_map(of)
}
