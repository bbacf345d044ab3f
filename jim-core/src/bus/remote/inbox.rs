//! What was heard and waits for the hub. It is bounded by its bytes: what does not fit is dropped, and the hub is told
//! of the gap.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::bus::{Delivery, Topic};

/// What a frame costs beside its own bytes.
const OVERHEAD: usize = 128;
/// Deliveries that have left the inbox and that the hub has not taken.
pub(in crate::bus) const AHEAD: usize = 1024;

pub(in crate::bus) struct Inbox {
    queue: mpsc::UnboundedSender<Delivery>,
    waiting: AtomicUsize,
    most: usize,
    /// A gap waits in the queue. It is told after whatever is lost from now on.
    gap: AtomicBool,
}

impl Inbox {
    pub(in crate::bus) fn new(most: usize) -> (Inbox, mpsc::UnboundedReceiver<Delivery>) {
        let (queue, waiting) = mpsc::unbounded_channel();
        (Inbox { queue, waiting: AtomicUsize::new(0), most, gap: AtomicBool::new(false) }, waiting)
    }

    pub(in crate::bus) fn put(&self, topic: Topic, frame: Bytes) {
        let size = frame.len() + OVERHEAD;
        if self.waiting.fetch_add(size, Ordering::Relaxed) + size > self.most {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            return self.gap();
        }
        let _ = self.queue.send(Delivery::Frame(topic, frame));
    }

    pub(in crate::bus) fn gap(&self) {
        if !self.gap.swap(true, Ordering::AcqRel) {
            let _ = self.queue.send(Delivery::Gap);
        }
    }

    /// Brings what waits to the hub.
    pub(in crate::bus) async fn drain(
        &self,
        mut waiting: mpsc::UnboundedReceiver<Delivery>,
        hub: mpsc::Sender<Delivery>,
    ) {
        while let Some(delivery) = waiting.recv().await {
            // The place is taken first, so that the bound holds while the hub is slow.
            let Ok(place) = hub.reserve().await else { return };
            match &delivery {
                Delivery::Frame(_, frame) => {
                    self.waiting.fetch_sub(frame.len() + OVERHEAD, Ordering::Relaxed);
                }
                Delivery::Gap => self.gap.store(false, Ordering::Release),
            }
            place.send(delivery);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const FRAME: usize = 1000 - OVERHEAD;

    /// How many frames wait, and whether a gap is the last of all.
    fn waits(queue: &mut mpsc::UnboundedReceiver<Delivery>) -> (usize, bool) {
        let (mut frames, mut gap) = (0, false);
        while let Ok(delivery) = queue.try_recv() {
            gap = matches!(delivery, Delivery::Gap);
            frames += usize::from(!gap);
        }
        (frames, gap)
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_one_gap_is_told_after_the_rest() {
        let (inbox, mut queue) = Inbox::new(10_000);
        for _ in 0..10 {
            inbox.put(Topic::Nodes, Bytes::from(vec![0; FRAME]));
        }
        assert_eq!(waits(&mut queue), (10, false), "just as much as fits");
        let (inbox, mut queue) = Inbox::new(10_000);
        for _ in 0..100 {
            inbox.put(Topic::Nodes, Bytes::from(vec![0; FRAME]));
        }
        assert_eq!(waits(&mut queue), (10, true));
    }

    #[tokio::test]
    async fn whoever_takes_makes_room_and_a_later_loss_is_told_again() {
        let (inbox, queue) = Inbox::new(10_000);
        let inbox = Arc::new(inbox);
        let (hub, mut taken) = mpsc::channel(1);
        let draining = tokio::spawn({
            let inbox = inbox.clone();
            async move { inbox.drain(queue, hub).await }
        });
        for _ in 0..3 {
            for _ in 0..100 {
                inbox.put(Topic::Nodes, Bytes::from(vec![0; FRAME]));
            }
            let mut frames = 0;
            while let Some(Delivery::Frame(..)) = taken.recv().await {
                frames += 1;
            }
            assert_eq!(frames, 10);
        }
        drop(taken);
        inbox.put(Topic::Nodes, Bytes::new());
        draining.await.unwrap();
    }
}
