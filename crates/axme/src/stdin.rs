//! The lines of stdin.

use std::io::stdin;

use tokio::sync::mpsc;

/// Reads stdin on a separate thread, which is never joined because a read cannot be canceled. Ends at the end of input.
pub(crate) fn read_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
