//! What a client keeps, and the rules by which it applies what it is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Person, WORLD, seq};

/// What a client keeps of one room.
#[derive(Default)]
pub(super) struct Chat {
    /// The first number that may be shown.
    pub(super) first: i64,
    pub(super) read: i64,
    /// It is put away until something comes above this number.
    pub(super) hidden: i64,
    pub(super) muted: bool,
    /// Zero if it is not pinned; else the later, the higher.
    pub(super) pinned: i64,
    pub(super) entries: BTreeMap<i64, Value>,
    pub(super) retracted: BTreeSet<i64>,
    pub(super) pins: BTreeSet<i64>,
}

/// All that one person's client keeps.
#[derive(Default)]
pub(super) struct Model {
    pub(super) me: i64,
    /// The last number of each log that was applied.
    pub(super) known: BTreeMap<String, i64>,
    pub(super) account: Value,
    pub(super) friends: BTreeMap<i64, Value>,
    pub(super) requests: BTreeMap<i64, Value>,
    pub(super) invitations: BTreeMap<i64, Value>,
    pub(super) blocks: BTreeSet<i64>,
    pub(super) groups: BTreeMap<i64, Value>,
    pub(super) members: BTreeMap<i64, BTreeMap<i64, Value>>,
    pub(super) chats: BTreeMap<String, Chat>,
    pub(super) world: Value,
    pub(super) pinned: i64,
}

pub(super) fn id(value: &Value) -> i64 {
    value.as_i64().expect("an id")
}

pub(super) fn room(data: &Value) -> String {
    data["room"].as_str().expect("a room").to_owned()
}

/// A thing with its people as ids and without what is not compared: profiles and presence are told without a number,
/// and counts follow from lists.
pub(super) fn plain(thing: &Value) -> Value {
    let mut thing = thing.clone();
    let fields = thing.as_object_mut().expect("an object");
    for name in ["user", "from", "to", "by", "group"] {
        if let Some(inner) = fields.get(name).and_then(|inner| inner.get("id")).cloned() {
            fields.insert(name.to_owned(), inner);
        }
    }
    fields.retain(|name, _| !["presence", "my", "member_count", "head", "joined_at"].contains(&name.as_str()));
    thing
}

impl Model {
    /// What a client begins with that reads everything.
    pub(super) async fn fetch(person: &Person) -> Model {
        let mut model = Model { me: person.id, ..Model::default() };
        model.known.insert("me".into(), person.log_head().await);
        model.account = person.get("/me").await.is(200);
        model.world = person.get("/world/1").await.is(200);
        let by_user = |list: Vec<Value>| list.into_iter().map(|one| (id(&one["user"]["id"]), plain(&one)));
        let by_id = |list: Vec<Value>| list.into_iter().map(|one| (id(&one["id"]), plain(&one)));
        model.friends = by_user(person.list("/friends").await).collect();
        model.blocks = by_user(person.list("/blocks").await).map(|(user, _)| user).collect();
        for direction in ["in", "out"] {
            model.requests.extend(by_id(person.list(&format!("/friend-requests?direction={direction}")).await));
        }
        model.invitations = by_id(person.list("/group-invitations").await).collect();
        model.groups = by_id(person.list("/groups").await).collect();
        for group in model.groups.keys().copied().collect::<Vec<_>>() {
            model.read_members(person, group).await;
        }
        for chat in person.chats("hidden=true&limit=100").await.iter().rev() {
            model.open(person, &room(chat), i64::MAX).await;
            model.pinned += 1;
            let kept = model.chats.get_mut(&room(chat)).expect("a room of the list can be read");
            kept.read = id(&chat["read_seq"]);
            kept.muted = chat["muted"] == true;
            kept.pinned = if chat["pinned"] == true { model.pinned } else { 0 };
            kept.hidden = if chat["hidden"] == true { id(&chat["last_seq"]) } else { -1 };
            model.is_shown_by(chat);
        }
        model
    }

    /// What the chat list shows of a room follows from what a client keeps.
    fn is_shown_by(&self, shown: &Value) {
        let (chat, name) = (&self.chats[&room(shown)], room(shown));
        assert_eq!(self.known[&name], id(&shown["last_seq"]), "{name}");
        let mut last = chat.entries.last_key_value().map_or(Value::Null, |(_, entry)| entry.clone());
        let mut expected = shown.get("last_entry").cloned().unwrap_or_default();
        for entry in [&mut last, &mut expected] {
            strip(entry);
        }
        assert_eq!(last, expected, "{name}");
        let unread = self.unread(chat);
        assert_eq!(json!(unread.len()), shown["unread"], "{name} of {}", self.me);
        // What is deleted for oneself still counts, and does not say whom it mentions.
        if unread.iter().all(|entry| entry["data"].get("deleted").is_none()) {
            let names = |entry: &&&Value| {
                let mentions = &entry["data"]["mentions"];
                mentions == "all" || mentions.as_array().is_some_and(|users| users.contains(&json!(self.me)))
            };
            assert_eq!(json!(unread.iter().filter(names).count()), shown["mentions"], "{name} of {}", self.me);
        }
    }

    fn unread<'a>(&self, chat: &'a Chat) -> Vec<&'a Value> {
        let above = chat.entries.range(chat.read.max(chat.first - 1) + 1..);
        let standing = above.filter(|(seq, entry)| entry["type"] == "message.sent" && !chat.retracted.contains(seq));
        standing.map(|(_, entry)| entry).filter(|entry| entry["by"].is_i64() && entry["by"] != self.me).collect()
    }

    /// All that can be compared.
    pub(super) fn state(&self) -> Value {
        let chats = self.chats.iter().map(|(name, chat)| {
            let (head, first) = (self.known[name], chat.first);
            let pins: Vec<_> = chat.pins.iter().filter(|pin| **pin >= first).collect();
            let (read, hidden, unread) = (chat.read, head <= chat.hidden, self.unread(chat).len());
            let entries: Vec<_> = chat.entries.values().collect();
            let chat = json!({
                "head": head, "read": read, "hidden": hidden, "muted": chat.muted, "unread": unread, "pins": pins,
                "entries": entries, "retracted": chat.retracted.range(first..).collect::<Vec<_>>(),
            });
            (name.clone(), chat)
        });
        let mut pinned: Vec<_> = self.chats.iter().filter(|(_, chat)| chat.pinned > 0).collect();
        pinned.sort_by_key(|(_, chat)| -chat.pinned);
        let members: BTreeMap<_, _> =
            self.members.iter().filter(|(group, _)| self.groups.contains_key(group)).collect();
        json!({
            "account": self.account, "friends": self.friends, "requests": self.requests, "blocks": self.blocks,
            "invitations": self.invitations, "groups": self.groups, "members": members, "world": self.world,
            "pinned": pinned.into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "chats": chats.collect::<BTreeMap<_, _>>(),
        })
    }

    /// Moves a read mark, only forward.
    pub(super) fn read_to(&mut self, room: &str, seq: i64) {
        if let Some(chat) = self.chats.get_mut(room) {
            chat.read = chat.read.max(seq);
        }
    }

    /// The read mark of a room, if the room is there.
    pub(super) fn read_mark(&self, room: &str) -> Option<i64> {
        self.chats.get(room).map(|chat| chat.read)
    }

    /// Applies an entry by the rule of numbers: what is known is ignored, what is missing is read.
    pub(super) async fn apply(&mut self, person: &Person, entry: &Value) {
        let log = entry["log"].as_str().expect("a log");
        // A room that is not open yet is read when it is.
        let Some(known) = self.known.get(log).copied() else { return };
        if seq(entry) > known + 1 {
            self.read_on(person, log).await;
        } else if seq(entry) == known + 1 {
            self.take(person, entry).await;
        }
    }

    /// Reads a log from what is known to its end.
    pub(super) async fn read_on(&mut self, person: &Person, log: &str) {
        let path = if log == "me" { "/log".to_owned() } else { format!("/rooms/{log}/entries") };
        while let Some(known) = self.known.get(log).copied() {
            let answer = person.get(&format!("{path}?after={known}&limit=20")).await;
            if answer.status == 404 {
                return;
            }
            let page = answer.is(200);
            if let Some(to) = page["gap"]["to"].as_i64() {
                self.skip_to(person, log, to).await;
            }
            for entry in page["items"].as_array().expect("items") {
                self.take(person, entry).await;
            }
            if page["has_more"] == false {
                return;
            }
        }
    }

    /// Leaves out what is not shown of a room; what it said of the room is read anew.
    pub(super) async fn skip_to(&mut self, person: &Person, room: &str, to: i64) {
        let Some(known) = self.known.get_mut(room) else { return };
        *known = to.max(*known);
        if let Some(group) = room.strip_prefix("g:") {
            let (group, id) = (person.get(&format!("/groups/{group}")).await, group.parse().expect("a group"));
            self.groups.remove(&id);
            if group.status == 200 {
                self.groups.insert(id, plain(&group.json()));
                self.read_members(person, id).await;
            }
        } else if room == WORLD {
            self.world = person.get("/world/1").await.is(200);
        }
    }

    /// Drops a room that is not one's own any more.
    pub(super) fn forget(&mut self, room: &str) {
        self.chats.remove(room);
        self.known.remove(room);
    }

    async fn take(&mut self, person: &Person, entry: &Value) {
        let log = entry["log"].as_str().expect("a log");
        self.known.insert(log.to_owned(), seq(entry));
        if log == "me" {
            self.take_mine(person, entry).await;
        } else {
            self.keep(log, entry);
            self.take_of_room(log, entry);
        }
    }

    /// Begins to keep a room: reads all of it, and its pins. Entries above a number change what is kept of a group.
    pub(super) async fn open(&mut self, person: &Person, room: &str, head: i64) {
        let mut chat = Chat { first: 1, hidden: -1, ..Chat::default() };
        let (mut known, mut entries) = (0, Vec::new());
        loop {
            let answer = person.get(&format!("/rooms/{room}/entries?after={known}&limit=100")).await;
            if answer.status == 404 {
                return;
            }
            let page = answer.is(200);
            if let Some(to) = page["gap"]["to"].as_i64() {
                (chat.first, known) = (to + 1, to);
            }
            entries.extend(page["items"].as_array().expect("items").iter().cloned());
            known = entries.last().map_or(known, seq);
            if page["has_more"] == false {
                break;
            }
        }
        let pins = person.get(&format!("/rooms/{room}/pins")).await;
        if pins.status == 404 {
            return;
        }
        // What was read before the room was there to hear of it.
        let shown = person.chats("hidden=true&limit=100").await;
        chat.read = shown.iter().find(|chat| chat["room"] == room).map_or(0, |chat| id(&chat["read_seq"]));
        chat.pins = pins.is(200)["items"].as_array().expect("pins").iter().map(seq).collect();
        self.chats.insert(room.to_owned(), chat);
        self.known.insert(room.to_owned(), known);
        for entry in entries {
            self.keep(room, &entry);
            if seq(&entry) > head {
                self.take_of_room(room, &entry);
            }
        }
    }

    pub(super) async fn read_members(&mut self, person: &Person, group: i64) {
        let path = format!("/groups/{group}/members");
        // It may be gone already; what comes says so.
        if person.get(&path).await.status == 200 {
            let member = |one: &Value| {
                let mut kept = plain(one);
                kept.as_object_mut().expect("a member").remove("user");
                (id(&one["user"]["id"]), kept)
            };
            self.members.insert(group, person.list(&path).await.iter().map(member).collect());
        }
    }
}

/// When a message was taken back is said by its stub alone.
pub(super) fn strip(entry: &mut Value) {
    if let Some(retracted) = entry.pointer_mut("/data/retracted").and_then(Value::as_object_mut) {
        retracted.remove("at");
    }
}
