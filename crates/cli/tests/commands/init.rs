use std::path::Path;

use serde_json::Value;

use super::server::{Run, serin};

/// The release's archive, unpacked in an empty folder: the built files, and the configuration that names no Worker of an account.
fn unpacked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let worker = folder.path().join("serin-worker-9.9.9");
    std::fs::create_dir_all(worker.join("build")).unwrap();
    for file in ["build/index.js", "build/index_bg.wasm"] {
        std::fs::write(worker.join(file), "").unwrap();
    }
    std::fs::write(worker.join("wrangler.jsonc"), TEMPLATE).unwrap();
    folder
}

const TEMPLATE: &str = include_str!("../../src/commands/init/wrangler.jsonc");

fn init(folder: &Path, arguments: &[&str]) -> Run {
    let at = folder.to_str().unwrap();
    let mut run = serin("http://127.0.0.1:9", &[&["init", at], arguments].concat(), &[]);
    for text in [&mut run.stdout, &mut run.stderr] {
        *text = text.replace(at, "DIR");
    }
    run
}

fn written(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("wrangler.jsonc")).unwrap_or_default()
}

#[test]
fn without_a_terminal_options_answer_and_the_commands_that_follow_are_printed() {
    let folder = unpacked();
    let run = init(folder.path(), &["--stable", "shop", "--domain", "serin-test.shop.example"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!(run.stdout);
    let text = written(folder.path());
    for part in [
        r#""main": "serin-worker-9.9.9/build/index.js""#,
        r#""directory": "serin-worker-9.9.9/build/console""#,
        r#"{ "binding": "STABLE", "service": "shop" }"#,
        r#"{ "binding": "CANARY", "service": "shop-canary" }"#,
        r#"{ "pattern": "serin-test.shop.example", "custom_domain": true }"#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn for_versions_one_worker_is_named_and_the_commands_deploy_a_version() {
    let folder = unpacked();
    let run = init(folder.path(), &["--stable", "shop", "--versions", "--domain", "serin-test.shop.example"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("serin in front of two versions of shop\n"), "{}", run.stdout);
    assert!(run.stdout.contains("serin canary deploy ../shop --versions --why 'first canary'"), "{}", run.stdout);
    let text = written(folder.path());
    assert!(text.contains(r#""vars": { "SERVICE_WORKER": "shop", "HEALTH_DETAIL": "token" }"#), "{text}");
    assert!(!text.contains("CANARY\", \"service"), "{text}");
    let run = init(folder.path(), &["--stable", "shop", "--versions", "--canary", "shop-canary"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}

#[test]
fn without_a_terminal_a_missing_name_is_wrong_usage_and_nothing_is_written() {
    let folder = unpacked();
    let run = init(folder.path(), &[]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--stable is missing"), "{}", run.stderr);
    let run = init(folder.path(), &["--stable", "shop", "--canary", "shop"]);
    assert_eq!((run.code, written(folder.path()).as_str()), (2, ""), "{}", run.stderr);
    assert!(run.stderr.contains("accepted: two Workers"), "{}", run.stderr);
}

#[test]
fn a_configuration_is_replaced_by_force_alone() {
    let folder = unpacked();
    assert_eq!(init(folder.path(), &["--stable", "shop"]).code, 0);
    let first = written(folder.path());
    let run = init(folder.path(), &["--stable", "market"]);
    assert_eq!((run.code, written(folder.path()).as_str()), (1, first.as_str()));
    assert!(
        run.stderr.contains("DIR/wrangler.jsonc is there already, nothing was written; --force replaces it"),
        "{}",
        run.stderr
    );
    let run = init(folder.path(), &["--stable", "market", "--force", "--json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["stable"], &report["canary"]), (&"market".into(), &"market-canary".into()));
    assert!(written(folder.path()).contains(r#""market""#));
}

#[test]
fn the_configuration_of_the_archive_is_filled_in() {
    let folder = unpacked();
    let worker = folder.path().join("serin-worker-9.9.9");
    let run = init(&worker, &["--stable", "shop"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = TEMPLATE.replace("my-api-stable", "shop").replace("my-api-canary", "shop-canary");
    assert_eq!(written(&worker), expected);
}

#[test]
fn another_configuration_and_a_missing_worker_are_refused_with_the_next_step() {
    let clone = unpacked();
    std::fs::write(clone.path().join("wrangler.toml"), "").unwrap();
    let run = init(clone.path(), &["--stable", "shop", "--force"]);
    assert_eq!((run.code, written(clone.path()).as_str()), (1, ""));
    assert!(run.stderr.contains("DIR/wrangler.toml configures this folder already"), "{}", run.stderr);

    let empty = tempfile::tempdir().unwrap();
    let run = init(empty.path(), &["--stable", "shop"]);
    assert_eq!((run.code, written(empty.path()).as_str()), (1, ""));
    assert!(run.stderr.contains("unpack serin-worker-VERSION.tar.gz there"), "{}", run.stderr);
    let run = init(empty.path(), &["--stable", "shop", "--worker", "/no/folder"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("accepted: a folder with build/index.js and build/index_bg.wasm"), "{}", run.stderr);
    let worker = clone.path().join("serin-worker-9.9.9");
    let run = init(empty.path(), &["--stable", "shop", "--worker", worker.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        written(empty.path()).contains("/serin-worker-9.9.9/build/index.js"),
        "outside the folder, the path is absolute"
    );
}
