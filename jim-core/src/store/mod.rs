//! Adapters of the storage ports, each behind a feature.

#[cfg(feature = "testkit")]
pub mod memory;
