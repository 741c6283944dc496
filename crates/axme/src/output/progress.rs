//! Says on a terminal that a call takes longer than a second, and for how long it has.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use tokio::time::{Instant, interval_at};

const PATIENCE: Duration = Duration::from_secs(1);
/// Goes to the first column and deletes the line.
const CLEAR: &str = "\r\u{1b}[2K";

/// Waits for `work`, and shows `what` with the seconds since its beginning if it takes longer than a second.
pub(crate) async fn with_progress<T>(what: &str, work: impl Future<Output = T>) -> T {
    if !stderr().is_terminal() {
        return work.await;
    }
    let began = Instant::now();
    let mut ticks = interval_at(began + PATIENCE, PATIENCE);
    let mut is_drawn = false;
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                if is_drawn {
                    draw("");
                }
                return done;
            }
            _ = ticks.tick() => {
                draw(&format!("… {what} ({} s)", began.elapsed().as_secs()));
                is_drawn = true;
            }
        }
    }
}

/// A line that cannot be drawn is not worth a failure.
fn draw(text: &str) {
    let _ = write!(stderr(), "{CLEAR}{}", axme_intent::visible::visible_line(text));
    let _ = stderr().flush();
}
