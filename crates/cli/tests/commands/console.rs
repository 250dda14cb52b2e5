//! `serin console`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::server::{Answer, Server};

/// A local console, which ends with the test.
struct Local {
    child: Child,
    host: String,
    key: String,
}

impl Local {
    fn start(server: &Server, files: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_serin"))
            .args(["console", "--local", "--no-open", "--who", "ada", "--files"])
            .arg(files)
            .env("SERIN_URL", server.url())
            .env("SERIN_TOKEN", "a-token")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (host, key) = line.trim().strip_prefix("http://").unwrap().split_once("/?key=").unwrap();
        Self { host: host.to_owned(), key: key.to_owned(), child }
    }

    /// Sends a request, and returns the whole answer.
    fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> String {
        let port = self.host.split(':').nth(1).unwrap();
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let mut lines = vec![format!("{line} HTTP/1.1")];
        lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
        lines.extend([format!("Content-Length: {}", body.len()), "Connection: close".to_owned()]);
        write!(stream, "{}\r\n\r\n{body}", lines.join("\r\n")).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("console.html"), "<p>the page</p>").unwrap();
    folder
}

#[test]
fn the_address_of_the_splitters_own_page_is_printed() {
    let server = Server::start().on("GET /__serin/", Answer::text(200, "text/html; charset=utf-8", "<p>"));
    let run = server.serin(&["console", "--no-open"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "http://SERIN/__serin/\n"));
}

#[test]
fn without_a_page_and_without_files_the_error_names_both_ways_to_get_one() {
    let server = Server::start().on("GET /__serin/", Answer::problem(404, &json!({"title": "No such path"})));
    let run = server.serin(&["console", "--no-open", "--files", "/nowhere"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("npm run build") && run.stderr.contains("ASSETS"), "{}", run.stderr);
}

#[test]
fn a_local_console_serves_the_page_and_acts_with_the_token_and_the_name_of_this_process() {
    let server = Server::start()
        .on("GET /__serin/status", Answer::json(200, &json!({"headline": "all is well"})))
        .on("GET /__serin/state", Answer::json(200, &json!({"state": null})))
        .on("POST /__serin/halt", Answer::json(200, &json!({"already": false})));
    let folder = files();
    let local = Local::start(&server, folder.path());
    let (host, cookie) = (local.host.as_str(), format!("serin-console-local={}", local.key));
    let own = [("Host", host), ("Cookie", cookie.as_str())];
    let page = local.ask("GET /__serin/", &own, "");
    assert!(page.contains("<p>the page</p>") && page.contains("default-src 'none'"), "{page}");
    assert!(local.ask("GET /__serin/session", &own, "").contains(r#""role":"admin""#));
    assert!(local.ask("GET /__serin/status", &own, "").contains("all is well"));
    let origin = format!("http://{host}");
    let headers = [own[0], own[1], ("Origin", origin.as_str()), ("serin-console", "1")];
    assert!(local.ask("POST /__serin/halt", &headers, r#"{"reason":"pager"}"#).starts_with("HTTP/1.1 200"));
    let halt = server.received().pop().unwrap();
    assert_eq!(halt.json(), json!({"reason": "pager", "actor": "ada"}));
    assert_eq!(halt.headers["authorization"], "Bearer a-token");
}

#[test]
fn a_local_console_needs_its_key_its_host_and_its_own_page() {
    let server = Server::start();
    let folder = files();
    let local = Local::start(&server, folder.path());
    let (host, cookie) = (local.host.as_str(), format!("serin-console-local={}", local.key));
    let entered = local.ask(&format!("GET /?key={}", local.key), &[("Host", host)], "");
    assert!(entered.starts_with("HTTP/1.1 303"), "{entered}");
    assert!(entered.contains("HttpOnly; SameSite=Strict"), "{entered}");
    let origin = format!("http://{host}");
    let (mine, its_origin, its_header) =
        (("Cookie", cookie.as_str()), ("Origin", origin.as_str()), ("serin-console", "1"));
    for (what, line, headers, status) in [
        ("no key", "GET /__serin/status", vec![("Host", host)], 401),
        ("another key", "GET /?key=0", vec![("Host", host)], 401),
        ("another cookie", "GET /__serin/status", vec![("Host", host), ("Cookie", "serin-console-local=0")], 401),
        ("another name", "GET /__serin/status", vec![("Host", "evil.example"), mine], 403),
        ("no origin", "POST /__serin/halt", vec![("Host", host), mine, its_header], 403),
        ("no header", "POST /__serin/halt", vec![("Host", host), mine, its_origin], 403),
        (
            "another origin",
            "POST /__serin/halt",
            vec![("Host", host), mine, its_header, ("Origin", "http://evil.example")],
            403,
        ),
        ("a path of the service", "GET /checkout", vec![("Host", host), mine], 404),
    ] {
        let answer = local.ask(line, &headers, "");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {answer}");
        assert!(!answer.contains(&local.key), "{what}");
    }
    assert!(server.received().is_empty(), "nothing reached the splitter");
}
