use serde_json::value::to_raw_value;

use super::tools::append;
use crate::id::{GroupId, RoomId, Seq, UserId};
use crate::repo::{Appended, Slice};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{client_ref, messages, new_entry};

const ROOM: RoomId = RoomId::Group(GroupId(3));
const ANN: UserId = UserId(7);

async fn erase(fresh: &Fresh, seq: i64, stub: &str) {
    fresh.log.erase(&ROOM, Seq(seq), &to_raw_value(stub).unwrap()).await.unwrap();
}

pub async fn an_erased_entry_has_its_stub_everywhere_and_keeps_its_place(fresh: &Fresh) {
    messages(&*fresh.log, ROOM, ANN, 3).await;
    let before = fresh.log.read(&ROOM, Slice::Only(&[Seq(2)]), 1).await.unwrap().remove(0);
    erase(fresh, 2, "gone").await;
    let page = fresh.log.read(&ROOM, Slice::After(Seq(0)), 10).await.unwrap();
    let only = fresh.log.read(&ROOM, Slice::Only(&[Seq(2)]), 10).await.unwrap();
    let by_ref = fresh.log.find_ref(&ROOM, ANN, &client_ref("message-2")).await.unwrap().unwrap();
    for entry in [&page[1], &only[0], &by_ref] {
        assert_eq!(entry.body.as_ref().unwrap().get(), "\"gone\"");
        assert!(entry.digest.is_none() && !entry.is_message() && entry.was_message());
        assert!(!entry.json().windows(6).any(|part| part == b"text 2"), "the body is still shown");
        assert_eq!((entry.seq, entry.ord, entry.at, entry.by), (before.seq, before.ord, before.at, before.by));
    }
    assert!(page[0].is_message() && page[2].is_message(), "others stand");
    assert_eq!(fresh.log.head(&ROOM).await.unwrap().ord, 3, "what was counted stays counted");
}

pub async fn to_erase_twice_is_as_once_and_nothing_is_erased_that_is_not_there(fresh: &Fresh) {
    messages(&*fresh.log, ROOM, ANN, 1).await;
    for seq in [1, 1, 2, 0] {
        erase(fresh, seq, "gone").await;
    }
    let page = fresh.log.read(&ROOM, Slice::After(Seq(0)), 10).await.unwrap();
    assert_eq!(page.len(), 1);
    let answers = append(&*fresh.log, &[new_entry(ROOM, ANN, "next", "more")]).await;
    assert!(matches!(&answers[0], Appended::New(entry) if entry.seq == Seq(2)));
}

pub async fn a_repeat_of_what_was_erased_gets_the_stub_whatever_it_says(fresh: &Fresh) {
    messages(&*fresh.log, ROOM, ANN, 1).await;
    erase(fresh, 1, "gone").await;
    for text in ["text 1", "another text"] {
        let answers = append(&*fresh.log, &[new_entry(ROOM, ANN, "message-1", text)]).await;
        let [Appended::Again(entry)] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(entry.body.as_ref().unwrap().get(), "\"gone\"");
    }
}
