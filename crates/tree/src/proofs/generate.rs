//! Random requests from a seed. Few names, few sessions and few identities, so that requests meet.

use crate::ops::WriteOp;
use proto::acl::{Acl, Id, perms};
use proto::multi::MultiOp;
use proto::request::{
    CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, SetAclRequest, SetDataRequest,
};
use proto::{OpCode, SessionId};

/// A small generator of its own, so that a seed means the same for ever.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

pub(super) const SESSIONS: [SessionId; 3] = [SessionId(0x101), SessionId(0x102), SessionId(0x103)];

/// The identities a request comes with.
pub(super) fn identities(random: &mut Random) -> Vec<Id> {
    let ip = Id::new("ip", "127.0.0.1");
    match random.below(4) {
        0 => vec![ip],
        1 => vec![ip, Id::new("super", "")],
        _ => vec![ip, Id::new("digest", "me:hash")],
    }
}

fn path(random: &mut Random) -> String {
    if random.below(40) == 0 {
        return random.pick(&["", "/", "//", "a", "/a/", "/a/./b", "/zookeeper", "/\0"]).into();
    }
    let names = ["a", "b", "c"];
    (0..=random.below(3)).map(|_| format!("/{}", random.pick(&names))).collect()
}

fn data(random: &mut Random) -> Option<&'static [u8]> {
    random.pick(&[None, Some(&b""[..]), Some(b"x"), Some(b"some longer data")])
}

fn version(random: &mut Random) -> i32 {
    random.pick(&[-1, -1, -1, 0, 0, 1, 2])
}

fn acl(random: &mut Random) -> Option<Vec<Acl>> {
    let mine = |perms| Acl { perms, id: Id::new("digest", "me:hash") };
    Some(match random.below(16) {
        0 => vec![],
        1 => vec![mine(perms::ALL)],
        2 => vec![mine(perms::ALL), Acl { perms: perms::READ, id: Id::anyone() }],
        3 => vec![Acl { perms: perms::ALL, id: Id::new("auth", "") }],
        4 => vec![Acl { perms: perms::ALL & !perms::DELETE, id: Id::anyone() }],
        5 => vec![Acl { perms: perms::ALL, id: Id::new("ip", "127.0.0.0/8") }],
        _ => vec![Acl::open(), Acl::open()],
    })
}

fn create(random: &mut Random) -> MultiOp<'static> {
    let op = random.pick(&[OpCode::Create, OpCode::Create2, OpCode::Create2, OpCode::CreateContainer]);
    let flags = if op == OpCode::CreateContainer { 4 } else { random.pick(&[0, 0, 0, 1, 1, 2, 3]) };
    let path = path(random).into();
    let data = data(random);
    MultiOp::Create(op, CreateRequest { path, data, acl: acl(random), flags })
}

fn create_ttl(random: &mut Random) -> MultiOp<'static> {
    let path = path(random).into();
    let acl = acl(random);
    let flags = random.pick(&[5, 5, 6]);
    MultiOp::CreateTtl(CreateTtlRequest { path, data: None, acl, flags, ttl: random.below(4) as i64 })
}

/// Something that may stand in a multi.
pub(super) fn part(random: &mut Random) -> MultiOp<'static> {
    match random.below(12) {
        0..=4 => create(random),
        5 => create_ttl(random),
        6..=7 => MultiOp::Delete(DeleteRequest { path: path(random).into(), version: version(random) }),
        8 => MultiOp::Check(CheckVersionRequest { path: path(random).into(), version: version(random) }),
        _ => {
            let path = path(random).into();
            let data = data(random);
            MultiOp::SetData(SetDataRequest { path, data, version: version(random) })
        }
    }
}

/// Any write.
pub(super) fn write(random: &mut Random) -> WriteOp<'static> {
    match random.below(24) {
        0..=3 => WriteOp::Multi((0..random.below(5)).map(|_| part(random)).collect()),
        4 => WriteOp::CreateSession { timeout_ms: 1000 + random.below(9) as i32 },
        5 => WriteOp::CloseSession,
        6..=7 => {
            let path = path(random).into();
            let acl = acl(random);
            WriteOp::SetAcl(SetAclRequest { path, acl, version: version(random) })
        }
        8 => WriteOp::DeleteContainer(path(random).into()),
        _ => match part(random) {
            MultiOp::Create(op, request) => WriteOp::Create(op, request),
            MultiOp::CreateTtl(request) => WriteOp::CreateTtl(request),
            MultiOp::Delete(request) => WriteOp::Delete(request),
            MultiOp::SetData(request) => WriteOp::SetData(request),
            _ => WriteOp::DeleteContainer(path(random).into()),
        },
    }
}
