use insta::assert_snapshot;
use serde_json::json;

use super::server::{Answer, Server, serin};

fn unauthorized() -> Answer {
    let detail = "accepted: Authorization: Bearer and the value of the secret ADMIN_TOKEN";
    let title = "The token is missing or wrong";
    Answer::problem(401, &json!({"type": "urn:serin:unauthorized", "title": title, "status": 401, "detail": detail}))
}

#[test]
fn a_missing_token_is_reported_with_a_remedy() {
    let run = Server::start().on("GET /__serin/status", unauthorized()).serin(&["status"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_snapshot!(run.stderr, @r"
    error: The token is missing or wrong
      accepted: Authorization: Bearer and the value of the secret ADMIN_TOKEN
      hint: set SERIN_TOKEN to the value of Serin's secret ADMIN_TOKEN, or name a file with it by --token-file
    ");
}

#[test]
fn a_request_without_an_identity_is_told_how_to_get_one() {
    let problem = json!({"type": "urn:serin:no-identity", "title": "No identity from Cloudflare Access", "status": 401,
        "detail": "the request has no header Cf-Access-Jwt-Assertion"});
    let run = Server::start().on("GET /__serin/status", Answer::problem(401, &problem)).serin(&["status"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("cloudflared access token"), "{}", run.stderr);
}

#[test]
fn the_credentials_for_access_are_sent_and_never_printed() {
    let server = Server::start().on("GET /__serin/status", unauthorized());
    let variables = [
        ("SERIN_ACCESS_TOKEN", "a-jwt"),
        ("SERIN_ACCESS_CLIENT_ID", "an-id"),
        ("SERIN_ACCESS_CLIENT_SECRET", "a-secret"),
    ];
    let run = serin(&server.url(), &["status"], &variables);
    let sent = server.only().headers;
    assert_eq!(
        [&sent["cf-access-token"], &sent["cf-access-client-id"], &sent["cf-access-client-secret"]],
        ["a-jwt", "an-id", "a-secret"]
    );
    for (_, secret) in variables {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret));
    }
}

#[test]
fn json_prints_the_problem_unchanged() {
    let run = Server::start().on("GET /__serin/status", unauthorized()).serin(&["status", "--json"]);
    let problem: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &problem["type"]), (1, &json!("urn:serin:unauthorized")));
}

#[test]
fn a_refused_value_names_its_field() {
    let problem = json!({"type": "urn:serin:invalid", "title": "The request is not valid", "status": 422,
        "detail": "9d is not accepted, accepted: 0s..=1h", "field": "settle"});
    let server = Server::start().on("POST /__serin/rollouts", Answer::problem(422, &problem));
    let run = server.serin(&["start", "standard"]);
    assert_eq!(run.code, 1);
    assert_snapshot!(run.stderr, @r"
    error: The request is not valid
      9d is not accepted, accepted: 0s..=1h
      field: settle
    ");
}

#[test]
fn a_server_other_than_serin_is_recognised() {
    let server = Server::start().on("GET /__serin/status", Answer::text(404, "text/html", "<h1>nope</h1>"));
    let run = server.serin(&["status"]);
    assert_eq!(run.code, 1);
    assert_snapshot!(run.stderr, @r"
    error: the server answered 404, text/html, which is not a response of Serin
      hint: check that --url is the address of the splitter, and that its version is recent enough
    ");
}

#[test]
fn a_response_that_is_not_json_is_a_failure() {
    let server = Server::start().on("GET /__serin/status", Answer::text(200, "text/html", "<h1>hello</h1>"));
    let run = server.serin(&["status"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("is not valid"), "{}", run.stderr);
}

#[test]
fn an_unreachable_server_has_its_own_exit_code() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let run = serin(&url, &["status"], &[]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert!(run.stderr.contains("cannot be reached") && run.stderr.contains("SERIN_URL"), "{}", run.stderr);
}

/// A program that gives every connection the same answer.
fn another_program(answer: &'static [u8]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let mut begun = [0; 1];
            let _ = std::io::Read::read(&mut connection, &mut begun);
            let _ = std::io::Write::write_all(&mut connection, answer);
        }
    });
    address.to_string()
}

#[test]
fn an_error_of_the_connection_names_the_address_the_cause_and_the_next_step() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let http = format!("https://{}", another_program(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
    let other = another_program(b"SSH-2.0-OpenSSH_9.7\r\n");
    for (url, cause, next) in [
        (format!("http://{free}"), "nothing listens there", "`npm start`"),
        (http.clone(), "does not speak https", &format!("try --url {}", http.replace("https:", "http:"))[..]),
        (format!("http://{other}"), "does not speak http", &format!("try --url https://{other}")),
        (format!("https://{other}"), "does not speak https", &format!("try --url http://{other}")),
        ("http://no-such-host.invalid".into(), "the host name has no address", "SERIN_URL"),
    ] {
        for command in ["status", "health"] {
            let run = serin(&url, &[command, "--timeout", "5s"], &[]);
            assert_eq!(run.code, 3, "{}", run.stderr);
            for part in [&format!("{url} cannot be reached: "), cause, next] {
                assert!(run.stderr.contains(part), "{part:?} in {}", run.stderr);
            }
        }
    }
}

#[test]
fn a_closed_control_api_on_this_machine_is_opened_by_dev_vars() {
    let problem = json!({"type": "urn:serin:forbidden", "title": "The control API is closed", "status": 403,
        "detail": "no ADMIN_TOKEN is set"});
    let run = Server::start().on("GET /__serin/status", Answer::problem(403, &problem)).serin(&["status"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("a line ADMIN_TOKEN=… to .dev.vars"), "{}", run.stderr);
    assert!(!run.stderr.contains("secret put"), "{}", run.stderr);
}

#[test]
fn a_token_that_only_reads_is_recognised() {
    let problem = json!({"type": "urn:serin:read-only", "title": "The token is read-only", "status": 403});
    let run = Server::start().on("POST /__serin/halt", Answer::problem(403, &problem)).serin(&["halt"]);
    assert!(run.stderr.contains("VIEWER_TOKEN, which may only read"), "{}", run.stderr);
}

#[test]
fn a_server_that_hangs_is_not_waited_for_longer_than_the_timeout() {
    // The listener accepts connections and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let run = serin(&url, &["status", "--timeout", "100ms"], &[]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("timeout"), "{}", run.stderr);
}

#[test]
fn the_token_is_sent_and_never_printed() {
    let server = Server::start().on("GET /__serin/status", unauthorized());
    for arguments in [&["status"][..], &["status", "--json"], &["watch"]] {
        let run = server.serin(arguments);
        assert!(!run.stdout.contains("a-token") && !run.stderr.contains("a-token"));
    }
    assert!(server.received().iter().all(|request| request.headers["authorization"] == "Bearer a-token"));
}

#[test]
fn the_token_may_be_in_a_file_with_a_line_break() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"of-a-file\n").unwrap();
    let server = Server::start().on("POST /__serin/halt", Answer::json(200, &json!({"already": false})));
    assert_eq!(server.serin(&["halt", "--token-file", file.path().to_str().unwrap()]).code, 0);
    assert_eq!(server.only().headers["authorization"], "Bearer of-a-file");
}

#[test]
fn a_token_that_cannot_be_sent_is_wrong_usage_and_not_repeated() {
    let run = serin("http://127.0.0.1:9", &["status"], &[("SERIN_TOKEN", "two words")]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("SERIN_TOKEN") && !run.stderr.contains("two words"), "{}", run.stderr);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Server::start();
    let moved = Answer::text(308, "text/plain", "").with("location", &format!("{}/__serin/halt", elsewhere.url()));
    let server = Server::start().on("POST /__serin/halt", moved);
    assert_eq!(server.serin(&["halt"]).code, 1);
    assert!(elsewhere.received().is_empty());
}
