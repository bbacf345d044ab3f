//! Why a RabbitMQ cannot be used, in one line for whoever runs Jim.

use std::io;

use lapin::{Error, ErrorKind};

/// Why a RabbitMQ cannot be used. The text names no password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RabbitConnectError {
    /// The URL is none of a RabbitMQ.
    #[error("not the URL of a RabbitMQ: {0}")]
    Url(&'static str),
    /// Nothing answers, or not in time.
    #[error("RabbitMQ at {at} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        at: String,
        /// The fault.
        why: String,
    },
    /// Wrong user name or password, or one is missing.
    #[error("RabbitMQ at {at} refuses the user name or the password")]
    Credentials {
        /// Host and port.
        at: String,
    },
    /// Something else listens there.
    #[error("what answers at {at} does not speak as RabbitMQ does (if it wants TLS: amqps://)")]
    NotRabbit {
        /// Host and port.
        at: String,
    },
    /// A RabbitMQ, but not as it is needed.
    #[error("RabbitMQ at {at} {why}")]
    Misfit {
        /// Host and port.
        at: String,
        /// What does not fit.
        why: String,
    },
}

/// Codes of AMQP.
const ACCESS_REFUSED: u16 = 403;
const NOT_ALLOWED: u16 = 530;

/// What a failed log-in at the server means.
pub(super) fn explain_login(at: String, vhost: &str, error: &Error) -> RabbitConnectError {
    match error.kind() {
        ErrorKind::ProtocolError(error) if error.get_id() == ACCESS_REFUSED => RabbitConnectError::Credentials { at },
        ErrorKind::ProtocolError(error) if error.get_id() == NOT_ALLOWED => {
            let why = format!("has no virtual host {vhost:?}, or does not let this user into it");
            RabbitConnectError::Misfit { at, why }
        }
        _ => explain(at, error),
    }
}

/// What a failed first use of the server means; `names` are those of its things that are needed.
pub(super) fn explain_use(at: String, names: &str, error: &Error) -> RabbitConnectError {
    match error.kind() {
        ErrorKind::ProtocolError(error) if error.get_id() == ACCESS_REFUSED => {
            let why = format!("does not allow this user what is needed: to configure, write and read {names}");
            RabbitConnectError::Misfit { at, why }
        }
        _ => explain(at, error),
    }
}

fn explain(at: String, error: &Error) -> RabbitConnectError {
    match error.kind() {
        ErrorKind::IOError(error) => match error.kind() {
            io::ErrorKind::TimedOut => RabbitConnectError::Unreachable { at, why: "no answer in time".into() },
            io::ErrorKind::ConnectionRefused => {
                RabbitConnectError::Unreachable { at, why: "connection refused".into() }
            }
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                RabbitConnectError::NotRabbit { at }
            }
            io::ErrorKind::InvalidData => RabbitConnectError::Unreachable { at, why: format!("TLS fails: {error}") },
            _ => RabbitConnectError::Unreachable { at, why: error.to_string() },
        },
        ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) => RabbitConnectError::NotRabbit { at },
        ErrorKind::ProtocolError(error) => RabbitConnectError::Misfit { at, why: format!("refuses: {error}") },
        _ => RabbitConnectError::Unreachable { at, why: error.to_string() },
    }
}
