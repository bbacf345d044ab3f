//! What is true of many nodes and of the databases they share, whatever the profile is. Needs the servers of
//! `scripts/services`.

mod nodes;
mod outages;
mod starting;
