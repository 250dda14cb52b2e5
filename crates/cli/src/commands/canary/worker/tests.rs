use serde_json::json;

use super::*;
use crate::wrangler::Wrangler;

const TOML: &str = r#"
name = "app"
main = "src/index.js"
compatibility_date = 2026-11-01
routes = ["shop.example/*"]
[triggers]
crons = ["0 * * * *"]
[env.staging]
vars = { A = 1 }
[env.production]
name = "shop"
"#;

fn config(text: &str) -> Map<String, Value> {
    parse(Path::new("wrangler.toml"), text).unwrap()
}

fn folder(file: &str, text: &str) -> (tempfile::TempDir, WorkerOptions) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), text).unwrap();
    let worker_options = WorkerOptions { at: folder.path().to_owned(), env: None, canary_name: None };
    (folder, worker_options)
}

#[test]
fn the_name_is_the_one_that_wrangler_deploys_to() {
    let config = config(TOML);
    let of = |env| names(&config, env, None).unwrap();
    assert_eq!(of(None), ("app".into(), "app-canary".into()));
    assert_eq!(of(Some("staging")), ("app-staging".into(), "app-staging-canary".into()));
    assert_eq!(of(Some("production")), ("shop".into(), "shop-canary".into()));
    assert_eq!(names(&config, None, Some("next")).unwrap().1, "next");
    assert!(names(&config, Some("nope"), None).unwrap_err().contains("env.nope"));
    assert!(names(&config, None, Some("app")).unwrap_err().contains("own name"));
    assert!(names(&Map::new(), None, None).unwrap_err().contains("no name"));
}

#[test]
fn each_form_of_the_configuration_is_read() {
    for (file, text) in [
        ("wrangler.toml", "name = \"app\""),
        ("wrangler.json", r#"{"name": "app"}"#),
        ("wrangler.jsonc", "{\n  // the shop\n  \"name\": \"app\", /* and */\n}"),
    ] {
        let (_folder, worker_options) = folder(file, text);
        assert_eq!(worker_options.read().unwrap().name, "app", "{file}");
    }
}

#[test]
fn an_error_names_the_configuration_file() {
    for (file, text, named) in [
        ("wrangler.toml", "name = ", "wrangler.toml"),
        ("wrangler.jsonc", "[]", "accepted: an object"),
        ("wrangler.json", "{}", "no name"),
        ("package.json", "{}", "no wrangler.json, no wrangler.jsonc, no wrangler.toml"),
    ] {
        let (_folder, worker_options) = folder(file, text);
        let error = worker_options.read().unwrap_err();
        assert!(error.code() == 2 && error.to_string().contains(named), "{error}");
    }
}

#[test]
fn the_canary_takes_no_route_no_cron_and_no_queue_from_its_worker() {
    let canary = of_canary(config(TOML), None, "app", "app-canary");
    let expected = json!({
        "name": "app-canary", "main": "src/index.js", "compatibility_date": "2026-11-01", "workers_dev": false});
    assert_eq!(Value::Object(canary), expected);

    let text = "name = \"app\"\n[env.a]\nroute = \"a/*\"\n[env.a.queues]\nconsumers = [{ queue = \"q\" }]\n[env.b]\n";
    let canary = of_canary(config(text), Some("a"), "app-a", "app-a-canary");
    let expected = json!({"name": "app", "workers_dev": false, "env": {"a": {"name": "app-a-canary", "queues": {}}}});
    assert_eq!(Value::Object(canary), expected);
}

#[test]
fn a_workflow_stays_with_its_worker() {
    let text = "name = \"app\"\nworkflows = [{ name = \"w\", binding = \"W\", class_name = \"W\" }]";
    let canary = of_canary(config(text), None, "app", "app-canary");
    assert_eq!(canary["workflows"][0]["script_name"], "app");
}

#[test]
fn a_worker_with_an_address_of_its_own_keeps_it_as_a_canary() {
    let canary = of_canary(config("name = \"app\""), None, "app", "app-canary");
    assert_eq!(Value::Object(canary), json!({"name": "app-canary"}));
}

#[test]
fn bindings_that_the_canary_does_not_share_are_reported() {
    let text = "name = \"app\"\nkv_namespaces = [{ binding = \"A\" }, { binding = \"B\", id = \"1\" }]\n\
        [durable_objects]\nbindings = [{ name = \"C\", class_name = \"C\" }, { name = \"D\", class_name = \"D\", script_name = \"x\" }]";
    let warnings = of_its_own(&config(text), None, "app");
    assert_eq!(warnings.iter().map(|text| &text[..1]).collect::<Vec<_>>(), ["C", "A"]);
}

#[test]
fn a_name_is_an_argument_unless_there_is_an_environment() {
    let (folder, worker_options) = folder("wrangler.toml", TOML);
    let place = std::path::absolute(folder.path()).unwrap();
    let words = |call| Wrangler::default().describe(&call).replace(&*place.to_string_lossy(), "DIR");
    let worker = worker_options.read().unwrap();
    let npx = if cfg!(windows) { "npx.cmd" } else { "npx" };
    let prefix = format!("cd DIR && {npx} --no-install wrangler");
    assert_eq!(words(worker.deploy()), format!("{prefix} deploy --name app --config wrangler.toml"));
    assert_eq!(words(worker.deploy_canary()), format!("{prefix} deploy --name app-canary --config DOCUMENT"));
    assert_eq!(words(worker.delete_canary()), format!("{prefix} delete --name app-canary --force --config DOCUMENT"));
    let staging = WorkerOptions { env: Some("staging".into()), ..worker_options }.read().unwrap();
    assert_eq!(words(staging.deploy_canary()), format!("{prefix} deploy --env staging --config DOCUMENT"));
}
