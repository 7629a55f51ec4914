//! Bytes of the client protocol, written down a second time on purpose.
//!
//! Zabra's own codec is what is under test, so the harness does not use it.

use std::fmt;

/// Grows the body of a request field by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a 4-byte integer.
    pub fn int(mut self, value: i32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends an 8-byte integer.
    pub fn long(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends one byte, 0 or 1.
    pub fn bool(mut self, value: bool) -> Self {
        self.0.push(value.into());
        self
    }

    /// Appends a length and the bytes; `None` is length -1.
    pub fn buffer(self, value: Option<&[u8]>) -> Self {
        match value {
            None => self.int(-1),
            Some(bytes) => self.int(bytes.len() as i32).raw(bytes),
        }
    }

    /// Appends a string as length and bytes.
    pub fn string(self, value: &str) -> Self {
        self.buffer(Some(value.as_bytes()))
    }

    /// Appends bytes without a length.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The bytes so far.
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// Reads the fields of a reply; every method answers `None` past the end.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    /// A 4-byte integer.
    pub fn int(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// An 8-byte integer.
    pub fn long(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// A buffer: outer `None` past the end, inner `None` for length -1.
    pub fn buffer(&mut self) -> Option<Option<&'a [u8]>> {
        match self.int()? {
            -1 => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }

    /// A string, read leniently; null reads as empty.
    pub fn string(&mut self) -> Option<String> {
        Some(self.buffer()?.map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    /// A vector of strings; null reads as empty.
    pub fn strings(&mut self) -> Option<Vec<String>> {
        let count = self.int()?;
        (0..count.max(0)).map(|_| self.string()).collect()
    }

    /// A node's 68-byte stat.
    pub fn stat(&mut self) -> Option<Stat> {
        Some(Stat {
            czxid: self.long()?,
            mzxid: self.long()?,
            ctime: self.long()?,
            mtime: self.long()?,
            version: self.int()?,
            cversion: self.int()?,
            aversion: self.int()?,
            ephemeral_owner: self.long()?,
            data_length: self.int()?,
            num_children: self.int()?,
            pzxid: self.long()?,
        })
    }

    /// A vector of ACL entries; null reads as empty.
    pub fn acls(&mut self) -> Option<Vec<Acl>> {
        let count = self.int()?;
        (0..count.max(0))
            .map(|_| Some(Acl { perms: self.int()?, scheme: self.string()?, id: self.string()? }))
            .collect()
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// A node's statistics as sent to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub struct Stat {
    pub czxid: i64,
    pub mzxid: i64,
    pub ctime: i64,
    pub mtime: i64,
    pub version: i32,
    pub cversion: i32,
    pub aversion: i32,
    pub ephemeral_owner: i64,
    pub data_length: i32,
    pub num_children: i32,
    pub pzxid: i64,
}

/// One entry of an access list.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub struct Acl {
    pub perms: i32,
    pub scheme: String,
    pub id: String,
}

impl Acl {
    /// An entry granting `perms` to `scheme:id`.
    pub fn new(perms: i32, scheme: &str, id: &str) -> Self {
        Self { perms, scheme: scheme.to_owned(), id: id.to_owned() }
    }

    /// Everything to everyone.
    pub fn open() -> Vec<Self> {
        vec![Self::new(31, "world", "anyone")]
    }
}

impl fmt::Debug for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.scheme, self.id.escape_debug(), self.perms)
    }
}

/// The code of each operation a client may send.
#[expect(missing_docs, reason = "the protocol's own operation names")]
pub mod op {
    pub const CREATE: i32 = 1;
    pub const DELETE: i32 = 2;
    pub const EXISTS: i32 = 3;
    pub const GET_DATA: i32 = 4;
    pub const SET_DATA: i32 = 5;
    pub const GET_ACL: i32 = 6;
    pub const SET_ACL: i32 = 7;
    pub const GET_CHILDREN: i32 = 8;
    pub const SYNC: i32 = 9;
    pub const PING: i32 = 11;
    pub const GET_CHILDREN2: i32 = 12;
    pub const CHECK: i32 = 13;
    pub const MULTI: i32 = 14;
    pub const CREATE2: i32 = 15;
    pub const RECONFIG: i32 = 16;
    pub const CHECK_WATCHES: i32 = 17;
    pub const REMOVE_WATCHES: i32 = 18;
    pub const CREATE_CONTAINER: i32 = 19;
    pub const DELETE_CONTAINER: i32 = 20;
    pub const CREATE_TTL: i32 = 21;
    pub const MULTI_READ: i32 = 22;
    pub const AUTH: i32 = 100;
    pub const SET_WATCHES: i32 = 101;
    pub const SASL: i32 = 102;
    pub const GET_EPHEMERALS: i32 = 103;
    pub const GET_ALL_CHILDREN_NUMBER: i32 = 104;
    pub const SET_WATCHES2: i32 = 105;
    pub const ADD_WATCH: i32 = 106;
    pub const WHO_AM_I: i32 = 107;
    pub const CREATE_SESSION: i32 = -10;
    pub const CLOSE_SESSION: i32 = -11;
}
