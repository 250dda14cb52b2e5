//! Counts the instructions of each case. Callgrind counts within `measured` alone, and `npm run bench:native` parses its output. Without an
//! argument the program prints the names of the cases, one a line; with a name it runs that case.

mod cases;

/// Number of runs of a case while Callgrind counts. The sum is divided by this number.
const TIMES: u32 = 10;

fn main() {
    // `cargo bench` adds an argument of its own.
    let named = std::env::args().skip(1).find(|argument| argument != "--bench");
    let cases = cases::all();
    let Some(name) = named else {
        for case in &cases {
            println!("{TIMES} {}", case.name);
        }
        return;
    };
    for case in cases.iter().filter(|case| case.name == name) {
        let work = (case.prepare)();
        work();
        measured(&work);
    }
}

#[inline(never)]
fn measured(work: &dyn Fn()) {
    for _ in 0..TIMES {
        work();
    }
}
