//! Pauses between tries, longer each time.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(1);

/// The next pause.
pub(in crate::bus) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Pause(FIRST)
    }
}

impl Pause {
    pub(in crate::bus) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = MOST.min(self.0 * 2);
    }
}
