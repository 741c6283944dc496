-- One canonical name of a person: `user://` and the email address, role or name in lower case. Inboxes, queues and policies
-- compare by it; `from_written` and `to_written` keep the spelling of the caller where it differs.
ALTER TABLE intents ADD COLUMN from_written TEXT;
ALTER TABLE intents ADD COLUMN to_written TEXT;

-- Who gave a member their role, and when. A role that the requester of a guarded task gave later does not count for it.
ALTER TABLE members ADD COLUMN given_by TEXT;
ALTER TABLE members ADD COLUMN given_at BIGINT;

-- Groups of people. `person` is the canonical name without `user://`, `written` the spelling of the caller. A member whom
-- the requester of a guarded task added later does not count for it.
CREATE TABLE groups (
  workspace_id UUID NOT NULL, name TEXT COLLATE "C" NOT NULL, title TEXT,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, name)
) /* clustered */;
CREATE TABLE group_members (
  workspace_id UUID NOT NULL, group_name TEXT COLLATE "C" NOT NULL, person TEXT COLLATE "C" NOT NULL,
  written TEXT NOT NULL, added_by TEXT NOT NULL, added_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, group_name, person)
) /* clustered */;
CREATE INDEX group_members_person ON group_members (workspace_id, person);

-- Who may be asked to decide guarded tasks; without a row, anyone. `group_names` and `mail_domains` are lists in JSON.
CREATE TABLE asking_rules (
  workspace_id UUID NOT NULL PRIMARY KEY, members BIGINT NOT NULL,
  group_names TEXT NOT NULL, mail_domains TEXT NOT NULL,
  updated_by TEXT NOT NULL, updated_at BIGINT NOT NULL
);

-- Existing spellings become canonical.
UPDATE intents SET from_written = from_agent, from_agent = 'user://' || lower(replace(from_agent, 'user://', ''))
  WHERE ((substr(from_agent, 1, 7) = 'user://' AND from_agent <> lower(from_agent))
  OR (replace(from_agent, '@', '') <> from_agent AND substr(from_agent, 1, 1) <> '@' AND replace(replace(from_agent, '/', ''), ' ', '') = from_agent));
UPDATE intents SET to_written = to_agent, to_agent = 'user://' || lower(replace(to_agent, 'user://', ''))
  WHERE ((substr(to_agent, 1, 7) = 'user://' AND to_agent <> lower(to_agent))
  OR (replace(to_agent, '@', '') <> to_agent AND substr(to_agent, 1, 1) <> '@' AND replace(replace(to_agent, '/', ''), ' ', '') = to_agent));
UPDATE intents SET reply_to = 'user://' || lower(replace(reply_to, 'user://', ''))
  WHERE ((substr(reply_to, 1, 7) = 'user://' AND reply_to <> lower(reply_to))
  OR (replace(reply_to, '@', '') <> reply_to AND substr(reply_to, 1, 1) <> '@' AND replace(replace(reply_to, '/', ''), ' ', '') = reply_to));
UPDATE webhook_subscriptions SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner));
UPDATE media_uploads SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner));
UPDATE invites SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner));
UPDATE sender_entries SET sender_pattern = 'user://' || lower(replace(sender_pattern, 'user://', ''))
  WHERE ((substr(sender_pattern, 1, 7) = 'user://' AND sender_pattern <> lower(sender_pattern))
  OR (replace(sender_pattern, '@', '') <> sender_pattern AND substr(sender_pattern, 1, 1) <> '@' AND replace(replace(sender_pattern, '/', ''), ' ', '') = sender_pattern));

-- Of two spellings of one person, one row is kept.
DELETE FROM queue_items
  WHERE ((substr(address, 1, 7) = 'user://' AND address <> lower(address))
  OR (replace(address, '@', '') <> address AND substr(address, 1, 1) <> '@' AND replace(replace(address, '/', ''), ' ', '') = address))
  AND EXISTS (SELECT 1 FROM queue_items o WHERE o.workspace_id = queue_items.workspace_id AND o.item_id = queue_items.item_id
  AND lower(replace(o.address, 'user://', '')) = lower(replace(queue_items.address, 'user://', ''))
  AND (o.address = 'user://' || lower(replace(queue_items.address, 'user://', '')) OR o.address < queue_items.address));
UPDATE queue_items SET address = 'user://' || lower(replace(address, 'user://', ''))
  WHERE ((substr(address, 1, 7) = 'user://' AND address <> lower(address))
  OR (replace(address, '@', '') <> address AND substr(address, 1, 1) <> '@' AND replace(replace(address, '/', ''), ' ', '') = address));
DELETE FROM queue_counters
  WHERE ((substr(address, 1, 7) = 'user://' AND address <> lower(address))
  OR (replace(address, '@', '') <> address AND substr(address, 1, 1) <> '@' AND replace(replace(address, '/', ''), ' ', '') = address))
  AND EXISTS (SELECT 1 FROM queue_counters o WHERE o.workspace_id = queue_counters.workspace_id
  AND lower(replace(o.address, 'user://', '')) = lower(replace(queue_counters.address, 'user://', ''))
  AND (o.address = 'user://' || lower(replace(queue_counters.address, 'user://', '')) OR o.address < queue_counters.address));
UPDATE queue_counters SET address = 'user://' || lower(replace(address, 'user://', ''))
  WHERE ((substr(address, 1, 7) = 'user://' AND address <> lower(address))
  OR (replace(address, '@', '') <> address AND substr(address, 1, 1) <> '@' AND replace(replace(address, '/', ''), ' ', '') = address));
DELETE FROM inbox_members
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner))
  AND EXISTS (SELECT 1 FROM inbox_members o WHERE o.workspace_id = inbox_members.workspace_id AND o.thread_id = inbox_members.thread_id
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(inbox_members.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(inbox_members.owner, 'user://', '')) OR o.owner < inbox_members.owner));
UPDATE inbox_members SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner));
DELETE FROM inbox_deleted
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner))
  AND EXISTS (SELECT 1 FROM inbox_deleted o WHERE o.workspace_id = inbox_deleted.workspace_id AND o.thread_id = inbox_deleted.thread_id AND o.message_id = inbox_deleted.message_id
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(inbox_deleted.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(inbox_deleted.owner, 'user://', '')) OR o.owner < inbox_deleted.owner));
UPDATE inbox_deleted SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner));
DELETE FROM inbox_changes
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner))
  AND EXISTS (SELECT 1 FROM inbox_changes o WHERE o.workspace_id = inbox_changes.workspace_id AND o.thread_id = inbox_changes.thread_id
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(inbox_changes.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(inbox_changes.owner, 'user://', '')) OR o.owner < inbox_changes.owner));
UPDATE inbox_changes SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner));
DELETE FROM inbox_counters
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner))
  AND EXISTS (SELECT 1 FROM inbox_counters o WHERE o.workspace_id = inbox_counters.workspace_id
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(inbox_counters.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(inbox_counters.owner, 'user://', '')) OR o.owner < inbox_counters.owner));
UPDATE inbox_counters SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner));
DELETE FROM schemas
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner))
  AND EXISTS (SELECT 1 FROM schemas o WHERE o.workspace_id = schemas.workspace_id AND o.semantic_type = schemas.semantic_type
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(schemas.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(schemas.owner, 'user://', '')) OR o.owner < schemas.owner));
UPDATE schemas SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((substr(owner, 1, 7) = 'user://' AND owner <> lower(owner))
  OR (replace(owner, '@', '') <> owner AND substr(owner, 1, 1) <> '@' AND replace(replace(owner, '/', ''), ' ', '') = owner));
