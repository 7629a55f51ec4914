//! Random sequences that reach every operation a standalone server answers, proper and improper.
//!
//! Never generated, because a Java server would not survive or not show a comparable answer:
//! - createTTL with flags 0 to 4 and a negative ttl: kills Java when applied and poisons its log;
//! - createSession (-10) sent by a client: Java takes it for valid, Zabra refuses it;
//! - sequential children of `/` and `/zookeeper`: their counters outlive a sequence.
//! - null paths, and null access lists in a multi: Java fails on them half-way, after spending a zxid here and setting a
//!   watch there; Zabra refuses them like anything it cannot decode;
//! - deleteContainer (20) for a plain node: Java deletes it for anyone, whatever the access list says; Zabra refuses.
//!   Nor with a damaged body: Zabra takes 3.8's form of it too;
//! - a quota that cannot be parsed: under enforceQuota Java fails every write below it, Zabra has no quota there;
//! - lone surrogates in UTF-8: Java replaces one by one U+FFFD, Rust by three;
//! - a wrong password for a live session: Java hangs up on its owner first ([`run`](super::run) closes it beforehand).
//!
//! Left out when one side is 3.8, because 3.9 changed it:
//! - `check` outside a multi (no reply, and a log 3.8 itself cannot read), deleteContainer (another body);
//! - checkWatches and removeWatches (other kinds, and kinds told apart since 3.9); IPv6 in access lists;
//! - watches of more than one mode in a sequence (3.9 counts them separately);
//! - requests that cannot be decoded (3.8 spends a zxid on a write, 3.9 does not);
//! - in a multi: create2 and its kin (3.8 answers without the stat), and creates that 3.9 refuses while decoding
//!   (improper flags, null path, null access list);
//! - nodes that not everybody may read (exists and watch events are filtered since 3.9.2).

use crate::request::{AccessList, Request, Text};
use crate::rng::Rng;
use crate::wire::{Acl, op};

use super::{Action, Profile, SESSIONS, Step};

const USUAL: [&str; 18] = [
    "/t",
    "/t",
    "/t/a",
    "/t/a",
    "/t/b",
    "/t/a/x",
    "/t/a/y",
    "/t/a/x/deep",
    "/t/e",
    "/t/c",
    "/t/c/1",
    "/t/q",
    "/t/q/n",
    "/t/q/n0000000000",
    "/t/q/n0000000001",
    "/t/q/",
    "/u",
    "/u/v",
];
const SYSTEM: [&str; 9] = [
    "/",
    "/zookeeper",
    "/zookeeper/quota",
    "/zookeeper/config",
    "/zookeeper/quota/t",
    "/zookeeper/quota/t/zookeeper_limits",
    "/zookeeper/quota/t/zookeeper_stats",
    "/zookeeper/quota/t/a/zookeeper_limits",
    "/zookeeper/other",
];
const WEIRD: [&str; 28] = [
    "",
    "t",
    "t/a",
    "/t/",
    "/t//a",
    "//",
    "/t/.",
    "/t/..",
    "/./t",
    "/../t",
    "/t/\0x",
    "/t/\u{1}",
    "/t/\u{1f}",
    "/t/\u{7f}",
    "/t/\u{85}",
    "/t/\u{9f}",
    "/t/\u{a0}",
    "/t/\u{e9}",
    "/t/\u{d7ff}",
    "/t/\u{e000}",
    "/t/\u{f8ff}",
    "/t/\u{f900}",
    "/t/\u{ffef}",
    "/t/\u{fff0}",
    "/t/\u{10000}",
    "/t/ ",
    "/t/...",
    "/zookeeper/",
];
const QUOTAS: [&str; 6] = [
    "count=3,bytes=-1",
    "count=-1,bytes=100",
    "count=5,bytes=1000=;byteHardLimit=2000;countHardLimit=6",
    "count=-1,bytes=-1=;byteHardLimit=50;countHardLimit=-1",
    "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2",
    "",
];
const UNKNOWN: [i32; 11] = [0, 10, 23, 99, 108, 1000, -1, -2, -100, i32::MAX, i32::MIN];

/// A sequence for `profile`, the same for the same seed.
pub fn sequence(seed: u64, profile: Profile) -> Vec<Step> {
    let mut rng = Rng::new(seed);
    let persistent_watches = rng.one_in(2);
    let quotas = rng.one_in(3);
    let mut generator = Generator { rng, profile, persistent_watches, quotas };
    let length = 10 + generator.rng.below(50);
    let mut steps = vec![Step {
        session: 0,
        action: Action::One(Request::create("/t", Some(b"root"), AccessList::Entries(Acl::open()), 0)),
    }];
    steps.extend((0..length).map(|_| generator.step()));
    steps
}

struct Generator {
    rng: Rng,
    profile: Profile,
    persistent_watches: bool,
    /// Java checks hard quotas against what is applied, not what is pending: with a quota there is no pipelining.
    quotas: bool,
}

impl Generator {
    fn step(&mut self) -> Step {
        let session = self.rng.below(SESSIONS);
        let action = match self.rng.below(100) {
            0..=2 => Action::Drop,
            3..=5 => Action::Resume {
                wrong_password: self.rng.one_in(4),
                ahead: self.rng.one_in(6),
                modern: !self.rng.one_in(4),
            },
            6..=11 => self.auth(),
            12..=19 if !self.quotas => Action::Batch(self.batch()),
            20..=21 => Action::One(Request::Empty { op: op::CLOSE_SESSION }),
            22 => Action::One(Request::Raw { op: self.rng.choose(&UNKNOWN), body: self.bytes() }),
            _ => Action::One(self.request()),
        };
        Step { session, action }
    }

    /// Requests sent at once. Java checks permissions against the list that is applied, not the pending one: what
    /// stands behind a setACL may be judged by either.
    fn batch(&mut self) -> Vec<Request> {
        let mut batch = Vec::new();
        for _ in 0..2 + self.rng.below(12) {
            batch.push(self.staying_request());
            if batch.last().is_some_and(|request| request.operation() == op::SET_ACL) {
                break;
            }
        }
        batch
    }

    /// A request after which the server keeps the connection.
    fn staying_request(&mut self) -> Request {
        loop {
            let request = self.request();
            if request.operation() != op::CHECK {
                return request;
            }
        }
    }

    fn request(&mut self) -> Request {
        let request = self.proper_request();
        if request.operation() == op::DELETE_CONTAINER {
            return request;
        }
        if !self.profile.with_38 && self.rng.one_in(60) {
            let (_, body) = request.encode();
            let keep = self.rng.below(body.len() + 1);
            return Request::Cut { request: Box::new(request), keep };
        }
        if self.rng.one_in(80) {
            return Request::Long { request: Box::new(request), extra: 1 + self.rng.below(9) };
        }
        request
    }

    fn proper_request(&mut self) -> Request {
        match self.rng.below(100) {
            0..=21 => self.create(),
            22..=29 => Request::Delete { path: self.path(), version: self.version() },
            30..=40 => self.set_data(),
            41..=44 => Request::SetAcl { path: self.path(), acl: self.acl(), version: self.version() },
            45..=62 => {
                let op = self.rng.choose(&[op::EXISTS, op::GET_DATA, op::GET_CHILDREN, op::GET_CHILDREN2]);
                let watch = self.one_shot() && self.rng.one_in(2);
                Request::Read { op, path: self.path(), watch }
            }
            63..=72 => {
                let op = self.rng.choose(&[
                    op::GET_ACL,
                    op::SYNC,
                    op::GET_EPHEMERALS,
                    op::GET_ALL_CHILDREN_NUMBER,
                ]);
                Request::Path { op, path: self.path() }
            }
            73..=79 => self.watch_operation(),
            80..=87 => self.multi(),
            88..=91 => self.multi_read(),
            92..=93 => Request::Empty { op: op::WHO_AM_I },
            94..=95 => self.set_watches(),
            96..=97 if self.quotas => self.quota(),
            _ => self.rare(),
        }
    }

    fn rare(&mut self) -> Request {
        match self.rng.below(if self.profile.with_38 { 1 } else { 4 }) {
            0 => Request::Raw { op: op::RECONFIG, body: [0xff; 12].iter().chain(&[0; 8]).copied().collect() },
            1 => {
                let operation = self.rng.choose(&[op::GET_DATA, op::CREATE, op::DELETE, op::GET_CHILDREN]);
                let length = self.rng.choose(&[i32::MAX, -2, 1_048_575, 2_097_151, i32::MIN]);
                Request::Raw { op: operation, body: length.to_be_bytes().to_vec() }
            }
            2 => Request::Check { path: self.path(), version: self.version() },
            _ => {
                // Only containers ever live at the first of these.
                let path = self.rng.pick(&[
                    "/t/box",
                    "/t/box",
                    "/t/none",
                    "/",
                    "/zookeeper",
                    "",
                    "/t/",
                    "/none/box",
                ]);
                Request::Path { op: op::DELETE_CONTAINER, path: path.into() }
            }
        }
    }

    fn one_shot(&self) -> bool {
        !(self.profile.with_38 && self.persistent_watches)
    }

    fn path(&mut self) -> Text {
        match self.rng.below(100) {
            0..=81 => self.rng.pick(&USUAL).into(),
            82..=89 => self.rng.pick(&SYSTEM).into(),
            91 => Text(Some(b"/t/\xff\xfe".to_vec())),
            93 => Text(Some([b"/t/".as_slice(), &[b'n'; 300]].concat())),
            _ => self.rng.pick(&WEIRD).into(),
        }
    }

    fn version(&mut self) -> i32 {
        self.rng.choose(&[-1, -1, -1, -1, 0, 0, 1, 2, -2, i32::MIN, i32::MAX])
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.rng.choose(&[1, 3, 8, 20, 100]);
        (0..length).map(|_| self.rng.bits() as u8).collect()
    }

    /// Quota nodes only ever hold quotas.
    fn data_for(&mut self, path: &Text) -> Text {
        match &path.0 {
            Some(path) if path.ends_with(b"zookeeper_limits") || path.ends_with(b"zookeeper_stats") => {
                self.rng.pick(&QUOTAS).into()
            }
            _ => self.data(),
        }
    }

    fn data(&mut self) -> Text {
        match self.rng.below(10) {
            0 => Text(None),
            1 => Text(Some(Vec::new())),
            2 => Text(Some(vec![b'z'; 1500])),
            _ => Text(Some(self.bytes())),
        }
    }

    fn acl(&mut self) -> AccessList {
        if self.rng.below(3) > 0 {
            return AccessList::Entries(Acl::open());
        }
        let mut entries = match self.rng.below(22) {
            0 => return AccessList::Null,
            1 => return AccessList::NullId,
            2 if self.profile.with_38 => return AccessList::Null,
            2 => return AccessList::Count(self.rng.choose(&[1000, -5, i32::MAX])),
            3 => return AccessList::Entries(Vec::new()),
            4 => vec![Acl::new(31, "auth", "")],
            5 => vec![Acl::new(31, "auth", "whatever"), Acl::new(1, "world", "anyone")],
            6 => vec![Acl::new(31, "digest", ALICE)],
            7 => vec![Acl::new(31, "digest", "alice")],
            8 => vec![Acl::new(31, "digest", "a:b:c")],
            9 => vec![Acl::new(31, "ip", "127.0.0.1")],
            10 => vec![Acl::new(31, "ip", "127.0.0.0/8")],
            11 => vec![Acl::new(31, "ip", "10.0.0.0/8")],
            12 if !self.profile.with_38 => vec![Acl::new(
                31,
                "ip",
                self.rng.pick(&[
                    "300.1.1.1",
                    "1.2.3.4/33",
                    "1.2.3.4/-1",
                    "1.2.3",
                    "::1",
                    "a",
                    "",
                    "1.2.3.4/",
                    "127.0.0.1/0",
                ]),
            )],
            13 => vec![Acl::new(31, "foo", "bar")],
            14 => vec![Acl::new(31, "world", "bob")],
            15 => vec![Acl::new(31, "super", "")],
            16 => vec![Acl::new(self.rng.choose(&[0, 2, 4, 8, 16, 64, -1, 30]), "world", "anyone")],
            17 => vec![
                Acl::new(1, "world", "anyone"),
                Acl::new(1, "world", "anyone"),
                Acl::new(2, "world", "anyone"),
            ],
            18 => vec![
                Acl::new(1, "world", "anyone"),
                Acl::new(30, "digest", ALICE),
                Acl::new(16, "digest", BOB),
            ],
            19 => vec![Acl::new(1, "world", "anyone"), Acl::new(31, "digest", ":")],
            20 => vec![Acl::new(23, "world", "anyone")],
            _ => vec![Acl::new(27, "world", "anyone")],
        };
        if self.profile.with_38 {
            entries.push(Acl::new(1, "world", "anyone"));
        }
        AccessList::Entries(entries)
    }

    fn create(&mut self) -> Request {
        let acl = self.acl();
        let mut path = self.path();
        let data = self.data_for(&path);
        let mut flags = self.rng.choose(&[0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, -1, 7, 100]);
        let counted_elsewhere =
            path.0.as_ref().is_some_and(|path| !path.starts_with(b"/t") && !path.starts_with(b"/u/"));
        if matches!(flags, 2 | 3 | 6) && counted_elsewhere {
            path = "/t/q/n".into();
        }
        match self.rng.below(10) {
            0..=4 => Request::Create { op: op::CREATE, path, data, acl, flags },
            5..=6 => Request::Create { op: op::CREATE2, path, data, acl, flags },
            7 => {
                if !self.rng.one_in(3) {
                    flags = 4;
                }
                if self.rng.one_in(3) {
                    (path, flags) = ("/t/box".into(), 4);
                }
                Request::Create { op: op::CREATE_CONTAINER, path, data, acl, flags }
            }
            _ => {
                if !self.rng.one_in(3) {
                    flags = self.rng.choose(&[5, 6]);
                }
                if flags == 6 && counted_elsewhere {
                    path = "/t/q/n".into();
                }
                let ttl =
                    self.rng.choose(&[1_000_000_000, 1_099_511_627_775, 1_099_511_627_776, 0, -1, i64::MAX]);
                let ttl = if matches!(flags, 0..=4) && ttl < 0 { 0 } else { ttl };
                Request::CreateTtl { path, data, acl, flags, ttl }
            }
        }
    }

    fn create_in_multi(&mut self) -> Request {
        loop {
            let request = self.create();
            let listed = !matches!(
                &request,
                Request::Create { acl: AccessList::Null, .. }
                    | Request::CreateTtl { acl: AccessList::Null, .. }
            );
            let plain = matches!(&request, Request::Create { op: op::CREATE, flags: 0..=3, .. });
            if listed && (plain || !self.profile.with_38) {
                return request;
            }
        }
    }

    fn set_data(&mut self) -> Request {
        let path = self.path();
        let data = self.data_for(&path);
        Request::SetData { path, data, version: self.version() }
    }

    fn quota(&mut self) -> Request {
        let text = self.rng.pick(&QUOTAS);
        let node = |path: &str, data: &str| {
            Request::create(path, Some(data.as_bytes()), AccessList::Entries(Acl::open()), 0)
        };
        match self.rng.below(3) {
            0 => Request::set_data("/zookeeper/quota/t/zookeeper_limits", text.as_bytes(), -1),
            _ => Request::multi(vec![
                node("/zookeeper/quota/t", ""),
                node("/zookeeper/quota/t/zookeeper_limits", text),
                node("/zookeeper/quota/t/zookeeper_stats", "count=0,bytes=0"),
            ]),
        }
    }

    fn multi(&mut self) -> Request {
        let count = self.rng.choose(&[0, 1, 1, 2, 2, 3, 4, 6]);
        let parts = (0..count)
            .map(|_| match self.rng.below(24) {
                0..=8 => self.create_in_multi(),
                9..=12 => Request::Delete { path: self.path(), version: self.version() },
                13..=17 => self.set_data(),
                18..=22 => Request::Check { path: self.path(), version: self.rng.choose(&[-1, 0, 0, 1]) },
                _ if self.rng.one_in(2) => self.reading(),
                _ => {
                    Request::SetAcl { path: self.path(), acl: AccessList::Entries(Acl::open()), version: -1 }
                }
            })
            .collect();
        Request::multi(parts)
    }

    fn reading(&mut self) -> Request {
        let op = self.rng.choose(&[op::GET_DATA, op::GET_CHILDREN]);
        Request::Read { op, path: self.path(), watch: self.rng.one_in(2) }
    }

    fn multi_read(&mut self) -> Request {
        let count = self.rng.choose(&[0, 1, 2, 3, 5]);
        let mut parts: Vec<_> = (0..count).map(|_| self.reading()).collect();
        if self.rng.one_in(20) {
            parts.push(Request::Delete { path: self.path(), version: -1 });
        }
        Request::Multi { op: op::MULTI_READ, parts }
    }

    fn watch_operation(&mut self) -> Request {
        let path = self.path();
        if !self.profile.with_38 && self.rng.one_in(2) {
            let op = self.rng.choose(&[op::CHECK_WATCHES, op::REMOVE_WATCHES]);
            return Request::Watch { op, path, mode: self.rng.choose(&[1, 2, 3, 4, 5, 0, 6, -1]) };
        }
        if self.profile.with_38 && !self.persistent_watches {
            return Request::Read { op: op::EXISTS, path, watch: true };
        }
        let modes: &[i32] = if self.profile.with_38 { &[1] } else { &[0, 0, 0, 1, 1, 1, 2, -1] };
        Request::Watch { op: op::ADD_WATCH, path, mode: self.rng.choose(modes) }
    }

    fn set_watches(&mut self) -> Request {
        let both = !self.profile.with_38;
        let (op, one_shot, persistent) = match self.rng.below(2) {
            0 => (op::SET_WATCHES, self.one_shot(), 0),
            _ => (op::SET_WATCHES2, self.one_shot(), 2),
        };
        let mut lists: Vec<Vec<Text>> =
            (0..3).map(|_| if one_shot { self.paths() } else { Vec::new() }).collect();
        lists.extend((0..persistent).map(|mode| {
            if both || (mode == 1 && self.persistent_watches) { self.paths() } else { Vec::new() }
        }));
        Request::SetWatches { op, zxid: self.rng.below(40) as i64 - 2, lists }
    }

    fn paths(&mut self) -> Vec<Text> {
        let count = self.rng.below(4);
        (0..count).map(|_| self.rng.pick(&USUAL).into()).collect()
    }

    fn auth(&mut self) -> Action {
        let (scheme, payload) = self.rng.choose(&[
            ("digest", "alice:pw"),
            ("digest", "alice:pw"),
            ("digest", "alice:pw"),
            ("digest", "bob:pw"),
            ("digest", "bob:pw"),
            ("digest", "nocolon"),
            ("digest", ""),
            ("digest", ":"),
            ("digest", "a:b:c"),
            ("digest", crate::server::SUPER_AUTH),
            ("ip", ""),
            ("ip", "1.2.3.4"),
            ("world", "anyone"),
            ("auth", ""),
            ("super", ""),
            ("foo", "bar"),
            ("", ""),
        ]);
        let scheme = if self.rng.one_in(40) { Text(None) } else { scheme.into() };
        Action::Auth { scheme, payload: payload.into() }
    }
}

/// alice:pw as an access list holds it.
const ALICE: &str = "alice:V55/p2T0OpjQ+low3NVAH4aLvm0=";
/// bob:pw as an access list holds it.
const BOB: &str = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=";
