//! A client's request: the header, then the record its opcode names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::request::*;
use proto::{OpCode, Reader, Wire, multi};

fn decode<'a, T: Wire<'a>>(from: &mut Reader<'a>) {
    if let Ok(value) = T::decode(from) {
        value.encode(&mut Vec::new());
    }
}

fuzz_target!(|frame: &[u8]| {
    let mut from = Reader::new(frame);
    let Ok(header) = RequestHeader::decode(&mut from) else { return };
    let body = &mut from;
    match OpCode::from_code(header.kind) {
        Some(OpCode::Create | OpCode::Create2 | OpCode::CreateContainer) => decode::<CreateRequest<'_>>(body),
        Some(OpCode::CreateTtl) => decode::<CreateTtlRequest<'_>>(body),
        Some(OpCode::Delete) => decode::<DeleteRequest<'_>>(body),
        Some(OpCode::DeleteContainer) => drop(decode_delete_container(body)),
        Some(OpCode::SetData) => decode::<SetDataRequest<'_>>(body),
        Some(OpCode::SetAcl) => decode::<SetAclRequest<'_>>(body),
        Some(OpCode::Check) => decode::<CheckVersionRequest<'_>>(body),
        Some(OpCode::Multi | OpCode::MultiRead) => drop(multi::decode_ops(body)),
        Some(OpCode::Auth) => decode::<AuthPacket<'_>>(body),
        Some(OpCode::SetWatches) => decode::<SetWatches<'_>>(body),
        Some(OpCode::SetWatches2) => decode::<SetWatches2<'_>>(body),
        Some(OpCode::AddWatch) => decode::<AddWatchRequest<'_>>(body),
        Some(OpCode::CheckWatches | OpCode::RemoveWatches) => decode::<WatchesRequest<'_>>(body),
        Some(OpCode::Reconfig) => decode::<ReconfigRequest<'_>>(body),
        Some(OpCode::GetEphemerals) => decode::<GetEphemeralsRequest<'_>>(body),
        Some(OpCode::Sync) => decode::<SyncRequest<'_>>(body),
        Some(OpCode::GetAcl | OpCode::GetAllChildrenNumber) => decode::<PathRequest<'_>>(body),
        _ => decode::<ReadRequest<'_>>(body),
    }
});
