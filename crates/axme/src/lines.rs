//! What is typed: the lines of stdin.

use std::io::stdin;

use tokio::sync::mpsc;

/// Reads stdin on a thread of its own, which nothing waits for: a read cannot be taken back. Ends when the input does.
pub fn read_lines() -> mpsc::Receiver<String> {
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
