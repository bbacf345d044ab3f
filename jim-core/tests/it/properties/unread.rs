//! What is unread, against a model that keeps every message in a list.

use std::collections::BTreeSet;
use std::sync::Arc;

use jim_core::Jim;
use jim_core::bus::LocalBus;
use jim_core::error::Code;
use jim_core::id::{RoomId, Seq, UserId};
use jim_core::model::group::GroupName;
use jim_core::model::{Limits, Mentions};
use jim_core::repo::{RoomLogRepo, Store, UnreadCount};
use jim_core::service::{Sent, Shown};
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::store::sql::{Durability, SqliteStore};
use jim_core::testkit::fixtures;
use proptest::prelude::*;

use super::{cases, runtime};
use crate::node::{Node, message, options, refusal};

const PEOPLE: usize = 3;
/// Rooms: the group of all three, whose owner is the first, and each pair's.
const ROOMS: usize = 4;

/// One thing that one person does in one room.
#[derive(Debug, Clone)]
struct Op {
    who: usize,
    room: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// Writes, and mentions these people.
    Send(Vec<usize>),
    /// Writes, and mentions everybody.
    SendToAll,
    /// Reads up to an entry, counted from the newest; sometimes to one that does not exist yet.
    Read(i64),
    /// Takes an entry back, counted from the newest.
    Retract(i64),
    /// Clears the room for himself.
    Clear,
    /// Deletes a message for himself, counted from the newest entry.
    Hide(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let what = prop_oneof![
        6 => prop::collection::vec(0..PEOPLE, 0..3).prop_map(What::Send),
        1 => Just(What::SendToAll),
        3 => (-1..8_i64).prop_map(What::Read),
        3 => (0..8_i64).prop_map(What::Retract),
        1 => Just(What::Clear),
        1 => (0..8_i64).prop_map(What::Hide),
    ];
    (0..PEOPLE, 0..ROOMS, what).prop_map(|(who, room, what)| Op { who, room, what })
}

struct Message {
    seq: i64,
    by: usize,
    mentions: BTreeSet<usize>,
    stands: bool,
}

/// A room as simply as it can be told.
struct Room {
    id: RoomId,
    members: Vec<usize>,
    head: i64,
    messages: Vec<Message>,
    /// The last entry that each person has read, and the last that he has cleared.
    read: [i64; PEOPLE],
    cleared: [i64; PEOPLE],
}

impl Room {
    fn unread(&self, who: usize) -> UnreadCount {
        let mark = self.read[who].max(self.cleared[who]);
        let left = self.messages.iter().filter(|one| one.seq > mark && one.by != who && one.stands);
        let mentions = left.clone().filter(|one| one.mentions.contains(&who)).count() as u64;
        UnreadCount { messages: left.count() as u64, mentions }
    }
}

struct World {
    jim: Jim,
    ids: Vec<UserId>,
    rooms: Vec<Room>,
    sent: usize,
}

impl World {
    async fn new(jim: Jim, store: &dyn Store) -> World {
        let ids = fixtures::users(store, "p", PEOPLE).await;
        let mut rooms = Vec::new();
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            fixtures::friends(store, ids[a], ids[b]).await;
            rooms.push((fixtures::open(store, ids[a], ids[b]).await, vec![a, b]));
        }
        let name = GroupName::parse("Club", &Limits::default()).unwrap();
        rooms.push((jim.groups().create(ids[0], name, &ids[1..]).await.unwrap().0.room, vec![0, 1, 2]));
        let mut known = Vec::new();
        for (id, members) in rooms {
            let head = jim.rooms().get(ids[members[0]], id).await.unwrap().head.0;
            let (read, cleared) = ([0; PEOPLE], [0; PEOPLE]);
            known.push(Room { id, members, head, messages: Vec::new(), read, cleared });
        }
        World { jim, ids, rooms: known, sent: 0 }
    }

    /// Does one thing, in the world and in the model.
    async fn step(&mut self, op: &Op) {
        let room = &self.rooms[op.room];
        if !room.members.contains(&op.who) {
            let answer = self.jim.conversations().clear(self.ids[op.who], room.id).await;
            return assert_eq!(refusal(&answer), Some(Code::NotFound));
        }
        match &op.what {
            What::Send(mentioned) => {
                let mentioned = mentioned.iter().copied().filter(|who| room.members.contains(who)).collect();
                self.send(op, mentioned, false).await;
            }
            What::SendToAll => self.send(op, room.members.iter().copied().collect(), true).await,
            What::Read(back) => self.read(op, room.head - back).await,
            What::Retract(back) => self.retract(op, room.head - back).await,
            What::Clear => {
                self.jim.conversations().clear(self.ids[op.who], room.id).await.unwrap();
                self.rooms[op.room].cleared[op.who] = self.rooms[op.room].head;
            }
            What::Hide(back) => {
                let seq = room.head - back;
                let answer = self.jim.conversations().hide_entry(self.ids[op.who], room.id, Seq(seq)).await;
                let message = room.messages.iter().any(|one| one.seq == seq && seq > room.cleared[op.who]);
                assert_eq!(answer.is_ok(), message, "{op:?}: {answer:?}");
            }
        }
    }

    async fn send(&mut self, op: &Op, mentions: BTreeSet<usize>, all: bool) {
        self.sent += 1;
        let (who, room) = (self.ids[op.who], &mut self.rooms[op.room]);
        let mut wish = message(&format!("m-{}", self.sent));
        let people = || mentions.iter().map(|who| self.ids[*who]).collect();
        wish.mentions = (!mentions.is_empty()).then(|| if all { Mentions::All } else { Mentions::People(people()) });
        let answer = self.jim.messages().send(who, room.id, &wish).await;
        if all && room.members.len() > 2 && op.who != 0 {
            return assert_eq!(refusal(&answer), Some(Code::RoleRequired));
        }
        let Sent::New(entry) = answer.unwrap() else { panic!("a new message") };
        room.head += 1;
        assert_eq!(entry.seq.0, room.head);
        room.read[op.who] = room.head;
        room.messages.push(Message { seq: room.head, by: op.who, mentions, stands: true });
    }

    async fn read(&mut self, op: &Op, to: i64) {
        let (who, room) = (self.ids[op.who], &mut self.rooms[op.room]);
        let answer = self.jim.reads().set(who, room.id, Seq(to)).await;
        if to > room.head {
            return assert_eq!(refusal(&answer), Some(Code::ReadBeyondEnd));
        }
        room.read[op.who] = room.read[op.who].max(to);
        let mark = answer.unwrap();
        assert_eq!((mark.seq.0, mark.unread), (room.read[op.who], room.unread(op.who).messages), "{op:?}");
    }

    async fn retract(&mut self, op: &Op, seq: i64) {
        let (who, room) = (self.ids[op.who], &mut self.rooms[op.room]);
        let answer = self.jim.messages().retract(who, room.id, Seq(seq)).await;
        // The owner takes back what members write.
        let moderates = op.who == 0 && room.members.len() > 2;
        let found = room.messages.iter_mut().find(|one| one.seq == seq && seq > room.cleared[op.who]);
        let found = found.filter(|one| one.stands && (one.by == op.who || moderates));
        assert_eq!(answer.is_ok(), found.is_some(), "{op:?}: {answer:?}");
        if let Some(message) = found {
            message.stands = false;
            room.head += 1;
        }
    }

    /// Compares the chat list of everybody with the model.
    async fn compare(&self, op: &Op) {
        for who in 0..PEOPLE {
            let shown = Shown { latest: 1, hidden: true, cursor: None, limit: 10 };
            let list = self.jim.conversations().list(self.ids[who], shown).await.unwrap().items;
            for room in self.rooms.iter().filter(|room| room.members.contains(&who)) {
                let seen = list.iter().find(|one| one.row.room == room.id).unwrap();
                assert_eq!(seen.unread, room.unread(who), "{} of {who} after {op:?}", room.id);
                assert_eq!((seen.row.read.0, seen.head.seq.0), (room.read[who], room.head), "after {op:?}");
            }
        }
    }
}

async fn follows_the_model(store: Arc<dyn Store>, log: Arc<dyn RoomLogRepo>, ops: &[Op]) {
    let node = Node::run(store.clone(), log, Arc::new(LocalBus::default()), options()).await;
    let mut world = World::new(node.jim.clone(), &*store).await;
    for op in ops {
        world.step(op).await;
        world.compare(op).await;
    }
    node.stop().await;
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn unread_in_memory_follows_a_list_of_messages(ops in prop::collection::vec(op(), 1..60)) {
        runtime().block_on(async {
            let store = Arc::new(MemoryStore::default());
            follows_the_model(store, Arc::new(MemoryRoomLog::default()), &ops).await;
        });
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn unread_in_sqlite_follows_a_list_of_messages(
        ops in prop::collection::vec(op(), 1..40)
    ) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let file = SqliteStore::file(folder.path());
            let store = SqliteStore::open(&file, Durability::Normal).await.unwrap();
            follows_the_model(store.clone(), store, &ops).await;
        });
    }
}
