//! Cloudflare Access in front of the control API: verifies who is behind a request, by the keys of the team.

use core::time::Duration;
use std::cell::RefCell;

use serin_logic::access::{self, AccessApplication, AccessError, Assertion, KeyCache, PublicKey};
use serin_logic::problem::Problem;
use web_sys::Request;
use worker::{Fetch, Method};

use crate::platform::{clock, exception, log, signature, timeout};

/// Timeout of the team's keys.
const LIMIT: Duration = Duration::from_secs(3);

/// The application whose assertions count, and its team's keys, which stay in memory between requests.
pub(crate) struct AccessVerifier {
    application: Result<Option<AccessApplication>, String>,
    keys: RefCell<KeyCache>,
}

// === impl AccessVerifier ===

impl AccessVerifier {
    pub(crate) fn new(application: Result<Option<AccessApplication>, String>) -> Self {
        Self { application, keys: RefCell::default() }
    }

    /// The verified identity behind a request; `None` where Access is not configured.
    pub(crate) async fn identify(&self, request: &Request) -> Result<Option<String>, Problem> {
        let Some(application) = self.application.as_ref().map_err(|message| Problem::no_access(message))? else {
            return Ok(None);
        };
        let refused = |error| Problem::no_identity(&error);
        let token = request.headers().get(access::HEADER).ok().flatten();
        let assertion = Assertion::parse(&token.ok_or_else(|| refused(AccessError::Missing))?).map_err(refused)?;
        let key = self.key(application, assertion.key_id()).await?;
        let key = key.ok_or_else(|| refused(AccessError::UnknownKey))?;
        let is_genuine = signature::verify_rs256(&key, assertion.signature(), assertion.signed()).await;
        let unusable = |error| Problem::unreachable(&application.keys_url(), &exception::text(&error));
        if !is_genuine.map_err(unusable)? {
            return Err(refused(AccessError::Signature));
        }
        assertion.identity(application, clock::now()).map(Some).map_err(refused)
    }

    /// The key with this id, if the team has one.
    async fn key(&self, application: &AccessApplication, key_id: &str) -> Result<Option<PublicKey>, Problem> {
        let now = clock::now();
        if self.keys.borrow().needs_refresh(key_id, now) {
            let url = application.keys_url();
            match timeout::attempt(LIMIT, fetch_keys(&url)).await {
                Ok(keys) => self.keys.borrow_mut().replace(keys, clock::now()),
                Err(error) if self.keys.borrow().find(key_id, now).is_some() => log::control_trouble("Access", error),
                Err(error) => return Err(Problem::unreachable(&url, &error)),
            }
        }
        Ok(self.keys.borrow().find(key_id, clock::now()).cloned())
    }
}

async fn fetch_keys(url: &str) -> Result<Vec<PublicKey>, String> {
    let answer = async {
        let mut response = Fetch::Request(worker::Request::new(url, Method::Get)?).send().await?;
        Ok::<_, worker::Error>((response.status_code(), response.text().await?))
    };
    match answer.await.map_err(|error| error.to_string())? {
        (200, text) => access::parse_keys(&text).map_err(|error| error.to_string()),
        (status, _) => Err(format!("answered {status}")),
    }
}
