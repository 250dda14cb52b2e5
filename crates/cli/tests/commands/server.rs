//! A server with recorded responses that records its requests, and a runner for the program.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use assert_cmd::Command;
use serde_json::Value;

/// A response: status, content type, body, and further headers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// Responses by `METHOD /path` without the query. Each list is used in order, and its last response repeats.
type Script = HashMap<String, VecDeque<Answer>>;

/// The server. It stops when the test ends.
pub(crate) struct Server {
    http: Arc<tiny_http::Server>,
    script: Arc<Mutex<Script>>,
    received: Arc<Mutex<Vec<Received>>>,
    thread: Option<JoinHandle<()>>,
}

/// Result of a run of the program.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

// === impl Answer ===

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    pub(crate) fn problem(status: u16, body: &Value) -> Self {
        Self::text(status, "application/problem+json", &body.to_string())
    }

    pub(crate) fn text(status: u16, content_type: &str, body: &str) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.to_owned() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

// === impl Server ===

impl Server {
    pub(crate) fn start() -> Self {
        let http = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
        let (script, received) = (Arc::<Mutex<Script>>::default(), Arc::<Mutex<Vec<Received>>>::default());
        let thread = std::thread::spawn({
            let (http, script, received) = (http.clone(), script.clone(), received.clone());
            move || {
                for request in http.incoming_requests() {
                    serve(request, &script, &received);
                }
            }
        });
        Self { http, script, received, thread: Some(thread) }
    }

    /// Adds a response to `METHOD /path`.
    pub(crate) fn on(self, line: &str, answer: Answer) -> Self {
        self.script.lock().unwrap().entry(line.to_owned()).or_default().push_back(answer);
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.http.server_addr())
    }

    /// Runs the program against this server, without a terminal.
    pub(crate) fn serin(&self, arguments: &[&str]) -> Run {
        let url = self.url();
        let run = serin(&url, arguments, &[("SERIN_TOKEN", "a-token")]);
        // The port differs from run to run.
        Run {
            stdout: run.stdout.replace(&url, "http://SERIN"),
            stderr: run.stderr.replace(&url, "http://SERIN"),
            ..run
        }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The only request that the server received.
    pub(crate) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received[0].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.http.unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

// === impl Received ===

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn serve(mut request: tiny_http::Request, script: &Mutex<Script>, received: &Mutex<Vec<Received>>) {
    let mut body = String::new();
    request.as_reader().read_to_string(&mut body).unwrap();
    let headers = request.headers().iter();
    let headers = headers.map(|header| (header.field.to_string().to_lowercase(), header.value.to_string())).collect();
    let line = format!("{} {}", request.method(), request.url());
    received.lock().unwrap().push(Received { line: line.clone(), headers, body });
    let route = line.split('?').next().unwrap().to_owned();
    let answer = {
        let mut script = script.lock().unwrap();
        let answers = script.entry(route).or_default();
        let last = answers.len() == 1;
        if last { answers.front().cloned() } else { answers.pop_front() }
    };
    let Answer { status, headers, body } = answer.unwrap_or_else(|| Answer::text(418, "text/plain", &line));
    let mut response = tiny_http::Response::from_string(body).with_status_code(status);
    // `from_string` sets a content type, which the recorded one replaces.
    for (name, value) in headers {
        response.add_header(tiny_http::Header::from_bytes(name, value).unwrap());
    }
    // A client that closed the connection is not a failure of the server.
    let _ = request.respond(response);
}

/// Runs the program with no other variables in its environment.
pub(crate) fn serin(url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = Command::cargo_bin("serin").unwrap();
    for name in [
        "SERIN_TOKEN",
        "SERIN_WHO",
        "SERIN_ACCESS_TOKEN",
        "USERNAME",
        "COLUMNS",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(name);
    }
    command.env("SERIN_URL", url).env("USER", "ada").env("TZ", "UTC").envs(variables.iter().copied()).args(arguments);
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
