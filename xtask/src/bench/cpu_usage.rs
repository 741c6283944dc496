//! The share of the cores that other processes used during a measure, from `/proc` (Linux only). A measure next to a
//! compiler says little.

use super::Cost;

/// CPU time since the system started, in ticks.
pub(crate) struct CpuTicks {
    /// All cores, idle or not.
    all: u64,
    /// All processes, and the time that a hypervisor gave to other machines. Includes interrupts, because they are
    /// charged to the running process, and so to `ours` as well.
    busy: u64,
    ours: u64,
}

impl CpuTicks {
    /// Reads the ticks up to now. `ours` are the processes of the bench.
    pub(crate) fn now(ours: &[u32]) -> Option<CpuTicks> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|number| number.parse().ok()).collect();
        let [user, nice, system, idle, io_wait, interrupts, soft_interrupts, stolen] = ticks[..] else { return None };
        let busy = user + nice + system + interrupts + soft_interrupts + stolen;
        Some(CpuTicks {
            all: busy + idle + io_wait,
            busy,
            ours: ours.iter().map(|pid| of_process(*pid)).sum::<Option<u64>>()?,
        })
    }

    /// Returns the share of all cores that other processes have used since `earlier`.
    pub(crate) fn by_others_since(&self, earlier: &CpuTicks) -> f64 {
        let busy = self.busy.saturating_sub(earlier.busy);
        let ours = self.ours.saturating_sub(earlier.ours);
        busy.saturating_sub(ours) as f64 / self.all.saturating_sub(earlier.all).max(1) as f64
    }
}

/// The resources that this process, the server, has used so far.
pub(crate) struct Usage {
    cpu_ticks: u64,
    disk_bytes: u64,
}

/// Ticks are hundredths of a second on Linux.
const MICROS_PER_TICK: f64 = 10_000.0;

impl Usage {
    pub(crate) fn now() -> Option<Usage> {
        let io = std::fs::read_to_string("/proc/self/io").ok()?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?;
        Some(Usage { cpu_ticks: of_process(std::process::id())?, disk_bytes: written.trim().parse().ok()? })
    }

    /// Returns the cost of each of the operations since `earlier`.
    pub(crate) fn since(&self, earlier: &Usage, operations: f64) -> Cost {
        let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / operations.max(1.0);
        Cost {
            cpu_micros: each(self.cpu_ticks, earlier.cpu_ticks) * MICROS_PER_TICK,
            disk_bytes: each(self.disk_bytes, earlier.disk_bytes),
        }
    }
}

fn of_process(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, which may contain anything.
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let (user, system) = (fields.get(11)?, fields.get(12)?);
    Some(user.parse::<u64>().ok()? + system.parse::<u64>().ok()?)
}
