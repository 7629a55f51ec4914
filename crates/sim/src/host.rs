//! A machine with its disk and clocks, and the process that runs on it now and then.

use crate::disk::Disk;
use crate::net::TcpId;
use crate::queue::Time;
use crate::world::Event;
use node::{ConnId, Connection, Node, Now, Role, Store, What};
use proto::Zxid;
use proto::peer::{Notification, Packet};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tree::SnapshotCursor;
use zab::{LinkId, ServerId};

/// What a machine takes for the time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    /// Parts in a thousand by which it runs fast.
    pub(crate) drift: i64,
    /// By how much its wall clock is wrong, milliseconds.
    pub(crate) wall_off_ms: i64,
}

/// Milliseconds since 1970 at the start of every run.
const EPOCH_MS: i64 = 1_700_000_000_000;
/// What monotonic clocks show at the start of every run, milliseconds.
const UPTIME_MS: u64 = 100_000;

impl Clock {
    fn rate(self) -> u64 {
        (1000 + self.drift).unsigned_abs()
    }

    pub(crate) fn now(self, at: Time) -> Now {
        let monotonic_ms = UPTIME_MS + at * self.rate() / 1_000_000;
        Now { monotonic_ms, wall_ms: EPOCH_MS + (at / 1000) as i64 + self.wall_off_ms }
    }

    /// When the monotonic clock shows this.
    pub(crate) fn when(self, monotonic_ms: u64) -> Time {
        let ms = u128::from(monotonic_ms.saturating_sub(UPTIME_MS));
        u64::try_from((ms * 1_000_000).div_ceil(u128::from(self.rate()))).unwrap_or(u64::MAX)
    }
}

/// One client's connection at the server's end.
pub(crate) struct Serving {
    pub(crate) connection: Connection,
    /// Frames not looked at yet.
    pub(crate) input: Vec<u8>,
    /// No frame may be fed before the next delivery.
    pub(crate) paused: bool,
    /// Delivered by the node, not taken yet.
    pub(crate) mail: VecDeque<What>,
    pub(crate) mail_due: bool,
}

/// A snapshot on its way into a link.
pub(crate) struct Sending {
    pub(crate) cursor: SnapshotCursor,
    pub(crate) bytes: Vec<u8>,
    /// Packets that come after it.
    pub(crate) held: Vec<Packet>,
    pub(crate) closes: bool,
}

/// The election connection to another voter.
#[derive(Default)]
pub(crate) struct Voter {
    pub(crate) tcp: Option<TcpId>,
    pub(crate) next: Option<Notification>,
    pub(crate) last: Option<Notification>,
    pub(crate) dialing: bool,
    pub(crate) failures: u32,
}

pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) store: Arc<Store>,
    /// When the node's timer is set to go off.
    pub(crate) timer_at: Time,
    pub(crate) conns: BTreeMap<ConnId, Serving>,
    pub(crate) sending: BTreeMap<LinkId, Sending>,
    /// SNAP packets whose contents are awaited.
    pub(crate) announced: BTreeMap<LinkId, Zxid>,
    pub(crate) voters: BTreeMap<usize, Voter>,
    /// The snapshot being taken.
    pub(crate) snapshot: Option<(SnapshotCursor, Vec<u8>)>,
    /// Entries logged since the last one.
    pub(crate) logged: u64,
    pub(crate) snapshot_at: u64,
}

/// What checks know of a process without asking it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) role: Role,
    pub(crate) serving: bool,
    /// Leads with a quorum behind it, whether or not it takes clients.
    pub(crate) established: bool,
    /// Zxids handed to the log, whether durable or not, after `log_from`.
    pub(crate) log: Vec<Zxid>,
    pub(crate) log_from: Zxid,
    /// What the tree was last seen at.
    pub(crate) applied: Zxid,
    /// What a learner must have on disk before it acknowledges NEWLEADER.
    pub(crate) synced_to: Zxid,
    /// Between the beginning of its synchronization and NEWLEADER.
    pub(crate) syncing: bool,
    /// The epoch its leader last asked it to accept.
    pub(crate) promised: u32,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            role: Role::Looking,
            serving: false,
            established: false,
            log: Vec::new(),
            log_from: Zxid::ZERO,
            applied: Zxid::ZERO,
            synced_to: Zxid::ZERO,
            syncing: false,
            promised: 0,
        }
    }
}

impl Known {
    /// The last transaction handed to the log.
    pub(crate) fn last(&self) -> Zxid {
        self.log.last().copied().unwrap_or(self.log_from)
    }
}

pub(crate) struct Host {
    pub(crate) id: ServerId,
    pub(crate) name: String,
    pub(crate) votes: bool,
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    pub(crate) process: Option<Process>,
    /// Starts so far: what belongs to an earlier one is of no more use.
    pub(crate) boots: u32,
    /// Without power not even a reset is sent.
    pub(crate) powered: bool,
    pub(crate) paused: bool,
    /// What came while it was paused.
    pub(crate) deferred: Vec<Event>,
    /// Whether its process is to run.
    pub(crate) wanted: bool,
    /// A process dies after so many more outputs.
    pub(crate) dies_after: Option<u64>,
    /// Lost its disk, and has not got back what was committed then.
    pub(crate) amnesia: Option<Zxid>,
    /// What its disk held when it lost it: acknowledgements of that may still be on their way.
    pub(crate) forgot: Zxid,
    pub(crate) known: Known,
}

impl Host {
    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn is_leading(&self) -> bool {
        self.is_up() && matches!(self.known.role, Role::Leading | Role::Standalone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_read_and_set_alike() {
        for drift in [-100, 0, 37, 100] {
            let clock = Clock { drift, wall_off_ms: 0 };
            for ms in [UPTIME_MS, UPTIME_MS + 1, UPTIME_MS + 123_456] {
                assert_eq!(clock.now(clock.when(ms)).monotonic_ms, ms, "drift {drift}");
            }
        }
    }
}
