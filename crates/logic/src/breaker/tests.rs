use proptest::prelude::*;

use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).after(Duration::from_millis(millis))
}

const OK: Answer = Answer::Status(200);
const FAILED: Answer = Answer::Exception;
const NOW: BackOff = BackOff { jitter: 0.0, retry_after: Duration::ZERO };

fn spread(jitter: f64) -> BackOff {
    BackOff { jitter, ..NOW }
}

fn permit(breaker: &mut Breaker, millis: u64) -> Permit {
    breaker.permit(None, || false, at(millis))
}

/// A breaker that five visitors who failed in a row have opened at this time.
fn tripped(millis: u64) -> Breaker {
    let mut breaker = Breaker::default();
    for visitor in 0..5 {
        breaker.record_canary(Some(visitor), FAILED, NOW, at(millis));
    }
    breaker
}

#[test]
fn five_visitors_who_fail_in_a_row_open_the_breaker_and_four_do_not() {
    let mut breaker = Breaker::default();
    for failure in 1..=5 {
        let visitor = u32::try_from(failure).ok();
        let transition = breaker.record_canary(visitor, FAILED, NOW, at(failure));
        assert_eq!(transition, (failure == 5).then_some(Transition::Open { pause_ms: 2000 }));
    }
    assert_eq!(permit(&mut breaker, 6), Permit::ShortCircuit);
}

#[test]
fn a_success_breaks_the_run() {
    let mut breaker = Breaker::default();
    for round in 0..4 {
        for _ in 0..4 {
            assert_eq!(breaker.record_canary(None, FAILED, NOW, at(round * 11_000)), None);
        }
        assert_eq!(breaker.record_canary(None, OK, NOW, at(round * 11_000)), None);
    }
    assert!(breaker.is_closed());
}

#[test]
fn a_window_with_mostly_failures_opens_the_breaker() {
    let mut breaker = Breaker::default();
    let answers = [true, false, false, true, false, false, true, false, false, false];
    let transitions: Vec<_> = (0..)
        .zip(answers)
        .filter_map(|(n, ok)| breaker.record_canary(None, if ok { OK } else { FAILED }, NOW, at(n * 900)))
        .collect();
    assert_eq!(transitions, [Transition::Open { pause_ms: 2000 }]);
}

#[test]
fn failures_older_than_the_window_are_forgotten() {
    let mut breaker = Breaker::default();
    let answers = [true, false, false, true, false, false, true, false, false, false];
    for (n, ok) in (0..).zip(answers) {
        assert_eq!(breaker.record_canary(None, if ok { OK } else { FAILED }, NOW, at(n * 3000)), None);
    }
}

#[test]
fn three_probes_one_at_a_time_close_the_breaker() {
    let mut breaker = tripped(0);
    assert_eq!(permit(&mut breaker, 1999), Permit::ShortCircuit);
    for probe in 0..3 {
        assert_eq!(permit(&mut breaker, 2000 + probe), Permit::Probe, "probe {probe}");
        assert_eq!(permit(&mut breaker, 2000 + probe), Permit::ShortCircuit, "beside probe {probe}");
        let transition = breaker.record_canary(None, OK, NOW, at(2000 + probe));
        assert_eq!(transition, (probe == 2).then_some(Transition::Closed));
    }
    assert_eq!(permit(&mut breaker, 2010), Permit::Canary);
}

#[test]
fn each_failed_probe_doubles_the_pause_up_to_a_minute() {
    let mut breaker = tripped(0);
    let mut now = 0;
    let mut pauses = vec![2000];
    for _ in 0..7 {
        now += pauses.last().unwrap();
        assert_eq!(permit(&mut breaker, now), Permit::Probe);
        match breaker.record_canary(None, FAILED, NOW, at(now)) {
            Some(Transition::Open { pause_ms }) => pauses.push(pause_ms),
            other => panic!("expected a longer pause, got {other:?}"),
        }
    }
    assert_eq!(pauses, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
}

#[test]
fn jitter_spreads_the_pauses_by_up_to_half() {
    let mut breaker = Breaker::default();
    let opened = (0..5).find_map(|_| breaker.record_canary(None, FAILED, spread(0.5), at(0)));
    assert_eq!(opened, Some(Transition::Open { pause_ms: 2500 }));
}

#[test]
fn the_canary_may_ask_for_a_longer_pause_of_up_to_a_minute() {
    for (asked, paused) in [(1, 2_000), (20, 20_000), (3_600, 60_000)] {
        let asked = BackOff { retry_after: Duration::from_secs(asked), ..NOW };
        let mut breaker = Breaker::default();
        let opened = (0..5).find_map(|visitor| breaker.record_canary(Some(visitor), FAILED, asked, at(0)));
        assert_eq!(opened, Some(Transition::Open { pause_ms: paused }));
    }
}

#[test]
fn some_429s_are_no_outage_but_a_majority_is() {
    let limited = Answer::Status(429);
    let mut breaker = Breaker::default();
    let transitions: Vec<_> = (1..=10).map(|n| (n, breaker.record_canary(None, limited, NOW, at(n)))).collect();
    let opened = transitions.into_iter().find(|(_, transition)| transition.is_some());
    assert_eq!(opened, Some((10, Some(Transition::Open { pause_ms: 2000 }))), "by the window, not by the run");
    assert_eq!(permit(&mut breaker, 3_000), Permit::Probe);
    assert!(
        matches!(breaker.record_canary(None, limited, NOW, at(3_000)), Some(Transition::Open { .. })),
        "a probe fails"
    );
}

#[test]
fn a_budget_that_many_visitors_have_spent_opens_the_breaker_once() {
    let mut breaker = Breaker::default();
    assert_eq!(breaker.exhaust(NOW, at(0)), None, "nobody has failed");
    for visitor in 0..6 {
        breaker.record_canary(Some(visitor), FAILED, NOW, at(1));
        if visitor == 3 {
            breaker.record_canary(Some(20), OK, NOW, at(1));
            assert_eq!(breaker.exhaust(NOW, at(1)), None, "four visitors are few");
        }
    }
    assert_eq!(breaker.exhaust(NOW, at(2)), Some(Transition::Open { pause_ms: 2000 }));
    assert_eq!(breaker.exhaust(NOW, at(3)), None);
    assert_eq!(permit(&mut breaker, 4), Permit::ShortCircuit);
}

#[test]
fn one_visitor_who_fails_again_and_again_does_not_open_it() {
    let mut breaker = Breaker::default();
    for request in 0..1_000 {
        assert_eq!(breaker.record_canary(Some(7), FAILED, NOW, at(request)), None);
        assert_eq!(breaker.exhaust(NOW, at(request)), None);
    }
    assert!(breaker.is_closed());
}

#[test]
fn one_visitor_with_very_many_good_requests_does_not_keep_it_closed() {
    let mut breaker = Breaker::default();
    let opened = (0..40_u32).find(|number| {
        for request in 0..50 {
            breaker.record_canary(Some(7), OK, NOW, at(u64::from(number * 100 + request)));
        }
        breaker.record_canary(Some(100 + number), FAILED, NOW, at(u64::from(number * 100 + 50))).is_some()
    });
    assert_eq!(opened, Some(8), "by the window: nine of ten visitors fail");
}

#[test]
fn the_breaker_stays_closed_while_stable_fails_as_often() {
    for (stable_fails, opens) in [(20, false), (12, false), (2, true), (0, true)] {
        let mut breaker = Breaker::default();
        for visitor in 0..20 {
            breaker.record_stable(Some(1_000 + visitor), visitor >= stable_fails, at(0));
        }
        let opened = (0..20).any(|visitor| breaker.record_canary(Some(visitor), FAILED, NOW, at(1)).is_some());
        assert_eq!(opened, opens, "{stable_fails} of 20 visitors fail on stable");
    }
}

#[test]
fn a_request_that_fails_on_stable_too_says_nothing_about_the_canary() {
    let mut breaker = Breaker::default();
    for visitor in 0..30 {
        assert_eq!(breaker.record_canary(Some(visitor), FAILED, NOW, at(1)), None);
        breaker.record_retry(Some(visitor), false, at(2));
    }
    assert!(breaker.is_closed());
}

#[test]
fn half_a_minute_without_a_trip_forgets_one() {
    let mut breaker = tripped(0);
    for probe in 0..3 {
        permit(&mut breaker, 2000 + probe);
        breaker.record_canary(None, OK, NOW, at(2000 + probe));
    }
    breaker.record_canary(None, OK, NOW, at(40_000));
    let again = (0..5).find_map(|_| breaker.record_canary(None, FAILED, NOW, at(41_000)));
    assert_eq!(again, Some(Transition::Open { pause_ms: 2000 }));
}

#[test]
fn requests_go_to_the_canary_while_stable_fails_as_well() {
    let mut breaker = tripped(0);
    for _ in 0..10 {
        assert_eq!(permit(&mut breaker, 100), Permit::ShortCircuit);
        breaker.record_stable(None, false, at(100));
    }
    assert_eq!(permit(&mut breaker, 101), Permit::Canary);
}

#[test]
fn a_probe_without_an_answer_expires() {
    let mut breaker = tripped(0);
    assert_eq!(permit(&mut breaker, 2000), Permit::Probe);
    assert_eq!(permit(&mut breaker, 32_000), Permit::ShortCircuit);
    assert_eq!(permit(&mut breaker, 32_001), Permit::Probe);
}

#[test]
fn a_canary_that_flaps_every_second_changes_the_state_at_most_six_times_a_minute() {
    let mut breaker = Breaker::default();
    let mut transitions = Vec::new();
    for millis in (0..600_000).step_by(20) {
        if permit(&mut breaker, millis) != Permit::ShortCircuit {
            let up = millis / 1000 % 2 == 0;
            transitions.extend(
                breaker.record_canary(None, if up { OK } else { FAILED }, spread(0.25), at(millis)).map(|_| millis),
            );
        }
    }
    let busiest = (0..=540_000)
        .step_by(1000)
        .map(|from| transitions.iter().filter(|at| (from..from + 60_000).contains(*at)).count());
    assert!(busiest.max() <= Some(6), "{transitions:?}");
}

#[test]
fn an_open_breaker_samples_a_new_visitor_every_two_seconds_and_stays_as_it_is() {
    let mut breaker = tripped(0);
    // The second trip pauses for four seconds.
    permit(&mut breaker, 2_000);
    breaker.record_canary(Some(100), FAILED, NOW, at(2_100));
    let mut sample = |visitor, millis| breaker.permit(Some(visitor), || true, at(millis));
    assert_eq!(sample(7, 4_000), Permit::ShortCircuit, "two seconds after the last probe's answer");
    assert_eq!(sample(3, 4_100), Permit::ShortCircuit, "a visitor who failed");
    assert_eq!(sample(7, 4_100), Permit::Probe);
    assert_eq!(sample(8, 6_050), Permit::ShortCircuit, "one at a time");
    assert_eq!(breaker.record_canary(Some(7), OK, NOW, at(6_050)), None);
    assert_eq!(breaker.permit(Some(8), || false, at(6_099)), Permit::ShortCircuit, "no request to sample");
    assert_eq!(permit(&mut breaker, 6_100), Permit::Probe, "the pause is over");
    assert_eq!(breaker.record_canary(Some(8), OK, NOW, at(6_100)), None, "of three probes one");
}

#[test]
fn a_minute_of_samples_is_enough_to_judge_by() {
    let mut breaker = tripped(0);
    let mut probes = 0;
    for (visitor, millis) in (100..).zip((0..60_000).step_by(20)) {
        if breaker.permit(Some(visitor), || true, at(millis)) == Permit::Probe {
            probes += 1;
            breaker.record_canary(Some(visitor), FAILED, NOW, at(millis));
        }
    }
    assert!((25..=31).contains(&probes), "{probes} probes");
}

proptest! {
    #[test]
    fn no_order_of_events_or_clocks_causes_a_panic(events in proptest::collection::vec((0..6_u8, any::<i64>(), -1.0..2.0_f64), 0..200)) {
        let mut breaker = Breaker::default();
        for (event, millis, jitter) in events {
            let now = Timestamp::from_millis(millis);
            match event {
                0 => { let _ = breaker.permit(Some(2), || jitter > 0.5, now); }
                1 => { let _ = breaker.record_canary(Some(1), OK, spread(jitter), now); }
                2 => { let _ = breaker.record_canary(None, FAILED, spread(jitter), now); }
                3 => { let _ = breaker.exhaust(spread(jitter), now); }
                5 => breaker.record_retry(Some(2), jitter > 0.5, now),
                _ => breaker.record_stable(None, false, now),
            }
        }
    }
}

#[test]
fn after_the_clock_went_back_the_canary_is_tried_at_once_and_old_answers_are_forgotten() {
    let hour = 3_600_000;
    let mut breaker = tripped(hour);
    assert_eq!(permit(&mut breaker, hour + 1), Permit::ShortCircuit);
    assert_eq!(permit(&mut breaker, 0), Permit::Probe);
    assert_eq!(permit(&mut breaker, 1), Permit::ShortCircuit, "one probe at a time");
    for probe in 2..=4 {
        breaker.record_canary(None, OK, NOW, at(probe));
        assert_ne!(permit(&mut breaker, probe), Permit::ShortCircuit);
    }
    assert!(breaker.is_closed());

    let mut breaker = Breaker::default();
    for failure in 0..9 {
        let answer = if failure % 4 == 0 { OK } else { FAILED };
        assert_eq!(breaker.record_canary(None, answer, NOW, at(hour)), None);
    }
    assert_eq!(breaker.record_canary(None, FAILED, NOW, at(0)), None, "the answers before were another time's");

    let mut breaker = tripped(hour);
    assert_eq!(permit(&mut breaker, hour + 60_000), Permit::Probe);
    assert_eq!(permit(&mut breaker, 0), Permit::Probe, "the probe's request is of another time");
}
