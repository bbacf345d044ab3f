//! Sessions over time, and over two nodes that share nothing but the store.

use std::sync::Arc;
use std::time::Duration;

use jim_core::Jim;
use jim_core::bus::LocalBus;
use jim_core::error::Code;
use jim_core::hub::Close;
use jim_core::id::UserId;
use jim_core::model::Source;
use jim_core::secret::Secret;
use jim_core::service::{OpenSession, Proofs};
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::fixtures::{self, AT, PASSWORD};
use jim_core::testkit::{CountingRandom, ManualClock};
use jim_core::time::Millis;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::node::{Ear, Node, eventually, options, refusal};

const MOMENT: Duration = Duration::from_millis(1);

fn here() -> Source {
    Source { ip: [192, 0, 2, 1].into(), device: None }
}

async fn log_in(jim: &Jim) -> OpenSession {
    jim.users().log_in("ann", &Secret::new(PASSWORD), Proofs::default(), &here()).await.unwrap().1
}

/// A Jim that does not run, whose time is in the hand of the test, with the account `ann`.
async fn still() -> (Jim, Arc<ManualClock>, UserId) {
    let store = Arc::new(MemoryStore::default());
    let clock = Arc::new(ManualClock::new(AT));
    let ann = fixtures::user(&*store, "ann").await;
    let jim = Jim::builder(store, Arc::new(MemoryRoomLog::default()))
        .clock(clock.clone())
        .random(Arc::new(CountingRandom::default()))
        .build()
        .await
        .unwrap();
    (jim, clock, ann)
}

async fn is_good(jim: &Jim, session: &OpenSession) -> bool {
    let answer = jim.sessions().authenticate(session.access.expose()).await;
    assert!(matches!(refusal(&answer), None | Some(Code::AuthRequired)), "{answer:?}");
    answer.is_ok()
}

fn before(time: Millis) -> Millis {
    time.minus(MOMENT)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_revoked_on_one_node_ends_on_the_other_within_two_seconds_without_a_bus_between_them() {
    let (store, log) = (Arc::new(MemoryStore::default()), Arc::new(MemoryRoomLog::default()));
    let ann = fixtures::user(&*store, "ann").await;
    let here = Node::run(store.clone(), log.clone(), Arc::new(LocalBus::default()), options()).await;
    let there = Node::run(store.clone(), log.clone(), Arc::new(LocalBus::default()), options()).await;
    let (lost, kept) = (log_in(&here.jim).await, log_in(&here.jim).await);
    assert!(is_good(&there.jim, &lost).await && is_good(&there.jim, &kept).await);
    let mut ear = Ear::open(&there.jim, ann, lost.id).await.unwrap();
    let mut other = Ear::open(&there.jim, ann, kept.id).await.unwrap();

    here.jim.sessions().revoke(ann, lost.id).await.unwrap();
    let revoked = Instant::now();
    assert!(!is_good(&here.jim, &lost).await, "at once where it was revoked");
    let refused = eventually("the other node refuses it", async || !is_good(&there.jim, &lost).await);
    let ((), why) = tokio::join!(refused, ear.end());
    assert_eq!(why, Close::SessionEnded);
    assert!(revoked.elapsed() < Duration::from_secs(2), "after {:?}", revoked.elapsed());

    assert!(is_good(&there.jim, &kept).await);
    other.until("me", 1).await;
    assert_eq!(other.heard("me")[0]["type"], "session.revoked");
    let again = there.jim.sessions().refresh(lost.refresh.expose()).await;
    assert_eq!(refusal(&again), Some(Code::RefreshInvalid));
}

#[tokio::test]
async fn an_access_token_ends_exactly_at_its_time() {
    // The node may know the token from before, or look it up late.
    for known in [true, false] {
        let (jim, clock, ann) = still().await;
        let session = log_in(&jim).await;
        assert_eq!(session.access_until, AT.plus(jim.options().access_for));
        if known {
            assert!(is_good(&jim, &session).await);
        }
        clock.set(before(session.access_until));
        let caller = jim.sessions().authenticate(session.access.expose()).await.unwrap();
        assert_eq!((caller.user, caller.session), (ann, session.id));
        clock.set(session.access_until);
        assert!(!is_good(&jim, &session).await);
    }
}

#[tokio::test]
async fn a_refresh_token_ends_exactly_at_its_time() {
    let (jim, clock, _) = still().await;
    let (session, late) = (log_in(&jim).await, log_in(&jim).await);
    let until = AT.plus(jim.options().refresh_for);
    clock.set(before(until));
    let next = jim.sessions().refresh(session.refresh.expose()).await.unwrap();
    assert_eq!(next.access_until, before(until).plus(jim.options().access_for));
    clock.set(until);
    assert_eq!(refusal(&jim.sessions().refresh(late.refresh.expose()).await), Some(Code::RefreshInvalid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_refreshes_get_equal_answers_while_nobody_has_used_them() {
    let (jim, clock, _) = still().await;
    let session = log_in(&jim).await;
    let mut work = JoinSet::new();
    for _ in 0..20 {
        let (jim, token) = (jim.clone(), session.refresh.clone());
        work.spawn(async move { jim.sessions().refresh(token.expose()).await.unwrap() });
    }
    let mut answers = work.join_all().await;
    clock.advance(Duration::from_mins(1));
    answers.push(jim.sessions().refresh(session.refresh.expose()).await.unwrap());
    for answer in &answers {
        let seen = (answer.id, answer.access.expose(), answer.refresh.expose(), answer.access_until);
        let first = &answers[0];
        assert_eq!(seen, (first.id, first.access.expose(), first.refresh.expose(), first.access_until));
    }
    assert_eq!(answers[0].id, session.id);
    assert_ne!(answers[0].access, session.access);
    assert!(is_good(&jim, &session).await, "the answer may be lost, so the old token still works");
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_after_its_successor_was_used_ends_the_session() {
    // Its successor is used by a call, or by the next refresh.
    for by_call in [true, false] {
        let (jim, _, ann) = still().await;
        let (first, other) = (log_in(&jim).await, log_in(&jim).await);
        let mut newest = jim.sessions().refresh(first.refresh.expose()).await.unwrap();
        if by_call {
            assert!(is_good(&jim, &newest).await);
        } else {
            let middle = newest;
            newest = jim.sessions().refresh(middle.refresh.expose()).await.unwrap();
            assert!(is_good(&jim, &newest).await);
            assert_eq!(refusal(&jim.sessions().refresh(middle.refresh.expose()).await), Some(Code::RefreshInvalid));
        }
        assert_eq!(refusal(&jim.sessions().refresh(first.refresh.expose()).await), Some(Code::RefreshInvalid));
        assert!(!is_good(&jim, &newest).await, "whoever holds a token of this session is out");
        assert_eq!(refusal(&jim.sessions().refresh(newest.refresh.expose()).await), Some(Code::RefreshInvalid));
        assert!(is_good(&jim, &other).await);
        let living: Vec<_> = jim.sessions().list(ann).await.unwrap().0.iter().map(|session| session.id).collect();
        assert_eq!(living, [other.id]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_good_once_and_not_late() {
    let (jim, clock, ann) = still().await;
    let session = log_in(&jim).await;
    let caller = jim.sessions().authenticate(session.access.expose()).await.unwrap();
    let (ticket, until) = jim.sessions().ticket(&caller).await.unwrap();
    let (late, _) = jim.sessions().ticket(&caller).await.unwrap();
    assert_eq!(until, AT.plus(jim.options().ticket_for));

    clock.set(before(until));
    let mut work = JoinSet::new();
    for _ in 0..20 {
        let (jim, ticket) = (jim.clone(), ticket.clone());
        work.spawn(async move { jim.sessions().take_ticket(ticket.expose()).await });
    }
    let (good, bad): (Vec<_>, Vec<_>) = work.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 19));
    assert!(bad.iter().all(|answer| refusal(answer) == Some(Code::AuthRequired)));
    assert_eq!(good.into_iter().next().unwrap().unwrap(), caller);
    assert_eq!((caller.user, caller.session), (ann, session.id));

    clock.set(until);
    assert_eq!(refusal(&jim.sessions().take_ticket(late.expose()).await), Some(Code::AuthRequired));
}

#[tokio::test]
async fn a_ticket_of_a_session_that_has_ended_is_refused() {
    let (jim, _, _) = still().await;
    let session = log_in(&jim).await;
    let caller = jim.sessions().authenticate(session.access.expose()).await.unwrap();
    let (ticket, _) = jim.sessions().ticket(&caller).await.unwrap();
    jim.sessions().log_out(&caller).await.unwrap();
    assert_eq!(refusal(&jim.sessions().take_ticket(ticket.expose()).await), Some(Code::AuthRequired));
}
