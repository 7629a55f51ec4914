//! The order of zxids: what may follow what.

use proto::OpCode;
use proto::Zxid;
use proto::txn::TxnHeader;
use simd_adler32::adler32;

/// Where an entry stands relative to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The next transaction.
    Next,
    /// The same transaction once more, or an error noted under the zxid of the transaction before
    /// it, as the reference does for a request it could not decode. Changes nothing.
    Repeat,
    /// Transactions are missing in between (HC-134).
    Gap,
    /// The zxid was used before for something else (HC-135).
    Conflict,
}

/// Follows the zxids of a log.
#[derive(Debug)]
pub(crate) struct Sequence {
    last: Zxid,
    /// Checksum and length of the last entry's bytes; unknown at the start.
    print: Option<(u32, usize)>,
}

impl Sequence {
    /// Starts behind `last`.
    pub(crate) fn after(last: Zxid) -> Self {
        Self { last, print: None }
    }

    /// The last transaction.
    pub(crate) fn last(&self) -> Zxid {
        self.last
    }

    /// Places an entry, and goes on from it when it is the next.
    pub(crate) fn place(&mut self, header: &TxnHeader, bytes: &[u8]) -> Place {
        let print = (adler32(&bytes), bytes.len());
        if header.zxid <= self.last {
            let harmless = header.kind == OpCode::Error.code() || self.print == Some(print);
            return if header.zxid == self.last && harmless { Place::Repeat } else { Place::Conflict };
        }
        if !follows(self.last, header.zxid) {
            return Place::Gap;
        }
        self.advance(header.zxid, print);
        Place::Next
    }

    /// Goes on from an entry whatever came before it.
    pub(crate) fn jump(&mut self, zxid: Zxid, bytes: &[u8]) {
        self.advance(zxid, (adler32(&bytes), bytes.len()));
    }

    fn advance(&mut self, zxid: Zxid, print: (u32, usize)) {
        self.last = zxid;
        self.print = Some(print);
    }
}

/// Whether `next` may come directly after `last`: one more in the same epoch, or the first of a
/// newer epoch. A standalone reference server counts past the end of an epoch into 0 of the next.
pub(crate) fn follows(last: Zxid, next: Zxid) -> bool {
    last.next() == Some(next) || (next.epoch() > last.epoch() && next.counter() <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::SessionId;

    fn place(last: Zxid, zxid: Zxid, kind: OpCode) -> Place {
        let header = TxnHeader { client_id: SessionId(1), cxid: 2, zxid, time: 3, kind: kind.code() };
        Sequence::after(last).place(&header, b"x")
    }

    #[test]
    fn hc_134_only_the_next_of_an_epoch_or_the_first_of_a_newer_one_follows() {
        let last = Zxid::new(3, 7);
        assert_eq!(place(last, Zxid::new(3, 8), OpCode::Create), Place::Next);
        assert_eq!(place(last, Zxid::new(4, 1), OpCode::Create), Place::Next);
        assert_eq!(place(last, Zxid::new(9, 1), OpCode::Create), Place::Next);
        assert_eq!(place(last, Zxid::new(3, 9), OpCode::Create), Place::Gap);
        assert_eq!(place(last, Zxid::new(4, 2), OpCode::Create), Place::Gap);
        assert_eq!(place(Zxid::new(3, u32::MAX), Zxid::new(4, 0), OpCode::Create), Place::Next);
    }

    #[test]
    fn hc_135_a_zxid_used_twice_is_a_conflict_unless_the_entry_is_the_same_or_an_error() {
        let last = Zxid::new(3, 7);
        assert_eq!(place(last, last, OpCode::Create), Place::Conflict);
        assert_eq!(place(last, last, OpCode::Error), Place::Repeat);
        assert_eq!(place(last, Zxid::new(3, 6), OpCode::Error), Place::Conflict);
        let header = TxnHeader { client_id: SessionId(1), cxid: 2, zxid: Zxid::new(3, 8), time: 3, kind: 1 };
        let mut sequence = Sequence::after(last);
        assert_eq!(sequence.place(&header, b"same"), Place::Next);
        assert_eq!(sequence.place(&header, b"same"), Place::Repeat);
        assert_eq!(sequence.place(&header, b"else"), Place::Conflict);
    }
}
