//! Jim: an instant-messaging backend as a library.

pub mod bus;
pub mod error;
pub mod id;
pub mod model;
pub mod page;
pub mod repo;
pub mod secret;
pub mod time;

pub use error::{Code, Error, FieldError, Result};
