//! The first packet of either side.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::{Reader, Wire};

fuzz_target!(|packet: &[u8]| {
    if let Ok(request) = ConnectRequest::decode(&mut Reader::new(packet)) {
        let mut again = Vec::new();
        request.encode(&mut again);
        assert_eq!(ConnectRequest::decode(&mut Reader::new(&again)), Ok(request));
    }
    if let Ok(response) = ConnectResponse::decode(&mut Reader::new(packet)) {
        let mut again = Vec::new();
        response.encode(&mut again);
        assert_eq!(ConnectResponse::decode(&mut Reader::new(&again)), Ok(response));
    }
});
