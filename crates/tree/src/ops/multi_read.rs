//! `multiRead`: several reads in one request, each on its own.

use super::read::Reading;
use super::{get_children, get_data};
use proto::ErrorCode;
use proto::Wire;
use proto::multi::{END, MultiHeader, MultiOp, MultiResult};

/// Answers it. One that fails does not stop the others; watches are not set, whatever it says.
pub(super) fn answer(on: &Reading<'_>, ops: &[MultiOp<'_>], out: &mut Vec<u8>) -> Result<(), ErrorCode> {
    for op in ops {
        let start = out.len();
        MultiHeader { kind: op.op().code(), done: false, err: ErrorCode::Ok.code() }.encode(out);
        let answered = match op {
            MultiOp::GetChildren(request) => get_children::answer(on, &unwatched(request), None, out),
            MultiOp::GetData(request) => get_data::answer(on, &unwatched(request), None, out),
            _ => Err(ErrorCode::MarshallingError),
        };
        if let Err(code) = answered {
            out.truncate(start);
            MultiResult::Error(code.code()).encode(out);
        }
    }
    END.encode(out);
    Ok(())
}

fn unwatched<'a>(request: &'a proto::request::ReadRequest<'_>) -> proto::request::ReadRequest<'a> {
    proto::request::ReadRequest { path: request.path.as_ref().into(), watch: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;
    use proto::Reader;
    use proto::multi::decode_results;

    #[test]
    fn each_read_answers_for_itself_and_sets_no_watch() {
        let mut w = World::new();
        w.ok(&create("/a"));
        let ops = vec![
            MultiOp::GetData(watch("/a")),
            MultiOp::GetData(watch("/none")),
            MultiOp::GetChildren(watch("/zookeeper/quota")),
        ];
        let out = w.read(&ReadOp::MultiRead(ops)).unwrap();
        let results = decode_results(&mut Reader::new(&out)).unwrap();
        let expected = [
            MultiResult::GetData(Some(b"data".to_vec()), w.stat("/a").unwrap()),
            MultiResult::Error(ErrorCode::NoNode.code()),
            MultiResult::GetChildren(vec![]),
        ];
        assert_eq!(results, expected);
        assert!(w.watches.is_empty());
    }
}
