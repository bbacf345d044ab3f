//! What holds for any sequence of calls.

mod friends;
mod paging;

/// One thread for one case.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
