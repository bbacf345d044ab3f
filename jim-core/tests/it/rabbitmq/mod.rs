//! The RabbitMQ side against servers of its own, where one is killed, frozen or wrong. What every bus must do stands in
//! `bus`.

mod outage;
mod server;
