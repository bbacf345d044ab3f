//! The cluster profile: B7 to B10, and sends against bare inserts.

mod bare;
mod bus;
mod sends;
mod trips;

use super::{Plan, groups};
use crate::cluster::{Cluster, Logs};
use crate::report::Report;
use crate::{Part, Res};

/// Measures some parts on fresh databases. Returns how many files a node may have open.
pub(crate) async fn measure(plan: &Plan, logs: Logs, parts: &[Part], report: &mut Report) -> Res<u64> {
    let cluster = Cluster::start(plan, logs).await?;
    for part in parts {
        let measured = match part {
            Part::Trips => trips::measure(&cluster, report).await,
            Part::Bus => bus::measure(&cluster, report).await,
            Part::Groups => groups::measure_cluster(plan, &cluster, report).await,
            Part::Sends => sends::measure(plan, &cluster, report).await,
            _ => Err("is no part of this profile".into()),
        };
        // The other parts are still worth their minutes.
        if let Err(error) = measured {
            report.failure(format_args!("{part:?}, {}", logs.name()), &*error);
        }
    }
    cluster.nodes[0].file_limit()
}
