//! The steady path allocates nothing. A counting allocator proves it.

#[path = "../benches/cases/mod.rs"]
#[expect(dead_code, reason = "the benchmarks use the rest")]
mod cases;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cases::policy::{NOW, document, for_visitors, path_rules, setup, snapshot_of};
use cases::request::Request;
use serin_logic::routing::{Decision, Reason, decide};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: the system allocator does the work, with the caller's own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const PAGE: &str = "/articles/1234?from=mail";

fn allocations_of<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.get();
    let result = work();
    (ALLOCATIONS.get() - before, result)
}

/// Decides with QA's override bound, as in production.
fn decided(document: String, request: &Request) -> (usize, Decision) {
    let (snapshot, setup) = (snapshot_of(document), setup());
    allocations_of(|| decide(&snapshot, &setup, request, NOW))
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations_of(|| String::with_capacity(10)).0, 1);
}

#[test]
fn a_known_visitor_costs_no_allocation() {
    for rules in ["[]".to_owned(), path_rules(100)] {
        let (count, decision) = decided(for_visitors(&rules), &Request::of_known_visitor(PAGE));
        assert_eq!((count, decision.reason), (0, Reason::Percentage));
        assert!(decision.new_visitor.is_none());
    }
}

#[test]
fn long_lists_cost_no_allocation() {
    for (name, rules) in cases::LISTS {
        let (count, decision) = decided(for_visitors(&rules(100)), &Request::of_known_visitor(PAGE));
        assert_eq!((count, decision.reason), (0, Reason::Percentage), "{name}");
    }
}

#[test]
fn a_rule_that_matches_costs_no_allocation() {
    let (count, decision) = decided(for_visitors(&path_rules(10)), &Request::of_known_visitor("/section-7/x"));
    assert_eq!(count, 0);
    assert!(matches!(decision.reason, Reason::Rule(_)));
}

#[test]
fn a_client_known_by_header_costs_no_allocation_but_the_header() {
    // The sample's headers are already in memory. The edge copies the runtime's string once.
    let client = Request::of_client(PAGE, "x-api-key", "key-0017");
    assert_eq!(decided(document(r#"["header:x-api-key"]"#, "[]"), &client).0, 0);
}
