//! One binary for all tests from outside the crate.

mod broken;
mod contract;
