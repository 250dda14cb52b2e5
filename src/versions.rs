//! Requests to a version of stable's Worker, and the version that its answers state.

use serin_logic::Variant;
use serin_logic::version::{OVERRIDES_HEADER, VersionCheck, VersionOverrides};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};
use worker::worker_sys;

use crate::config::Config;
use crate::outcome::Outcome;
use crate::proxy;

/// What a variant's `/health` answered.
pub(crate) struct Probe {
    pub(crate) status: u16,
    /// The version that the answer states.
    pub(crate) stated: Option<String>,
    /// Whether it is the one that was asked for; none where the variants are two Workers.
    pub(crate) check: Option<VersionCheck>,
}

/// A copy of a request that carries an override. The copy takes the body along, and `request` stays as it was otherwise, so that a second
/// attempt goes without it.
pub(crate) fn with_override(request: &Request, value: &str) -> Result<Request, JsValue> {
    let copy = Request::new_with_request(request)?;
    copy.headers().set(OVERRIDES_HEADER, value)?;
    Ok(copy)
}

/// The version that a response states in the header of this name.
fn stated(response: &Response, header: &str) -> Option<String> {
    response.headers().get(header).ok().flatten()
}

/// Whether a response is of the version that a variant is; none without a response, and where the variants are two Workers.
pub(crate) fn check(
    overrides: Option<&VersionOverrides>,
    variant: Variant,
    outcome: &Outcome,
    config: &Config,
) -> Option<VersionCheck> {
    let (overrides, Outcome::Response(response)) = (overrides?, outcome) else { return None };
    Some(overrides.check(variant, stated(response, &config.version_header).as_deref()))
}

/// Asks a variant for its health, by its binding and with its override. The body of the answer is not read.
pub(crate) async fn probe(
    binding: &worker_sys::Fetcher,
    url: &str,
    variant: Variant,
    overrides: Option<&VersionOverrides>,
    header: &str,
) -> Result<Probe, JsValue> {
    let mut request = Request::new_with_str(url)?;
    if let Some(value) = overrides.and_then(|overrides| overrides.header(variant)) {
        request = with_override(&request, value)?;
    }
    let response: Response = JsFuture::from(binding.fetch(&request)?).await?.unchecked_into();
    proxy::discard(&response);
    let stated = stated(&response, header);
    let check = overrides.map(|overrides| overrides.check(variant, stated.as_deref()));
    Ok(Probe { status: response.status(), stated, check })
}
