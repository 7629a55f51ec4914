//! Short names of operations, as `cons` shows the last one of a connection.

use proto::op::OpCode;

/// The name `cons` shows after `lop=`; `None` for operations that leave the last one standing.
pub fn operation_name(op: OpCode) -> Option<&'static str> {
    use OpCode::*;
    Some(match op {
        Create | Create2 | CreateContainer | CreateTtl => "CREA",
        Delete | DeleteContainer => "DELE",
        Exists => "EXIS",
        GetData => "GETD",
        SetData => "SETD",
        GetAcl => "GETA",
        SetAcl => "SETA",
        GetChildren | GetChildren2 => "GETC",
        Sync => "SYNC",
        Ping => "PING",
        Check => "CHEC",
        Multi => "MULT",
        MultiRead => "MLTR",
        Reconfig => "RECO",
        CheckWatches => "CHKW",
        RemoveWatches => "REMW",
        SetWatches => "SETW",
        SetWatches2 => "STW2",
        AddWatch => "ADDW",
        GetEphemerals => "GETE",
        GetAllChildrenNumber => "GETACN",
        WhoAmI => "HOMI",
        CreateSession => "SESS",
        CloseSession => "CLOS",
        Auth | Sasl | Notification | Error => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::operation_name;
    use proto::op::OpCode;

    #[test]
    fn operations_are_named_as_a_java_server_named_them() {
        for (code, name) in [
            (1, "CREA"),
            (15, "CREA"),
            (2, "DELE"),
            (5, "SETD"),
            (6, "GETA"),
            (8, "GETC"),
            (9, "SYNC"),
            (12, "GETC"),
            (14, "MULT"),
            (17, "CHKW"),
            (18, "REMW"),
            (103, "GETE"),
            (104, "GETACN"),
            (106, "ADDW"),
            (107, "HOMI"),
        ] {
            assert_eq!(OpCode::from_code(code).and_then(operation_name), Some(name), "{code}");
        }
        assert_eq!(operation_name(OpCode::Auth), None, "a Java server keeps showing the one before");
    }
}
