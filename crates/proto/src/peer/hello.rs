//! The first message on an election connection: who calls, and where it can be reached.
//!
//! //= java: QuorumCnxManager.InitialMessage

use crate::jute::{DecodeError, Reader, put_buffer, put_i64};
use std::net::IpAddr;

/// One address follows.
pub const VERSION_1: i64 = -65536;
/// Several addresses follow, separated by `|`.
pub const VERSION_2: i64 = -65535;
/// Longest address text accepted, bytes.
pub const ADDRESS_MAX: usize = 2048;
/// The id that an observer without one calls with.
pub const ANONYMOUS: i64 = i64::MAX;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its id, or [`ANONYMOUS`].
    pub server_id: i64,
    /// Host (an IPv6 address without brackets) and port of its election port, once for each address;
    /// read ones leave out those that stand for every address (HC-09), and a server before 3.5 sends none.
    pub addresses: Vec<(String, u16)>,
}

impl Hello {
    /// Its bytes: to be sent in one write, because the reference reads the address with a single read.
    /// At least one address is needed for it to be understood.
    pub fn to_bytes(&self) -> Vec<u8> {
        let address = |(host, port): &(String, u16)| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let addresses: Vec<String> = self.addresses.iter().map(address).collect();
        let mut out = Vec::new();
        put_i64(&mut out, if addresses.len() > 1 { VERSION_2 } else { VERSION_1 });
        put_i64(&mut out, self.server_id);
        put_buffer(&mut out, Some(addresses.join("|").as_bytes()));
        out
    }

    /// Takes the message off the front of `bytes`, with its length; `None` when more has to come, which
    /// is never more than 2068 bytes in all.
    ///
    /// # Errors
    /// This is no election connection (HC-161).
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, DecodeError> {
        let mut from = Reader::new(bytes);
        let Ok(first) = from.i64() else { return Ok(None) };
        if first >= 0 {
            return Ok(Some((Self { server_id: first, addresses: Vec::new() }, 8)));
        }
        if first != VERSION_1 && first != VERSION_2 {
            return Err(DecodeError::UnknownTag { what: "election protocol version", tag: first as i32 });
        }
        let (Ok(server_id), Ok(length)) = (from.i64(), from.i32()) else { return Ok(None) };
        let what = "election address";
        let size = usize::try_from(length).ok().filter(|size| *size > 0);
        let size = size.ok_or(DecodeError::NegativeLength { what, length })?;
        if size > ADDRESS_MAX {
            return Err(DecodeError::TooLarge { what, size: size as u64, max: ADDRESS_MAX });
        }
        if from.remaining() < size {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(from.bytes(size, what)?);
        let addresses: Option<Vec<_>> = text.split('|').map(host_and_port).collect();
        let mut addresses = addresses.ok_or(DecodeError::BadText { what })?;
        addresses.retain(|(host, _)| !host.parse().is_ok_and(|address: IpAddr| address.is_unspecified()));
        Ok(Some((Self { server_id, addresses }, 20 + size)))
    }
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once("]:")?,
        None => text.split_once(':')?,
    };
    let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
    is_host.then(|| Some((host.to_owned(), port.parse().ok()?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(version: i64, id: i64, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_i64(&mut out, version);
        put_i64(&mut out, id);
        put_buffer(&mut out, Some(text));
        out
    }

    fn hello(id: i64, addresses: &[(&str, u16)]) -> Hello {
        let addresses = addresses.iter().map(|(host, port)| (host.to_string(), *port)).collect();
        Hello { server_id: id, addresses }
    }

    #[test]
    fn the_form_with_one_address_and_the_one_with_several_come_back() {
        for said in [
            hello(1, &[("127.0.0.1", 3888)]),
            hello(ANONYMOUS, &[("zk1.example", 1)]),
            hello(-3, &[("::1", 3888), ("10.0.0.1", 3889)]),
        ] {
            let mut bytes = said.to_bytes();
            let length = bytes.len();
            bytes.extend_from_slice(&[0, 0, 0, 40]);
            assert_eq!(Hello::parse(&bytes), Ok(Some((said.clone(), length))));
            for cut in 0..length {
                assert_eq!(Hello::parse(&bytes[..cut]), Ok(None), "{cut} of {said:?}");
            }
        }
        assert_eq!(hello(1, &[("::1", 5)]).to_bytes(), framed(VERSION_1, 1, b"[::1]:5"));
        assert_eq!(hello(1, &[("a", 5), ("b", 6)]).to_bytes(), framed(VERSION_2, 1, b"a:5|b:6"));
    }

    #[test]
    fn hc_14_a_server_before_3_5_sends_its_id_alone() {
        assert_eq!(Hello::parse(&[0, 0, 0, 0, 0, 0, 0, 7, 1]), Ok(Some((hello(7, &[]), 8))));
        assert_eq!(Hello::parse(&[0; 7]), Ok(None));
    }

    #[test]
    fn hc_09_an_address_that_stands_for_all_is_left_out() {
        let parsed = |text: &[u8]| Hello::parse(&framed(VERSION_2, 1, text)).unwrap().unwrap().0;
        assert_eq!(parsed(b"0.0.0.0:3888|[::]:1|a:2"), hello(1, &[("a", 2)]));
        assert_eq!(parsed(b"[0:0:0:0:0:0:0:0]:3888"), hello(1, &[]));
    }

    #[test]
    fn hc_161_what_is_no_election_connection_is_refused_before_anything_is_kept() {
        for bytes in [
            &b"\xff\xff\xff\xff\xff\xff\xff\xff"[..],
            &framed(-65537, 1, b"a:1"),
            &framed(VERSION_1, 1, b"")[..20],
            &framed(VERSION_1, 1, b"nohost"),
            &framed(VERSION_1, 1, b"host:"),
            &framed(VERSION_1, 1, b"host:99999"),
            &framed(VERSION_1, 1, b"[::1:3888"),
            &framed(VERSION_1, 1, b":3888"),
            &framed(VERSION_1, 1, b"a:1|"),
            &framed(VERSION_1, 1, b"a\nb:1"),
            &framed(VERSION_1, 1, &[b'a'; ADDRESS_MAX + 1])[..20],
            b"\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff",
            b"\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x7f\xff\xff\xff",
        ] {
            assert!(Hello::parse(bytes).is_err(), "{bytes:?}");
        }
        for text in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
            // A positive long is an id by the old form: the driver refuses one that is nobody's.
            let (said, taken) = Hello::parse(text).unwrap().unwrap();
            assert!(said.addresses.is_empty() && taken == 8);
        }
    }
}
