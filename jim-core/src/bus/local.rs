use std::collections::HashSet;
use std::sync::{Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Bus, BusError, Delivery, Topic};

/// Frames that wait for the hub. A full queue slows publishers, never loses a frame.
const QUEUE: usize = 4096;

/// The bus of a single node: a queue in its own memory.
#[derive(Debug)]
pub struct LocalBus {
    topics: RwLock<HashSet<Topic>>,
    queue: mpsc::Sender<Delivery>,
    deliveries: Mutex<Option<mpsc::Receiver<Delivery>>>,
}

impl Default for LocalBus {
    fn default() -> Self {
        let (queue, deliveries) = mpsc::channel(QUEUE);
        LocalBus { topics: RwLock::default(), queue, deliveries: Mutex::new(Some(deliveries)) }
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, topic: Topic, frame: Bytes) -> Result<(), BusError> {
        if self.is_heard(topic) {
            self.queue.send(Delivery::Frame(topic, frame)).await.map_err(|error| BusError(error.into()))?;
        }
        Ok(())
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn is_heard(&self, topic: Topic) -> bool {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).contains(&topic)
    }

    async fn subscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner).extend(topics);
        Ok(())
    }

    async fn unsubscribe(&self, topics: &[Topic]) -> Result<(), BusError> {
        let mut all = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        for topic in topics {
            all.remove(topic);
        }
        Ok(())
    }

    fn deliveries(&self) -> Option<mpsc::Receiver<Delivery>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
