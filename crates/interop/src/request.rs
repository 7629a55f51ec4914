//! Requests as values that print readably, including ones no proper client would send.

use std::fmt;

use crate::wire::{Acl, Writer, op};

/// A string field: bytes that need not be UTF-8, or null.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub Option<Vec<u8>>);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Some(text.as_bytes().to_vec()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("null"),
            Some(bytes) if bytes.len() > 80 => {
                write!(f, "\"{}...\"({} bytes)", bytes[..40].escape_ascii(), bytes.len())
            }
            Some(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
        }
    }
}

/// The access list of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum AccessList {
    /// A vector of length -1.
    Null,
    /// A proper list.
    Entries(Vec<Acl>),
    /// One entry whose scheme and id are both null.
    NullId,
    /// A count with nothing behind it.
    Count(i32),
}

impl fmt::Debug for AccessList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Entries(entries) => entries.fmt(f),
            Self::NullId => f.write_str("[null:null:31]"),
            Self::Count(n) => write!(f, "count {n} and nothing else"),
        }
    }
}

impl AccessList {
    fn write(&self, writer: Writer) -> Writer {
        match self {
            Self::Null => writer.int(-1),
            Self::Entries(entries) => entries.iter().fold(writer.int(entries.len() as i32), |writer, acl| {
                writer.int(acl.perms).string(&acl.scheme).string(&acl.id)
            }),
            Self::NullId => writer.int(1).int(31).buffer(None).buffer(None),
            Self::Count(n) => writer.int(*n),
        }
    }
}

/// One request; `op` fields name the operation where several share a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub enum Request {
    /// create, create2, createContainer.
    Create {
        op: i32,
        path: Text,
        data: Text,
        acl: AccessList,
        flags: i32,
    },
    /// createTTL.
    CreateTtl {
        path: Text,
        data: Text,
        acl: AccessList,
        flags: i32,
        ttl: i64,
    },
    Delete {
        path: Text,
        version: i32,
    },
    Check {
        path: Text,
        version: i32,
    },
    SetData {
        path: Text,
        data: Text,
        version: i32,
    },
    SetAcl {
        path: Text,
        acl: AccessList,
        version: i32,
    },
    /// exists, getData, getChildren, getChildren2.
    Read {
        op: i32,
        path: Text,
        watch: bool,
    },
    /// getACL, sync, getEphemerals, getAllChildrenNumber.
    Path {
        op: i32,
        path: Text,
    },
    /// addWatch, checkWatches, removeWatches.
    Watch {
        op: i32,
        path: Text,
        mode: i32,
    },
    /// multi, multiRead.
    Multi {
        op: i32,
        parts: Vec<Request>,
    },
    /// setWatches (three lists), setWatches2 (five lists); the zxid counts from the sequence's start.
    SetWatches {
        op: i32,
        zxid: i64,
        lists: Vec<Vec<Text>>,
    },
    /// An operation without a body.
    Empty {
        op: i32,
    },
    /// Any operation with any body.
    Raw {
        op: i32,
        body: Vec<u8>,
    },
    /// Another request with only the first bytes of its body.
    Cut {
        request: Box<Request>,
        keep: usize,
    },
    /// Another request with bytes after its body.
    Long {
        request: Box<Request>,
        extra: usize,
    },
}

impl Request {
    /// A plain create.
    pub fn create(path: &str, data: Option<&[u8]>, acl: AccessList, flags: i32) -> Self {
        Self::Create { op: op::CREATE, path: path.into(), data: Text(data.map(<[u8]>::to_vec)), acl, flags }
    }

    /// A delete.
    pub fn delete(path: &str, version: i32) -> Self {
        Self::Delete { path: path.into(), version }
    }

    /// A setData.
    pub fn set_data(path: &str, data: &[u8], version: i32) -> Self {
        Self::SetData { path: path.into(), data: Text(Some(data.to_vec())), version }
    }

    /// A getData.
    pub fn get_data(path: &str, watch: bool) -> Self {
        Self::Read { op: op::GET_DATA, path: path.into(), watch }
    }

    /// An exists.
    pub fn exists(path: &str, watch: bool) -> Self {
        Self::Read { op: op::EXISTS, path: path.into(), watch }
    }

    /// A getChildren.
    pub fn get_children(path: &str, watch: bool) -> Self {
        Self::Read { op: op::GET_CHILDREN, path: path.into(), watch }
    }

    /// A getACL.
    pub fn get_acl(path: &str) -> Self {
        Self::Path { op: op::GET_ACL, path: path.into() }
    }

    /// A setACL.
    pub fn set_acl(path: &str, acl: &[Acl], version: i32) -> Self {
        Self::SetAcl { path: path.into(), acl: AccessList::Entries(acl.to_vec()), version }
    }

    /// A multi.
    pub fn multi(parts: Vec<Self>) -> Self {
        Self::Multi { op: op::MULTI, parts }
    }

    /// The operation code.
    pub fn operation(&self) -> i32 {
        match self {
            Self::Create { op, .. }
            | Self::Read { op, .. }
            | Self::Path { op, .. }
            | Self::Watch { op, .. }
            | Self::Multi { op, .. }
            | Self::SetWatches { op, .. }
            | Self::Empty { op }
            | Self::Raw { op, .. } => *op,
            Self::CreateTtl { .. } => op::CREATE_TTL,
            Self::Delete { .. } => op::DELETE,
            Self::Check { .. } => op::CHECK,
            Self::SetData { .. } => op::SET_DATA,
            Self::SetAcl { .. } => op::SET_ACL,
            Self::Cut { request, .. } | Self::Long { request, .. } => request.operation(),
        }
    }

    /// Operation code and body.
    pub fn encode(&self) -> (i32, Vec<u8>) {
        self.encode_at(0)
    }

    /// As [`encode`](Self::encode), with zxids counted from `base`.
    pub fn encode_at(&self, base: i64) -> (i32, Vec<u8>) {
        (self.operation(), self.write(Writer::new(), base).done())
    }

    fn write(&self, writer: Writer, base: i64) -> Writer {
        match self {
            Self::Create { path, data, acl, flags, .. } => {
                acl.write(writer.buffer(path.0.as_deref()).buffer(data.0.as_deref())).int(*flags)
            }
            Self::CreateTtl { path, data, acl, flags, ttl } => {
                acl.write(writer.buffer(path.0.as_deref()).buffer(data.0.as_deref())).int(*flags).long(*ttl)
            }
            Self::Delete { path, version } | Self::Check { path, version } => {
                writer.buffer(path.0.as_deref()).int(*version)
            }
            Self::SetData { path, data, version } => {
                writer.buffer(path.0.as_deref()).buffer(data.0.as_deref()).int(*version)
            }
            Self::SetAcl { path, acl, version } => acl.write(writer.buffer(path.0.as_deref())).int(*version),
            Self::Read { path, watch, .. } => writer.buffer(path.0.as_deref()).bool(*watch),
            Self::Path { path, .. } => writer.buffer(path.0.as_deref()),
            Self::Watch { path, mode, .. } => writer.buffer(path.0.as_deref()).int(*mode),
            Self::Multi { parts, .. } => parts
                .iter()
                .fold(writer, |writer, part| {
                    part.write(writer.int(part.operation()).bool(false).int(-1), base)
                })
                .int(-1)
                .bool(true)
                .int(-1),
            Self::SetWatches { zxid, lists, .. } => {
                lists.iter().fold(writer.long(base + zxid), |writer, list| {
                    list.iter()
                        .fold(writer.int(list.len() as i32), |writer, path| writer.buffer(path.0.as_deref()))
                })
            }
            Self::Empty { .. } => writer,
            Self::Raw { body, .. } => writer.raw(body),
            Self::Cut { request, keep } => {
                let body = request.write(Writer::new(), base).done();
                writer.raw(&body[..(*keep).min(body.len())])
            }
            Self::Long { request, extra } => request.write(writer, base).raw(&vec![0x5a; *extra]),
        }
    }
}
