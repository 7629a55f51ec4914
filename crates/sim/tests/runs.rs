//! Whole runs: some that must hold, and the same seed twice.

use sim::campaign::{Campaign, corpus, replay_line};
use sim::{Options, Outcome};

fn must_hold(outcome: &Outcome) {
    if let Some(line) = replay_line(outcome, Options::default()) {
        panic!("{line}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 7] {
        let first = sim::run(seed, Options::default());
        let second = sim::run(seed, Options::default());
        assert!(first.events > 10_000, "seed {seed}: {} events", first.events);
        assert_eq!((first.hash, first.events), (second.hash, second.events), "seed {seed}");
    }
    let other = sim::run(8, Options::default());
    assert_ne!(other.hash, sim::run(9, Options::default()).hash);
}

#[test]
fn members_keep_their_promises_through_fresh_faults() {
    let campaign = Campaign {
        first: 20_000,
        runs: 8,
        chosen: None,
        jobs: 2,
        time: None,
        resume: None,
        options: Options::default(),
    };
    let summary = campaign.run(|outcome| {
        must_hold(outcome);
        true
    });
    assert_eq!(summary.runs, 8);
    assert!(summary.committed > 4000 && summary.terms > 30, "{}", summary.to_text());
}

#[test]
fn a_standalone_server_keeps_the_same_promises() {
    let outcome = sim::run(5, Options { alone: true, ..Options::default() });
    must_hold(&outcome);
    assert!(outcome.committed > 200, "{} transactions", outcome.committed);
}

#[test]
fn the_corpus_is_readable() {
    assert!(corpus().len() >= 6);
}
