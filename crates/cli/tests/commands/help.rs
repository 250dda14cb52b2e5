use insta::assert_snapshot;

use super::server::serin;

const UNREACHABLE: &str = "http://127.0.0.1:9";

#[test]
fn help_lists_the_commands_and_the_exit_codes() {
    let run = serin(UNREACHABLE, &["--help"], &[]);
    assert_eq!(run.code, 0);
    assert_snapshot!(run.stdout);
}

#[test]
fn start_explains_its_steps() {
    assert_snapshot!(serin(UNREACHABLE, &["start", "--help"], &[]).stdout);
}

#[test]
fn the_token_is_in_no_help() {
    for arguments in [&["--help"][..], &["start", "--help"], &["health", "--help"]] {
        let run = serin(UNREACHABLE, arguments, &[("SERIN_TOKEN", "hunter2")]);
        assert!(!run.stdout.contains("hunter2") && !run.stderr.contains("hunter2"));
    }
}

#[test]
fn invalid_arguments_are_wrong_usage() {
    for arguments in [
        &["no-such-command"][..],
        &[],
        &["--token", "x", "status"],
        &["start"],
        &["start", "hasty"],
        &["start", "custom", "--step", "5:soon"],
        &["switch", "maintenance", "on"],
        &["switch", "lights", "off"],
        &["audit", "--limit", "0"],
        &["status", "--timeout", "0s"],
        &["explain", "k", "--header", "novalue"],
    ] {
        let run = serin(UNREACHABLE, arguments, &[]);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = serin(UNREACHABLE, &["completions", shell], &[]);
        assert_eq!(run.code, 0, "{shell}");
        assert!(run.stdout.contains("resume-canary"), "{shell}");
    }
}
