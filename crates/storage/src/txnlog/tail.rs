//! Judging what stands behind the last readable entry of the last log file.
//!
//! A crash may leave any part of the last, unacknowledged batch behind; that is cut off. Anything
//! that may have been acknowledged must not be, so damage in front of it is refused.
//!
//! 1. A batch mark where reading stopped: the log ends there; what follows belongs to a batch that
//!    never finished.
//! 2. A batch mark further on that began before the damage: the damage is in the last batch: cut.
//!    One that began behind the damage: acknowledged entries are damaged: refuse.
//! 3. No batch mark in a file with our maker's mark: the mark went down with its batch, so the last
//!    batch never finished: cut. (A rotted entry *and* a crash would look the same.)
//! 4. A file made by the reference: refuse when a valid entry follows, cut otherwise.

use super::format::{BatchMark, END_OF_ENTRY, ENTRY_BYTES_MIN, FRAME_BYTES, MAKER, MARK_BYTES};
use crate::disk::DiskFile;
use proto::jute::Reader;
use simd_adler32::adler32;
use std::io;

/// Bytes looked at together.
const WINDOW_BYTES: usize = 4 << 20;
/// Checksumming for candidates may cost this many times the size of the file before the search
/// gives up and the safe answer is taken.
const EFFORT_MAX: u64 = 8;

/// What to do with a log file from a given offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Only padding follows.
    Clean,
    /// An unfinished batch follows.
    Cut {
        /// Where to cut: at the offset, or behind the batch mark there.
        at: u64,
        /// End of what is cut away that is not zero.
        until: u64,
    },
    /// Entries that may have been acknowledged follow, the first sign of them at this offset.
    Refuse {
        /// Where.
        evidence: u64,
    },
}

/// Judges `file` from `from` on, where no entry can be read.
pub(crate) fn judge(file: &dyn DiskFile, from: u64) -> io::Result<Verdict> {
    let size = file.size()?;
    let mut head = [0; MARK_BYTES];
    let got = file.read_full_at(from, &mut head)?;
    let marked = BatchMark::decode(&head[..got], from).is_some();
    let at = if marked { from + MARK_BYTES as u64 } else { from };
    let ours = is_ours(file, size)?;
    // The maker's mark is padding like the zeros before it.
    let end = if ours { size - MAKER.len() as u64 } else { size };

    let found = search(file, at, end.max(at))?;
    if found.last_nonzero <= at {
        return Ok(Verdict::Clean);
    }
    let cut = Verdict::Cut { at, until: found.last_nonzero };
    Ok(match (found.mark, found.entry) {
        _ if marked => cut,
        (Some(mark), _) if mark.start > from => Verdict::Refuse { evidence: mark.start },
        (Some(_), _) => cut,
        (None, _) if ours => cut,
        (None, Some(evidence)) => Verdict::Refuse { evidence },
        (None, None) => cut,
    })
}

fn is_ours(file: &dyn DiskFile, size: u64) -> io::Result<bool> {
    let mut tail = MAKER;
    let Some(at) = size.checked_sub(MAKER.len() as u64) else { return Ok(false) };
    tail.fill(0);
    Ok(file.read_full_at(at, &mut tail)? == MAKER.len() && tail == MAKER)
}

/// What stands in a stretch of a file.
#[derive(Debug, Default)]
struct Found {
    /// The batch mark furthest back.
    mark: Option<BatchMark>,
    /// Where the first valid entry begins.
    entry: Option<u64>,
    /// End of the last byte that is not zero.
    last_nonzero: u64,
}

fn search(file: &dyn DiskFile, from: u64, end: u64) -> io::Result<Found> {
    let mut found = Found { last_nonzero: from, ..Found::default() };
    let mut effort = (end - from).saturating_mul(EFFORT_MAX);
    let mut window = Vec::new();
    let mut at = from;
    while at < end {
        let Some(next) = file.next_data(at)? else { break };
        // A little before the data: a frame may begin in the hole with its leading zeros.
        at = next.saturating_sub(FRAME_BYTES as u64).max(at);
        window.resize((end.saturating_sub(at)).min(WINDOW_BYTES as u64) as usize, 0);
        let got = file.read_full_at(at, &mut window)?;
        window.truncate(got);
        if let Some(last) = window.iter().rposition(|b| *b != 0) {
            found.last_nonzero = at + last as u64 + 1;
            search_window(file, at, &window, last, end, &mut effort, &mut found)?;
        }
        if (got as u64) <= MARK_BYTES as u64 {
            break;
        }
        // Marks and frame heads that straddle the border are found by looking twice.
        at += got as u64 - if at + (got as u64) < end { MARK_BYTES as u64 } else { 0 };
    }
    Ok(found)
}

fn search_window(
    file: &dyn DiskFile,
    base: u64,
    window: &[u8],
    last: usize,
    end: u64,
    effort: &mut u64,
    found: &mut Found,
) -> io::Result<()> {
    let mut i = 0;
    while i <= last && i + FRAME_BYTES < window.len() {
        // Both begin with four zeros, and zeros alone are neither.
        if window[i..i + 4] != [0; 4] {
            i += 1;
            continue;
        }
        let here = base + i as u64;
        if BatchMark::is_likely(&window[i..]) {
            found.mark = BatchMark::decode(&window[i..], here).or(found.mark);
        } else if found.entry.is_none() && is_entry(file, here, &window[i..], end, effort)? {
            found.entry = Some(here);
        }
        i += 1;
    }
    Ok(())
}

/// Whether a valid entry begins at `at`; `bytes` are what of it is in memory.
fn is_entry(file: &dyn DiskFile, at: u64, bytes: &[u8], end: u64, effort: &mut u64) -> io::Result<bool> {
    let mut from = Reader::new(bytes);
    let (Ok(checksum), Ok(length)) = (from.i64(), from.i32()) else { return Ok(false) };
    let body = at + FRAME_BYTES as u64;
    let len = usize::try_from(length).unwrap_or(0);
    if len < ENTRY_BYTES_MIN || body + len as u64 >= end {
        return Ok(false);
    }
    let mut last = [0];
    if file.read_full_at(body + len as u64, &mut last)? != 1 || last[0] != END_OF_ENTRY {
        return Ok(false);
    }
    let Some(left) = effort.checked_sub(len as u64) else { return Ok(true) };
    *effort = left;
    let mut entry = vec![0; len];
    let got = file.read_full_at(body, &mut entry)?;
    Ok(got == len && i64::from(adler32(&entry.as_slice())) == checksum)
}
