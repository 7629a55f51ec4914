//! Requests, read from a frame and sorted into writes and reads.

use proto::multi::{MultiOp, decode_ops};
use proto::request::{
    AddWatchRequest, CreateMode, CreateRequest, CreateTtlRequest, DeleteRequest, GetEphemeralsRequest,
    PathRequest, ReadRequest, ReconfigRequest, SetAclRequest, SetDataRequest, SetWatches, SetWatches2,
    WatchesRequest, decode_delete_container,
};
use proto::{DecodeError, ErrorCode, OpCode, Reader, Wire};
use std::borrow::Cow;

/// A request that becomes a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOp<'a> {
    /// `create`, `create2` or `createContainer`, by the opcode.
    Create(OpCode, CreateRequest<'a>),
    /// `createTTL`.
    CreateTtl(CreateTtlRequest<'a>),
    /// `delete`.
    Delete(DeleteRequest<'a>),
    /// `deleteContainer`: which node.
    DeleteContainer(Cow<'a, str>),
    /// `setData`.
    SetData(SetDataRequest<'a>),
    /// `setACL`.
    SetAcl(SetAclRequest<'a>),
    /// `multi`.
    Multi(Vec<MultiOp<'a>>),
    /// `createSession`, with the negotiated timeout.
    CreateSession {
        /// Milliseconds.
        timeout_ms: i32,
    },
    /// `closeSession`.
    CloseSession,
    /// `reconfig`, as a client asks for it: only an ensemble can say what becomes of it.
    Reconfig(ReconfigRequest<'a>),
    /// What an ensemble makes of a `reconfig`: the new membership's text, or why it stays as it is.
    SetMembership(Result<String, ErrorCode>),
}

impl<'a> WriteOp<'a> {
    /// Reads the body of a write. `createSession` is made by servers, never read from a client.
    ///
    /// # Errors
    /// [`DecodeError`]; also for operations that are no writes.
    pub fn decode(op: OpCode, from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match op {
            OpCode::Create | OpCode::Create2 | OpCode::CreateContainer => {
                Self::Create(op, Wire::decode(from)?)
            }
            OpCode::CreateTtl => Self::CreateTtl(Wire::decode(from)?),
            OpCode::Delete => Self::Delete(Wire::decode(from)?),
            OpCode::DeleteContainer => Self::DeleteContainer(decode_delete_container(from)?),
            OpCode::SetData => Self::SetData(Wire::decode(from)?),
            OpCode::SetAcl => Self::SetAcl(Wire::decode(from)?),
            OpCode::Multi => Self::Multi(decode_multi(from)?),
            OpCode::CloseSession => Self::CloseSession,
            OpCode::Reconfig => Self::Reconfig(Wire::decode(from)?),
            _ => return Err(DecodeError::UnknownTag { what: "write operation", tag: op.code() }),
        })
    }

    /// Which operation.
    pub fn op(&self) -> OpCode {
        match self {
            Self::Create(op, _) => *op,
            Self::CreateTtl(_) => OpCode::CreateTtl,
            Self::Delete(_) => OpCode::Delete,
            Self::DeleteContainer(_) => OpCode::DeleteContainer,
            Self::SetData(_) => OpCode::SetData,
            Self::SetAcl(_) => OpCode::SetAcl,
            Self::Multi(_) => OpCode::Multi,
            Self::CreateSession { .. } => OpCode::CreateSession,
            Self::CloseSession => OpCode::CloseSession,
            Self::Reconfig(_) | Self::SetMembership(_) => OpCode::Reconfig,
        }
    }
}

/// A multi holds writes only. Its creates take their kind from their flags, which therefore have to
/// mean something, unlike outside of a multi where bad flags are an answer of their own.
///
/// //= java: MultiOperationRecord.deserialize
fn decode_multi<'a>(from: &mut Reader<'a>) -> Result<Vec<MultiOp<'a>>, DecodeError> {
    let mut ops = decode_ops(from)?;
    for op in &mut ops {
        let refused = DecodeError::UnknownTag { what: "multi operation", tag: op.op().code() };
        match op {
            MultiOp::Create(op, request) => match CreateMode::from_flags(request.flags) {
                Some(CreateMode::Container) => *op = OpCode::CreateContainer,
                Some(mode) if !mode.is_ttl() => {}
                _ => return Err(refused),
            },
            op if op.is_read() => return Err(refused),
            _ => {}
        }
    }
    Ok(ops)
}

/// A request that is answered from the tree and the watches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the operations'")]
pub enum ReadOp<'a> {
    Exists(ReadRequest<'a>),
    GetData(ReadRequest<'a>),
    GetChildren(ReadRequest<'a>),
    GetChildren2(ReadRequest<'a>),
    GetAcl(PathRequest<'a>),
    GetEphemerals(GetEphemeralsRequest<'a>),
    GetAllChildrenNumber(PathRequest<'a>),
    MultiRead(Vec<MultiOp<'a>>),
    WhoAmI,
    SetWatches(SetWatches<'a>),
    SetWatches2(SetWatches2<'a>),
    AddWatch(AddWatchRequest<'a>),
    CheckWatches(WatchesRequest<'a>),
    RemoveWatches(WatchesRequest<'a>),
}

impl<'a> ReadOp<'a> {
    /// Reads the body of a read.
    ///
    /// # Errors
    /// [`DecodeError`]; also for operations that are no reads.
    pub fn decode(op: OpCode, from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match op {
            OpCode::Exists => Self::Exists(Wire::decode(from)?),
            OpCode::GetData => Self::GetData(Wire::decode(from)?),
            OpCode::GetChildren => Self::GetChildren(Wire::decode(from)?),
            OpCode::GetChildren2 => Self::GetChildren2(Wire::decode(from)?),
            OpCode::GetAcl => Self::GetAcl(Wire::decode(from)?),
            OpCode::GetEphemerals => Self::GetEphemerals(Wire::decode(from)?),
            OpCode::GetAllChildrenNumber => Self::GetAllChildrenNumber(Wire::decode(from)?),
            OpCode::MultiRead => Self::MultiRead(decode_multi_read(from)?),
            OpCode::WhoAmI => Self::WhoAmI,
            OpCode::SetWatches => Self::SetWatches(Wire::decode(from)?),
            OpCode::SetWatches2 => Self::SetWatches2(Wire::decode(from)?),
            OpCode::AddWatch => Self::AddWatch(Wire::decode(from)?),
            OpCode::CheckWatches => Self::CheckWatches(Wire::decode(from)?),
            OpCode::RemoveWatches => Self::RemoveWatches(Wire::decode(from)?),
            _ => return Err(DecodeError::UnknownTag { what: "read operation", tag: op.code() }),
        })
    }

    /// Whether [`super::read()`] needs the watches.
    pub fn touches_watches(&self) -> bool {
        match self {
            Self::Exists(r) | Self::GetData(r) | Self::GetChildren(r) | Self::GetChildren2(r) => r.watch,
            Self::SetWatches(_) | Self::SetWatches2(_) | Self::AddWatch(_) => true,
            Self::CheckWatches(_) | Self::RemoveWatches(_) => true,
            _ => false,
        }
    }
}

fn decode_multi_read<'a>(from: &mut Reader<'a>) -> Result<Vec<MultiOp<'a>>, DecodeError> {
    let ops = decode_ops(from)?;
    match ops.iter().find(|op| !op.is_read()) {
        Some(op) => Err(DecodeError::UnknownTag { what: "multiRead operation", tag: op.op().code() }),
        None => Ok(ops),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::multi::encode_ops;

    fn read(path: &str) -> MultiOp<'_> {
        MultiOp::GetData(ReadRequest { path: path.into(), watch: false })
    }

    fn create(op: OpCode, flags: i32) -> MultiOp<'static> {
        MultiOp::Create(op, CreateRequest { path: "/a".into(), data: None, acl: None, flags })
    }

    fn decode(op: OpCode, ops: &[MultiOp<'_>]) -> Result<(), DecodeError> {
        let mut bytes = Vec::new();
        encode_ops(ops, &mut bytes);
        match op {
            OpCode::Multi => WriteOp::decode(op, &mut Reader::new(&bytes)).map(drop),
            _ => ReadOp::decode(op, &mut Reader::new(&bytes)).map(drop),
        }
    }

    #[test]
    fn multi_takes_writes_and_multi_read_takes_reads() {
        assert!(decode(OpCode::Multi, &[create(OpCode::Create, 0)]).is_ok());
        assert!(decode(OpCode::Multi, &[read("/")]).is_err());
        assert!(decode(OpCode::MultiRead, &[read("/")]).is_ok());
        assert!(decode(OpCode::MultiRead, &[create(OpCode::Create, 0)]).is_err());
    }

    #[test]
    fn flags_decide_what_a_create_in_a_multi_is() {
        for flags in [5, 6, 7, -1] {
            assert!(decode(OpCode::Multi, &[create(OpCode::Create2, flags)]).is_err(), "{flags}");
        }
        let mut bytes = Vec::new();
        encode_ops(&[create(OpCode::Create, 4)], &mut bytes);
        let Ok(WriteOp::Multi(ops)) = WriteOp::decode(OpCode::Multi, &mut Reader::new(&bytes)) else {
            panic!()
        };
        assert_eq!(ops[0].op(), OpCode::CreateContainer);
    }

    #[test]
    fn hc_64_a_bare_check_is_neither_write_nor_read() {
        let bytes = [0; 64];
        assert!(WriteOp::decode(OpCode::Check, &mut Reader::new(&bytes)).is_err());
        assert!(ReadOp::decode(OpCode::Check, &mut Reader::new(&bytes)).is_err());
    }
}
