//! The table of permissions: what each operation needs, and on which node.

use crate::ReadOp;
use crate::ops::{Outcome, WriteOp};
use crate::testkit::*;
use proto::ErrorCode;
use proto::acl::{Acl, Id, perms};
use proto::multi::{MultiOp, MultiResult};
use proto::request::{CheckVersionRequest, PathRequest};

/// Whose list decides.
#[derive(Debug, Clone, Copy, PartialEq)]
enum On {
    Node,
    Parent,
}

enum Op {
    Write(WriteOp<'static>),
    Read(ReadOp<'static>),
}

/// Every operation with the permissions of which it needs one, none when it needs nothing.
fn table() -> Vec<(&'static str, Op, On, i32)> {
    let path = || PathRequest { path: "/p/n".into() };
    let check = || MultiOp::Check(CheckVersionRequest { path: "/p/n".into(), version: -1 });
    vec![
        ("create", Op::Write(create("/p/new")), On::Parent, perms::CREATE),
        ("createContainer", Op::Write(create_container("/p/new")), On::Parent, perms::CREATE),
        ("createTTL", Op::Write(create_ttl("/p/new", 5, 9)), On::Parent, perms::CREATE),
        ("delete", Op::Write(delete("/p/n")), On::Parent, perms::DELETE),
        ("setData", Op::Write(set_data("/p/n", b"", -1)), On::Node, perms::WRITE),
        ("setACL", Op::Write(set_acl("/p/n", vec![Acl::open()])), On::Node, perms::ADMIN),
        ("check", Op::Write(WriteOp::Multi(vec![check()])), On::Node, perms::READ),
        ("exists", Op::Read(ReadOp::Exists(peek("/p/n"))), On::Node, perms::READ),
        ("getData", Op::Read(ReadOp::GetData(peek("/p/n"))), On::Node, perms::READ),
        ("getChildren", Op::Read(ReadOp::GetChildren(peek("/p/n"))), On::Node, perms::READ),
        ("getChildren2", Op::Read(ReadOp::GetChildren2(peek("/p/n"))), On::Node, perms::READ),
        ("getACL", Op::Read(ReadOp::GetAcl(path())), On::Node, perms::READ | perms::ADMIN),
        ("getAllChildrenNumber", Op::Read(ReadOp::GetAllChildrenNumber(path())), On::Node, perms::READ),
    ]
}

/// Whether the operation goes through when everyone has `granted` on the node whose list decides, and
/// nothing at all on the other one.
fn permitted(op: &Op, on: On, granted: i32, super_user: bool) -> bool {
    let mut w = World::new();
    w.ok(&create("/p"));
    w.ok(&create("/p/n"));
    let list = |of| vec![Acl { perms: if of == on { granted } else { 0 }, id: Id::anyone() }];
    w.ok(&set_acl("/p/n", list(On::Node)));
    w.ok(&set_acl("/p", list(On::Parent)));
    if super_user {
        w.auth.push(Id::new("super", ""));
    }
    let denied = match op {
        Op::Read(op) => w.read(op).err(),
        Op::Write(op) => match w.run(op) {
            Outcome::Error(code) => Some(code),
            Outcome::Multi(results) => match results[..] {
                [MultiResult::Error(code)] => ErrorCode::from_code(code),
                _ => None,
            },
            _ => None,
        },
    };
    assert!(matches!(denied, None | Some(ErrorCode::NoAuth)), "{denied:?}");
    denied.is_none()
}

#[test]
fn hc_112_every_operation_asks_for_exactly_its_permissions() {
    for (name, op, on, needed) in table() {
        for granted in 0..=perms::ALL {
            assert_eq!(permitted(&op, on, granted, false), granted & needed != 0, "{name} with {granted}");
        }
        assert!(permitted(&op, on, 0, true), "{name} as super");
    }
}
