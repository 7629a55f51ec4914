//! Transactions: what the log holds, peers exchange and every member applies.
//!
//! //= java: SerializeUtils.deserializeTxn, org.apache.zookeeper.txn

use crate::acl::Acl;
use crate::ids::{SessionId, Zxid};
use crate::jute::{DecodeError, Reader, Wire, put_i32, put_i64, put_len, record};
use crate::op::OpCode;

record! {
    /// In front of every transaction.
    #[derive(Copy)]
    TxnHeader {
        /// The session that asked for it, or that it concerns.
        client_id: SessionId,
        /// That session's xid for it.
        cxid: i32,
        /// Its place in the order of all transactions.
        zxid: Zxid,
        /// When the leader prepared it, milliseconds since 1970.
        time: i64,
        /// Which transaction, an [`OpCode`] number.
        kind: i32,
    }
}

record! {
    /// `create` and `create2`.
    CreateTxn {
        /// The final name.
        path: String,
        /// Initial data.
        data: Option<Vec<u8>>,
        /// Its access control list.
        acl: Vec<Acl>,
        /// Whether the session owns it.
        ephemeral: bool,
        /// The parent's new count of creations; -1 in logs from before 3.4: one more than it was.
        parent_cversion: i32,
    }
}

record! {
    /// `createContainer`.
    CreateContainerTxn {
        /// The final name.
        path: String,
        /// Initial data.
        data: Option<Vec<u8>>,
        /// Its access control list.
        acl: Vec<Acl>,
        /// The parent's new count of creations.
        parent_cversion: i32,
    }
}

record! {
    /// `createTTL`.
    CreateTtlTxn {
        /// The final name.
        path: String,
        /// Initial data.
        data: Option<Vec<u8>>,
        /// Its access control list.
        acl: Vec<Acl>,
        /// The parent's new count of creations.
        parent_cversion: i32,
        /// Time to live, milliseconds.
        ttl: i64,
    }
}

record! {
    /// `setData` and `reconfig`.
    SetDataTxn {
        /// Which node.
        path: String,
        /// The new data.
        data: Option<Vec<u8>>,
        /// The new version.
        version: i32,
    }
}

record! {
    /// `setACL`.
    SetAclTxn {
        /// Which node.
        path: String,
        /// The new list.
        acl: Vec<Acl>,
        /// The new ACL version.
        version: i32,
    }
}

record! {
    /// `check`, only inside a multi.
    CheckVersionTxn {
        /// Which node.
        path: String,
        /// The version that was expected.
        version: i32,
    }
}

/// A change to the replicated state, or the record that a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Txn {
    /// `create` or `create2`, by the opcode.
    Create(OpCode, CreateTxn),
    /// `createContainer`.
    CreateContainer(CreateContainerTxn),
    /// `createTTL`.
    CreateTtl(CreateTtlTxn),
    /// `delete` or `deleteContainer`, by the opcode: which node.
    Delete(OpCode, String),
    /// `setData` or `reconfig`, by the opcode.
    SetData(OpCode, SetDataTxn),
    /// `setACL`.
    SetAcl(SetAclTxn),
    /// `check`: alone it changes nothing and is only read, never written.
    Check(CheckVersionTxn),
    /// All or nothing: when one of the parts is an error, none takes effect.
    Multi(Vec<Txn>),
    /// A session came to be, with this timeout in milliseconds.
    CreateSession(i32),
    /// A session ended; with the list of its ephemeral nodes since 3.6.
    CloseSession(Option<Vec<String>>),
    /// A request was refused with this [`crate::ErrorCode`] number.
    Error(i32),
}

impl Txn {
    /// The number under which it is stored.
    pub fn kind(&self) -> i32 {
        let op = match self {
            Self::Create(op, _) | Self::Delete(op, _) | Self::SetData(op, _) => *op,
            Self::CreateContainer(_) => OpCode::CreateContainer,
            Self::CreateTtl(_) => OpCode::CreateTtl,
            Self::SetAcl(_) => OpCode::SetAcl,
            Self::Check(_) => OpCode::Check,
            Self::Multi(_) => OpCode::Multi,
            Self::CreateSession(_) => OpCode::CreateSession,
            Self::CloseSession(_) => OpCode::CloseSession,
            Self::Error(_) => OpCode::Error,
        };
        op.code()
    }

    /// Appends the record, without header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Create(_, t) => t.encode(out),
            Self::CreateContainer(t) => t.encode(out),
            Self::CreateTtl(t) => t.encode(out),
            Self::Delete(_, path) => path.encode(out),
            Self::SetData(_, t) => t.encode(out),
            Self::SetAcl(t) => t.encode(out),
            Self::Check(t) => t.encode(out),
            Self::Multi(parts) => {
                put_len(out, parts.len());
                for part in parts {
                    put_i32(out, part.kind());
                    crate::request::frame(out, |out| part.encode(out));
                }
            }
            Self::CreateSession(timeout_ms) => timeout_ms.encode(out),
            Self::CloseSession(Some(paths)) => paths.encode(out),
            Self::CloseSession(None) => {}
            Self::Error(code) => code.encode(out),
        }
    }

    /// Reads the record of a given kind. What follows it (a digest) stays in the reader.
    ///
    /// # Errors
    /// [`DecodeError`]; an unknown kind is [`DecodeError::UnknownTag`].
    pub fn decode(kind: i32, from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let unknown = DecodeError::UnknownTag { what: "transaction type", tag: kind };
        Self::decode_simple(kind, from)?.map_or_else(
            || match OpCode::from_code(kind) {
                Some(OpCode::Multi) => Self::decode_multi(from),
                Some(OpCode::CreateSession) => Ok(Self::CreateSession(from.i32()?)),
                Some(OpCode::CloseSession) if from.remaining() == 0 => Ok(Self::CloseSession(None)),
                Some(OpCode::CloseSession) => Ok(Self::CloseSession(Some(Wire::decode(from)?))),
                _ => Err(unknown),
            },
            Ok,
        )
    }

    /// The kinds that may also stand inside a multi.
    fn decode_simple(kind: i32, from: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match OpCode::from_code(kind) {
            Some(op @ (OpCode::Create | OpCode::Create2)) => Self::Create(op, decode_create(from)?),
            Some(OpCode::CreateContainer) => Self::CreateContainer(Wire::decode(from)?),
            Some(OpCode::CreateTtl) => Self::CreateTtl(Wire::decode(from)?),
            Some(op @ (OpCode::Delete | OpCode::DeleteContainer)) => Self::Delete(op, Wire::decode(from)?),
            Some(op @ (OpCode::SetData | OpCode::Reconfig)) => Self::SetData(op, Wire::decode(from)?),
            Some(OpCode::SetAcl) => Self::SetAcl(Wire::decode(from)?),
            Some(OpCode::Check) => Self::Check(Wire::decode(from)?),
            Some(OpCode::Error) => Self::Error(from.i32()?),
            _ => return Ok(None),
        }))
    }

    fn decode_multi(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = from.count()?.unwrap_or(0);
        let mut parts = Vec::with_capacity(count.min(from.remaining() / 8));
        for _ in 0..count {
            let kind = from.i32()?;
            let body = from.buffer()?.ok_or(DecodeError::UnexpectedNull { what: "multi part" })?;
            let part = Self::decode_simple(kind, &mut Reader::new(body))?;
            parts.push(part.ok_or(DecodeError::UnknownTag { what: "multi part", tag: kind })?);
        }
        Ok(Self::Multi(parts))
    }
}

/// Logs from before 3.4 lack the last field.
fn decode_create(from: &mut Reader<'_>) -> Result<CreateTxn, DecodeError> {
    Ok(CreateTxn {
        path: Wire::decode(from)?,
        data: Wire::decode(from)?,
        acl: Wire::decode(from)?,
        ephemeral: from.bool()?,
        parent_cversion: if from.remaining() == 0 { -1 } else { from.i32()? },
    })
}

/// The digest of the whole tree after a transaction, so that replicas can compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxnDigest {
    /// How the digest was computed; only equal versions compare.
    pub version: i32,
    /// The sum over all nodes.
    pub digest: u64,
}

/// The digest computation described in the disk format.
pub const DIGEST_VERSION: i32 = 2;

/// Appends the bytes of one log entry: header, record, digest.
pub fn encode_entry(header: &TxnHeader, txn: &Txn, digest: Option<TxnDigest>, out: &mut Vec<u8>) {
    header.encode(out);
    txn.encode(out);
    if let Some(digest) = digest {
        put_i32(out, digest.version);
        put_i64(out, digest.digest as i64);
    }
}

/// Reads the bytes of one log entry.
///
/// # Errors
/// [`DecodeError`].
pub fn decode_entry(bytes: &[u8]) -> Result<(TxnHeader, Txn, Option<TxnDigest>), DecodeError> {
    let mut from = Reader::new(bytes);
    let header = TxnHeader::decode(&mut from)?;
    let txn = Txn::decode(header.kind, &mut from)?;
    let digest = if from.remaining() >= 12 {
        Some(TxnDigest { version: from.i32()?, digest: from.i64()? as u64 })
    } else {
        None
    };
    Ok((header, txn, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(txn: &Txn) -> TxnHeader {
        TxnHeader { client_id: SessionId(9), cxid: 4, zxid: Zxid(5), time: 6, kind: txn.kind() }
    }

    fn samples() -> Vec<Txn> {
        let create = CreateTxn {
            path: "/a".into(),
            data: None,
            acl: vec![Acl::open()],
            ephemeral: true,
            parent_cversion: 3,
        };
        vec![
            Txn::Create(OpCode::Create2, create.clone()),
            Txn::Delete(OpCode::DeleteContainer, "/c".into()),
            Txn::Multi(vec![Txn::Create(OpCode::Create, create), Txn::Error(-101)]),
            Txn::CloseSession(Some(vec!["/a".into()])),
            Txn::CloseSession(None),
            Txn::CreateSession(4000),
            Txn::Error(-110),
        ]
    }

    #[test]
    fn entries_survive_the_round_trip_with_and_without_digest() {
        for txn in samples() {
            for digest in [None, Some(TxnDigest { version: 2, digest: 0x51C6_D660 })] {
                // A close without its list cannot be told from its digest: the reference never
                // writes the two together either.
                if txn == Txn::CloseSession(None) && digest.is_some() {
                    continue;
                }
                let mut bytes = Vec::new();
                encode_entry(&header(&txn), &txn, digest, &mut bytes);
                assert_eq!(decode_entry(&bytes), Ok((header(&txn), txn.clone(), digest)));
            }
        }
    }

    #[test]
    fn cut_entries_are_errors_never_panics() {
        for txn in samples() {
            let mut bytes = Vec::new();
            encode_entry(&header(&txn), &txn, None, &mut bytes);
            for len in 0..32 {
                assert!(decode_entry(&bytes[..len]).is_err());
            }
        }
    }
}
