//! Asks a plan's check by HTTP. Its answer is a finding like those of the analysis, so nothing waits for it: the rollout holds meanwhile.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::controller::{CheckAnswer, CheckQuestion};
use serin_logic::policy::CanaryState;
use worker::{
    AbortController, AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, ResponseBody,
};

use super::outbox;
use super::transaction::ControllerContext;
use crate::platform::{body, timeout};

/// How long KV may take for the name of the canary's Worker, without which the question is asked, too.
const READ_LIMIT: Duration = Duration::from_secs(1);

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;

/// Asks the check and records its answer.
pub(super) async fn ask(context: Rc<ControllerContext>, question: CheckQuestion) {
    let policy = &context.policy;
    let values = policy.read(READ_LIMIT).await.ok();
    let document = values.and_then(|values| CanaryState::parse(policy.state_key(), &values.canary_state?).ok());
    let canary_worker = document.and_then(|document| document.metadata.canary_worker);
    let body = question.body(canary_worker.as_deref());

    let check = &question.check;
    // An answer that comes too late is not waited for any more, and its connection is closed.
    let controller = AbortController::default();
    let asked = send(&context, check.url.as_str(), &body, controller.signal());
    let answered = timeout::attempt(check.timeout.into(), asked).await;
    let answer = match answered {
        Ok((status, text)) => CheckAnswer::read(check, status, &text),
        Err(why) => {
            controller.abort();
            CheckAnswer::error(&why)
        }
    };
    outbox::record(&context, |controller, now| drop(controller.checked(&question, answer, now)));
}

/// Posts JSON. Redirects are not followed: only the address of the plan is asked.
async fn send(
    context: &ControllerContext,
    url: &str,
    json: &str,
    signal: AbortSignal,
) -> Result<(u16, String), String> {
    let request = || {
        let headers = Headers::new();
        headers.set("Content-Type", "application/json")?;
        if let Some(token) = &context.config.check_token {
            headers.set("Authorization", &format!("Bearer {token}"))?;
        }
        let mut init = RequestInit::new();
        init.with_method(Method::Post).with_headers(headers).with_body(Some(json.into()));
        init.with_redirect(RequestRedirect::Manual);
        Request::new_with_init(url, &init)
    };
    let request = request().map_err(|_: worker::Error| "the runtime refuses its URL".to_owned())?;
    let response = Fetch::Request(request).send_with_signal(&signal).await.map_err(|error| error.to_string())?;
    let stream = if let ResponseBody::Stream(stream) = response.body() { Some(stream.clone()) } else { None };
    let text = body::read(stream, MAX_ANSWER).await.map_err(|error| match error {
        body::ReadError::TooLong => format!("its answer is longer than {} KiB", MAX_ANSWER >> 10),
        body::ReadError::Broken(why) => format!("its answer broke off: {why}"),
    })?;
    Ok((response.status_code(), text))
}
