//! Measures the time of each case. `npm run bench:native` runs this benchmark and prints the table.
#![allow(missing_docs, reason = "criterion's macros make items that cannot have any")]

mod cases;

use core::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

fn every_case(criterion: &mut Criterion) {
    for case in cases::all() {
        criterion.bench_function(&case.name, |bencher| bencher.iter((case.prepare)()));
    }
}

fn brief() -> Criterion {
    Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! { name = benches; config = brief(); targets = every_case }
criterion_main!(benches);
