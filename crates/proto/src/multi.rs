//! Several operations in one request: `multi` for writes, `multiRead` for reads.
//!
//! //= java: MultiOperationRecord, MultiResponse

use crate::error::ErrorCode;
use crate::jute::{DecodeError, Reader, Wire, record};
use crate::op::OpCode;
use crate::request::{
    CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, ReadRequest, SetDataRequest,
};
use crate::stat::Stat;

record! {
    /// In front of each operation and each result.
    #[derive(Copy)]
    MultiHeader {
        /// The operation, -1 for an error result and for the end.
        kind: i32,
        /// Whether this header ends the list.
        done: bool,
        /// -1 in requests, a result's [`ErrorCode`] in responses.
        err: i32,
    }
}

/// Ends a list of operations or results.
pub const END: MultiHeader = MultiHeader { kind: -1, done: true, err: -1 };

/// One operation of a multi.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MultiOp<'a> {
    /// `create`, `create2` or `createContainer`, by the opcode.
    Create(OpCode, CreateRequest<'a>),
    /// `createTTL`.
    CreateTtl(CreateTtlRequest<'a>),
    /// `delete`.
    Delete(DeleteRequest<'a>),
    /// `setData`.
    SetData(SetDataRequest<'a>),
    /// `check`.
    Check(CheckVersionRequest<'a>),
    /// `getChildren`, only in a multiRead.
    GetChildren(ReadRequest<'a>),
    /// `getData`, only in a multiRead.
    GetData(ReadRequest<'a>),
}

impl MultiOp<'_> {
    /// Which operation.
    pub fn op(&self) -> OpCode {
        match self {
            Self::Create(op, _) => *op,
            Self::CreateTtl(_) => OpCode::CreateTtl,
            Self::Delete(_) => OpCode::Delete,
            Self::SetData(_) => OpCode::SetData,
            Self::Check(_) => OpCode::Check,
            Self::GetChildren(_) => OpCode::GetChildren,
            Self::GetData(_) => OpCode::GetData,
        }
    }

    /// Whether it belongs into a multiRead.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::GetChildren(_) | Self::GetData(_))
    }
}

/// Reads all operations up to the end header. Reads and writes may not be mixed.
///
/// # Errors
/// [`DecodeError`], also for operations that no multi may hold.
pub fn decode_ops<'a>(from: &mut Reader<'a>) -> Result<Vec<MultiOp<'a>>, DecodeError> {
    let mut ops: Vec<MultiOp<'a>> = Vec::new();
    loop {
        let header = MultiHeader::decode(from)?;
        if header.done {
            return Ok(ops);
        }
        let unknown = DecodeError::UnknownTag { what: "multi operation", tag: header.kind };
        let op = match OpCode::from_code(header.kind) {
            Some(op @ (OpCode::Create | OpCode::Create2 | OpCode::CreateContainer)) => {
                MultiOp::Create(op, Wire::decode(from)?)
            }
            Some(OpCode::CreateTtl) => MultiOp::CreateTtl(Wire::decode(from)?),
            Some(OpCode::Delete) => MultiOp::Delete(Wire::decode(from)?),
            Some(OpCode::SetData) => MultiOp::SetData(Wire::decode(from)?),
            Some(OpCode::Check) => MultiOp::Check(Wire::decode(from)?),
            Some(OpCode::GetChildren) => MultiOp::GetChildren(Wire::decode(from)?),
            Some(OpCode::GetData) => MultiOp::GetData(Wire::decode(from)?),
            _ => return Err(unknown),
        };
        if ops.last().is_some_and(|last| last.is_read() != op.is_read()) {
            return Err(unknown);
        }
        ops.push(op);
    }
}

/// Appends operations and the end header.
pub fn encode_ops(ops: &[MultiOp<'_>], out: &mut Vec<u8>) {
    for op in ops {
        MultiHeader { kind: op.op().code(), done: false, err: -1 }.encode(out);
        match op {
            MultiOp::Create(_, r) => r.encode(out),
            MultiOp::CreateTtl(r) => r.encode(out),
            MultiOp::Delete(r) => r.encode(out),
            MultiOp::SetData(r) => r.encode(out),
            MultiOp::Check(r) => r.encode(out),
            MultiOp::GetChildren(r) | MultiOp::GetData(r) => r.encode(out),
        }
    }
    END.encode(out);
}

/// One result of a multi.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MultiResult {
    /// Of `create`: the final name.
    Create(String),
    /// Of `create2`, `createContainer`, `createTTL`: name and metadata. All three answer under the
    /// number of `create2`.
    Create2(String, Stat),
    /// Of `delete`.
    Delete,
    /// Of `setData`.
    SetData(Stat),
    /// Of `check`.
    Check,
    /// Of `getChildren`: names.
    GetChildren(Vec<String>),
    /// Of `getData`: data and metadata.
    GetData(Option<Vec<u8>>, Stat),
    /// The operation failed, or (code 0 or -2) another one in the same multi did.
    Error(i32),
}

impl MultiResult {
    fn kind(&self) -> i32 {
        let op = match self {
            Self::Create(_) => OpCode::Create,
            Self::Create2(..) => OpCode::Create2,
            Self::Delete => OpCode::Delete,
            Self::SetData(_) => OpCode::SetData,
            Self::Check => OpCode::Check,
            Self::GetChildren(_) => OpCode::GetChildren,
            Self::GetData(..) => OpCode::GetData,
            Self::Error(_) => OpCode::Error,
        };
        op.code()
    }

    /// Appends the result with its header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let err = if let Self::Error(code) = self { *code } else { ErrorCode::Ok.code() };
        MultiHeader { kind: self.kind(), done: false, err }.encode(out);
        match self {
            Self::Create(path) => path.encode(out),
            Self::Create2(path, stat) => {
                path.encode(out);
                stat.encode(out);
            }
            Self::SetData(stat) => stat.encode(out),
            Self::GetChildren(names) => names.encode(out),
            Self::GetData(data, stat) => {
                data.encode(out);
                stat.encode(out);
            }
            Self::Error(code) => code.encode(out),
            Self::Delete | Self::Check => {}
        }
    }
}

/// Appends results and the end header.
pub fn encode_results(results: &[MultiResult], out: &mut Vec<u8>) {
    for result in results {
        result.encode(out);
    }
    END.encode(out);
}

/// Reads all results up to the end header.
///
/// # Errors
/// [`DecodeError`].
pub fn decode_results(from: &mut Reader<'_>) -> Result<Vec<MultiResult>, DecodeError> {
    let mut results = Vec::new();
    loop {
        let header = MultiHeader::decode(from)?;
        if header.done {
            return Ok(results);
        }
        results.push(match OpCode::from_code(header.kind) {
            Some(OpCode::Create) => MultiResult::Create(Wire::decode(from)?),
            Some(OpCode::Create2) => MultiResult::Create2(Wire::decode(from)?, Wire::decode(from)?),
            Some(OpCode::Delete) => MultiResult::Delete,
            Some(OpCode::SetData) => MultiResult::SetData(Wire::decode(from)?),
            Some(OpCode::Check) => MultiResult::Check,
            Some(OpCode::GetChildren) => MultiResult::GetChildren(Wire::decode(from)?),
            Some(OpCode::GetData) => MultiResult::GetData(Wire::decode(from)?, Wire::decode(from)?),
            Some(OpCode::Error) => MultiResult::Error(Wire::decode(from)?),
            _ => return Err(DecodeError::UnknownTag { what: "multi result", tag: header.kind }),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_survive_the_round_trip() {
        let ops = vec![
            MultiOp::Delete(DeleteRequest { path: "/a".into(), version: 3 }),
            MultiOp::Check(CheckVersionRequest { path: "/b".into(), version: -1 }),
        ];
        let mut bytes = Vec::new();
        encode_ops(&ops, &mut bytes);
        assert_eq!(decode_ops(&mut Reader::new(&bytes)), Ok(ops));
    }

    #[test]
    fn hc_102_an_empty_multi_is_legal() {
        let mut bytes = Vec::new();
        encode_ops(&[], &mut bytes);
        assert_eq!(decode_ops(&mut Reader::new(&bytes)), Ok(vec![]));
    }

    #[test]
    fn reads_and_writes_do_not_mix() {
        let mut bytes = Vec::new();
        let read = MultiOp::GetData(ReadRequest { path: "/a".into(), watch: false });
        let write = MultiOp::Delete(DeleteRequest { path: "/a".into(), version: -1 });
        encode_ops(&[read, write], &mut bytes);
        assert!(decode_ops(&mut Reader::new(&bytes)).is_err());
    }

    #[test]
    fn hc_164_a_nested_multi_is_refused() {
        let mut bytes = Vec::new();
        MultiHeader { kind: OpCode::Multi.code(), done: false, err: -1 }.encode(&mut bytes);
        assert!(decode_ops(&mut Reader::new(&bytes)).is_err());
    }

    #[test]
    fn results_survive_the_round_trip() {
        let results = vec![
            MultiResult::Create2("/a".into(), Stat::default()),
            MultiResult::Delete,
            MultiResult::GetData(None, Stat::default()),
            MultiResult::Error(-2),
        ];
        let mut bytes = Vec::new();
        encode_results(&results, &mut bytes);
        assert_eq!(decode_results(&mut Reader::new(&bytes)), Ok(results));
    }
}
