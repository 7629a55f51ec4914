//! Several operations in one request: all or nothing for writes, one by one for reads.

use super::create::{Create, Payload, without_ttl};
use super::reads::NodeData;
use super::{ANY, try_request};
use crate::chroot::Chroot;
use crate::session::Effect;
use crate::{Client, Error, Request};
use proto::multi::{MultiOp, MultiResult, decode_results, encode_ops};
use proto::request::{CheckVersionRequest, DeleteRequest, ReadRequest, RequestHeader, SetDataRequest, frame};
use proto::stat::Stat;
use proto::{ErrorCode, OpCode, Reader, Wire};

/// Writes that happen together or not at all. See [`Client::multi`].
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Check { path: String, version: Option<i32> },
    Create { path: String, data: Option<Vec<u8>>, options: Create },
    SetData { path: String, data: Option<Vec<u8>>, version: Option<i32> },
    Delete { path: String, version: Option<i32> },
}

/// What one step of a [`Transaction`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionResult {
    /// The check held.
    Checked,
    /// The node was created.
    Created {
        /// Its name, with its number when sequential.
        path: String,
        /// Its metadata, which servers before 3.9 leave out for some kinds of nodes.
        stat: Option<Stat>,
    },
    /// The data was set; the node's metadata.
    DataSet(Stat),
    /// The node was deleted.
    Deleted,
}

impl Transaction {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires that a node exists and, with a version, that its data has it.
    #[must_use]
    pub fn check(mut self, path: &str, version: Option<i32>) -> Self {
        self.steps.push(Step::Check { path: path.to_owned(), version });
        self
    }

    /// Creates a node, see [`Client::create`].
    #[must_use]
    pub fn create<'a>(mut self, path: &str, data: impl Into<Payload<'a>>, options: &Create) -> Self {
        let data = data.into().0.map(<[u8]>::to_vec);
        self.steps.push(Step::Create { path: path.to_owned(), data, options: options.clone() });
        self
    }

    /// Sets a node's data, see [`Client::set_data`].
    #[must_use]
    pub fn set_data<'a>(mut self, path: &str, data: impl Into<Payload<'a>>, version: Option<i32>) -> Self {
        let data = data.into().0.map(<[u8]>::to_vec);
        self.steps.push(Step::SetData { path: path.to_owned(), data, version });
        self
    }

    /// Deletes a node, see [`Client::delete`].
    #[must_use]
    pub fn delete(mut self, path: &str, version: Option<i32>) -> Self {
        self.steps.push(Step::Delete { path: path.to_owned(), version });
        self
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn operations(&self, client: &Client) -> Result<Vec<MultiOp<'_>>, Error> {
        self.steps.iter().map(|step| step.operation(client)).collect()
    }
}

impl Step {
    fn operation(&self, client: &Client) -> Result<MultiOp<'_>, Error> {
        Ok(match self {
            Self::Check { path, version } => {
                let path = client.absolute(path)?.into();
                MultiOp::Check(CheckVersionRequest { path, version: version.unwrap_or(ANY) })
            }
            Self::Create { path, data, options } => {
                match options.request(&client.root, path, data.as_deref())? {
                    (OpCode::CreateTtl, request) => MultiOp::CreateTtl(request),
                    (op, request) => MultiOp::Create(op, without_ttl(request)),
                }
            }
            Self::SetData { path, data, version } => {
                let (path, version) = (client.absolute(path)?.into(), version.unwrap_or(ANY));
                MultiOp::SetData(SetDataRequest { path, data: data.as_deref(), version })
            }
            Self::Delete { path, version } => {
                let path = client.absolute(path)?.into();
                MultiOp::Delete(DeleteRequest { path, version: version.unwrap_or(ANY) })
            }
        })
    }
}

/// Reads that travel together. See [`Client::multi_read`].
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Paths, and whether the data is wanted rather than the children.
    paths: Vec<(String, bool)>,
}

/// What one read of [`Reads`] has found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadResult {
    /// Data and metadata.
    Data(NodeData),
    /// Names of children, in no order.
    Children(Vec<String>),
}

impl Reads {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a node's data.
    #[must_use]
    pub fn get_data(mut self, path: &str) -> Self {
        self.paths.push((path.to_owned(), true));
        self
    }

    /// Reads the names of a node's children.
    #[must_use]
    pub fn get_children(mut self, path: &str) -> Self {
        self.paths.push((path.to_owned(), false));
        self
    }
}

impl Client {
    /// Does several writes at once: all of them, in order, in one transaction, or none. When one cannot be
    /// done the result is [`Error::Multi`] with its position and the reason.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{Create, Error, ErrorCode, Transaction};
    ///
    /// client.create("/from", "1", &Create::persistent()).await?;
    /// let move_it =
    ///     Transaction::new().delete("/from", Some(0)).create("/to", "1", &Create::persistent());
    /// client.multi(&move_it).await?;
    ///
    /// let again = client.multi(&move_it).await.unwrap_err();
    /// assert_eq!(again, Error::Multi { index: 0, code: ErrorCode::NoNode });
    /// # Ok(()) });
    /// ```
    pub fn multi(&self, transaction: &Transaction) -> Request<Vec<TransactionResult>> {
        let operations = try_request!(transaction.operations(self));
        let root = self.root.clone();
        self.call_multi(OpCode::Multi, &operations, move |body| {
            let results = decode_results(body)?;
            let failed = |result: &MultiResult| match result {
                MultiResult::Error(code) if *code != ErrorCode::Ok.code() => {
                    (*code != ErrorCode::RuntimeInconsistency.code()).then_some(*code)
                }
                _ => None,
            };
            let mut failures = results.iter().enumerate().filter_map(|(index, r)| Some((index, failed(r)?)));
            if let Some((index, code)) = failures.next() {
                return Err(match ErrorCode::from_code(code) {
                    Some(code) => Error::Multi { index, code },
                    None => Error::RefusedWith(code),
                });
            }
            results.into_iter().map(|result| step_result(result, &root)).collect()
        })
    }

    /// Does several reads in one request. Each has its own result. They need not show one moment.
    /// Servers since 3.6.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{ReadResult, Reads};
    ///
    /// let found = client.multi_read(&Reads::new().get_children("/").get_data("/nowhere")).await?;
    /// assert_eq!(found[0], Ok(ReadResult::Children(vec!["zookeeper".to_owned()])));
    /// assert!(found[1].is_err());
    /// # Ok(()) });
    /// ```
    pub fn multi_read(&self, reads: &Reads) -> Request<Vec<Result<ReadResult, Error>>> {
        let mut operations = Vec::with_capacity(reads.paths.len());
        for (path, is_data) in &reads.paths {
            let request = ReadRequest { path: try_request!(self.absolute(path)).into(), watch: false };
            let operation = if *is_data { MultiOp::GetData } else { MultiOp::GetChildren };
            operations.push(operation(request));
        }
        self.call_multi(OpCode::MultiRead, &operations, |body| {
            decode_results(body)?
                .into_iter()
                .map(|result| {
                    Ok(match result {
                        MultiResult::GetData(data, stat) => Ok(ReadResult::Data(NodeData { data, stat })),
                        MultiResult::GetChildren(names) => Ok(ReadResult::Children(names)),
                        MultiResult::Error(code) => Err(Error::from_code(code)),
                        _ => return Err(misplaced()),
                    })
                })
                .collect()
        })
    }

    fn call_multi<T: 'static>(
        &self,
        op: OpCode,
        operations: &[MultiOp<'_>],
        finish: impl FnOnce(&mut Reader<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Request<T> {
        let mut bytes = Vec::with_capacity(64 * operations.len() + 32);
        frame(&mut bytes, |out| {
            RequestHeader { xid: 0, kind: op.code() }.encode(out);
            encode_ops(operations, out);
        });
        self.submit(bytes, Effect::None, None, move |reply| finish(&mut Reader::new(&reply?.body)))
    }
}

fn step_result(result: MultiResult, root: &Chroot) -> Result<TransactionResult, Error> {
    Ok(match result {
        MultiResult::Check => TransactionResult::Checked,
        MultiResult::Create(path) => TransactionResult::Created { path: root.strip(path), stat: None },
        MultiResult::Create2(path, stat) => {
            TransactionResult::Created { path: root.strip(path), stat: Some(stat) }
        }
        MultiResult::SetData(stat) => TransactionResult::DataSet(stat),
        MultiResult::Delete => TransactionResult::Deleted,
        _ => return Err(misplaced()),
    })
}

/// A result of an operation that was not asked for.
fn misplaced() -> Error {
    Error::BadReply(proto::DecodeError::UnknownTag { what: "multi result", tag: 0 })
}
