//! Access control entries.

use crate::jute::{DecodeError, Reader, Wire, put_string};

/// Permission bits of an [`Acl`].
pub mod perms {
    /// Read data and list children.
    pub const READ: i32 = 1;
    /// Set data.
    pub const WRITE: i32 = 2;
    /// Create children.
    pub const CREATE: i32 = 4;
    /// Delete children.
    pub const DELETE: i32 = 8;
    /// Set the access control list.
    pub const ADMIN: i32 = 16;
    /// All of the above.
    pub const ALL: i32 = 31;
}

/// Who: an authentication scheme and an identity within it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// `world`, `auth`, `digest`, `ip`, `sasl`, `x509`, `super`, ...
    pub scheme: String,
    /// The identity in the scheme's own form.
    pub id: String,
}

impl Id {
    /// An id from its parts.
    pub fn new(scheme: impl Into<String>, id: impl Into<String>) -> Self {
        Self { scheme: scheme.into(), id: id.into() }
    }

    /// The identity everyone has.
    pub fn anyone() -> Self {
        Self::new("world", "anyone")
    }
}

/// Null parts read as empty strings: no scheme accepts those, so they are refused as invalid.
impl<'a> Wire<'a> for Id {
    const MIN_LEN: usize = 8;
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let scheme = from.string()?.unwrap_or_default().into_owned();
        Ok(Self { scheme, id: from.string()?.unwrap_or_default().into_owned() })
    }
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, Some(&self.scheme));
        put_string(out, Some(&self.id));
    }
}

crate::jute::record! {
    /// One entry of an access control list: what an identity may do.
    #[derive(PartialOrd, Ord, Hash)]
    Acl {
        /// Sum of [`perms`].
        perms: i32,
        /// Whom it is granted to.
        id: Id,
    }
}

impl Acl {
    /// Everything to everyone.
    pub fn open() -> Self {
        Self { perms: perms::ALL, id: Id::anyone() }
    }
}
