-- The inbox. A thread is derived from its intent; what is here is what people and agents add to it.

-- Where the result goes, as a canonical address.
ALTER TABLE intents ADD COLUMN reply_to TEXT COLLATE "C";
CREATE INDEX intents_received ON intents (workspace_id, to_agent, live, intent_id);
CREATE INDEX intents_changed ON intents (workspace_id, to_agent, updated_at, intent_id);
CREATE INDEX intents_replied ON intents (workspace_id, reply_to, intent_id) WHERE reply_to IS NOT NULL AND live = 0;
CREATE INDEX intents_replied_changed ON intents (workspace_id, reply_to, updated_at, intent_id)
  WHERE reply_to IS NOT NULL AND live = 0;

-- One row for each owner of a thread to which something was added, and for owners that the intent does not name: people
-- who are asked, delegates, writers. `acts` counts what was added. `decides` is 1 for who decides in the receiver's place.
CREATE TABLE inbox_members (
  workspace_id UUID NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  thread_id UUID NOT NULL,
  decides BIGINT NOT NULL,
  acts BIGINT NOT NULL,
  joined_at BIGINT NOT NULL,
  read_at BIGINT,
  PRIMARY KEY (workspace_id, owner, thread_id)
) /* clustered */;
CREATE INDEX inbox_members_thread ON inbox_members (workspace_id, thread_id, owner);

-- Replies, delegations and decisions, as JSON beside their kind.
CREATE TABLE inbox_entries (
  workspace_id UUID NOT NULL,
  thread_id UUID NOT NULL,
  number BIGINT NOT NULL,
  entry_id UUID NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  at BIGINT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (workspace_id, thread_id, number)
) /* clustered */;

-- Messages that were deleted: by one owner for itself, or, with an empty owner, for all.
CREATE TABLE inbox_deleted (
  workspace_id UUID NOT NULL,
  thread_id UUID NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  message_id UUID NOT NULL,
  PRIMARY KEY (workspace_id, thread_id, owner, message_id)
) /* clustered */;

-- The last change of each thread, numbered when the owner asks. `version` is the intent's position plus `acts`.
CREATE TABLE inbox_changes (
  workspace_id UUID NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  thread_id UUID NOT NULL,
  number BIGINT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, owner, thread_id)
) /* clustered */;
CREATE INDEX inbox_changes_number ON inbox_changes (workspace_id, owner, number);

-- Numbers changes per owner, and says up to when they have been looked for.
CREATE TABLE inbox_counters (
  workspace_id UUID NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  last_number BIGINT NOT NULL,
  seen_until BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, owner)
) /* clustered */;
