//! The console: serves the files of its page from the assets, and signs people in and out. The page holds no data: what it shows comes from
//! the control API.

use core::time::Duration;
use std::rc::Rc;

use js_sys::Promise;
use serde::Serialize;
use serin_logic::api::{MAX_BODY, PREFIX, Role};
use serin_logic::console::{self, CONFIRMATION, COOKIE, File, HEADERS, Session, SignIn, Tokens};
use serin_logic::problem::Problem;
use serin_logic::routing::cookies;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{Request, Response};
use worker::worker_sys;

use crate::config::Config;
use crate::isolate::Isolate;
use crate::platform::url::Url;
use crate::platform::{body, clock, exception, response, timeout};

/// Timeout of a file from the assets.
const LIMIT: Duration = Duration::from_secs(5);

/// The path, below the prefix, of a session.
const SESSION: &str = "session";

/// Answers a request for the page or for a session. `None`: the request is for the control API.
pub(crate) fn respond(isolate: &Rc<Isolate>, request: &Request, url: &Url) -> Option<Promise> {
    let (assets, path, method) = (isolate.config.assets.as_ref()?, url.pathname(), request.method());
    let is_read = matches!(method.as_str(), "GET" | "HEAD");
    if is_read && path == PREFIX.trim_end_matches('/') {
        return Some(response::promise(response::with_headers(308, "", [("Location", PREFIX.to_owned())])));
    }
    if let Some(file) = File::at(&path) {
        return Some(if is_read { serve(assets, file) } else { refuse(&Problem::method_not_allowed("GET, HEAD")) });
    }
    if path.strip_prefix(PREFIX) != Some(SESSION) {
        return None;
    }
    let (isolate, request, own) = (isolate.clone(), Clone::clone(request), Origin::of(url));
    let answer = future_to_promise(async move {
        let answer = session_call(&isolate, &request, &own).await;
        Ok(answer.unwrap_or_else(|problem| response::problem(&problem)).into())
    });
    Some(timeout::or_problem(LIMIT, &answer, &Problem::unreachable("the session", "no answer in time")))
}

/// The session that the cookie of a request carries, if it is valid.
pub(crate) fn session(cookies: &str, host: &str, config: &Config) -> Option<Session> {
    Session::open(cookies::find(cookies, COOKIE)?, tokens(config), host, clock::now())
}

/// The role of a request to the control API by its cookie, if it has a valid one.
///
/// # Errors
/// It changes something, and is not the page's own call.
pub(crate) fn role(request: &Request, url: &Url, config: &Config) -> Result<Option<Role>, Problem> {
    let Some(cookies) = header(request, "cookie") else { return Ok(None) };
    let Some(session) = session(&cookies, &url.hostname(), config) else { return Ok(None) };
    if !matches!(request.method().as_str(), "GET" | "HEAD") {
        check_origin(request, &url.origin())?;
    }
    Ok(Some(session.role))
}

/// Destination of a request.
struct Origin {
    origin: String,
    host: String,
}

// === impl Origin ===

impl Origin {
    fn of(url: &Url) -> Self {
        Self { origin: url.origin(), host: url.hostname() }
    }
}

/// `GET session` says who is signed in, `POST` signs in, `DELETE` signs out.
async fn session_call(isolate: &Isolate, request: &Request, own: &Origin) -> Result<Response, Problem> {
    let config = &isolate.config;
    match request.method().as_str() {
        "GET" | "HEAD" => {
            let identity = isolate.access.identify(request).await?;
            let session = header(request, "cookie").and_then(|cookies| session(&cookies, &own.host, config));
            session.map(|session| response::json(&session.view(identity))).ok_or_else(|| missing(config))
        }
        "POST" => {
            check_origin(request, &own.origin)?;
            let identity = isolate.access.identify(request).await?;
            let role = role_of_token(request, config).await?;
            let session = Session::begin(role, clock::now());
            let cookie = session.set_cookie(tokens(config), &own.host).ok_or_else(Problem::forbidden)?;
            with_cookie(&session.view(identity), cookie)
        }
        "DELETE" => {
            check_origin(request, &own.origin)?;
            with_cookie(&serde_json::Value::Null, console::signed_out())
        }
        _ => Err(Problem::method_not_allowed("GET, HEAD, POST, DELETE")),
    }
}

async fn role_of_token(request: &Request, config: &Config) -> Result<Role, Problem> {
    let text = body::read(request.body(), MAX_BODY).await.map_err(|_| Problem::too_large(MAX_BODY))?;
    SignIn::parse(&text)?.role(tokens(config))
}

fn with_cookie(answer: &impl Serialize, cookie: String) -> Result<Response, Problem> {
    let text =
        serde_json::to_string(answer).map_err(|error| Problem::unreachable("the session", &error.to_string()))?;
    let headers = [("Content-Type", "application/json".to_owned()), ("Set-Cookie", cookie)];
    Ok(response::with_headers(200, &text, headers))
}

fn missing(config: &Config) -> Problem {
    let signed_out = Role::of(None, config.admin_token.as_deref(), config.viewer_token.as_deref());
    signed_out.err().unwrap_or_else(Problem::unauthorized)
}

fn check_origin(request: &Request, own: &str) -> Result<(), Problem> {
    let (confirmation, origin) = (header(request, CONFIRMATION), header(request, "origin"));
    let is_own = console::is_own_call(confirmation.as_deref(), origin.as_deref(), own);
    if is_own { Ok(()) } else { Err(Problem::foreign_origin()) }
}

fn tokens(config: &Config) -> Tokens<'_> {
    Tokens { admin: config.admin_token.as_deref(), viewer: config.viewer_token.as_deref() }
}

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

/// Serves a file of the page with its headers.
fn serve(assets: &worker_sys::Fetcher, file: File) -> Promise {
    let url = format!("https://assets{}", file.asset());
    let sent = Request::new_with_str(&url).map(|request| assets.fetch(&request));
    future_to_promise(async move {
        let text = async {
            let answer: Response = JsFuture::from(sent??).await?.into();
            let text = JsFuture::from(answer.text()?).await?.as_string().unwrap_or_default();
            Ok((answer.status(), text))
        };
        let response = match timeout::within(LIMIT, text).await {
            Ok(Ok((200, text))) => {
                let headers = HEADERS.into_iter().map(|(name, value)| (name, value.to_owned()));
                let media_type = [("Content-Type", file.media_type().to_owned())];
                response::with_headers(200, &text, headers.chain(media_type))
            }
            Ok(Ok((status, _))) => response::problem(&Problem::unreachable("ASSETS", &format!("answered {status}"))),
            Ok(Err(error)) => response::problem(&Problem::unreachable("ASSETS", &exception::text(&error))),
            Err(_) => response::problem(&Problem::unreachable("ASSETS", "no answer")),
        };
        Ok(response.into())
    })
}

fn refuse(problem: &Problem) -> Promise {
    response::promise(response::problem(problem))
}
