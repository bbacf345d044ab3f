//! Why a Redis cannot be used, in one line for whoever runs Jim.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a Redis cannot be used. The text names no password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisConnectError {
    /// The URL is none of a Redis.
    #[error("not the URL of a Redis: {0}")]
    Url(&'static str),
    /// Nothing answers, or not in time.
    #[error("Redis at {at} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        at: String,
        /// The fault.
        why: String,
    },
    /// Wrong user name or password, or one is missing.
    #[error("Redis at {at} refuses the user name or the password")]
    Credentials {
        /// Host and port.
        at: String,
    },
    /// Something else listens there.
    #[error("what answers at {at} does not speak as Redis does (if it wants TLS: rediss://)")]
    NotRedis {
        /// Host and port.
        at: String,
    },
    /// A version that lacks what is needed.
    #[error("Redis at {at} is too old: it is {version}, and at least {needed} is needed")]
    TooOld {
        /// Host and port.
        at: String,
        /// Its version.
        version: String,
        /// The least version that will do.
        needed: &'static str,
    },
    /// A Redis, but not as its URL says.
    #[error("Redis at {at} {why}")]
    Misfit {
        /// Host and port.
        at: String,
        /// What does not fit.
        why: String,
    },
}

/// What a failed first talk with the server at `at` means.
pub(super) fn explain(at: &impl ToString, error: &RedisError) -> RedisConnectError {
    let at = at.to_string();
    match error.kind() {
        ErrorKind::AuthenticationFailed => RedisConnectError::Credentials { at },
        ErrorKind::Parse => RedisConnectError::NotRedis { at },
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            RedisConnectError::Misfit { at, why: "does not allow this user what is needed".into() }
        }
        ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            RedisConnectError::Misfit { at, why: "is still loading its data".into() }
        }
        _ if matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) => RedisConnectError::Credentials { at },
        ErrorKind::Io if error.is_timeout() => RedisConnectError::Unreachable { at, why: "no answer in time".into() },
        ErrorKind::Io if error.is_connection_refusal() => {
            RedisConnectError::Unreachable { at, why: "connection refused".into() }
        }
        ErrorKind::Io if error.is_connection_dropped() => RedisConnectError::NotRedis { at },
        _ => RedisConnectError::Unreachable { at, why: error.to_string() },
    }
}
