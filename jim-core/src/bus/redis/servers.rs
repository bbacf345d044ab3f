//! The servers of one Redis, and commands to them: one connection to each master, opened again for ever.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, PushInfo, PushKind, RedisError, RedisResult, Value};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::discover::late;
use super::error::{RedisConnectError, explain};
use super::layout::Layout;
use super::target::{Address, Kind, Target};
use crate::bus::remote::{Health, Pause};

/// How long a server may take to be connected.
const OPENING: Duration = Duration::from_secs(2);
/// How long commands may wait for their answers.
const ANSWER: Duration = Duration::from_secs(1);
/// Between two looks at where the servers are.
const LOOK: Duration = Duration::from_millis(100);

/// A part that can fail by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The connection that commands go over.
    Link(Address),
    /// The connection that frames come over.
    Ear(Address),
    /// Every slot has a server.
    Slots,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Link(address) => write!(f, "commands to {address}"),
            Part::Ear(address) => write!(f, "frames from {address}"),
            Part::Slots => f.write_str("the slots"),
        }
    }
}

enum Link {
    /// A task tries to open it.
    Opening,
    Up {
        id: u64,
        connection: MultiplexedConnection,
    },
}

/// The servers of one Redis.
pub(crate) struct Servers {
    pub(super) target: Target,
    pub(super) health: Health<Part>,
    layout: watch::Sender<Arc<Layout>>,
    links: Mutex<HashMap<Address, Link>>,
    last_id: AtomicU64,
    looked: tokio::sync::Mutex<Instant>,
}

impl Servers {
    /// Finds the servers and connects them. `what` is their name on the log.
    pub(crate) async fn connect(url: &str, what: &'static str) -> Result<Arc<Servers>, RedisConnectError> {
        let target = Target::parse(url)?;
        let layout = Arc::new(target.first_layout().await?);
        let servers = Arc::new(Servers {
            target,
            health: Health::new(what),
            layout: watch::Sender::new(layout.clone()),
            links: Mutex::default(),
            last_id: AtomicU64::default(),
            looked: tokio::sync::Mutex::new(Instant::now()),
        });
        servers.note_slots(&layout);
        // A cluster is of use without one of its masters.
        let mut reached = 0;
        let mut failed = None;
        for address in layout.owners() {
            match servers.open_link(address).await {
                Ok(link) => {
                    reached += 1;
                    servers.links().insert(address.clone(), link);
                }
                Err(error) => {
                    failed = Some(explain(&address, &error));
                    servers.link(address);
                }
            }
        }
        match failed {
            Some(error) if reached == 0 => Err(error),
            _ => Ok(servers),
        }
    }

    /// Whether every part stands, as far as is known.
    pub(crate) fn is_up(&self) -> bool {
        self.health.is_up()
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.target.kind == Kind::Cluster
    }

    /// Who answers for what.
    pub(super) fn layout(&self) -> watch::Receiver<Arc<Layout>> {
        self.layout.subscribe()
    }

    /// Whether a command for a slot would be sent now.
    pub(super) fn reaches(self: &Arc<Self>, slot: u16) -> bool {
        let layout = self.layout.borrow().clone();
        layout.owner(slot).is_some_and(|address| self.link(address).is_some())
    }

    /// Sends commands, each to the master of its slot, those of one slot in their order; answers come in the order
    /// asked. Fails at once where no connection stands. What failed may or may not have been done.
    pub(crate) async fn run(self: &Arc<Self>, asks: &[(u16, Cmd)]) -> Vec<RedisResult<Value>> {
        let mut answers = self.run_once(asks, (0..asks.len()).collect()).await;
        // What went to the wrong server was not done.
        let astray = |answer: &RedisResult<Value>| {
            let error = answer.as_ref().err();
            error.is_some_and(|error| matches!(error.code(), Some("MOVED" | "READONLY")))
        };
        let again: Vec<usize> = (0..asks.len()).filter(|place| astray(&answers[*place])).collect();
        if !again.is_empty() {
            self.look().await;
            for (place, answer) in again.iter().zip(self.run_once(asks, again.clone()).await) {
                answers[*place] = answer;
            }
        }
        answers
    }

    async fn run_once(self: &Arc<Self>, asks: &[(u16, Cmd)], places: Vec<usize>) -> Vec<RedisResult<Value>> {
        let layout = self.layout.borrow().clone();
        let mut groups: HashMap<Option<&Address>, Vec<usize>> = HashMap::new();
        for (at, place) in places.iter().enumerate() {
            groups.entry(layout.owner(asks[*place].0)).or_default().push(at);
        }
        let mut answers: Vec<_> = places.iter().map(|_| Err(out_of_reach())).collect();
        let sent = groups.into_iter().filter_map(|(owner, group)| {
            let places = &places;
            owner.map(|owner| async move {
                let answers = self.send(owner, group.iter().map(|at| &asks[places[*at]].1)).await;
                (group, answers)
            })
        });
        for (group, result) in join_all(sent).await {
            match result {
                Ok(values) => {
                    for (at, value) in group.into_iter().zip(values) {
                        answers[at] = value.extract_error();
                    }
                }
                Err(error) => group.into_iter().for_each(|at| answers[at] = Err(error.clone())),
            }
        }
        answers
    }

    async fn send(self: &Arc<Self>, to: &Address, asks: impl Iterator<Item = &Cmd>) -> RedisResult<Vec<Value>> {
        let (id, mut connection) = self.link(to).ok_or_else(out_of_reach)?;
        let mut pipeline = Pipeline::new();
        for ask in asks {
            pipeline.add_command(ask.clone());
        }
        let sent = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await;
        if let Err(error) = &sent {
            self.lost(to, id, error);
        }
        sent
    }

    /// The connection to a master, if it stands; else it is being opened.
    fn link(self: &Arc<Self>, address: &Address) -> Option<(u64, MultiplexedConnection)> {
        match self.links().entry(address.clone()) {
            Entry::Occupied(link) => match link.get() {
                Link::Opening => None,
                Link::Up { id, connection } => Some((*id, connection.clone())),
            },
            Entry::Vacant(place) => {
                place.insert(Link::Opening);
                tokio::spawn(keep_opening(Arc::downgrade(self), address.clone()));
                None
            }
        }
    }

    fn lost(self: &Arc<Self>, address: &Address, id: u64, cause: &RedisError) {
        let mut links = self.links();
        if matches!(links.get(address), Some(Link::Up { id: up, .. }) if *up == id) {
            self.health.down(Part::Link(address.clone()), cause);
            links.insert(address.clone(), Link::Opening);
            tokio::spawn(keep_opening(Arc::downgrade(self), address.clone()));
        }
    }

    async fn open_link(self: &Arc<Self>, address: &Address) -> RedisResult<Link> {
        let id = self.next_id();
        let (servers, at) = (Arc::downgrade(self), address.clone());
        let cut = move |push: PushInfo| -> Result<(), ()> {
            if push.kind == PushKind::Disconnection
                && let Some(servers) = servers.upgrade()
            {
                servers.lost(&at, id, &closed());
            }
            Ok(())
        };
        let connection = self.open(address, cut, ANSWER).await?;
        Ok(Link::Up { id, connection })
    }

    /// A new connection to a master, for what it pushes.
    pub(super) async fn open(
        &self,
        address: &Address,
        pushes: impl AsyncPushSender,
        answer: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let opening = async {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(None)
                .set_response_timeout(Some(answer))
                .set_push_sender(pushes);
            let client = self.target.client(address)?;
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            self.target.beat(&mut connection).await?;
            Ok(connection)
        };
        timeout(OPENING, opening).await.unwrap_or_else(|_| Err(late()))
    }

    pub(super) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Looks where the servers are, unless somebody has just looked.
    pub(super) async fn look(self: &Arc<Self>) {
        let mut looked = self.looked.lock().await;
        if looked.elapsed() < LOOK {
            return;
        }
        let known = self.layout.borrow().clone();
        match self.target.layout(&known).await {
            Ok(layout) if layout != *known => {
                self.note_slots(&layout);
                let layout = Arc::new(layout);
                self.layout.send_replace(layout.clone());
                let gone: Vec<_> = self.links().extract_if(|address, _| !layout.owners().contains(address)).collect();
                for (address, _) in gone {
                    self.health.up(&Part::Link(address));
                }
                for address in layout.owners() {
                    self.link(address);
                }
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(error.cause = %error, "nobody said where the servers are"),
        }
        *looked = Instant::now();
    }

    fn note_slots(&self, layout: &Layout) {
        if layout.is_whole() {
            self.health.up(&Part::Slots);
        } else {
            self.health.down(Part::Slots, "slots without a server");
        }
    }

    fn links(&self) -> MutexGuard<'_, HashMap<Address, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep_opening(servers: Weak<Servers>, address: Address) {
    let mut pause = Pause::default();
    loop {
        let Some(servers) = servers.upgrade() else { return };
        let part = Part::Link(address.clone());
        match servers.open_link(&address).await {
            Ok(link) => {
                let mut links = servers.links();
                if let Some(place) = links.get_mut(&address) {
                    *place = link;
                }
                return servers.health.up(&part);
            }
            Err(error) => servers.health.down(part.clone(), error),
        }
        servers.look().await;
        if !servers.links().contains_key(&address) {
            return servers.health.up(&part);
        }
        drop(servers);
        pause.wait().await;
    }
}

pub(super) fn closed() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
}

fn out_of_reach() -> RedisError {
    RedisError::from((ErrorKind::Io, "no connection stands"))
}
