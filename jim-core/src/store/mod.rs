//! Adapters of the ports in [`repo`](crate::repo). Those of databases stand behind features of their names.

pub mod local;
#[cfg(feature = "testkit")]
pub mod memory;
#[cfg(feature = "mongo")]
pub mod mongo;
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "mongo"))]
mod numbering;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "sqlite", feature = "mysql"))]
pub mod sql;
