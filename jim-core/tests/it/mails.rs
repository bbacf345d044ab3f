//! Mails on their way, over hours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jim_core::Jim;
use jim_core::id::MailId;
use jim_core::mail::{Mail, MailError, Mailer};
use jim_core::model::{Email, Language};
use jim_core::repo::{Store as _, WaitingMail};
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::ManualClock;
use jim_core::testkit::fixtures::{self, AT};
use jim_core::time::Millis;

use crate::node::Node;

/// A mail server that is there or is not, and counts who comes.
struct Sink {
    is_up: bool,
    visits: AtomicU32,
}

#[async_trait]
impl Mailer for Sink {
    async fn send(&self, _: &Mail) -> Result<(), MailError> {
        self.visits.fetch_add(1, Ordering::SeqCst);
        if self.is_up { Ok(()) } else { Err(MailError::Unreachable) }
    }
}

/// One node, whose clock is in the hand of the test, with one mail on its way.
struct Office {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    sink: Arc<Sink>,
    email: Email,
    _node: Node,
}

impl Office {
    async fn with_a_mail(is_up: bool) -> Office {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(ManualClock::new(AT)));
        let sink = Arc::new(Sink { is_up, visits: AtomicU32::new(0) });
        let builder = Jim::builder(store.clone(), Arc::new(MemoryRoomLog::default()));
        let jim = builder.clock(clock.clone()).mailer(sink.clone()).build().await.unwrap();
        let ann = fixtures::user(&*store, "ann").await;
        let email = Email::parse("ann@example.org").unwrap();
        jim.emails().bind(ann, email.clone(), Language::default()).await.unwrap();
        Office { store, clock, sink, email, _node: Node::start(jim) }
    }

    async fn waiting(&self) -> Option<WaitingMail> {
        self.store.read().await.unwrap().mails().due(Millis(i64::MAX), 9).await.unwrap().pop()
    }

    /// Whether it is still known that the mail was begun.
    async fn is_known(&self) -> bool {
        let mut unit = self.store.read().await.unwrap();
        unit.mails().begun_to(&self.email, MailId(0)).await.unwrap().is_some()
    }
}

/// Upkeep comes round twice a minute.
async fn within_minutes<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) {
    let answered = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), answered).await.expect(what);
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_does_not_go_is_tried_for_a_day_and_given_up() {
    let office = Office::with_a_mail(false).await;
    for hour in 0..24 {
        let before = office.sink.visits.load(Ordering::SeqCst);
        within_minutes("it is tried", async || office.sink.visits.load(Ordering::SeqCst) > before).await;
        assert!(office.waiting().await.is_some(), "after {hour} hours");
        office.clock.advance(Duration::from_hours(1));
    }
    within_minutes("it is given up", async || office.waiting().await.is_none()).await;
    assert!(!office.is_known().await);
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_has_gone_out_is_forgotten_though_no_other_follows() {
    let office = Office::with_a_mail(true).await;
    within_minutes("it has gone out", async || office.waiting().await.is_none()).await;
    assert!(office.is_known().await, "the next to the same address waits for a minute");
    office.clock.advance(Duration::from_secs(61));
    within_minutes("it is forgotten", async || !office.is_known().await).await;
}
