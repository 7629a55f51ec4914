//! The digest of the tree: a sum over all nodes, by which replicas find out that they differ.
//!
//! A node's part is the CRC-32 of path, data and metadata. Path and data come first, so their CRC is
//! kept where only metadata changes.
//!
//! //= java: DigestCalculator

use crc32fast::Hasher;
use proto::Zxid;
use proto::snapshot::ZxidDigest;
use proto::stat::StatPersisted;
use proto::txn::DIGEST_VERSION;
use std::collections::VecDeque;

/// CRC-32 of a node's path and data; `None` when the node has no part in the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix(Option<u32>);

impl Prefix {
    /// Of a node nobody looks at the digest of.
    pub(crate) const NONE: Prefix = Prefix(None);

    /// Of the node at a path. Quota and configuration nodes change without transactions, so all below
    /// `/zookeeper` has no part. The root counts as the empty path.
    pub(crate) fn new(path: &str, data: Option<&[u8]>) -> Self {
        if path.starts_with("/zookeeper/") {
            return Self::NONE;
        }
        let mut crc = Hasher::new();
        if path != "/" {
            crc.update(path.as_bytes());
        }
        crc.update(data.unwrap_or_default());
        Self(Some(crc.finalize()))
    }

    /// The node's part in the sum.
    pub(crate) fn with_stat(self, stat: &StatPersisted) -> u64 {
        let Some(prefix) = self.0 else { return 0 };
        let mut crc = Hasher::new_with_initial(prefix);
        crc.update(&stat_block(stat));
        u64::from(crc.finalize())
    }
}

/// A node's part in the sum, computed in one go: the CRC is fastest over one long piece.
pub(crate) fn part(path: &str, data: Option<&[u8]>, stat: &StatPersisted) -> u64 {
    let data = data.unwrap_or_default();
    let mut buffer = [0; 512];
    let len = path.len() + data.len() + STAT_LEN;
    if len > buffer.len() || path.len() == 1 || path.starts_with("/zookeeper/") {
        return Prefix::new(path, Some(data)).with_stat(stat);
    }
    buffer[..path.len()].copy_from_slice(path.as_bytes());
    buffer[path.len()..len - STAT_LEN].copy_from_slice(data);
    buffer[len - STAT_LEN..len].copy_from_slice(&stat_block(stat));
    u64::from(crc32fast::hash(&buffer[..len]))
}

/// Bytes of metadata in a digest.
const STAT_LEN: usize = 60;

/// The metadata as the digest sees it; the order is not that of snapshots.
fn stat_block(stat: &StatPersisted) -> [u8; STAT_LEN] {
    let mut block = [0; STAT_LEN];
    let longs = [stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime];
    for (to, value) in block.chunks_exact_mut(8).zip(longs) {
        to.copy_from_slice(&value.to_be_bytes());
    }
    for (to, value) in block[40..52].chunks_exact_mut(4).zip([stat.version, stat.cversion, stat.aversion]) {
        to.copy_from_slice(&value.to_be_bytes());
    }
    block[52..].copy_from_slice(&stat.ephemeral_owner.to_be_bytes());
    block
}

/// How many digests are remembered.
const HISTORY_LEN: usize = 1024;
/// Every how many transactions one is.
const HISTORY_STEP: i64 = 128;

/// What is known of the digest over time.
#[derive(Default)]
pub(crate) struct DigestLog {
    history: VecDeque<(Zxid, u64)>,
    last: Option<(Zxid, u64)>,
    /// The digest of a fuzzy snapshot: before its transaction is replayed, nothing can be compared.
    awaited: Option<ZxidDigest>,
    /// Whether the snapshot said up to which transaction it is fuzzy.
    bounded: bool,
    missed: bool,
}

impl DigestLog {
    /// Takes the digest block of a snapshot that starts at `snapshot_zxid` and was loaded with this
    /// digest. A block from before the start belongs to no state of the file.
    pub(crate) fn await_snapshot(&mut self, block: ZxidDigest, snapshot_zxid: Zxid, digest: u64) {
        if block.zxid > Zxid::ZERO && block.zxid >= snapshot_zxid {
            self.awaited = Some(block);
            self.bounded = true;
        }
        if block.zxid == snapshot_zxid {
            self.compare(snapshot_zxid, digest);
        }
    }

    /// Compares with the snapshot's digest once its transaction is reached.
    fn compare(&mut self, zxid: Zxid, digest: u64) {
        if let Some(block) = self.awaited.take_if(|block| zxid >= block.zxid) {
            let comparable = zxid == block.zxid && block.version == DIGEST_VERSION;
            self.missed |= comparable && block.digest != digest;
        }
    }

    /// Notes the digest after a transaction.
    pub(crate) fn record(&mut self, zxid: Zxid, digest: u64) {
        self.compare(zxid, digest);
        if self.awaited.is_some() {
            return;
        }
        self.last = Some((zxid, digest));
        if zxid.0 % HISTORY_STEP == 0 {
            if self.history.len() == HISTORY_LEN {
                self.history.pop_front();
            }
            self.history.push_back((zxid, digest));
        }
    }

    /// Whether transactions' digests mean something yet.
    pub(crate) fn is_comparable(&self) -> bool {
        self.awaited.is_none()
    }

    /// Whether the tree is known to be exactly that after its last transaction.
    pub(crate) fn is_exact(&self) -> bool {
        self.bounded && self.awaited.is_none()
    }

    /// Whether the tree differed from its snapshot's digest when that could be checked.
    pub(crate) fn missed(&self) -> bool {
        self.missed
    }

    pub(crate) fn history(&self) -> impl Iterator<Item = (Zxid, u64)> {
        self.history.iter().copied()
    }

    /// What a snapshot stores.
    pub(crate) fn last(&self) -> ZxidDigest {
        let (zxid, digest) = self.last.unwrap_or((Zxid::ZERO, 0));
        ZxidDigest { zxid, version: DIGEST_VERSION, digest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_fresh_tree_sum_up_as_in_the_reference() {
        let stat = StatPersisted::default();
        let sum = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]
            .map(|path| Prefix::new(path, Some(b"")).with_stat(&stat))
            .iter()
            .sum::<u64>();
        assert_eq!(sum, 0x51C6_D660);
    }

    #[test]
    fn a_part_is_the_same_in_one_go_or_in_two() {
        let stat = StatPersisted { czxid: 1, mtime: -2, ephemeral_owner: 3, ..StatPersisted::default() };
        for path in ["/", "/a", "/zookeeper", "/zookeeper/quota", "/some/longer/path"] {
            for data in [None, Some(&b""[..]), Some(b"data"), Some(&[7; 300]), Some(&[7; 600])] {
                assert_eq!(part(path, data, &stat), Prefix::new(path, data).with_stat(&stat), "{path}");
            }
        }
    }

    #[test]
    fn history_keeps_every_128th_and_not_more_than_1024() {
        let mut log = DigestLog::default();
        for zxid in 1..=128 * 1500 {
            log.record(Zxid(zxid), zxid as u64);
        }
        assert_eq!(log.history().count(), 1024);
        assert_eq!(log.history().last(), Some((Zxid(128 * 1500), 128 * 1500)));
    }

    #[test]
    fn nothing_compares_before_the_snapshots_own_digest_was_reached() {
        let mut log = DigestLog::default();
        log.await_snapshot(ZxidDigest { zxid: Zxid(9), version: DIGEST_VERSION, digest: 5 }, Zxid(7), 3);
        log.record(Zxid(8), 1);
        assert!(!log.is_comparable());
        log.record(Zxid(9), 4);
        assert!(log.is_comparable() && log.missed());
    }
}
