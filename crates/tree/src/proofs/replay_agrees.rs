//! Snapshots taken in slices of random size during random histories, and the rest replayed.

use super::generate::{self, Random, SESSIONS};
use crate::testkit::{World, check_derived, create, delete, dump, load, set_acl, set_data};
use crate::{Settings, SnapshotCursor, Tree};
use proto::Zxid;
use proto::acl::Acl;
use proto::snapshot::ZxidDigest;

/// A snapshot under way.
struct Taking {
    cursor: SnapshotCursor,
    bytes: Vec<u8>,
}

/// A finished one.
struct Taken {
    bytes: Vec<u8>,
    zxid: Zxid,
    digest: ZxidDigest,
}

fn run(seed: u64, like_reference: bool) {
    let settings = Settings { extended_types: true, ..Settings::default() };
    let mut random = Random::new(seed);
    let mut world = World::with(settings.clone());
    let mut taking: Vec<Taking> = Vec::new();
    let mut taken: Vec<Taken> = Vec::new();
    let slice = 1 + random.below(4);
    for _ in 0..300 {
        world.auth = generate::identities(&mut random);
        let session = SESSIONS[random.below(SESSIONS.len())];
        let op = generate::write(&mut random);
        world.run_as(session, &op);
        if random.below(40) == 0 {
            let mut cursor = world.tree.snapshot_begin();
            if like_reference {
                cursor.include_new_nodes();
            }
            taking.push(Taking { cursor, bytes: Vec::new() });
        }
        taking.retain_mut(|t| {
            if random.below(2) == 0 || !world.tree.snapshot_step(&mut t.cursor, slice, &mut t.bytes) {
                return true;
            }
            let bytes = std::mem::take(&mut t.bytes);
            taken.push(Taken { bytes, zxid: t.cursor.zxid(), digest: world.tree.zxid_digest() });
            false
        });
    }
    let live = dump(&world.tree);
    for snapshot in taken {
        let mut tree = load(&settings, &snapshot.bytes, snapshot.zxid, Some(snapshot.digest));
        check_derived(&tree);
        for entry in world.log.iter().filter(|entry| entry.header.zxid > snapshot.zxid) {
            tree.replay(&entry.header, &entry.txn);
            if let Some(digest) = entry.digest {
                assert!(tree.agrees_with(digest), "seed {seed}: {entry:?} after {}", snapshot.zxid);
            }
        }
        assert!(tree.agreed_with_snapshot(), "seed {seed}");
        assert_eq!(dump(&tree), live, "seed {seed} from {}", snapshot.zxid);
        assert_eq!((tree.digest(), tree.last_zxid()), (world.tree.digest(), world.tree.last_zxid()));
        assert_eq!(tree.prune_orphans(), [""; 0], "no ephemeral without its session");
        check_derived(&tree);
    }
}

#[test]
fn hc_71_hc_96_hc_98_replay_over_a_fuzzy_snapshot_ends_in_the_live_tree() {
    for seed in 0..150 {
        run(seed, false);
    }
}

#[test]
fn hc_98_hc_99_so_it_does_over_a_snapshot_of_the_reference_which_holds_newer_nodes() {
    for seed in 0..150 {
        run(seed, true);
    }
}

#[test]
fn hc_99_replaying_the_whole_log_twice_changes_nothing() {
    let mut random = Random::new(7);
    let mut world = World::new();
    for _ in 0..300 {
        let session = SESSIONS[random.below(SESSIONS.len())];
        world.run_as(session, &generate::write(&mut random));
    }
    let settings = world.tree.settings().clone();
    let mut again = Tree::new(settings);
    for entry in &world.log {
        again.replay(&entry.header, &entry.txn);
    }
    assert_eq!(dump(&again), dump(&world.tree));
}

#[test]
fn hc_99_transactions_of_a_former_node_leave_its_successor_alone() {
    let mut w = World::new();
    w.ok(&create("/a"));
    let start = w.tree.last_zxid();
    for op in
        [set_data("/a", b"old", -1), create("/a/old"), delete("/a/old"), set_acl("/a", vec![Acl::open()])]
    {
        w.ok(&op);
    }
    for op in [delete("/a"), create("/a"), create("/a/new")] {
        w.ok(&op);
    }
    // All of the later state, under the zxid of the earlier one.
    let mut cursor = w.tree.snapshot_begin();
    let mut bytes = Vec::new();
    while !w.tree.snapshot_step(&mut cursor, 10, &mut bytes) {}
    let mut tree = load(w.tree.settings(), &bytes, start, None);
    for entry in w.log.iter().filter(|entry| entry.header.zxid > start) {
        tree.replay(&entry.header, &entry.txn);
    }
    assert_eq!(dump(&tree), dump(&w.tree));
    check_derived(&tree);
}
