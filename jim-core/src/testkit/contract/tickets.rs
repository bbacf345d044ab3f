use super::tools::{at_once, patiently};
use crate::id::SessionId;
use crate::repo::Ticket;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, session, token_hash, user};
use crate::time::Millis;

async fn phone(fresh: &Fresh) -> SessionId {
    let ann = user(&*fresh.store, "ann").await;
    session(&*fresh.store, ann, "phone").await
}

fn ticket(name: &str, session: SessionId) -> Ticket {
    Ticket { hash: token_hash(name), session, until: Millis(AT.0 + 30_000) }
}

async fn add(fresh: &Fresh, ticket: &Ticket) {
    let mut unit = fresh.write().await;
    unit.sessions().add_ticket(ticket).await.unwrap();
    commit(unit).await;
}

async fn take(fresh: &Fresh, name: &str) -> Option<Ticket> {
    let mut unit = fresh.write().await;
    let taken = unit.sessions().take_ticket(&token_hash(name)).await.unwrap();
    commit(unit).await;
    taken
}

pub async fn of_20_who_take_one_ticket_at_once_exactly_one_gets_it(fresh: &Fresh) {
    let ticket = ticket("t", phone(fresh).await);
    add(fresh, &ticket).await;
    let takers = at_once((0..20).map(|_| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let taken = unit.sessions().take_ticket(&token_hash("t")).await?;
                let _ = unit.commit().await?;
                Ok(taken)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(takers.into_iter().flatten().collect::<Vec<_>>(), [ticket]);
}

pub async fn a_ticket_is_taken_once_and_the_others_stay(fresh: &Fresh) {
    let session = phone(fresh).await;
    let (one, other) = (ticket("one", session), ticket("other", session));
    add(fresh, &one).await;
    add(fresh, &other).await;
    assert_eq!(take(fresh, "ONE").await, None);
    assert_eq!(take(fresh, "one").await, Some(one));
    assert_eq!(take(fresh, "one").await, None);
    assert_eq!(take(fresh, "other").await, Some(other));
}

pub async fn a_ticket_that_a_dropped_unit_took_can_be_taken(fresh: &Fresh) {
    let ticket = ticket("t", phone(fresh).await);
    add(fresh, &ticket).await;
    let mut unit = fresh.write().await;
    assert!(unit.sessions().take_ticket(&ticket.hash).await.unwrap().is_some());
    drop(unit);
    assert_eq!(take(fresh, "t").await, Some(ticket));
}

pub async fn tickets_whose_time_is_over_are_forgotten_and_no_others(fresh: &Fresh) {
    let session = phone(fresh).await;
    let (old, later) = (ticket("old", session), Millis(AT.0 + 30_000));
    let living = Ticket { until: Millis(later.0 + 1), ..ticket("living", session) };
    add(fresh, &old).await;
    add(fresh, &living).await;
    let mut unit = fresh.write().await;
    unit.sessions().forget_tickets(later).await.unwrap();
    commit(unit).await;
    assert_eq!(take(fresh, "old").await, None);
    assert_eq!(take(fresh, "living").await, Some(living));
}
