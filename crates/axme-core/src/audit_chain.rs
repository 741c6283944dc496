//! The chain of audit lines: the hash of a line covers the line and the hash of the line before it. A changed, missing,
//! added or moved line breaks the chain behind it.
//!
//! A worker chains lines in batches after their commit, so that no call waits for the line of another. From time to
//! time it signs a checkpoint. The key that signed it is deleted a month later. From then on, not even the owner of the
//! database can make another checkpoint that this public key verifies.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use axme_store::audit_chain::{ChainHead, Checkpoint, FIRST, Line, Link};
use axme_store::{Store, Tx, audit_chain as store};

use crate::error::{Result, StoreError};
use crate::state::AppState;

/// Lines chained in one transaction.
pub const BATCH: i64 = 500;
/// Lines after which a checkpoint is signed.
const CHECKPOINT_LINES: i64 = 1_000;
/// Days after which new lines get a checkpoint, however few they are.
const CHECKPOINT_DAYS: u64 = 1;

/// Chains the waiting lines of a trail, at most [`BATCH`]. Returns their number.
pub fn extend(tx: &mut Tx<'_>, trail: Uuid) -> Result<usize, StoreError> {
    let mut last = store::lock_head(tx, trail)?.last;
    let lines = store::list_unchained(tx, trail, BATCH)?;
    for line in &lines {
        last = next(trail, &last, line);
        store::chain(tx, trail, line.id, &last)?;
    }
    if !lines.is_empty() {
        store::set_head(tx, trail, &last)?;
    }
    Ok(lines.len())
}

/// Returns the place of a line after another one.
fn next(trail: Uuid, before: &Link, line: &Line) -> Link {
    let seq = before.seq + 1;
    let mut hash = Sha256::new();
    hash.update(before.hash);
    hash.update(seq.to_be_bytes());
    hash.update(trail.as_bytes());
    hash.update(line.id.as_bytes());
    hash.update(line.at.micros().to_be_bytes());
    // Each text with its length, so that no text can run into the next one.
    for text in [&line.actor, &line.action, &line.subject, &line.details] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    Link { seq, hash: hash.finalize().into() }
}

/// The line at which a chain breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    pub seq: i64,
    pub why: &'static str,
}

/// Returns the place of a stored line if it follows `last`.
pub(crate) fn follow(trail: Uuid, last: &Link, line: &Line) -> Result<Link, Break> {
    let expected = next(trail, last, line);
    match line.link {
        Some(link) if link.seq > expected.seq => Err(Break { seq: expected.seq, why: "the line is missing" }),
        Some(link) if link == expected => Ok(link),
        _ => Err(Break { seq: expected.seq, why: "the line was changed" }),
    }
}

/// How a chain was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every line is as it was written. `lines` were compared; lines up to `from` were swept.
    Whole { from: i64, lines: u64 },
    /// The chain breaks.
    Broken(Break),
}

/// Verifies up to a page of a trail. Begin with `None`; continue with the returned place until it is `None`.
pub fn verify_page(tx: &mut Tx<'_>, trail: Uuid, after: Option<Link>) -> Result<Page, StoreError> {
    let Some(head) = store::find_head(tx, trail)? else { return Ok(Page::Whole { lines: 0, next: None }) };
    let mut last = match after {
        Some(link) => link,
        None => match beginning(tx, trail, &head)? {
            Ok(link) => link,
            Err(why) => return Ok(Page::Broken(Break { seq: head.swept_seq, why })),
        },
    };
    let lines = store::list_chained(tx, trail, last.seq, BATCH)?;
    for line in &lines {
        match follow(trail, &last, line) {
            Ok(link) => last = link,
            Err(at) => return Ok(Page::Broken(at)),
        }
    }
    let is_last = lines.len() < BATCH as usize;
    if is_last && last != head.last {
        return Ok(Page::Broken(Break { seq: last.seq + 1, why: "the last lines are missing" }));
    }
    Ok(Page::Whole { lines: lines.len() as u64, next: Some(last).filter(|_| !is_last) })
}

/// A verified page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    Whole { lines: u64, next: Option<Link> },
    Broken(Break),
}

/// Returns the place before the first line that is kept.
fn beginning(tx: &mut Tx<'_>, trail: Uuid, head: &ChainHead) -> Result<Result<Link, &'static str>, StoreError> {
    if head.swept_seq == 0 {
        return Ok(Ok(Link { seq: 0, hash: FIRST }));
    }
    let checkpoint = store::find_checkpoint(tx, trail, head.swept_seq)?;
    Ok(checkpoint.map(|checkpoint| checkpoint.link).ok_or("the checkpoint at which the sweep ended is missing"))
}

/// Verifies a whole trail.
pub async fn verify(database: &Store, trail: Uuid) -> Result<Verdict> {
    let from = database.read(move |tx| store::find_head(tx, trail)).await?.map_or(0, |head| head.swept_seq);
    let (mut place, mut lines) = (None, 0);
    loop {
        match database.read(move |tx| verify_page(tx, trail, place)).await? {
            Page::Broken(at) => return Ok(Verdict::Broken(at)),
            Page::Whole { lines: more, next } => {
                lines += more;
                match next {
                    Some(next) => place = Some(next),
                    None => return Ok(Verdict::Whole { from, lines }),
                }
            }
        }
    }
}

/// Signs a checkpoint if the trail has grown enough, or has grown at all in a day. Returns it.
pub async fn checkpoint(app: &AppState, trail: Uuid) -> Result<Option<Checkpoint>> {
    let now = app.system.clock.now();
    let look = move |tx: &mut Tx<'_>| -> Result<_, StoreError> {
        Ok((store::find_head(tx, trail)?, store::last_checkpoint(tx, trail, now.plus_seconds(86_400))?))
    };
    let (Some(head), last) = app.store.read(look).await? else { return Ok(None) };
    let grown = head.last.seq - last.as_ref().map_or(0, |last| last.link.seq);
    let is_old = last.is_none_or(|last| last.at.plus_seconds(CHECKPOINT_DAYS * 86_400) <= now);
    if grown < 1 || (grown < CHECKPOINT_LINES && !is_old) {
        return Ok(None);
    }
    let hash = axme_store::hex(&head.last.hash);
    let signer = &app.keys.signer;
    let (statement, public_key) =
        signer.sign_checkpoint(&app.store, &app.system.rng, now, (trail, head.last.seq, &hash)).await?;
    let checkpoint = Checkpoint { link: head.last, at: now, statement, public_key };
    let kept = checkpoint.clone();
    let shard = axme_store::Shard::of_workspace(trail);
    app.store.write(shard, move |tx: &mut Tx<'_>| store::insert_checkpoint(tx, trail, &kept)).await?;
    Ok(Some(checkpoint))
}
