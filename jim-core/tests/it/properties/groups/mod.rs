//! Groups under any sequence of calls, and under many at once.

mod log;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jim_core::Jim;
use jim_core::bus::LocalBus;
use jim_core::error::Code;
use jim_core::id::{GroupId, JoinRequestId, RoomId, UserId};
use jim_core::model::group::{GroupName, JoinPolicy, Role};
use jim_core::model::{Limits, RequestStatus};
use jim_core::repo::{RepoError, RoomLogRepo, Store};
use jim_core::service::{GroupChange, MemberChange};
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::store::sql::{Durability, MySqlOptions, MySqlStore, SqliteStore};
use jim_core::testkit::fixtures;
use jim_core::testkit::servers::MySqlDatabase;
use proptest::prelude::*;

use super::{cases, runtime};
use crate::node::{Node, message, options, refusal};
use model::{Model, PLACES};

const PEOPLE: usize = 5;
/// Steps of one case.
const STEPS: usize = 60;

/// What one person does, mostly to another.
#[derive(Debug, Clone)]
enum Op {
    Add(usize, usize),
    Leave(usize),
    Remove(usize, usize, bool),
    KeepOut(usize, usize),
    LetBack(usize, usize),
    Appoint(usize, usize, bool),
    Transfer(usize, usize),
    Mute(usize, usize, bool),
    MuteAll(usize, bool),
    OpenTo(usize, JoinPolicy),
    Join(usize),
    Accept(usize),
    Reject(usize),
    Decide(usize, usize, bool),
    Dissolve(usize),
    Send(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let one = || 0..PEOPLE;
    // Power is seldom with strangers: half of all acts are of the first two.
    let actor = || prop_oneof![0..2_usize, 0..PEOPLE];
    let pair = move || (actor(), one());
    let policy = prop_oneof![Just(JoinPolicy::Open), Just(JoinPolicy::Approval), Just(JoinPolicy::Invite)];
    prop_oneof![
        8 => pair().prop_map(|(a, b)| Op::Add(a, b)),
        2 => one().prop_map(Op::Leave),
        3 => (pair(), any::<bool>()).prop_map(|((a, b), keep)| Op::Remove(a, b, keep)),
        2 => pair().prop_map(|(a, b)| Op::KeepOut(a, b)),
        3 => pair().prop_map(|(a, b)| Op::LetBack(a, b)),
        4 => (pair(), any::<bool>()).prop_map(|((a, b), up)| Op::Appoint(a, b, up)),
        2 => pair().prop_map(|(a, b)| Op::Transfer(a, b)),
        4 => (pair(), any::<bool>()).prop_map(|((a, b), on)| Op::Mute(a, b, on)),
        3 => (actor(), any::<bool>()).prop_map(|(a, on)| Op::MuteAll(a, on)),
        3 => (actor(), policy).prop_map(|(a, policy)| Op::OpenTo(a, policy)),
        6 => one().prop_map(Op::Join),
        4 => one().prop_map(Op::Accept),
        1 => one().prop_map(Op::Reject),
        5 => (actor(), 0..4_usize, any::<bool>()).prop_map(|(a, n, yes)| Op::Decide(a, n, yes)),
        1 => (0..12_usize).prop_map(|a| if a < PEOPLE { Op::Dissolve(a) } else { Op::Send(a % PEOPLE) }),
        8 => one().prop_map(Op::Send),
    ]
}

/// A group on some store.
struct Town {
    node: Node,
    store: Arc<dyn Store>,
    log: Arc<dyn RoomLogRepo>,
    ids: Vec<UserId>,
    group: GroupId,
}

impl Town {
    async fn on(store: Arc<dyn Store>, log: Arc<dyn RoomLogRepo>) -> Town {
        let ids = fixtures::users(&*store, "p", PEOPLE).await;
        for a in 0..PEOPLE {
            for b in (0..a).filter(|b| model::friends(a, *b)) {
                fixtures::friends(&*store, ids[a], ids[b]).await;
            }
        }
        let node = Node::run(store.clone(), log.clone(), Arc::new(LocalBus::default()), options()).await;
        let name = GroupName::parse("Club", &Limits::default()).unwrap();
        let group = node.jim.groups().create(ids[0], name, &[]).await.unwrap().0.id;
        let places = GroupChange { max_members: Some(PLACES.try_into().unwrap()), ..GroupChange::default() };
        node.jim.groups().change(ids[0], group, places).await.unwrap();
        Town { node, store, log, ids, group }
    }

    async fn in_memory() -> Town {
        Town::on(Arc::new(MemoryStore::default()), Arc::new(MemoryRoomLog::default())).await
    }

    async fn on_sqlite(folder: &tempfile::TempDir) -> Town {
        let store = SqliteStore::open(&SqliteStore::file(folder.path()), Durability::Normal).await.unwrap();
        Town::on(store.clone(), store).await
    }

    fn jim(&self) -> &Jim {
        &self.node.jim
    }

    fn room(&self) -> RoomId {
        RoomId::Group(self.group)
    }

    /// Does one thing; says why it was refused. `asked` are the requests to join so far.
    async fn act(&self, op: &Op, asked: &[JoinRequestId], client_ref: &str) -> Option<Code> {
        let (jim, group) = (self.jim(), self.group);
        let id = |n: usize| self.ids[n];
        match *op {
            Op::Add(a, b) => refusal(&jim.members().add(id(a), group, &[id(b)]).await),
            Op::Leave(a) => refusal(&jim.members().leave(id(a), group).await),
            Op::Remove(a, b, keep) => refusal(&jim.members().remove(id(a), group, id(b), keep).await),
            Op::KeepOut(a, b) => refusal(&jim.members().keep_out(id(a), group, id(b)).await),
            Op::LetBack(a, b) => refusal(&jim.members().let_back(id(a), group, id(b)).await),
            Op::Appoint(a, b, up) => {
                let change = MemberChange { role: Some(role(up)), ..MemberChange::default() };
                refusal(&jim.members().change(id(a), group, id(b), change).await)
            }
            Op::Transfer(a, b) => refusal(&jim.groups().transfer(id(a), group, id(b)).await),
            Op::Mute(a, b, true) => refusal(&jim.members().mute(id(a), group, id(b), None).await),
            Op::Mute(a, b, false) => refusal(&jim.members().unmute(id(a), group, id(b)).await),
            Op::MuteAll(a, on) => refusal(&jim.groups().mute(id(a), group, on).await),
            Op::OpenTo(a, policy) => {
                let change = GroupChange { join_policy: Some(policy), ..GroupChange::default() };
                refusal(&jim.groups().change(id(a), group, change).await)
            }
            Op::Join(a) => refusal(&jim.joining().join(id(a), group, None).await),
            Op::Accept(a) | Op::Reject(a) => {
                let mine = jim.joining().invitations(id(a), None, 9).await.ok()?.items;
                let invitation = mine.first()?.id;
                match op {
                    Op::Accept(_) => refusal(&jim.joining().accept(id(a), invitation).await),
                    _ => refusal(&jim.joining().reject(id(a), invitation).await),
                }
            }
            Op::Decide(a, n, yes) => {
                let request = *asked.get(n)?;
                refusal(&jim.joining().decide(id(a), group, request, yes).await)
            }
            Op::Dissolve(a) => refusal(&jim.groups().dissolve(id(a), group).await),
            Op::Send(a) => refusal(&jim.messages().send(id(a), self.room(), &message(client_ref)).await),
        }
    }

    /// The requests to join, in the order they were made, as the store has them: the group may have nobody who could
    /// list them. A store that is busy with sixty-four others is asked again.
    async fn requests(&self) -> Vec<(JoinRequestId, UserId, RequestStatus)> {
        let mut unit = loop {
            match self.store.read().await {
                Err(RepoError::Busy) => {}
                unit => break unit.unwrap(),
            }
        };
        let mut rows = unit.join_requests().list(self.group, None, 1000).await.unwrap();
        rows.reverse();
        rows.into_iter().map(|row| (row.id, row.user, row.status)).collect()
    }

    /// What holds after anything: one owner, who is a member, no more members than places, and none whom the group
    /// keeps out. Returns the members and who is kept out.
    async fn invariants(&self) -> (BTreeMap<UserId, (Role, bool)>, BTreeSet<UserId>) {
        let mut unit = self.store.read().await.unwrap();
        let row = unit.groups().get(self.group).await.unwrap().unwrap();
        let members = unit.members().list(self.group, None, 100).await.unwrap();
        let kept_out: BTreeSet<_> =
            unit.blacklist().list(self.group, None, 100).await.unwrap().iter().map(|row| row.user).collect();
        assert_eq!(usize::try_from(row.member_count).unwrap(), members.len());
        assert!(members.len() <= PLACES, "{members:?}");
        assert!(members.iter().all(|member| !kept_out.contains(&member.user)), "{members:?} {kept_out:?}");
        let owners: Vec<_> = members.iter().filter(|member| member.role == Role::Owner).collect();
        match owners[..] {
            [owner] => assert_eq!(owner.user, row.owner),
            _ => assert!(owners.is_empty() && row.dissolved_at.is_some(), "{members:?}"),
        }
        let part = |member: &jim_core::model::group::MemberRow| (member.role, member.muted_until.is_some());
        (members.iter().map(|member| (member.user, part(member))).collect(), kept_out)
    }

    async fn compare(&self, model: &Model) {
        let (members, kept_out) = self.invariants().await;
        let expected = model.members.iter().map(|(n, part)| (self.ids[*n], (part.role, part.muted)));
        assert_eq!(members, expected.collect());
        assert_eq!(kept_out, model.blacklist.iter().map(|n| self.ids[*n]).collect());
        let requests: Vec<_> = self.requests().await.into_iter().map(|(_, user, status)| (user, status)).collect();
        assert_eq!(requests, model.asked.iter().map(|(n, status)| (self.ids[*n], *status)).collect::<Vec<_>>());
        for (n, user) in self.ids.iter().enumerate() {
            let invitations = self.jim().joining().invitations(*user, None, 9).await.unwrap().items;
            let by: Vec<_> = invitations.iter().map(|invitation| invitation.by.id).collect();
            assert_eq!(by, model.invited.get(&n).map(|by| self.ids[*by]).into_iter().collect::<Vec<_>>());
            match (self.jim().rooms().get(*user, self.room()).await, model.send(n)) {
                (Ok(view), said) => assert_eq!(view.can_send, said.is_ok(), "{n} is told whether he may write"),
                (Err(error), said) => assert_eq!(Some(error.code()), said.err()),
            }
        }
    }

    /// Does all of it, and holds each answer and the end against the model.
    async fn follow(&self, ops: &[Op]) {
        let mut model = Model::new();
        for (n, op) in ops.iter().enumerate() {
            let asked: Vec<_> = self.requests().await.into_iter().map(|(id, ..)| id).collect();
            let got = self.act(op, &asked, &format!("m-{n}")).await;
            assert_eq!(got, expect(&mut model, op), "step {n}: {op:?}");
        }
        self.compare(&model).await;
        log::audit(&*self.log, self.room()).await;
    }
}

fn role(up: bool) -> Role {
    if up { Role::Admin } else { Role::Member }
}

/// What the model says to a step.
fn expect(model: &mut Model, op: &Op) -> Option<Code> {
    let verdict = match *op {
        Op::Add(a, b) => model.add(a, b),
        Op::Leave(a) => model.leave(a),
        Op::Remove(a, b, keep) => model.remove(a, b, keep),
        Op::KeepOut(a, b) => model.remove(a, b, true),
        Op::LetBack(a, b) => model.let_back(a, b),
        Op::Appoint(a, b, up) => model.appoint(a, b, role(up)),
        Op::Transfer(a, b) => model.transfer(a, b),
        Op::Mute(a, b, on) => model.mute(a, b, on),
        Op::MuteAll(a, on) => model.mute_all(a, on),
        Op::OpenTo(a, policy) => model.open_to(a, policy),
        Op::Join(a) => model.join(a),
        Op::Accept(a) if model.invited.contains_key(&a) => model.accept(a),
        Op::Reject(a) => {
            model.invited.remove(&a);
            Ok(())
        }
        Op::Decide(a, n, yes) if n < model.asked.len() => model.decide(a, n, yes),
        Op::Accept(_) | Op::Decide(..) => Ok(()),
        Op::Dissolve(a) => model.dissolve(a),
        Op::Send(a) => model.send(a),
    };
    verdict.err()
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn groups_follow_the_rules(ops in prop::collection::vec(op(), 1..STEPS)) {
        runtime().block_on(async { Town::in_memory().await.follow(&ops).await });
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn groups_follow_the_rules_on_sqlite_too(ops in prop::collection::vec(op(), 1..STEPS)) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            Town::on_sqlite(&folder).await.follow(&ops).await;
        });
    }
}

/// Many at once: each task does its own part of what is to be done.
async fn at_once(town: Town, ops: Vec<Op>, tasks: usize) {
    let town = Arc::new(town);
    let ops = Arc::new(ops);
    let mut running = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let (town, ops) = (town.clone(), ops.clone());
        running.spawn(async move {
            for (n, op) in ops.iter().enumerate().skip(task).step_by(tasks) {
                let asked: Vec<_> = town.requests().await.into_iter().map(|(id, ..)| id).collect();
                let _ = town.act(op, &asked, &format!("m-{n}")).await;
            }
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    town.invariants().await;
    log::audit(&*town.log, town.room()).await;
}

/// Without what ends a group for good, so that there is something to race for.
fn busy() -> impl Strategy<Value = Vec<Op>> {
    let lasting = op().prop_filter("the group goes on", |op| !matches!(op, Op::Dissolve(_)));
    prop::collection::vec(lasting, 640)
}

proptest! {
    #![proptest_config(cases(3))]

    #[test]
    fn sixty_four_at_once_break_no_rule_of_groups(ops in busy()) {
        runtime().block_on(async { at_once(Town::in_memory().await, ops, 64).await });
    }

    #[test]
    fn sixty_four_at_once_break_no_rule_of_groups_on_sqlite_either(ops in busy()) {
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        threads.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            at_once(Town::on_sqlite(&folder).await, ops, 64).await;
        });
    }
}

mod mysql {
    use super::*;

    proptest! {
        #![proptest_config(cases(2))]

        #[test]
        fn sixty_four_at_once_break_no_rule_of_groups_on_a_shared_database(ops in busy()) {
            let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            threads.block_on(async {
                let database = MySqlDatabase::make().await;
                let store = MySqlStore::open(&database.url(), MySqlOptions::default()).await.unwrap();
                at_once(Town::on(store.clone(), store).await, ops, 64).await;
            });
        }
    }
}
