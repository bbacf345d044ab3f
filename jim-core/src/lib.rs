//! Jim: an instant-messaging backend as a library.

pub mod bus;
pub mod captcha;
pub mod error;
pub mod hub;
pub mod id;
mod jim;
pub mod log;
pub mod mail;
pub mod model;
pub mod page;
pub mod repo;
pub mod secret;
pub mod service;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod transfer;

pub use error::{Code, Error, FieldError, Result};
pub use jim::{Jim, JimBuilder};
