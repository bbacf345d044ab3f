//! What the driver's errors mean. Its own texts hold keys and sometimes whole documents: only codes are passed on.

use std::time::Duration;

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::repo::{RepoError, Res};

/// How long the server has for one call of a port, from its first trip to its last.
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

pub(super) const DUPLICATE_KEY: i32 = 11000;
const OUT_OF_DISK_SPACE: i32 = 14031;

pub(super) fn broken(what: &'static str) -> RepoError {
    RepoError::Broken(what.into())
}

/// What a call answers by the deadline.
pub(super) async fn within<T>(call: impl Future<Output = mongodb::error::Result<T>> + Send) -> Res<T> {
    in_time(async { call.await.map_err(repo_error) }).await
}

/// Ends at the deadline, also where the server is frozen.
pub(super) async fn in_time<T>(work: impl Future<Output = Res<T>> + Send) -> Res<T> {
    let late = |_| RepoError::Unavailable(format!("no answer from MongoDB within {} s", DEADLINE.as_secs()).into());
    tokio::time::timeout(DEADLINE, work).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

#[expect(clippy::needless_pass_by_value, reason = "errors come by value from `map_err`")]
pub(super) fn repo_error(error: Error) -> RepoError {
    match code(&error) {
        Some(DUPLICATE_KEY) => return RepoError::Conflict,
        Some(OUT_OF_DISK_SPACE) => return RepoError::Full,
        _ => {}
    }
    match *error.kind {
        ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. } => broken("MongoDB answered what cannot be read"),
        _ => RepoError::Unavailable(cause(&error).into()),
    }
}

/// The server's code. Where a write is also not safe yet, that counts: what it says of keys may be taken back.
pub(super) fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        ErrorKind::InsertMany(error) => match (&error.write_concern_error, error.write_errors.as_deref()) {
            (Some(error), _) => Some(error.code),
            (None, Some([error, ..])) => Some(error.code),
            (None, _) => None,
        },
        _ => None,
    }
}

/// Whether an insert that was refused has stored its document at this index for good.
pub(super) fn has_stored(error: &Error, index: usize, ordered: bool) -> bool {
    match &*error.kind {
        ErrorKind::InsertMany(error) if error.write_concern_error.is_none() => {
            let refused = error.write_errors.iter().flatten();
            !refused.map(|refused| refused.index).any(|refused| refused == index || ordered && refused < index)
        }
        _ => false,
    }
}

/// One line that holds no key, no document and no password.
pub(super) fn cause(error: &Error) -> String {
    if let Some(code) = code(error) {
        return match &*error.kind {
            ErrorKind::Command(error) => format!("MongoDB answered {} ({code})", error.code_name),
            _ => format!("MongoDB answered with code {code}"),
        };
    }
    match &*error.kind {
        ErrorKind::Io(error) => error.to_string(),
        ErrorKind::ServerSelection { message, .. } => last_failure(message),
        ErrorKind::Authentication { .. } => "MongoDB refused the user name or the password".into(),
        ErrorKind::ConnectionPoolCleared { .. } => "the connection to MongoDB was lost".into(),
        ErrorKind::DnsResolve { .. } => "a host name was not found".into(),
        ErrorKind::InvalidTlsConfig { .. } => "the certificates cannot be used".into(),
        ErrorKind::IncompatibleServer { message, .. } | ErrorKind::Internal { message, .. } => message.clone(),
        _ => "the driver of MongoDB failed".into(),
    }
}

/// What the driver last met at a server, out of its whole picture of the servers.
fn last_failure(message: &str) -> String {
    let failure = message.split("Error: Kind: ").nth(1).and_then(|rest| rest.split(", labels:").next());
    match failure {
        Some(failure) => failure.into(),
        None if message.contains("Topology:") => "no server that takes writes was found in time".into(),
        None => message.into(),
    }
}
