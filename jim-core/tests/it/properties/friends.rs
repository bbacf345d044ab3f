//! Friends, requests, blocks and the right to write, against a model of a page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jim_core::Jim;
use jim_core::bus::LocalBus;
use jim_core::error::{Code, Result};
use jim_core::id::{FriendRequestId, RoomId, UserId};
use jim_core::model::friend::{Direction, FriendFilter};
use jim_core::model::{Friend, RequestStatus};
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::fixtures;
use proptest::prelude::*;

use super::{cases, runtime};
use crate::node::{Node, message, options, refusal};

const PEOPLE: usize = 4;

#[derive(Debug, Clone)]
enum Op {
    Ask(usize, usize),
    Accept(usize, usize),
    Reject(usize, usize),
    Cancel(usize, usize),
    Remove(usize, usize),
    Block(usize, usize),
    Unblock(usize, usize),
    Send(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let pair = || (0..PEOPLE, 0..PEOPLE);
    // Who answers a request, and which of all that were ever made, counted from the newest.
    let answer = || (0..PEOPLE, 0..6_usize);
    prop_oneof![
        6 => pair().prop_map(|(a, b)| Op::Ask(a, b)),
        6 => answer().prop_map(|(a, n)| Op::Accept(a, n)),
        1 => answer().prop_map(|(a, n)| Op::Reject(a, n)),
        1 => answer().prop_map(|(a, n)| Op::Cancel(a, n)),
        1 => pair().prop_map(|(a, b)| Op::Remove(a, b)),
        2 => pair().prop_map(|(a, b)| Op::Block(a, b)),
        2 => pair().prop_map(|(a, b)| Op::Unblock(a, b)),
        3 => pair().prop_map(|(a, b)| Op::Send(a, b)),
    ]
}

struct Asked {
    id: FriendRequestId,
    from: usize,
    to: usize,
    status: Option<RequestStatus>,
}

/// What people know of each other, as simply as it can be told.
#[derive(Default)]
struct Model {
    friends: BTreeSet<(usize, usize)>,
    blocks: BTreeSet<(usize, usize)>,
    asked: Vec<Asked>,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Model {
    fn pending(&mut self, from: usize, to: usize) -> Option<&mut Asked> {
        let pending = |asked: &&mut Asked| asked.from == from && asked.to == to && asked.is_pending();
        self.asked.iter_mut().find(pending)
    }

    fn ask(&self, a: usize, b: usize) -> Option<Code> {
        match () {
            () if a == b => Some(Code::FriendSelf),
            () if self.friends.contains(&pair(a, b)) => Some(Code::FriendExists),
            () if self.blocks.contains(&(a, b)) => Some(Code::FriendBlocked),
            () if self.blocks.contains(&(b, a)) => Some(Code::FriendRefused),
            () => None,
        }
    }

    fn send(&self, a: usize, b: usize) -> Option<Code> {
        match () {
            () if a == b => Some(Code::RoomInvalid),
            () if self.blocks.contains(&(a, b)) => Some(Code::FriendBlocked),
            () if self.blocks.contains(&(b, a)) => Some(Code::NotFriend),
            () => (!self.friends.contains(&pair(a, b))).then_some(Code::NotFriend),
        }
    }
}

impl Asked {
    fn is_pending(&self) -> bool {
        self.status == Some(RequestStatus::Pending)
    }

    /// Why somebody may not answer it: it is gone, not his, or was answered before.
    fn answer(&self, who: usize) -> Option<Code> {
        match self.status {
            Some(RequestStatus::Pending) if self.to == who => None,
            Some(_) if self.to == who => Some(Code::FriendRequestDecided),
            _ => Some(Code::NotFound),
        }
    }
}

struct World {
    jim: Jim,
    ids: Vec<UserId>,
    model: Model,
    sent: usize,
}

impl World {
    /// Does one thing, in the world and in the model; returns what both say.
    async fn step(&mut self, op: &Op) -> (Option<Code>, Option<Code>) {
        match *op {
            Op::Ask(a, b) => self.ask(a, b).await,
            Op::Accept(who, n) => self.accept(who, n).await,
            Op::Reject(who, n) => {
                let Some(at) = self.at(n) else { return (None, None) };
                let asked = &mut self.model.asked[at];
                let answer = self.jim.friend_requests().reject(self.ids[who], asked.id, None).await;
                let expected = asked.answer(who);
                if expected.is_none() {
                    asked.status = Some(RequestStatus::Rejected);
                }
                (refusal(&answer), expected)
            }
            Op::Cancel(who, n) => {
                let Some(at) = self.at(n) else { return (None, None) };
                let asked = &mut self.model.asked[at];
                let answer = self.jim.friend_requests().cancel(self.ids[who], asked.id).await;
                let mine = asked.from == who && asked.status.is_some();
                let expected = (mine && !asked.is_pending()).then_some(Code::FriendRequestDecided);
                if mine && asked.is_pending() {
                    asked.status = None;
                }
                (refusal(&answer), expected)
            }
            Op::Remove(a, b) => {
                let answer = self.jim.friends().remove(self.ids[a], self.ids[b], false).await;
                self.model.friends.remove(&pair(a, b));
                (refusal(&answer), None)
            }
            Op::Block(a, b) => {
                let answer = self.jim.blocks().block(self.ids[a], self.ids[b]).await;
                if a != b {
                    self.model.blocks.insert((a, b));
                }
                (refusal(&answer), (a == b).then_some(Code::BlockSelf))
            }
            Op::Unblock(a, b) => {
                let answer = self.jim.blocks().unblock(self.ids[a], self.ids[b]).await;
                self.model.blocks.remove(&(a, b));
                (refusal(&answer), None)
            }
            Op::Send(a, b) => (self.try_send(a, b).await, self.model.send(a, b)),
        }
    }

    async fn ask(&mut self, a: usize, b: usize) -> (Option<Code>, Option<Code>) {
        let answer = self.jim.friend_requests().request(self.ids[a], self.ids[b], None).await;
        let mut expected = self.model.ask(a, b);
        if expected.is_none() && self.model.pending(a, b).is_some() {
            expected = Some(Code::FriendRequestDuplicate);
        }
        let got = refusal(&answer);
        if let (Ok(asked), None) = (answer, expected) {
            if let Some(crossing) = self.model.pending(b, a) {
                crossing.status = Some(RequestStatus::Accepted);
                assert_eq!((asked.0.id, asked.0.status), (crossing.id, RequestStatus::Accepted));
                self.model.friends.insert(pair(a, b));
            } else {
                assert_eq!(asked.0.status, RequestStatus::Pending);
                self.model.asked.push(Asked { id: asked.0.id, from: a, to: b, status: Some(asked.0.status) });
            }
        }
        (got, expected)
    }

    async fn accept(&mut self, who: usize, n: usize) -> (Option<Code>, Option<Code>) {
        let Some(at) = self.at(n) else { return (None, None) };
        let answer: Result<Friend> =
            self.jim.friend_requests().accept(self.ids[who], self.model.asked[at].id, None).await;
        let Asked { from, to, .. } = self.model.asked[at];
        let expected = self.model.asked[at].answer(who).or_else(|| self.model.ask(to, from));
        if expected.is_none() {
            self.model.asked[at].status = Some(RequestStatus::Accepted);
            self.model.friends.insert(pair(from, to));
        }
        (refusal(&answer), expected)
    }

    fn at(&self, n: usize) -> Option<usize> {
        self.model.asked.len().checked_sub(n + 1)
    }

    async fn try_send(&mut self, a: usize, b: usize) -> Option<Code> {
        self.sent += 1;
        let (who, peer) = (self.ids[a], self.ids[b]);
        let room = RoomId::Private(who.min(peer), who.max(peer));
        refusal(&self.jim.messages().send(who, room, &message(&format!("m-{}", self.sent))).await)
    }

    /// Compares everything that can be seen with the model.
    async fn compare(&mut self) {
        for a in 0..PEOPLE {
            let friends = self.jim.friends().list(self.ids[a], &FriendFilter::default(), None, 10).await.unwrap().items;
            let friends: BTreeSet<_> = friends.iter().map(|friend| friend.user.id).collect();
            let expected = (0..PEOPLE).filter(|b| self.model.friends.contains(&pair(a, *b)));
            assert_eq!(friends, expected.map(|b| self.ids[b]).collect(), "friends of {a}");
            let blocks = self.jim.blocks().list(self.ids[a], None, 10).await.unwrap().items;
            let blocks: BTreeSet<_> = blocks.iter().map(|block| block.user.id).collect();
            let expected = (0..PEOPLE).filter(|b| self.model.blocks.contains(&(a, *b)));
            assert_eq!(blocks, expected.map(|b| self.ids[b]).collect(), "blocks of {a}");
            for direction in [Direction::In, Direction::Out] {
                let list = self.jim.friend_requests().list(self.ids[a], direction, None, 100).await.unwrap().items;
                let list: BTreeMap<_, _> = list.iter().map(|asked| (asked.id, asked.status)).collect();
                let side = |asked: &&Asked| a == if direction == Direction::In { asked.to } else { asked.from };
                let expected = self.model.asked.iter().filter(side);
                let expected = expected.filter_map(|asked| Some((asked.id, asked.status?))).collect();
                assert_eq!(list, expected, "requests of {a}, {direction:?}");
            }
        }
        for (a, b) in (0..PEOPLE).flat_map(|a| (0..PEOPLE).map(move |b| (a, b))) {
            let expected = self.model.send(a, b);
            assert_eq!(self.try_send(a, b).await, expected, "{a} writes to {b}");
            if a != b
                && let Ok(view) = self.jim.rooms().get(self.ids[a], fixtures::private(self.ids[a], self.ids[b])).await
            {
                assert_eq!(view.can_send, expected.is_none(), "{a} is told whether he may write to {b}");
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn friends_requests_blocks_and_the_right_to_write_follow_the_rules(ops in prop::collection::vec(op(), 1..40)) {
        runtime().block_on(async {
            let store = Arc::new(MemoryStore::default());
            let ids = fixtures::users(&*store, "p", PEOPLE).await;
            let log = Arc::new(MemoryRoomLog::default());
            let node = Node::run(store, log, Arc::new(LocalBus::default()), options()).await;
            let mut world = World { jim: node.jim.clone(), ids, model: Model::default(), sent: 0 };
            for op in &ops {
                let (got, expected) = world.step(op).await;
                assert_eq!(got, expected, "{op:?}");
            }
            world.compare().await;
        });
    }
}
