//! Creating nodes.

use super::try_request;
use crate::chroot::Chroot;
use crate::{Client, Error, Request};
use proto::acl::Acl;
use proto::path;
use proto::request::{CreateMode, CreateRequest, CreateTtlRequest};
use proto::response::Create2Response;
use proto::stat::Stat;
use proto::{OpCode, Wire};
use std::time::Duration;

/// The greatest time to live, in milliseconds: it has forty bits.
const TTL_MS_MAX: i64 = (1 << 40) - 1;

/// Data of a node to be. Bytes, text, or (as `None`) null, which ZooKeeper tells from empty data.
///
/// ```
/// use zabra_client::Payload;
///
/// assert_eq!(Payload::from("text"), Payload::from(b"text"));
/// assert_ne!(Payload::from(""), Payload::from(None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a>(pub(crate) Option<&'a [u8]>);

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Some(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(Some(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self(Some(bytes))
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(text: &'a str) -> Self {
        Self(Some(text.as_bytes()))
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(text: &'a String) -> Self {
        Self(Some(text.as_bytes()))
    }
}

impl<'a> From<Option<&'a [u8]>> for Payload<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        Self(bytes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    Persistent,
    Ephemeral,
    Container,
    Ttl(Duration),
}

/// What kind of node to create, and who may do what with it.
///
/// ```
/// use std::time::Duration;
/// use zabra_client::{Acl, Create, Id, perms};
///
/// let lock = Create::ephemeral().sequential();
/// let cache = Create::with_ttl(Duration::from_secs(60));
/// let private = Create::persistent().acl(vec![Acl { perms: perms::ALL, id: Id::new("auth", "") }]);
/// # let _ = (lock, cache, private);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    lifetime: Lifetime,
    sequential: bool,
    /// `None`: everything to everyone.
    acl: Option<Vec<Acl>>,
}

impl Create {
    fn lasting(lifetime: Lifetime) -> Self {
        Self { lifetime, sequential: false, acl: None }
    }

    /// A node that stays until it is deleted.
    pub fn persistent() -> Self {
        Self::lasting(Lifetime::Persistent)
    }

    /// A node that goes with the session. It cannot have children.
    pub fn ephemeral() -> Self {
        Self::lasting(Lifetime::Ephemeral)
    }

    /// A node that servers remove some time after its last child went.
    pub fn container() -> Self {
        Self::lasting(Lifetime::Container)
    }

    /// A node that servers remove when it has no children and was not changed for `ttl` (1 ms to 34 years).
    /// Servers refuse it unless their `extendedTypesEnabled` is on.
    pub fn with_ttl(ttl: Duration) -> Self {
        Self::lasting(Lifetime::Ttl(ttl))
    }

    /// The same with a number appended to the name: ten digits, greater than that of every child created
    /// before. Not for containers.
    #[must_use]
    pub fn sequential(mut self) -> Self {
        self.sequential = true;
        self
    }

    /// The same with this access control list instead of everything to everyone.
    #[must_use]
    pub fn acl(mut self, acl: Vec<Acl>) -> Self {
        self.acl = Some(acl);
        self
    }

    fn mode(&self) -> Result<CreateMode, Error> {
        Ok(match (self.lifetime, self.sequential) {
            (Lifetime::Persistent, false) => CreateMode::Persistent,
            (Lifetime::Persistent, true) => CreateMode::PersistentSequential,
            (Lifetime::Ephemeral, false) => CreateMode::Ephemeral,
            (Lifetime::Ephemeral, true) => CreateMode::EphemeralSequential,
            (Lifetime::Container, false) => CreateMode::Container,
            (Lifetime::Container, true) => {
                return Err(Error::InvalidArgument("a container cannot be sequential"));
            }
            (Lifetime::Ttl(_), false) => CreateMode::PersistentWithTtl,
            (Lifetime::Ttl(_), true) => CreateMode::PersistentSequentialWithTtl,
        })
    }

    fn ttl_ms(&self) -> Result<Option<i64>, Error> {
        let Lifetime::Ttl(ttl) = self.lifetime else { return Ok(None) };
        match i64::try_from(ttl.as_millis()) {
            Ok(ms @ 1..=TTL_MS_MAX) => Ok(Some(ms)),
            _ => Err(Error::InvalidArgument("a time to live is at least 1 ms and has at most 40 bits")),
        }
    }

    /// The operation and its record.
    pub(super) fn request<'a>(
        &self,
        root: &Chroot,
        path: &str,
        data: Option<&'a [u8]>,
    ) -> Result<(OpCode, CreateTtlRequest<'a>), Error> {
        if self.sequential {
            // The name is valid with its number: "/jobs/" is fine then.
            path::validate(&format!("{path}1"))?;
        } else {
            path::validate(path)?;
        }
        let mode = self.mode()?;
        let ttl = self.ttl_ms()?;
        let op = match self.lifetime {
            Lifetime::Persistent | Lifetime::Ephemeral => OpCode::Create2,
            Lifetime::Container => OpCode::CreateContainer,
            Lifetime::Ttl(_) => OpCode::CreateTtl,
        };
        // Below a chroot "/" is the chroot itself, but as the beginning of a name it is a name in it.
        let path = match root.path() {
            Some(root) if self.sequential => format!("{root}{path}"),
            _ => root.join(path),
        };
        let acl = self.acl.clone().unwrap_or_else(|| vec![Acl::open()]);
        let flags = mode as i32;
        Ok((op, CreateTtlRequest { path: path.into(), data, acl: Some(acl), flags, ttl: ttl.unwrap_or(0) }))
    }
}

/// A node that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its name, with its number when sequential.
    pub path: String,
    /// Its metadata.
    pub stat: Stat,
}

impl Client {
    /// Creates a node.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{Create, ErrorCode};
    ///
    /// client.create("/queue", "", &Create::persistent()).await?;
    /// let first = client.create("/queue/item-", "a", &Create::persistent().sequential()).await?;
    /// assert_eq!(first.path, "/queue/item-0000000000");
    ///
    /// let again = client.create("/queue", "", &Create::persistent()).await;
    /// assert!(again.unwrap_err().is(ErrorCode::NodeExists));
    /// # Ok(()) });
    /// ```
    pub fn create<'a>(&self, path: &str, data: impl Into<Payload<'a>>, options: &Create) -> Request<Created> {
        let (op, request) = try_request!(options.request(&self.root, path, data.into().0));
        let root = self.root.clone();
        let finish = move |body: &mut proto::Reader<'_>| {
            let Create2Response { path, stat } = Create2Response::decode(body)?;
            Ok(Created { path: root.strip(path), stat })
        };
        if op == OpCode::CreateTtl {
            return self.call(op, &request, finish);
        }
        self.call(op, &without_ttl(request), finish)
    }
}

/// The record of the operations that know no time to live.
pub(super) fn without_ttl(request: CreateTtlRequest<'_>) -> CreateRequest<'_> {
    let CreateTtlRequest { path, data, acl, flags, .. } = request;
    CreateRequest { path, data, acl, flags }
}

#[cfg(test)]
mod tests {
    use super::{Create, without_ttl};
    use crate::Error;
    use crate::chroot::Chroot;
    use proto::OpCode;
    use std::time::Duration;

    #[test]
    fn each_kind_has_its_operation_and_flags() {
        let ttl = Duration::from_millis(5);
        for (create, op, flags, ms) in [
            (Create::persistent(), OpCode::Create2, 0, 0),
            (Create::ephemeral(), OpCode::Create2, 1, 0),
            (Create::persistent().sequential(), OpCode::Create2, 2, 0),
            (Create::ephemeral().sequential(), OpCode::Create2, 3, 0),
            (Create::container(), OpCode::CreateContainer, 4, 0),
            (Create::with_ttl(ttl), OpCode::CreateTtl, 5, 5),
            (Create::with_ttl(ttl).sequential(), OpCode::CreateTtl, 6, 5),
        ] {
            let (sent, request) = create.request(&Chroot::default(), "/a", None).unwrap();
            assert_eq!((sent, request.flags, request.ttl), (op, flags, ms));
        }
    }

    #[test]
    fn what_no_server_takes_is_refused_here() {
        let refused =
            |create: Create, path: &str| create.request(&Chroot::default(), path, None).expect_err("refused");
        for ttl in [Duration::ZERO, Duration::from_millis(1 << 40), Duration::MAX] {
            assert!(matches!(refused(Create::with_ttl(ttl), "/a"), Error::InvalidArgument(_)));
        }
        assert!(matches!(refused(Create::container().sequential(), "/a"), Error::InvalidArgument(_)));
        assert!(matches!(refused(Create::persistent(), "/a/"), Error::InvalidPath(_)));
    }

    #[test]
    fn a_sequential_name_may_be_all_number_also_at_the_top_of_a_chroot() {
        let chroot = Chroot::new("/apps").unwrap();
        for (path, sent) in [("/", "/apps/"), ("/a/", "/apps/a/"), ("/a", "/apps/a")] {
            let (_, request) = Create::persistent().sequential().request(&chroot, path, None).unwrap();
            assert_eq!(without_ttl(request).path, sent);
        }
    }
}
