//! The part of the fuzz targets that `npm test` runs: the whole corpus, and a fixed number of mutations of it from a fixed seed.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use serin_fuzz::TARGETS;
use serin_fuzz::mutation::Mutations;

/// Mutations of each target; 98,000 in all.
const MUTATIONS: usize = 7_000;

#[test]
fn the_corpus_and_its_mutations_find_nothing() {
    for (name, check) in TARGETS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut paths: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let corpus: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(!corpus.is_empty(), "{name} has no corpus");
        for input in corpus.iter().cloned().chain(Mutations::of(&corpus, 1).take(MUTATIONS)) {
            let finding = catch_unwind(|| check(&input)).is_err();
            assert!(!finding, "{name} does not hold for {:?}", String::from_utf8_lossy(&input));
        }
    }
}

#[test]
fn every_directory_of_the_corpus_belongs_to_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut found: Vec<_> =
        fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, TARGETS.map(|(name, _)| name));
}
