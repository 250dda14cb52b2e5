//! How many instructions each case takes. Callgrind counts within `measured` alone, and `npm run bench:native` reads what it says.
//! Without an argument: the names of the cases, one a line. With one: runs that case.

mod cases;

/// How often a case runs while it is counted: the sum is divided by it.
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
