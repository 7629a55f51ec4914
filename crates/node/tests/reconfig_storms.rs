//! Changes of membership with everything going wrong at once.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::memberships::{agree, bulk, ensemble, joining, leaders, leaving, line, writes};
use cluster::{Cluster, Heard};
use node::ConnId;
use proto::Zxid;
use std::collections::BTreeSet;

/// Storms in one run.
const SEEDS: u64 = 24;
/// Storms that ended badly once: the voters of what was staged came as observers.
const FAILED: [u64; 1] = [777_004];

/// Numbers without a pattern, the same ones each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn server(&mut self) -> i64 {
        1 + self.roll(5) as i64
    }

    fn role(&mut self) -> &'static str {
        ["participant", "participant", "observer"][self.roll(3) as usize]
    }

    /// A change that may or may not make sense.
    fn change(&mut self, c: &mut Cluster, conn: ConnId) -> i32 {
        match self.roll(4) {
            0 => c.reconfig(conn, &leaving(&self.server().to_string())),
            1 => {
                let ids: Vec<i64> = (1..=5).filter(|_| self.roll(3) > 0).collect();
                let lines: Vec<String> = ids.iter().map(|id| line(*id, self.role())).collect();
                c.reconfig(conn, &bulk(&lines.join(",")))
            }
            _ => {
                let joiner = line(self.server(), self.role());
                c.reconfig(conn, &joining(&joiner))
            }
        }
    }

    /// Breaks or mends something.
    fn trouble(&mut self, c: &mut Cluster) {
        let id = self.server();
        match self.roll(6) {
            0 if c.is_running(id) => c.kill(id),
            1 if !c.is_running(id) => c.start(id),
            2 => c.pause(id),
            3 => c.resume(id),
            4 => c.isolate(id),
            5 => c.heal(),
            _ => {}
        }
    }
}

#[test]
fn hc_142_storms_of_changes_and_restarts_end_in_one_membership_with_every_answered_write() {
    let mut changed: u64 = 0;
    for seed in (0..SEEDS).chain(FAILED) {
        let (mut dice, mut c) = (Dice(seed), ensemble(5, 0));
        let mut written: Vec<(ConnId, i32, String)> = Vec::new();
        for n in 0..60 {
            let id = dice.server();
            if c.is_running(id) {
                let conn = c.connect(id);
                c.run_ms(5 + dice.roll(40));
                if matches!(c.heard(conn), [Heard::Opened(_)]) {
                    let path = format!("/storm-{n}.");
                    let xid = c.create(conn, &path);
                    written.push((conn, xid, path));
                    dice.change(&mut c, conn);
                }
            }
            c.run_ms(dice.roll(300));
            let leading = (1..=5).filter(|id| leaders(&c, &[*id]) == [*id]);
            let epochs: Vec<u32> = leading.map(|id| c.node(id).status().current_epoch).collect();
            let distinct: BTreeSet<u32> = epochs.iter().copied().collect();
            assert_eq!(epochs.len(), distinct.len(), "seed {seed}: two leaders of one epoch");
            dice.trouble(&mut c);
        }
        for id in 1..=5 {
            c.resume(id);
        }
        c.heal();
        let all = [1, 2, 3, 4, 5];
        for id in all {
            if !c.is_running(id) {
                c.start(id);
            }
        }
        c.run_ms(30_000);
        for id in all {
            assert!(c.node(id).status().serving, "seed {seed}: server {id} is {:?}", c.role(id));
        }
        let config = agree(&c, &all);
        changed += u64::from(config.version > Zxid::new(1, 0).0);
        for (conn, xid, path) in written {
            if c.err(conn, xid) == Some(0) {
                assert!(all.iter().all(|id| c.has(*id, &path)), "seed {seed}: {path} is lost");
            }
        }
        writes(&mut c, 1, "/after", &all);
    }
    assert!(changed > SEEDS / 2, "{changed}");
}
