//! A store with something of everything.

use std::sync::Arc;

use jim_core::bus::LocalBus;
use jim_core::id::{GroupId, RoomId, Seq, UserId, WorldId};
use jim_core::model::code::Purpose;
use jim_core::model::group::{Blacklisted, GroupName, Role};
use jim_core::model::{ClientRef, Email, Language, Limits, Mentions, Status};
use jim_core::repo::{CodeRow, NewMail, RoomLogRepo, Store, Ticket, Unit};
use jim_core::secret::Secret;
use jim_core::service::{MemberChange, Options};
use jim_core::testkit::fixtures;
use jim_core::testkit::fixtures::AT;
use jim_core::time::Millis;

use crate::node::{Node, message, send};

/// Whom a filled store knows, and where they talk.
pub(super) struct Filled {
    pub(super) ann: UserId,
    pub(super) ben: UserId,
    pub(super) private: RoomId,
    pub(super) group: GroupId,
    /// A message that stands, in the private room.
    pub(super) pinned: Seq,
}

fn name(text: &str) -> GroupName {
    GroupName::parse(text, &Limits::default()).unwrap()
}

/// Does a little of everything that people do.
pub(super) async fn fill(store: Arc<dyn Store>, log: Arc<dyn RoomLogRepo>) -> Filled {
    let node = Node::run(store.clone(), log.clone(), Arc::new(LocalBus::default()), Options::default()).await;
    let jim = &node.jim;
    let mut people = Vec::new();
    for who in ["ann", "ben", "cleo", "Dörte \u{1F600}"] {
        let id = fixtures::user_called(&*store, &format!("user-{}", people.len()), who).await;
        fixtures::session(&*store, id, &format!("device-{id}")).await;
        people.push(id);
    }
    let [ann, ben, cleo, dora] = people[..] else { unreachable!() };
    for (a, b) in [(ann, ben), (ann, cleo), (ben, cleo)] {
        fixtures::friends(&*store, a, b).await;
        fixtures::open(&*store, a, b).await;
    }
    let private = fixtures::private(ann, ben);
    jim.friend_requests().request(dora, ann, None).await.unwrap();
    let pinned = Seq(send(jim, ann, private, "kept").await);
    jim.pins().add(ben, private, pinned).await.unwrap();
    let mut mention = message("for-ben");
    mention.mentions = Mentions::people(&[ben.0], &Limits::default()).unwrap();
    jim.messages().send(ann, private, &mention).await.unwrap();
    let gone = Seq(send(jim, ann, private, "gone").await);
    jim.messages().retract(ann, private, gone).await.unwrap();
    let hidden = Seq(send(jim, ann, private, "hidden").await);
    jim.conversations().hide_entry(ben, private, hidden).await.unwrap();
    jim.conversations().clear(cleo, fixtures::private(ann, cleo)).await.unwrap();
    jim.blocks().block(ben, cleo).await.unwrap();
    // More than a page of a log, and more than a page of rows.
    fixtures::messages(&*log, fixtures::private(ann, cleo), cleo, 450).await;
    fixtures::users(&*store, "crowd", 230).await;

    let (group, _) = jim.groups().create(ann, name("Club"), &[ben, cleo]).await.unwrap();
    let club = group.room;
    let mut to_all = message("to-all");
    to_all.mentions = Some(Mentions::All);
    jim.messages().send(ann, club, &to_all).await.unwrap();
    jim.members().mute(ann, group.id, cleo, None).await.unwrap();
    jim.members().remove(ann, group.id, cleo, true).await.unwrap();
    let change = MemberChange { role: Some(Role::Admin), ..MemberChange::default() };
    jim.members().change(ann, group.id, ben, change).await.unwrap();
    jim.groups().mute(ann, group.id, true).await.unwrap();
    jim.joining().join(dora, group.id, None).await.unwrap();
    let (over, _) = jim.groups().create(ben, name("Over"), &[ann]).await.unwrap();
    jim.groups().dissolve(ben, over.id).await.unwrap();
    jim.members().leave(ben, over.id).await.unwrap();

    send(jim, dora, RoomId::World(WorldId::FIRST), "all").await;
    let mut unit = store.write(&[]).await.unwrap();
    unit.worlds().set_muted(WorldId::FIRST, cleo, Some(Millis(AT.0 + 1))).await.unwrap();
    let turn = ClientRef::parse("turn", &Limits::default()).unwrap();
    unit.worlds().take_turn(WorldId::FIRST, dora, &turn, AT, AT).await.unwrap();
    unit.blacklist().add(group.id, &Blacklisted { user: dora, by: ann, at: AT }).await.unwrap();
    let session = unit.sessions().find_by_access(&fixtures::token_hash(&format!("access-device-{ann}"))).await.unwrap();
    let ticket = Ticket {
        hash: fixtures::token_hash("ticket"),
        session: session.unwrap().session.id,
        until: Millis(AT.0 + 30_000),
    };
    unit.sessions().add_ticket(&ticket).await.unwrap();
    let invitation = jim_core::model::joining::InvitationRow {
        id: jim_core::id::InvitationId(0),
        group: group.id,
        user: cleo,
        by: ann,
        created_at: AT,
    };
    unit.invitations().add(&invitation).await.unwrap();
    unit.spent().spend("spent", AT).await.unwrap();
    unit.externals().add("their-7", ann).await.unwrap();
    let email = Email::parse("Ann@example.org").unwrap();
    unit.emails().set(ann, &email, AT).await.unwrap();
    let until = Millis(AT.0 + 600_000);
    let hash = fixtures::token_hash("code");
    let code = CodeRow { purpose: Purpose::Email, subject: "2".into(), hash, email: Some(email.clone()), until };
    unit.codes().set(&code).await.unwrap();
    let user = Some(ben);
    let mail = NewMail { purpose: Purpose::Email, user, email: email.clone(), language: Language::Zh, at: AT };
    unit.mails().add(&mail, AT).await.unwrap();
    unit.mails().add(&NewMail { purpose: Purpose::Recovery, user: None, ..mail }, AT).await.unwrap();
    unit.totp().set(ann, &Secret::new("KEY")).await.unwrap();
    unit.totp().confirm(ann, 5, &[fixtures::token_hash("recovery")]).await.unwrap();
    unit.friends().set_labels(ann, ben, &["old friends".to_owned()], true).await.unwrap();
    unit.statuses().set_status(ben, Status::Invisible).await.unwrap();
    unit.statuses().set_text_until(ben, Some(AT)).await.unwrap();
    unit.statuses().set_seen(&[ann, cleo], AT).await.unwrap();
    audit(&mut unit, ann, dora).await;
    // What runs on the store would go on with what is left of an account.
    fixtures::commit(unit).await;
    node.stop().await;
    let mut unit = store.write(&[]).await.unwrap();
    let departure = jim_core::model::departure::Departure { user: dora, room: Some(club), seq: Seq(1), at: AT };
    unit.departures().add(&departure).await.unwrap();
    fixtures::commit(unit).await;
    Filled { ann, ben, private, group: group.id, pinned }
}

async fn audit(unit: &mut Unit, ann: UserId, dora: UserId) {
    let act = jim_core::model::audit::AuditRow {
        id: jim_core::id::AuditId(0),
        at: AT,
        by: Some(ann),
        action: "user.disabled".into(),
        target: format!("user/{dora}"),
        ip: Some("192.0.2.1".into()),
        before: None,
        after: Some(serde_json::json!({ "state": "disabled" })),
    };
    unit.audit().add(&act).await.unwrap();
    unit.audit().add(&jim_core::model::audit::AuditRow { by: None, after: None, ip: None, ..act }).await.unwrap();
}
