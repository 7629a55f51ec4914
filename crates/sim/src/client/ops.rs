//! What clients ask: drawn at random from a small world of paths, so that they get in each other's way.

use crate::rng::Rng;
use proto::acl::Acl;
use proto::multi::{MultiOp, encode_ops};
use proto::request::{
    CheckVersionRequest, CreateRequest, DeleteRequest, ReadRequest, RequestHeader, SetDataRequest,
    SyncRequest, frame,
};
use proto::{OpCode, Wire};
use std::borrow::Cow;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Create { path: String, data: Vec<u8>, ephemeral: bool, sequential: bool, with_stat: bool },
    Delete { path: String, version: i32 },
    Set { path: String, data: Vec<u8>, version: i32 },
    Check { path: String, version: i32 },
    Multi(Vec<Ask>),
    Get { path: String, watch: bool },
    Exists { path: String, watch: bool },
    Children { path: String, watch: bool },
    Sync,
    Close,
}

impl Ask {
    pub(crate) fn op(&self) -> OpCode {
        match self {
            Self::Create { with_stat: true, .. } => OpCode::Create2,
            Self::Create { .. } => OpCode::Create,
            Self::Delete { .. } => OpCode::Delete,
            Self::Set { .. } => OpCode::SetData,
            Self::Check { .. } => OpCode::Check,
            Self::Multi(_) => OpCode::Multi,
            Self::Get { .. } => OpCode::GetData,
            Self::Exists { .. } => OpCode::Exists,
            Self::Children { .. } => OpCode::GetChildren2,
            Self::Sync => OpCode::Sync,
            Self::Close => OpCode::CloseSession,
        }
    }

    pub(crate) fn is_write(&self) -> bool {
        !matches!(self, Self::Get { .. } | Self::Exists { .. } | Self::Children { .. } | Self::Sync)
    }

    /// Appends the whole frame.
    pub(crate) fn encode(&self, xid: i32, out: &mut Vec<u8>) {
        frame(out, |out| {
            RequestHeader { xid, kind: self.op().code() }.encode(out);
            match self {
                Self::Multi(asks) => {
                    let ops: Vec<_> = asks.iter().filter_map(Ask::as_part).collect();
                    encode_ops(&ops, out);
                }
                Self::Get { path, watch } | Self::Exists { path, watch } | Self::Children { path, watch } => {
                    ReadRequest { path: path.into(), watch: *watch }.encode(out);
                }
                Self::Sync => SyncRequest { path: Some("/".into()) }.encode(out),
                Self::Close => {}
                simple => match simple.as_part() {
                    Some(MultiOp::Create(_, r)) => r.encode(out),
                    Some(MultiOp::Delete(r)) => r.encode(out),
                    Some(MultiOp::SetData(r)) => r.encode(out),
                    Some(MultiOp::Check(r)) => r.encode(out),
                    _ => {}
                },
            }
        });
    }

    fn as_part(&self) -> Option<MultiOp<'_>> {
        Some(match self {
            Self::Create { path, data, ephemeral, sequential, .. } => MultiOp::Create(
                self.op(),
                CreateRequest {
                    path: Cow::Borrowed(path),
                    data: Some(data),
                    acl: Some(vec![Acl::open()]),
                    flags: i32::from(*ephemeral) + 2 * i32::from(*sequential),
                },
            ),
            Self::Delete { path, version } => {
                MultiOp::Delete(DeleteRequest { path: path.into(), version: *version })
            }
            Self::Set { path, data, version } => {
                MultiOp::SetData(SetDataRequest { path: path.into(), data: Some(data), version: *version })
            }
            Self::Check { path, version } => {
                MultiOp::Check(CheckVersionRequest { path: path.into(), version: *version })
            }
            _ => return None,
        })
    }

    /// The next request of a client; `mark` makes its data unlike all other.
    pub(crate) fn draw(rng: &mut Rng, mark: u64) -> Self {
        match rng.below(100) {
            0..=21 => Self::Get { path: some_path(rng), watch: rng.permille(300) },
            22..=29 => Self::Exists { path: some_path(rng), watch: rng.permille(400) },
            30..=37 => Self::Children { path: some_parent(rng), watch: rng.permille(400) },
            38..=40 => Self::Sync,
            41..=48 => {
                let count = rng.within(1, 4);
                Self::Multi((0..count).map(|part| Self::draw_write(rng, mark * 8 + part, true)).collect())
            }
            _ => Self::draw_write(rng, mark * 8, false),
        }
    }

    fn draw_write(rng: &mut Rng, mark: u64, in_multi: bool) -> Self {
        let version = if rng.permille(750) { -1 } else { rng.below(4) as i32 };
        match rng.below(100) {
            0..=19 => Self::Create {
                path: some_path(rng),
                data: data(rng, mark),
                ephemeral: rng.permille(300),
                sequential: false,
                with_stat: rng.permille(500),
            },
            20..=37 => Self::Create {
                path: format!("{}/s-", some_parent(rng).trim_end_matches('/')),
                data: data(rng, mark),
                ephemeral: rng.permille(600),
                sequential: true,
                with_stat: rng.permille(500),
            },
            38..=62 => Self::Delete { path: some_path(rng), version },
            63..=70 if in_multi => Self::Check { path: some_path(rng), version },
            _ => Self::Set { path: some_path(rng), data: data(rng, mark), version },
        }
    }
}

fn data(rng: &mut Rng, mark: u64) -> Vec<u8> {
    let mut data = mark.to_be_bytes().to_vec();
    if rng.permille(30) {
        data.resize(8 + rng.below(300) as usize, 7);
    }
    data
}

fn some_parent(rng: &mut Rng) -> String {
    rng.pick(&["/", "/a", "/a", "/b", "/b/c"]).to_owned()
}

fn some_path(rng: &mut Rng) -> String {
    let fixed = ["/a", "/b", "/b/c", "/a/1", "/a/2", "/a/3", "/b/1", "/b/2", "/b/c/1", "/b/c/2", "/d"];
    match rng.below(20) {
        // What sequential creates may have left.
        0..=1 => format!("/a/s-{:010}", rng.below(40)),
        2 => format!("/b/c/s-{:010}", rng.below(20)),
        _ => rng.pick(&fixed).to_owned(),
    }
}
