//! Adapters of the ports in [`repo`](crate::repo), each behind a feature.

#[cfg(feature = "testkit")]
pub mod memory;
#[cfg(feature = "sqlite")]
pub mod sql;
