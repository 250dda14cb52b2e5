//! The page on this machine: serves its files, and forwards what it asks for to the splitter with the token of this process. A key in the
//! address becomes a cookie, so that no other user of the machine and no other page of the browser acts with that token.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::{Value, json};
use serin_logic::api::{MAX_BODY, PREFIX};
use serin_logic::console::{CONFIRMATION, File, HEADERS, is_own_call};
use serin_logic::routing::cookies;
use tiny_http::{Header, Request, Response, Server, StatusCode};
use ureq::http::Method;

use crate::client::Client;
use crate::exit::Failure;

const COOKIE: &str = "serin-console-local";
/// The page asks for a few things at once.
const WORKERS: usize = 4;

/// A server for one user of this machine.
pub(crate) struct LocalConsole {
    server: Server,
    host: String,
    key: String,
    files: PathBuf,
    client: Client,
    /// The actor of what the page changes.
    who: Option<String>,
}

/// Response to a request.
type Answer = Response<std::io::Cursor<Vec<u8>>>;

// === impl LocalConsole ===

impl LocalConsole {
    /// Listens on a free port of this machine alone.
    ///
    /// # Errors
    /// There are no files, or no port is free.
    pub(crate) fn start(files: &Path, client: Client, who: Option<String>) -> Result<Self, Failure> {
        if !files.join(File::Page.asset().trim_start_matches('/')).is_file() {
            let files = files.display();
            return Err(Failure::Usage(format!(
                "the splitter serves no console, and {files} has no files of one: run `npm run build` in a clone of Serin, \
                 or give --files FOLDER; to let the splitter serve it, bind ASSETS as wrangler.toml has it"
            )));
        }
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("the console cannot be served: {error}"));
        let server = Server::http("127.0.0.1:0").map_err(|error| failed(&error))?;
        let port = server.server_addr().to_ip().map(|address| address.port()).unwrap_or_default();
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| failed(&error))?;
        let key = format!("{:032x}", u128::from_ne_bytes(random));
        Ok(Self { server, host: format!("localhost:{port}"), key, files: files.to_owned(), client, who })
    }

    /// The address with the key.
    pub(crate) fn address(&self) -> String {
        format!("http://{}/?key={}", self.host, self.key)
    }

    /// Answers requests until the process ends.
    pub(crate) fn serve(&self) {
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while let Ok(mut request) = self.server.recv() {
                        let answer = self.answer(&mut request);
                        // A client that has left misses its answer.
                        let _ = request.respond(answer);
                    }
                });
            }
        });
    }

    fn answer(&self, request: &mut Request) -> Answer {
        // A name of another site that points to this machine is not this page's.
        if header(request, "host").as_deref() != Some(&self.host) {
            return problem(403, "The console answers on localhost only");
        }
        if request.url() == format!("/?key={}", self.key) {
            let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.key);
            return with(with(text(303, "text/plain", ""), "Location", PREFIX), "Set-Cookie", &cookie);
        }
        let given = header(request, "cookie").unwrap_or_default();
        if cookies::find(&given, COOKIE) != Some(&self.key) {
            return problem(401, "Open the address that `serin console` has printed");
        }
        let is_read = matches!(request.method(), tiny_http::Method::Get | tiny_http::Method::Head);
        let (confirmation, origin) = (header(request, CONFIRMATION), header(request, "origin"));
        let own = format!("http://{}", self.host);
        if !is_read && !is_own_call(confirmation.as_deref(), origin.as_deref(), &own) {
            return problem(403, "The call is not the console's own");
        }
        let url = request.url().to_owned();
        let path = url.split('?').next().unwrap_or_default();
        if let Some(file) = File::at(path) {
            return self.file(file);
        }
        match (path.strip_prefix(PREFIX), is_read) {
            (Some("session"), true) => self.session(),
            (Some("session"), false) => text(200, "application/json", "null"),
            (Some(_), _) => self.forward(request, &url),
            (None, true) if path == "/health" => self.forward(request, &url),
            _ => problem(404, "No such path"),
        }
    }

    fn file(&self, file: File) -> Answer {
        match std::fs::read(self.files.join(file.asset().trim_start_matches('/'))) {
            Ok(bytes) => HEADERS.iter().fold(
                with(Response::from_data(bytes), "Content-Type", file.media_type()),
                |response, (name, value)| with(response, name, value),
            ),
            Err(error) => problem(503, &format!("{}: {error}", self.files.display())),
        }
    }

    /// The signed-in user: the holder of this process's token.
    fn session(&self) -> Answer {
        match self.client.send(&Method::GET, &format!("{PREFIX}state"), &[], None) {
            Ok(reply) if reply.status == 401 => text(401, "application/problem+json", &reply.text),
            Ok(reply) => {
                let role = if reply.status == 403 { "viewer" } else { "admin" };
                text(200, "application/json", &json!({"role": role, "expires": null, "identity": self.who}).to_string())
            }
            Err(failure) => problem(503, &failure.to_string()),
        }
    }

    fn forward(&self, request: &mut Request, url: &str) -> Answer {
        let mut body = String::new();
        let limit = u64::try_from(MAX_BODY).unwrap_or(u64::MAX);
        if request.as_reader().take(limit).read_to_string(&mut body).is_err() {
            return problem(400, "The body is not text");
        }
        let method = Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or(Method::GET);
        let body = (!body.is_empty()).then(|| self.with_actor(body));
        let headers: &[_] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
        match self.client.send(&method, url, headers, body) {
            Ok(reply) => text(reply.status, reply.header("content-type").unwrap_or("application/json"), &reply.text),
            Err(failure) => problem(503, &failure.to_string()),
        }
    }

    /// The body of a change with the actor of this process.
    fn with_actor(&self, body: String) -> String {
        match (serde_json::from_str(&body), &self.who) {
            (Ok(Value::Object(mut members)), Some(who)) => {
                members.insert("actor".to_owned(), who.as_str().into());
                Value::from(members).to_string()
            }
            _ => body,
        }
    }
}

fn header(request: &Request, name: &str) -> Option<String> {
    let found = request.headers().iter().find(|header| header.field.as_str().as_str().eq_ignore_ascii_case(name));
    found.map(|header| header.value.as_str().to_owned())
}

fn text(status: u16, media_type: &str, body: &str) -> Answer {
    let response = Response::from_data(body.as_bytes()).with_status_code(StatusCode(status));
    with(with(response, "Content-Type", media_type), "Cache-Control", "no-store")
}

fn problem(status: u16, title: &str) -> Answer {
    text(status, "application/problem+json", &json!({"title": title, "status": status}).to_string())
}

fn with(response: Answer, name: &str, value: &str) -> Answer {
    match Header::from_bytes(name, value) {
        Ok(header) => response.with_header(header),
        Err(()) => response,
    }
}
