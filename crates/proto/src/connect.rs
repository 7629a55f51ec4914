//! The first packet each side sends on a connection.

use crate::ids::{SessionId, Zxid};
use crate::jute::{DecodeError, Reader, Wire, put_bool, put_buffer, put_i32, put_i64};

/// Opens a session, or takes one up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectRequest<'a> {
    /// 0; servers ignore it.
    pub protocol_version: i32,
    /// The newest transaction the client has seen on any server.
    pub last_zxid_seen: Zxid,
    /// Wanted session timeout, milliseconds.
    pub timeout_ms: i32,
    /// The session to take up, or [`SessionId::NONE`].
    pub session_id: SessionId,
    /// That session's password.
    pub password: Option<&'a [u8]>,
    /// Whether a read-only server will do. `None`: a client from before 3.4, which does not send
    /// the byte and must not be sent one (HC-156).
    pub read_only: Option<bool>,
}

impl<'a> Wire<'a> for ConnectRequest<'a> {
    const MIN_LEN: usize = 28;
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            protocol_version: from.i32()?,
            last_zxid_seen: Wire::decode(from)?,
            timeout_ms: from.i32()?,
            session_id: Wire::decode(from)?,
            password: from.buffer()?,
            read_only: if from.remaining() > 0 { Some(from.bool()?) } else { None },
        })
    }
    fn encode(&self, out: &mut Vec<u8>) {
        put_i32(out, self.protocol_version);
        put_i64(out, self.last_zxid_seen.0);
        put_i32(out, self.timeout_ms);
        put_i64(out, self.session_id.0);
        put_buffer(out, self.password);
        if let Some(flag) = self.read_only {
            put_bool(out, flag);
        }
    }
}

/// The server's answer: the session, or a refusal (timeout 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectResponse {
    /// 0.
    pub protocol_version: i32,
    /// Negotiated session timeout, milliseconds; 0 or less: the session is gone.
    pub timeout_ms: i32,
    /// The session.
    pub session_id: SessionId,
    /// Its password, zeroes in a refusal.
    pub password: Vec<u8>,
    /// Whether the server is read-only; sent only to clients whose request had the byte.
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    /// "No such session": what an expired session and a wrong password are told alike (HC-83).
    pub fn refused(read_only: Option<bool>) -> Self {
        Self {
            protocol_version: 0,
            timeout_ms: 0,
            session_id: SessionId::NONE,
            password: vec![0; 16],
            read_only,
        }
    }
}

impl<'a> Wire<'a> for ConnectResponse {
    const MIN_LEN: usize = 20;
    fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            protocol_version: from.i32()?,
            timeout_ms: from.i32()?,
            session_id: Wire::decode(from)?,
            password: from.buffer()?.unwrap_or_default().to_vec(),
            read_only: if from.remaining() > 0 { Some(from.bool()?) } else { None },
        })
    }
    fn encode(&self, out: &mut Vec<u8>) {
        put_i32(out, self.protocol_version);
        put_i32(out, self.timeout_ms);
        put_i64(out, self.session_id.0);
        put_buffer(out, Some(&self.password));
        if let Some(flag) = self.read_only {
            put_bool(out, flag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hc_156_the_read_only_byte_is_optional_both_ways() {
        for read_only in [None, Some(true), Some(false)] {
            let request = ConnectRequest {
                protocol_version: 0,
                last_zxid_seen: Zxid(7),
                timeout_ms: 4000,
                session_id: SessionId(3),
                password: Some(&[1; 16]),
                read_only,
            };
            let mut bytes = Vec::new();
            request.encode(&mut bytes);
            assert_eq!(bytes.len(), 44 + usize::from(read_only.is_some()));
            assert_eq!(ConnectRequest::decode(&mut Reader::new(&bytes)), Ok(request));
            let mut bytes = Vec::new();
            ConnectResponse::refused(read_only).encode(&mut bytes);
            assert_eq!(bytes.len(), 36 + usize::from(read_only.is_some()));
            assert_eq!(
                ConnectResponse::decode(&mut Reader::new(&bytes)),
                Ok(ConnectResponse::refused(read_only))
            );
        }
    }
}
