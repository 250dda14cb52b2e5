//! tmp
fn main() {
    let threads = std::num::NonZeroUsize::new(2).unwrap();
    for name in serin_simulation::presets::NAMES {
        let s = serin_simulation::presets::by_name(name).unwrap();
        let t = std::time::Instant::now();
        let r = serin_simulation::run(&s, 0..40, threads, |_| ()).unwrap();
        println!("{name} {:?}", t.elapsed());
        println!("{:#?}", r);
    }
}
