//! What the cases share.

use std::sync::Arc;

use crate::id::{Seq, UserId};
use crate::model::entry::Entry;
use crate::repo::{Appended, RepoError, Res, RoomLogRepo};
pub(super) use crate::testkit::fixtures::at_once;

/// Tries again while others are in the way, as services do, but not for ever.
pub(super) async fn patiently<T, F: Future<Output = Res<T>>>(attempt: impl Fn() -> F) -> Res<T> {
    for _ in 0..1_000 {
        match attempt().await {
            Err(RepoError::Busy) => tokio::task::yield_now().await,
            done => return done,
        }
    }
    Err(RepoError::Busy)
}

/// Whether exactly one of many won, and the others met a unique key.
pub(super) fn one_won<T>(answers: &[Res<T>]) -> bool {
    let won = answers.iter().filter(|answer| answer.is_ok()).count();
    let conflicts = answers.iter().filter(|answer| matches!(answer, Err(RepoError::Conflict))).count();
    won == 1 && conflicts == answers.len() - 1
}

/// Appends a batch, offering it again while others are in the way.
pub(super) async fn append(log: &dyn RoomLogRepo, batch: &[crate::model::NewEntry]) -> Vec<Appended> {
    let answers = patiently(|| log.append(batch)).await.unwrap();
    assert_eq!(answers.len(), batch.len(), "one answer each");
    answers
}

/// The entries of a batch that must have been new.
pub(super) async fn append_new(log: &dyn RoomLogRepo, batch: &[crate::model::NewEntry]) -> Vec<Arc<Entry>> {
    let new = |answer| match answer {
        Appended::New(entry) => entry,
        other => panic!("expected a new entry, got {other:?}"),
    };
    append(log, batch).await.into_iter().map(new).collect()
}

/// All that an entry is, so that two can be compared.
pub(super) fn parts(entry: &Entry) -> impl PartialEq + std::fmt::Debug {
    let Entry { room, seq, ord, fence, at, by, client_ref, kind, digest, body, json: _ } = entry.clone();
    let body = body.map(|body| body.get().to_owned());
    ((room, seq, ord, fence, at), (by, client_ref, kind, digest, body))
}

/// The numbers of entries.
pub(super) fn seqs(entries: &[Arc<Entry>]) -> Vec<i64> {
    entries.iter().map(|entry| entry.seq.0).collect()
}

/// The numbers 1 to n, as a log without a hole holds them.
pub(super) fn up_to(n: i64) -> Vec<i64> {
    (1..=n).collect()
}

/// Writers of room logs need no account.
pub(super) const ANN: UserId = UserId(1);
/// Another one.
pub(super) const BOB: UserId = UserId(2);
/// Before the first entry.
pub(super) const START: Seq = Seq::ZERO;
