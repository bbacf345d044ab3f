use async_trait::async_trait;

use super::Res;

/// A few values that all nodes share, such as the epoch and the signing key.
#[async_trait]
pub trait SettingRepo: Send {
    /// A value.
    async fn get(&mut self, key: &str) -> Res<Option<String>>;
    /// Stores a value unless there is one, and returns the one that stands.
    async fn ensure(&mut self, key: &str, value: &str) -> Res<String>;
    /// Stores a value in place of the one that stands, if there is one.
    async fn set(&mut self, key: &str, value: &str) -> Res<()>;
}
