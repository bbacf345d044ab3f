use crate::id::{Seq, UserId};
use crate::model::user::UserState;
use crate::repo::{Lock, PeerState, PrivateRights};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, block, commit, friends, open, private, user, users};

const NONE: PrivateRights =
    PrivateRights { peer: PeerState::Active, friends: false, blocks: false, blocked: false, open: false };

/// One writer, and another person for every line of the truth table.
async fn table(fresh: &Fresh) -> (UserId, Vec<(UserId, PrivateRights)>) {
    let writer = user(&*fresh.store, "writer").await;
    let others = users(&*fresh.store, "other", 32).await;
    let mut table = Vec::new();
    for (line, other) in others.into_iter().enumerate() {
        let bit = |n: usize| line >> n & 1 == 1;
        let peer = if bit(4) { PeerState::Disabled } else { PeerState::Active };
        let rights = PrivateRights { peer, friends: bit(0), blocks: bit(1), blocked: bit(2), open: bit(3) };
        if rights.friends {
            friends(&*fresh.store, writer, other).await;
        }
        if rights.blocks {
            block(&*fresh.store, writer, other).await;
        }
        if rights.blocked {
            block(&*fresh.store, other, writer).await;
        }
        if rights.open {
            open(&*fresh.store, writer, other).await;
        }
        if peer == PeerState::Disabled {
            let mut unit = fresh.write().await;
            unit.users().set_state(other, UserState::Disabled).await.unwrap();
            commit(unit).await;
        }
        table.push((other, rights));
    }
    table.push((UserId(1 << 40), PrivateRights { peer: PeerState::Absent, ..NONE }));
    (writer, table)
}

pub async fn every_line_of_the_truth_table_is_answered(fresh: &Fresh) {
    let (writer, table) = table(fresh).await;
    for (other, rights) in table {
        let answer = fresh.store.private_rights(&[(writer, other)]).await.unwrap();
        assert_eq!(answer, [rights], "of {writer} to {other}");
    }
}

pub async fn the_other_side_is_told_its_own_rights(fresh: &Fresh) {
    let (writer, table) = table(fresh).await;
    for (other, rights) in table {
        let PrivateRights { friends, blocks, blocked, open, .. } = rights;
        let expected = PrivateRights { peer: PeerState::Active, friends, blocks: blocked, blocked: blocks, open };
        let answer = fresh.store.private_rights(&[(other, writer)]).await.unwrap();
        assert_eq!(answer, [expected], "of {other} to {writer}");
    }
}

pub async fn five_hundred_asks_are_answered_in_the_order_asked(fresh: &Fresh) {
    let (writer, table) = table(fresh).await;
    // Not in the order of ids, each line many times, from both sides.
    let lines = (0..500).map(|n| (&table[n * 7 % table.len()], n % 3 == 0));
    let (asks, expected): (Vec<_>, Vec<_>) = lines
        .map(|((other, rights), back)| {
            if back {
                let PrivateRights { blocks, blocked, .. } = *rights;
                let back = PrivateRights { peer: PeerState::Active, blocks: blocked, blocked: blocks, ..*rights };
                ((*other, writer), back)
            } else {
                ((writer, *other), *rights)
            }
        })
        .unzip();
    assert_eq!(fresh.store.private_rights(&asks).await.unwrap(), expected);
    assert_eq!(fresh.store.private_rights(&[]).await.unwrap(), []);
}

pub async fn a_room_with_one_row_is_not_open(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let mut unit = fresh.write().await;
    unit.conversations().ensure(ids[0], &private(ids[0], ids[1]), Some(Seq(1))).await.unwrap();
    unit.conversations().ensure(ids[2], &private(ids[0], ids[2]), Some(Seq(1))).await.unwrap();
    commit(unit).await;
    let asks = [(ids[0], ids[1]), (ids[1], ids[0]), (ids[0], ids[2]), (ids[2], ids[0])];
    assert_eq!(fresh.store.private_rights(&asks).await.unwrap(), [NONE; 4]);
}

/// What a store says without asking is nothing, or what it would answer.
fn agrees(fresh: &Fresh, (writer, other): (UserId, UserId), rights: PrivateRights) {
    if let Some(known) = fresh.store.known_private_rights(writer, other) {
        assert_eq!(known, rights, "known of {writer} to {other}");
    }
}

pub async fn what_is_known_of_rights_is_never_older_than_a_commit(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let ask = (ids[0], ids[1]);
    let room = private(ids[0], ids[1]);
    for step in 0..60 {
        let before = fresh.store.private_rights(&[ask]).await.unwrap()[0];
        agrees(fresh, ask, before);
        let mut unit = fresh.write().await;
        let mut after = before;
        match step % 6 {
            0 if before.friends => drop(unit.friends().remove(ids[1], ids[0]).await.unwrap()),
            0 => unit.friends().add(ids[1], ids[0], AT).await.unwrap(),
            1 if before.blocks => drop(unit.blocks().remove(ids[0], ids[1]).await.unwrap()),
            1 => drop(unit.blocks().add(ids[0], ids[1], AT).await.unwrap()),
            2 if before.blocked => drop(unit.blocks().remove(ids[1], ids[0]).await.unwrap()),
            2 => drop(unit.blocks().add(ids[1], ids[0], AT).await.unwrap()),
            3 if before.open => drop(unit.conversations().remove(ids[1], &room).await.unwrap()),
            3 => {
                unit.conversations().ensure(ids[0], &room, Some(Seq(1))).await.unwrap();
                unit.conversations().ensure(ids[1], &room, Some(Seq(1))).await.unwrap();
            }
            4 => unit.users().set_state(ids[1], UserState::Disabled).await.unwrap(),
            _ => unit.users().set_state(ids[1], UserState::Active).await.unwrap(),
        }
        match step % 6 {
            0 => after.friends = !before.friends,
            1 => after.blocks = !before.blocks,
            2 => after.blocked = !before.blocked,
            3 => after.open = !before.open,
            4 => after.peer = PeerState::Disabled,
            _ => after.peer = PeerState::Active,
        }
        // Not committed, nothing has changed; given up, neither.
        agrees(fresh, ask, before);
        if step % 5 == 4 {
            drop(unit);
            after = before;
        } else {
            assert_eq!(fresh.store.private_rights(&[ask]).await.unwrap()[0], before);
            commit(unit).await;
        }
        agrees(fresh, ask, after);
        assert_eq!(fresh.store.private_rights(&[ask]).await.unwrap()[0], after, "step {step}");
        agrees(fresh, ask, after);
    }
}

pub async fn rights_are_those_that_are_committed(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let ask = [(ids[0], ids[1])];
    let mut unit = fresh.store.write(&[Lock::User(ids[0]), Lock::User(ids[1])]).await.unwrap();
    unit.friends().add(ids[0], ids[1], AT).await.unwrap();
    assert_eq!(fresh.store.private_rights(&ask).await.unwrap(), [NONE]);
    commit(unit).await;
    assert_eq!(fresh.store.private_rights(&ask).await.unwrap(), [PrivateRights { friends: true, ..NONE }]);
    block(&*fresh.store, ids[1], ids[0]).await;
    let blocked = PrivateRights { friends: true, blocked: true, ..NONE };
    assert_eq!(fresh.store.private_rights(&ask).await.unwrap(), [blocked]);
    let mut unit = fresh.write().await;
    assert!(unit.blocks().remove(ids[1], ids[0]).await.unwrap());
    assert!(unit.friends().remove(ids[1], ids[0]).await.unwrap());
    commit(unit).await;
    assert_eq!(fresh.store.private_rights(&ask).await.unwrap(), [NONE]);
}
