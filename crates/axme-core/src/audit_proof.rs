//! The proof that an audit trail is as it was written, for an auditor: in a database or in an export.
//!
//! The hashes alone show that a trail is consistent. The owner of a database could write a whole trail anew. A
//! checkpoint that was kept outside shows that nobody did: the line that it names has the hash that it states.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use axme_intent::Time;
use axme_store::audit_chain::{self as store, FIRST, Line, Link};
use axme_store::{Store, Tx};

use crate::audit_chain::{self, Break, Verdict, follow};
use crate::auth::tokens::CheckpointClaims;
use crate::error::{Result, StoreError};

/// Trails read in one query.
const PAGE: i64 = 100;

/// The statement of a checkpoint that was kept outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub trail: Uuid,
    pub link: Link,
    text: String,
}

impl Statement {
    /// Finds the statements in a text: a log, an export, a mail or its source, or the bare statement.
    pub fn find_all(text: &str) -> Vec<Statement> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let find = |text: &str| text.split(|c: char| !is_part(c)).filter_map(Statement::read).collect::<Vec<_>>();
        let mut found = find(text);
        // The source of a mail continues a long line after an equals sign.
        let unfolded = text.replace("=\r\n", "").replace("=\n", "");
        if unfolded.len() < text.len() {
            let more: Vec<_> = find(&unfolded).into_iter().filter(|one| !found.contains(one)).collect();
            found.extend(more);
        }
        found
    }

    /// Reads a statement. Its signature is not verified.
    fn read(text: &str) -> Option<Statement> {
        let mut parts = text.split('.');
        let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        let claims: CheckpointClaims = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let link = Link { seq: claims.seq, hash: hash_of(&claims.hash)? };
        Some(Statement { trail: claims.sub, link, text: text.to_owned() })
    }

    /// Whether the holder of a key signed it. `public_key` is the `x` of an Ed25519 key.
    fn is_signed_by(&self, public_key: &str) -> bool {
        let Ok(key) = DecodingKey::from_ed_components(public_key) else { return false };
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        jsonwebtoken::decode::<CheckpointClaims>(&self.text, &key, &rules).is_ok()
    }
}

/// The findings about a trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrailReport {
    pub trail: Uuid,
    /// The first line that was verified.
    pub first: i64,
    pub last: i64,
    pub lines: u64,
    /// The line before the first one is not at hand, so nothing shows that the first one is as it was written.
    pub is_first_unproven: bool,
    /// The first line that is wrong, and why.
    pub broken: Option<(i64, &'static str)>,
    /// The last line that a kept checkpoint proves.
    pub anchored_to: Option<i64>,
    /// The lines of kept checkpoints that could not be compared: they were swept, or are not in the export.
    pub not_compared: Vec<i64>,
}

impl TrailReport {
    fn new(trail: Uuid) -> TrailReport {
        let (broken, anchored_to, not_compared) = Default::default();
        TrailReport { trail, first: 1, last: 0, lines: 0, is_first_unproven: false, broken, anchored_to, not_compared }
    }

    /// Compares a kept checkpoint with the hash of its line in the trail; `None` if the trail does not have that line.
    fn compare(&mut self, kept: &Statement, found: Option<[u8; 32]>, is_cut: bool) {
        match found {
            Some(hash) if hash == kept.link.hash => self.anchored_to = self.anchored_to.max(Some(kept.link.seq)),
            Some(_) => self.breaks(kept.link.seq, "the trail differs from the kept checkpoint"),
            None if is_cut => self.breaks(self.last + 1, "the lines up to the kept checkpoint are missing"),
            None => self.not_compared.push(kept.link.seq),
        }
    }

    fn breaks(&mut self, seq: i64, why: &'static str) {
        self.broken = self.broken.or(Some((seq, why)));
    }
}

/// Verifies all trails of a database, and compares them with checkpoints that were kept outside.
pub async fn verify_database(database: &Store, kept: &[Statement]) -> Result<Vec<TrailReport>> {
    let (mut reports, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let trails = database.read(move |tx| store::list_trails(tx, after, PAGE)).await?;
        let Some(last) = trails.last() else { break };
        after = *last;
        for trail in trails {
            reports.push(verify_trail(database, trail, kept).await?);
        }
    }
    for statement in kept {
        if reports.iter().all(|report| report.trail != statement.trail) {
            let mut report = TrailReport::new(statement.trail);
            report.compare(statement, None, true);
            reports.push(report);
        }
    }
    Ok(reports)
}

async fn verify_trail(database: &Store, trail: Uuid, kept: &[Statement]) -> Result<TrailReport> {
    let mut report = TrailReport::new(trail);
    match audit_chain::verify(database, trail).await? {
        Verdict::Broken(Break { seq, why }) => report.breaks(seq, why),
        Verdict::Whole { from, lines } => {
            (report.first, report.lines) = (from + 1, lines);
            report.last = from + i64::try_from(lines).unwrap_or(i64::MAX);
        }
    }
    if report.broken.is_some() {
        return Ok(report);
    }
    for statement in kept.iter().filter(|statement| statement.trail == trail) {
        let seq = statement.link.seq;
        let found = database.read(move |tx| find_hash(tx, trail, seq)).await?;
        report.compare(statement, found, seq > report.last);
    }
    Ok(report)
}

/// Returns the hash of a line that is there, or at which a sweep ended.
fn find_hash(tx: &mut Tx<'_>, trail: Uuid, seq: i64) -> Result<Option<[u8; 32]>, StoreError> {
    let line = store::list_chained(tx, trail, seq - 1, 1)?.into_iter().find_map(|line| line.link);
    if let Some(link) = line.filter(|link| link.seq == seq) {
        return Ok(Some(link.hash));
    }
    let is_end = store::find_head(tx, trail)?.is_some_and(|head| head.swept_seq == seq);
    let checkpoint = if is_end { store::find_checkpoint(tx, trail, seq)? } else { None };
    Ok(checkpoint.map(|checkpoint| checkpoint.link.hash))
}

/// A line of an export.
#[derive(Deserialize)]
struct ExportedLine {
    trail_id: Uuid,
    seq: i64,
    hash: String,
    audit_id: Uuid,
    at_micros: i64,
    actor: String,
    action: String,
    subject: String,
    details: String,
}

/// A checkpoint of an export.
#[derive(Deserialize)]
struct ExportedCheckpoint {
    statement: String,
    public_key: String,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// The trails of an export, as far as they were read. It holds the hash of each line, because a crash may leave lines
/// twice in an export.
#[derive(Debug, Default)]
pub struct Export {
    trails: BTreeMap<Uuid, (TrailReport, BTreeMap<i64, [u8; 32]>)>,
    checkpoints: Vec<Statement>,
}

impl Export {
    /// Reads the next line of the export. Files must be read in the order of their days.
    pub fn read_line(&mut self, text: &str) -> Result<(), String> {
        let kind: Kind = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match kind.kind.as_str() {
            "audit" => self.add(serde_json::from_str(text).map_err(|error| error.to_string())?),
            "audit_checkpoint" => {
                let found: ExportedCheckpoint = serde_json::from_str(text).map_err(|error| error.to_string())?;
                let statement = Statement::read(&found.statement).filter(|one| one.is_signed_by(&found.public_key));
                self.checkpoints.push(statement.ok_or("the signature of a checkpoint is wrong")?);
                Ok(())
            }
            other => Err(format!("\"{other}\" is not a line of an audit trail")),
        }
    }

    fn add(&mut self, exported: ExportedLine) -> Result<(), String> {
        let (trail, seq) = (exported.trail_id, exported.seq);
        let hash = hash_of(&exported.hash).ok_or("the hash of a line does not have 32 bytes")?;
        let link = Link { seq, hash };
        let line = Line {
            id: exported.audit_id,
            at: Time::from_micros(exported.at_micros),
            actor: exported.actor,
            action: exported.action,
            subject: exported.subject,
            details: exported.details,
            link: Some(link),
        };
        let (report, hashes) = self.trails.entry(trail).or_insert_with(|| (TrailReport::new(trail), BTreeMap::new()));
        let before = match hashes.get(&(seq - 1)) {
            Some(before) => Some(*before),
            None if seq == 1 => Some(FIRST),
            None => None,
        };
        match before {
            Some(hash) => {
                if let Err(Break { seq, why }) = follow(trail, &Link { seq: seq - 1, hash }, &line) {
                    report.breaks(seq, why);
                }
            }
            // The hash of the line before the first one is in an earlier export.
            None if hashes.is_empty() => (report.first, report.is_first_unproven) = (seq, true),
            None => report.breaks(report.last + 1, "the line is missing"),
        }
        match hashes.insert(seq, hash) {
            Some(earlier) if earlier != hash => report.breaks(seq, "two lines have this number"),
            Some(_) => {}
            None => report.lines += 1,
        }
        report.last = report.last.max(seq);
        Ok(())
    }

    /// Returns the reports of all trails, compared with the checkpoints of the export and with kept ones. Only kept ones
    /// anchor a trail.
    pub fn finish(self, kept: &[Statement]) -> Vec<TrailReport> {
        let finish = |(trail, (mut report, hashes)): (Uuid, (TrailReport, BTreeMap<i64, [u8; 32]>))| {
            let of_trail = |statement: &&Statement| statement.trail == trail;
            for own in self.checkpoints.iter().filter(of_trail) {
                if hashes.get(&own.link.seq).is_some_and(|hash| *hash != own.link.hash) {
                    report.breaks(own.link.seq, "the line differs from its checkpoint");
                }
            }
            for statement in kept.iter().filter(of_trail) {
                report.compare(statement, hashes.get(&statement.link.seq).copied(), false);
            }
            report
        };
        self.trails.into_iter().map(finish).collect()
    }
}

/// Reads a hash in hexadecimal.
fn hash_of(text: &str) -> Option<[u8; 32]> {
    let byte = |n: usize| u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    bytes.filter(|_| text.len() == 64)?.try_into().ok()
}
