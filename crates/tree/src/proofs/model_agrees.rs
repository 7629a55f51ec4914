//! Random histories, on the tree and on the model.

use super::generate::{self, Random, SESSIONS};
use super::model::{Asker, Model};
use crate::Settings;
use crate::ops::Outcome;
use crate::testkit::{SESSION, World, check_derived, dump};
use proto::multi::MultiResult;
use proto::txn::Txn;
use proto::{ErrorCode, SessionId};

/// The codes a transaction promises: of the whole, or of each part of a multi.
fn promised(txn: &Txn) -> Result<Vec<i32>, i32> {
    match txn {
        Txn::Error(code) => Err(*code),
        Txn::Multi(parts) => {
            let code = |part: &Txn| if let Txn::Error(code) = part { *code } else { 0 };
            Ok(parts.iter().map(code).collect())
        }
        _ => Ok(vec![]),
    }
}

fn kept(outcome: &Outcome) -> Result<Vec<i32>, i32> {
    match outcome {
        Outcome::Error(code) => Err(code.code()),
        Outcome::Multi(results) => {
            let code = |r: &MultiResult| if let MultiResult::Error(code) = r { *code } else { 0 };
            Ok(results.iter().map(code).collect())
        }
        _ => Ok(vec![]),
    }
}

fn run(seed: u64, settings: &Settings) {
    let mut random = Random::new(seed);
    let mut world = World::with(settings.clone());
    let mut model = Model::new(settings.clone(), dump(&world.tree).0);
    model.sessions.insert(SESSION, 4000);
    let mut expected = std::collections::VecDeque::new();
    for step in 0..400 {
        let op = generate::write(&mut random);
        let session: SessionId = SESSIONS[random.below(SESSIONS.len())];
        world.auth = generate::identities(&mut random);
        let prepared = world.submit(session, &op);
        let auth = world.auth.clone();
        let who = Asker { session, auth: &auth, zxid: world.zxid, time_ms: world.time_ms };
        let answer = model.run(&who, &op).map_err(ErrorCode::code);
        assert_eq!(promised(&prepared.txn), answer, "seed {seed} step {step}: {op:?}");
        expected.push_back(answer);
        // Up to ten stay outstanding.
        while world.queue.len() > random.below(10) {
            let outcome = world.apply_next();
            assert_eq!(Some(kept(&outcome)), expected.pop_front(), "seed {seed} step {step}");
        }
    }
    while !world.queue.is_empty() {
        let outcome = world.apply_next();
        assert_eq!(Some(kept(&outcome)), expected.pop_front(), "seed {seed}");
    }
    let (nodes, sessions) = dump(&world.tree);
    assert_eq!(nodes, model.nodes, "seed {seed}");
    assert_eq!(sessions, model.sessions.into_iter().collect::<Vec<_>>(), "seed {seed}");
    check_derived(&world.tree);
    world.pending.applied(world.tree.last_zxid());
    assert!(world.pending.is_empty());
}

#[test]
fn hc_111_random_histories_do_what_the_model_does_with_the_promised_digest() {
    let settings = Settings { extended_types: true, ..Settings::default() };
    for seed in 0..150 {
        run(seed, &settings);
    }
}

#[test]
fn without_digests_and_access_control_it_is_the_same() {
    let settings = Settings { extended_types: true, digest: false, skip_acl: true, ..Settings::default() };
    for seed in 1000..1050 {
        run(seed, &settings);
    }
}
