//! A host with Jim inside: two people become friends, one writes, the other hears it.
//!
//! `cargo run -p jim-core --example embed_sqlite --features sqlite`

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

use jim_core::Jim;
use jim_core::model::session::Source;
use jim_core::model::{All as _, At as _, ClientRef, Content, Limits, NewMessage, Password, Username};
use jim_core::secret::Secret;
use jim_core::service::Register;
use jim_core::store::sql::{Durability, SqliteStore};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(&SqliteStore::file(folder.path()), Durability::Full).await?;
    let jim = Jim::builder(store.clone(), store).build().await?;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (jim, shutdown) = (jim.clone(), shutdown.clone());
        async move { jim.run(shutdown).await }
    });

    let (ann, _) = jim.users().register(wish("ann")?, None, &here()).await?;
    let (ben, session) = jim.users().register(wish("ben")?, None, &here()).await?;
    let request = jim.friend_requests().request(ann.id, ben.id, None).await?;
    let mut pushes = jim.hub().attach(ben.id, session.id).await?.map_err(|why| format!("{why:?}"))?;
    let friend = jim.friend_requests().accept(ben.id, request.0.id, None).await?;

    let limits = Limits::default();
    let (client_ref, content) =
        (ClientRef::parse("hello-1", &limits).at("client_ref"), Content::text("Hello, Ben!", &limits).at("text"))
            .all()?;
    jim.messages().send(ann.id, friend.room, &NewMessage::new(client_ref, content)).await?;

    let mut frames = Vec::new();
    while !frames.iter().any(|frame: &bytes::Bytes| frame.windows(5).any(|part| part == b"Hello")) {
        pushes.next(&mut frames, 16).await.map_err(|why| format!("{why:?}"))?;
    }
    for frame in frames {
        println!("{}", String::from_utf8_lossy(&frame));
    }

    shutdown.cancel();
    running.await?;
    Ok(())
}

fn wish(name: &str) -> Result<Register, jim_core::Error> {
    let limits = Limits::default();
    let (username,) = (Username::parse(name, &limits).at("username"),).all()?;
    let password = Password::parse(&Secret::new("a long enough phrase"), Some(&username), &limits).at("password");
    let (password,) = (password,).all()?;
    Ok(Register { username, password, nickname: None, birth_date: None })
}

fn here() -> Source {
    Source { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), device: None }
}
