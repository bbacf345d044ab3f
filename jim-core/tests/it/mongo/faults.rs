//! Servers that are killed and frozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jim_core::id::{GroupId, RoomId, Seq, UserId};
use jim_core::model::conversation::Mark;
use jim_core::model::entry::Entry;
use jim_core::repo::{Appended, RepoError, Res, RoomLogRepo, Slice, Unread};
use jim_core::store::mongo::{MongoOptions, MongoRoomLog};
use jim_core::testkit::fixtures::{client_ref, messages, new_entry};
use serde_json::value::to_raw_value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::server::Server;

const ROOM: RoomId = RoomId::Group(GroupId(3));
const ANN: UserId = UserId(7);

async fn open(server: &Server) -> Arc<MongoRoomLog> {
    MongoRoomLog::connect(&server.url(), MongoOptions::default()).await.unwrap()
}

/// Offers an entry until it stands, as senders do; says also how often storage was unavailable.
async fn send(log: &MongoRoomLog, name: &str) -> (Arc<Entry>, usize) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut failed = 0;
    loop {
        match log.append(&[new_entry(ROOM, ANN, name, name)]).await {
            Ok(mut answers) => match answers.remove(0) {
                Appended::New(entry) | Appended::Again(entry) => return (entry, failed),
                other => panic!("{name}: {other:?}"),
            },
            Err(RepoError::Busy) if Instant::now() < deadline => {}
            Err(RepoError::Unavailable(_)) if Instant::now() < deadline => {
                failed += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_has_lost_nothing_that_was_answered_and_retries_make_nothing_twice() {
    const KILLS: usize = 3;
    const SENDERS: usize = 8;
    const BETWEEN: usize = 60;
    let mut server = Server::start().await;
    let nodes = [open(&server).await, open(&server).await];
    let sent = Arc::new(AtomicUsize::new(0));
    let ends = Arc::new(AtomicUsize::new(usize::MAX));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (log, sent, ends) = (nodes[sender % 2].clone(), sent.clone(), ends.clone());
        senders.spawn(async move {
            let mut answered = Vec::new();
            while sent.fetch_add(1, Ordering::SeqCst) < ends.load(Ordering::SeqCst) {
                answered.push(send(&log, &format!("{sender}-{}", answered.len())).await);
            }
            answered
        });
    }
    for kill in 1..=KILLS {
        let deadline = Instant::now() + Duration::from_mins(1);
        while sent.load(Ordering::SeqCst) < kill * BETWEEN {
            assert!(Instant::now() < deadline, "sending does not go on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.kill_and_restart().await;
    }
    ends.store(sent.load(Ordering::SeqCst) + BETWEEN, Ordering::SeqCst);
    let answered: Vec<_> = senders.join_all().await.concat();
    let log = nodes[0].read(&ROOM, Slice::After(Seq::ZERO), u16::MAX).await.unwrap();
    assert_eq!(log.len(), answered.len(), "what was sent stands once");
    for (number, entry) in (1..).zip(&log) {
        assert_eq!(entry.seq, Seq(number));
    }
    let failed: usize = answered.iter().map(|(_, failed)| failed).sum();
    assert!(failed >= KILLS, "no kill was in the way of a send");
    for (entry, _) in answered {
        let stored = &log[usize::try_from(entry.seq.0).unwrap() - 1];
        assert_eq!(stored.client_ref, entry.client_ref, "an answered send is where it was answered to be");
    }
}

fn is_unavailable<T>(answer: &Res<T>) -> bool {
    matches!(answer, Err(RepoError::Unavailable(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_unavailable_within_4_s_and_goes_on_when_it_thaws() {
    let server = Server::start().await;
    let log = open(&server).await;
    messages(&*log, ROOM, ANN, 3).await;
    server.freeze();
    let began = Instant::now();
    let (name, stub, asks) = (
        client_ref("message-1"),
        to_raw_value("gone").unwrap(),
        [Unread { room: ROOM, user: UserId(8), mark: Mark::default() }],
    );
    let new = [new_entry(ROOM, ANN, "frozen", "frozen")];
    let (appended, read, heads, found, erased, unread, ping) = tokio::join!(
        log.append(&new),
        log.read(&ROOM, Slice::After(Seq::ZERO), 9),
        log.heads(&[ROOM]),
        log.find_ref(&ROOM, ANN, &name),
        log.erase(&ROOM, Seq(2), &stub),
        log.unread(&asks),
        log.ping(),
    );
    let took = began.elapsed();
    assert!(is_unavailable(&appended), "{appended:?}");
    assert!(is_unavailable(&read) && is_unavailable(&heads) && is_unavailable(&found), "{read:?} {heads:?} {found:?}");
    assert!(
        is_unavailable(&erased) && is_unavailable(&unread) && is_unavailable(&ping),
        "{erased:?} {unread:?} {ping:?}"
    );
    assert!(took < Duration::from_secs(4), "{took:?}");
    // Also with no connection left.
    let again = log.append(&new).await;
    assert!(is_unavailable(&again) && began.elapsed() < Duration::from_secs(8), "{again:?} {:?}", began.elapsed());
    server.thaw();
    let (entry, _) = send(&log, "frozen").await;
    assert_eq!(entry.seq, Seq(4));
    let stored = log.read(&ROOM, Slice::After(Seq::ZERO), 9).await.unwrap();
    assert_eq!(stored.len(), 4, "offered three times, it stands once");
    assert!(log.ping().await.is_ok());
}
