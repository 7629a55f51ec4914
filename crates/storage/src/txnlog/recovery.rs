//! Replaying the log after a snapshot, and leaving its end in order.

use super::format::{BatchMark, HEADER_BYTES, MARK_BYTES};
use super::reader::{EndCause, Step, TxnLogReader};
use super::sequence::{Place, Sequence};
use super::tail::{Verdict, judge};
use crate::dirs::NamedFile;
use crate::disk::{DiskFile, OpenMode};
use crate::{SharedDisk, StorageError, TornTail};
use proto::Zxid;
use proto::txn::{Txn, TxnDigest, TxnHeader, decode_entry};
use std::path::Path;

/// Unfinished tails are kept under this name, and the zxid and offset of the cut.
pub(crate) const TORN: &str = "torn";
/// At most so many bytes of an unfinished tail are kept.
const TORN_BYTES_MAX: u64 = 16 << 20;

/// What the replay did.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) last: Zxid,
    pub(crate) entries: u64,
    pub(crate) torn: Option<TornTail>,
    pub(crate) warnings: Vec<String>,
}

/// Hands over one entry.
pub(crate) type OnEntry<'a> = dyn FnMut(&TxnHeader, Txn, Option<TxnDigest>) -> Result<(), String> + 'a;

/// Removes a last file that was begun but never held a durable header: nothing in it can have been
/// acknowledged (HC-113). Returns a warning when it did.
pub(crate) fn drop_unborn(
    disk: &SharedDisk,
    logs: &mut Vec<NamedFile>,
) -> Result<Option<String>, StorageError> {
    let Some(file) = logs.last() else { return Ok(None) };
    let open = disk.open(&file.path, OpenMode::Read).map_err(StorageError::io("open", &file.path))?;
    let mut header = [0; HEADER_BYTES];
    let got = open.read_full_at(0, &mut header).map_err(StorageError::io("read", &file.path))?;
    let blank = header == [0; HEADER_BYTES] && is_blank(&*open, file)?;
    if got == HEADER_BYTES && !blank {
        return Ok(None);
    }
    let path = file.path.clone();
    remove(disk, &path)?;
    logs.pop();
    Ok(Some(format!("{} was created but never written before a crash; removed it", path.display())))
}

fn is_blank(open: &dyn DiskFile, file: &NamedFile) -> Result<bool, StorageError> {
    let verdict = judge(open, 0).map_err(StorageError::io("read", &file.path))?;
    Ok(verdict == Verdict::Clean)
}

/// Replays every entry after `after`, in order.
pub(crate) fn replay(
    disk: &SharedDisk,
    logs: &[NamedFile],
    after: Zxid,
    lenient_start: bool,
    on_entry: &mut OnEntry<'_>,
) -> Result<Replayed, StorageError> {
    // The newest file that may hold the next entry, and all after it.
    let first = logs.iter().rposition(|f| f.zxid.0 <= after.0.saturating_add(1)).unwrap_or(0);
    let mut replay = Replay {
        after,
        sequence: Sequence::after(after),
        lenient: lenient_start,
        repeats: 0,
        ended: None,
        out: Replayed { last: after, entries: 0, torn: None, warnings: Vec::new() },
    };
    for (i, file) in logs.iter().enumerate().skip(first) {
        let mut end = replay.file(disk, file, on_entry)?;
        if i + 1 == logs.len() {
            replay.out.torn = finish_last(disk, file, end)?;
        } else {
            end.evidence = evidence_behind(disk, file, &end)?;
            replay.ended = Some(end);
        }
    }
    if replay.repeats > 0 {
        let repeats = replay.repeats;
        replay.out.warnings.push(format!("skipped {repeats} log entries that repeat the zxid before them"));
    }
    replay.out.last = replay.sequence.last();
    Ok(replay.out)
}

/// Where and why reading of a file ended.
struct End {
    reader: TxnLogReader,
    offset: u64,
    cause: EndCause,
    entries: u64,
    /// Where, behind an invalid entry, something stands that was written later.
    evidence: Option<u64>,
}

struct Replay {
    after: Zxid,
    sequence: Sequence,
    /// Whether the first entry may be any: there is no snapshot to connect to.
    lenient: bool,
    repeats: u64,
    /// How the file before ended, until an entry connects to it.
    ended: Option<End>,
    out: Replayed,
}

impl Replay {
    fn file(
        &mut self,
        disk: &SharedDisk,
        file: &NamedFile,
        on_entry: &mut OnEntry<'_>,
    ) -> Result<End, StorageError> {
        let mut reader = TxnLogReader::open(disk, &file.path)?;
        let mut entries = 0;
        loop {
            let (offset, bytes) = match reader.step()? {
                Step::Entry { offset, bytes } => (offset, bytes),
                Step::End { offset, cause } => {
                    return Ok(End { reader, offset, cause, entries, evidence: None });
                }
            };
            let outcome = decode_entry(bytes)
                .map_err(|e| format!("an entry cannot be decoded: {e}"))
                .and_then(|(header, txn, digest)| {
                    if entries == 0 && header.zxid != file.zxid {
                        return Err(format!(
                            "the first entry is {}, the name says {}",
                            header.zxid, file.zxid
                        ));
                    }
                    self.entry(&header, bytes, || on_entry(&header, txn, digest))
                });
            outcome.map_err(|what| self.blame(&reader, offset, what))?;
            entries += 1;
        }
    }

    fn entry(
        &mut self,
        header: &TxnHeader,
        bytes: &[u8],
        apply: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let started = self.sequence.last() > self.after;
        if header.zxid <= self.after && !started {
            return Ok(());
        }
        let last = self.sequence.last();
        match self.sequence.place(header, bytes) {
            Place::Next => {}
            Place::Repeat => {
                self.repeats += 1;
                return Ok(());
            }
            Place::Gap if self.lenient && !started => self.sequence.jump(header.zxid, bytes),
            Place::Gap => return Err(format!("the entry is {}, but the one before is {last}", header.zxid)),
            Place::Conflict => {
                return Err(format!("{} stands here although the log is at {last} already", header.zxid));
            }
        }
        // The first transaction of an epoch may follow any of an earlier one, so that it proves nothing about
        // what the damage took (HC-115).
        if let Some(End { evidence: Some(evidence), .. }) = &self.ended
            && last.next() != Some(header.zxid)
        {
            return Err(format!(
                "a new epoch begins with {}, after {last}, yet entries written later stand at byte {evidence}",
                header.zxid
            ));
        }
        if let Some(end) = self.ended.take().filter(|end| matches!(end.cause, EndCause::Invalid(_))) {
            let path = end.reader.path().display();
            self.out.warnings.push(format!(
                "{path} ends in an unfinished entry at byte {}, the next file goes on where it ends",
                end.offset
            ));
        }
        apply()?;
        self.out.entries += 1;
        Ok(())
    }

    /// Damage at the end of one file shows only as a gap in front of the next: name the damage.
    fn blame(&self, reader: &TxnLogReader, offset: u64, what: String) -> StorageError {
        match &self.ended {
            Some(End { reader: earlier, offset: end, cause: EndCause::Invalid(cause), .. }) => earlier
                .corrupt(
                    *end,
                    format!("{cause}, and in {} at byte {offset} {what}", reader.path().display()),
                ),
            _ => reader.corrupt(offset, what),
        }
    }
}

/// Looks behind an invalid entry, at which reading of a file ended that is not the last.
fn evidence_behind(disk: &SharedDisk, log: &NamedFile, end: &End) -> Result<Option<u64>, StorageError> {
    if !matches!(end.cause, EndCause::Invalid(_)) {
        return Ok(None);
    }
    let file = disk.open(&log.path, OpenMode::Read).map_err(StorageError::io("open", &log.path))?;
    let verdict = judge(&*file, end.offset).map_err(StorageError::io("read", &log.path))?;
    Ok(match verdict {
        Verdict::Refuse { evidence } => Some(evidence),
        Verdict::Clean | Verdict::Cut { .. } => None,
    })
}

/// Puts the end of the last file in order: cuts an unfinished batch, removes a file without entries.
fn finish_last(disk: &SharedDisk, log: &NamedFile, end: End) -> Result<Option<TornTail>, StorageError> {
    let path = &log.path;
    let file = disk.open(path, OpenMode::Write).map_err(StorageError::io("open", path))?;
    let verdict = judge(&*file, end.offset).map_err(StorageError::io("read", path))?;
    let torn = match verdict {
        Verdict::Clean => {
            // What a process wrote and did not live to sync is read from memory: before anybody is told that it is
            // here, it has to be.
            file.sync_data().map_err(StorageError::io("sync", path))?;
            None
        }
        Verdict::Refuse { evidence } => {
            let cause = match end.cause {
                EndCause::Invalid(cause) => cause,
                _ => "there is a hole",
            };
            return Err(end.reader.corrupt(
                end.offset,
                format!("{cause}, yet entries written later stand at byte {evidence}"),
            ));
        }
        Verdict::Cut { at, until } => {
            let kept = keep_torn(disk, &*file, log, end.offset, until);
            cut(&*file, path, end.offset)?;
            Some(TornTail { path: path.clone(), offset: end.offset, bytes: until - at, kept })
        }
    };
    drop(file);
    if end.entries == 0 {
        // The next entry takes the name.
        remove(disk, path)?;
    }
    Ok(torn)
}

/// Cuts a log behind its last entry and notes that all before is durable.
pub(crate) fn cut(file: &dyn DiskFile, path: &Path, at: u64) -> Result<(), StorageError> {
    let mut mark = Vec::with_capacity(MARK_BYTES);
    BatchMark { start: at, end: at }.encode(&mut mark);
    file.set_size(at).map_err(StorageError::io("cut", path))?;
    // First the cut, then the mark: a mark in front of an uncut tail would hide it.
    file.sync_data().map_err(StorageError::io("sync", path))?;
    file.write_all_at(at, &mark).map_err(StorageError::io("write", path))?;
    file.sync_data().map_err(StorageError::io("sync", path))
}

pub(crate) fn remove(disk: &SharedDisk, path: &Path) -> Result<(), StorageError> {
    disk.remove(path).map_err(StorageError::io("remove", path))?;
    let dir = path.parent().unwrap_or(Path::new("."));
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))
}

/// Keeps what is cut away in a file of its own, for whoever wants to look. Failing to is no reason
/// not to start.
fn keep_torn(
    disk: &SharedDisk,
    file: &dyn DiskFile,
    log: &NamedFile,
    from: u64,
    until: u64,
) -> Option<std::path::PathBuf> {
    let path = log.path.with_file_name(format!("{TORN}.{:x}.{from:x}", log.zxid.0));
    let mut bytes = vec![0; (until - from).min(TORN_BYTES_MAX) as usize];
    let copy = || {
        file.read_full_at(from, &mut bytes)?;
        let copy = disk.open(&path, OpenMode::Replace)?;
        copy.write_all_at(0, &bytes)?;
        copy.sync_data()
    };
    let mut copy = copy;
    copy().is_ok().then_some(path)
}
