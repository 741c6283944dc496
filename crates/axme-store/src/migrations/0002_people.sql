-- One canonical name of a person: `user://` and the email address, role or name in lower case. Inboxes, queues and policies
-- compare by it; `from_written` and `to_written` keep the spelling of the caller where it differs.
ALTER TABLE intents ADD COLUMN from_written TEXT;
ALTER TABLE intents ADD COLUMN to_written TEXT;

UPDATE intents SET from_written = from_agent, from_agent = 'user://' || lower(replace(from_agent, 'user://', ''))
  WHERE ((from_agent LIKE 'user://%' AND from_agent <> lower(from_agent)) OR (from_agent LIKE '%_@_%' AND from_agent NOT LIKE '%/%' AND from_agent NOT LIKE '% %'));
UPDATE intents SET to_written = to_agent, to_agent = 'user://' || lower(replace(to_agent, 'user://', ''))
  WHERE ((to_agent LIKE 'user://%' AND to_agent <> lower(to_agent)) OR (to_agent LIKE '%_@_%' AND to_agent NOT LIKE '%/%' AND to_agent NOT LIKE '% %'));
UPDATE intents SET reply_to = 'user://' || lower(replace(reply_to, 'user://', ''))
  WHERE ((reply_to LIKE 'user://%' AND reply_to <> lower(reply_to)) OR (reply_to LIKE '%_@_%' AND reply_to NOT LIKE '%/%' AND reply_to NOT LIKE '% %'));
UPDATE webhook_subscriptions SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'));
UPDATE media_uploads SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'));
UPDATE invites SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'));
UPDATE sender_entries SET sender_pattern = 'user://' || lower(replace(sender_pattern, 'user://', ''))
  WHERE ((sender_pattern LIKE 'user://%' AND sender_pattern <> lower(sender_pattern)) OR (sender_pattern LIKE '%_@_%' AND sender_pattern NOT LIKE '%/%' AND sender_pattern NOT LIKE '% %'));

-- Of two spellings of one person, one row is kept.
DELETE FROM queue_items
  WHERE ((address LIKE 'user://%' AND address <> lower(address)) OR (address LIKE '%_@_%' AND address NOT LIKE '%/%' AND address NOT LIKE '% %'))
  AND EXISTS (SELECT 1 FROM queue_items o WHERE o.workspace_id = queue_items.workspace_id AND o.item_id = queue_items.item_id
  AND lower(replace(o.address, 'user://', '')) = lower(replace(queue_items.address, 'user://', ''))
  AND (o.address = 'user://' || lower(replace(queue_items.address, 'user://', '')) OR o.address < queue_items.address));
UPDATE queue_items SET address = 'user://' || lower(replace(address, 'user://', ''))
  WHERE ((address LIKE 'user://%' AND address <> lower(address)) OR (address LIKE '%_@_%' AND address NOT LIKE '%/%' AND address NOT LIKE '% %'));
DELETE FROM queue_counters
  WHERE ((address LIKE 'user://%' AND address <> lower(address)) OR (address LIKE '%_@_%' AND address NOT LIKE '%/%' AND address NOT LIKE '% %'))
  AND EXISTS (SELECT 1 FROM queue_counters o WHERE o.workspace_id = queue_counters.workspace_id
  AND lower(replace(o.address, 'user://', '')) = lower(replace(queue_counters.address, 'user://', ''))
  AND (o.address = 'user://' || lower(replace(queue_counters.address, 'user://', '')) OR o.address < queue_counters.address));
UPDATE queue_counters SET address = 'user://' || lower(replace(address, 'user://', ''))
  WHERE ((address LIKE 'user://%' AND address <> lower(address)) OR (address LIKE '%_@_%' AND address NOT LIKE '%/%' AND address NOT LIKE '% %'));
DELETE FROM inbox_members
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'))
  AND EXISTS (SELECT 1 FROM inbox_members o WHERE o.workspace_id = inbox_members.workspace_id AND o.thread_id = inbox_members.thread_id
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(inbox_members.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(inbox_members.owner, 'user://', '')) OR o.owner < inbox_members.owner));
UPDATE inbox_members SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'));
DELETE FROM inbox_deleted
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'))
  AND EXISTS (SELECT 1 FROM inbox_deleted o WHERE o.workspace_id = inbox_deleted.workspace_id AND o.thread_id = inbox_deleted.thread_id AND o.message_id = inbox_deleted.message_id
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(inbox_deleted.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(inbox_deleted.owner, 'user://', '')) OR o.owner < inbox_deleted.owner));
UPDATE inbox_deleted SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'));
DELETE FROM inbox_changes
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'))
  AND EXISTS (SELECT 1 FROM inbox_changes o WHERE o.workspace_id = inbox_changes.workspace_id AND o.thread_id = inbox_changes.thread_id
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(inbox_changes.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(inbox_changes.owner, 'user://', '')) OR o.owner < inbox_changes.owner));
UPDATE inbox_changes SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'));
DELETE FROM inbox_counters
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'))
  AND EXISTS (SELECT 1 FROM inbox_counters o WHERE o.workspace_id = inbox_counters.workspace_id
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(inbox_counters.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(inbox_counters.owner, 'user://', '')) OR o.owner < inbox_counters.owner));
UPDATE inbox_counters SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'));
DELETE FROM schemas
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'))
  AND EXISTS (SELECT 1 FROM schemas o WHERE o.workspace_id = schemas.workspace_id AND o.semantic_type = schemas.semantic_type
  AND lower(replace(o.owner, 'user://', '')) = lower(replace(schemas.owner, 'user://', ''))
  AND (o.owner = 'user://' || lower(replace(schemas.owner, 'user://', '')) OR o.owner < schemas.owner));
UPDATE schemas SET owner = 'user://' || lower(replace(owner, 'user://', ''))
  WHERE ((owner LIKE 'user://%' AND owner <> lower(owner)) OR (owner LIKE '%_@_%' AND owner NOT LIKE '%/%' AND owner NOT LIKE '% %'));
