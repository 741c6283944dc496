//! The audit trails at the end of a run: each is chained and verifies. With [`Mutation::ForgedAudit`] a line was changed in
//! the database, which the verification must notice.

use axme_core::audit_proof;
use axme_server::workers;
use axme_store::simulated;

use crate::{CheckResult, Mutation, Simulation};

pub(crate) fn check(sim: &mut Simulation) -> CheckResult {
    let app = sim.cluster.app();
    let chained = sim.cluster.drive(async move { workers::audit_chain::tick(&app).await });
    chained.map_err(|error| format!("the audit trail cannot be chained: {error}"))?;
    if sim.mutation == Some(Mutation::ForgedAudit) {
        sim.cluster.write_directly(|tx| Ok(simulated::forge_audit_line(tx)?));
    }
    let app = sim.cluster.app();
    let reports = sim.cluster.drive(async move { audit_proof::verify_database(&app.store, &[]).await });
    let reports = reports.map_err(|error| format!("the audit trail cannot be read: {error}"))?;
    if reports.iter().all(|report| report.lines == 0) && sim.mutation.is_none() {
        return Err("no audit trail has lines".to_owned());
    }
    let broken = reports.iter().find_map(|report| Some((report.trail, report.broken?)));
    broken.map_or(Ok(()), |(trail, (seq, why))| Err(format!("audit trail {trail}, line {seq}: {why}")))
}
