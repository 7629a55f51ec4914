//! What a seed decides before anything happens: who takes part, how the run is set up, and which faults
//! come how often. Each seed draws its own mix, so that rare combinations come up undiluted.

use crate::queue::{MS, SECOND, Time};
use crate::rng::Rng;

/// The kinds of faults, as drawn and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// One process is killed; its kernel lives on.
    Kill,
    /// One machine loses its power.
    PowerLoss,
    /// The leader is killed.
    KillLeader,
    /// Whoever becomes leader next is killed a moment later.
    KillNextLeader,
    /// More than half of the voters lose their power.
    KillMajority,
    /// All lose their power at once.
    KillAll,
    /// A process dies at an exact step: between an output and what follows.
    CrashAtStep,
    /// A process stands still, and goes on with what it knew.
    Pause,
    /// The members are cut into two halves.
    Halves,
    /// One member is cut off from all others.
    Isolate,
    /// One direction between two members is cut.
    OneWay,
    /// Two halves that only one member connects.
    Bridge,
    /// Messages between two members take long.
    SlowLink,
    /// All links of a member stop one after the other and restart in another order.
    SwizzleClog,
    /// Connections between members are reset.
    Reset,
    /// Only one end hears of the reset.
    HalfOpen,
    /// Connections of clients are reset.
    ClientReset,
    /// A client is cut off from everybody.
    ClientIsolate,
    /// Writes of a disk take long.
    SlowDisk,
    /// A sync fails, or the disk is full: the process ends.
    DiskError,
    /// A bit rots in a log or snapshot; the machine restarts.
    BitRot,
    /// A machine comes back with an empty disk.
    Wipe,
    /// A machine comes back with its newest snapshot gone.
    OldSnapshot,
    /// A wall clock jumps.
    WallJump,
    /// All members are restarted, one after the other.
    RollingRestart,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Fault; 25] = {
        use Fault::*;
        [
            Kill,
            PowerLoss,
            KillLeader,
            KillNextLeader,
            KillMajority,
            KillAll,
            CrashAtStep,
            Pause,
            Halves,
            Isolate,
            OneWay,
            Bridge,
            SlowLink,
            SwizzleClog,
            Reset,
            HalfOpen,
            ClientReset,
            ClientIsolate,
            SlowDisk,
            DiskError,
            BitRot,
            Wipe,
            OldSnapshot,
            WallJump,
            RollingRestart,
        ]
    };
}

/// One run, as drawn from its seed.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) voters: usize,
    pub(crate) observers: usize,
    pub(crate) clients: usize,
    /// Chance of each fault relative to the others.
    pub(crate) weights: [u32; Fault::ALL.len()],
    /// Mean time between faults; 0: none.
    pub(crate) fault_every: Time,
    /// Mean time until what was broken is repaired.
    pub(crate) repair: Time,
    pub(crate) faults_until: Time,
    /// When clients stop asking, so that everything can settle.
    pub(crate) asking_until: Time,
    pub(crate) end: Time,
    pub(crate) delay: Time,
    pub(crate) jitter: Time,
    pub(crate) sync_time: Time,
    pub(crate) tick_ms: u64,
    pub(crate) init_limit: u32,
    pub(crate) sync_limit: u32,
    /// Entries between two snapshots.
    pub(crate) snap_count: u64,
    pub(crate) history_count: usize,
    /// Whether the real storage code runs under the members, on a simulated disk.
    pub(crate) real_files: bool,
    /// Clock rates, parts in a thousand off.
    pub(crate) drift: Vec<i64>,
    /// Mean pause of a client between two requests.
    pub(crate) think: Time,
    /// Requests a client has outstanding at most.
    pub(crate) pipeline: usize,
    /// Mean time a delivery waits before its connection takes it.
    pub(crate) mail_delay: Time,
    pub(crate) history_bytes: usize,
    pub(crate) leader_serves: bool,
}

impl Plan {
    pub(crate) fn draw(seed: u64, alone: bool) -> Self {
        let mut rng = Rng::new(seed, 1);
        let rng = &mut rng;
        let voters = if alone { 1 } else { rng.pick(&[3, 3, 3, 5]) };
        let observers = if alone { 0 } else { rng.pick(&[0, 0, 1, 2]) };
        let mut plan = Self {
            voters,
            observers,
            clients: rng.within(4, 8) as usize,
            weights: draw_weights(rng),
            fault_every: rng.pick(&[3, 6, 10, 12]) * SECOND,
            repair: rng.pick(&[200 * MS, 2 * SECOND, 8 * SECOND, 20 * SECOND]),
            faults_until: 480 * SECOND,
            asking_until: 580 * SECOND,
            end: 600 * SECOND,
            delay: rng.pick(&[100, 500, 2 * MS, 20 * MS]),
            jitter: rng.pick(&[50, 500, 5 * MS, 30 * MS]),
            sync_time: rng.pick(&[100, MS, 5 * MS, 30 * MS]),
            tick_ms: rng.pick(&[500, 1000, 2000]),
            init_limit: rng.pick(&[5, 10]),
            sync_limit: rng.pick(&[3, 5]),
            snap_count: rng.pick(&[3, 20, 60, 300, 100_000]),
            history_count: rng.pick(&[1, 5, 50, 500]),
            real_files: rng.permille(125),
            drift: (0..voters + observers).map(|_| rng.below(201) as i64 - 100).collect(),
            think: rng.pick(&[300 * MS, 1200 * MS, 3 * SECOND]),
            pipeline: rng.pick(&[1, 4, 16]),
            mail_delay: rng.pick(&[0, 200, 3 * MS]),
            history_bytes: rng.pick(&[0, 1000, 100_000]),
            leader_serves: rng.permille(900),
        };
        if rng.permille(30) {
            plan.fault_every = 0;
        }
        if rng.permille(500) {
            plan.drift.fill(0);
        }
        plan
    }
}

/// A few kinds only, or one, or all of them a little.
fn draw_weights(rng: &mut Rng) -> [u32; Fault::ALL.len()] {
    let mut weights = [0; Fault::ALL.len()];
    match rng.below(8) {
        0 => weights[rng.index(Fault::ALL.len())] = 1,
        1 => weights.fill(1),
        _ => {
            for _ in 0..rng.within(2, 8) {
                weights[rng.index(Fault::ALL.len())] = rng.pick(&[1, 2, 5, 10]);
            }
        }
    }
    weights
}
