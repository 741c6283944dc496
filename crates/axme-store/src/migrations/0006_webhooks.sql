-- Subscribers to events. The secret signs what is sent, so it cannot be kept as a hash. `for_all` is 1 for those of the
-- workspace itself: they get the events of every owner.
CREATE TABLE webhook_subscriptions (
  workspace_id UUID NOT NULL,
  subscription_id UUID NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  for_all BIGINT NOT NULL,
  callback_url TEXT NOT NULL,
  secret TEXT NOT NULL,
  event_types TEXT NOT NULL,
  active BIGINT NOT NULL,
  description TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revoked_at BIGINT,
  PRIMARY KEY (workspace_id, subscription_id)
) /* clustered */;
CREATE INDEX webhook_subscriptions_active ON webhook_subscriptions (workspace_id, subscription_id)
  WHERE active = 1 AND revoked_at IS NULL;

-- Events that somebody subscribed to. `owners` is JSON. Their deliveries are rows of `deliveries` under the address
-- webhook://<subscription_id>, with the event's id as intent_id; a delivery that arrived is counted here and removed there.
CREATE TABLE webhook_events (
  workspace_id UUID NOT NULL,
  event_id UUID NOT NULL,
  owners TEXT NOT NULL,
  event_type TEXT NOT NULL,
  source TEXT NOT NULL,
  payload TEXT NOT NULL,
  queued BIGINT NOT NULL,
  delivered BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, event_id)
) /* clustered */;
CREATE INDEX webhook_events_age ON webhook_events (created_at);

-- Decisions about intents, and entries of threads (`entry`, else 0), that have yet to be turned into webhook events.
CREATE TABLE fanouts (
  workspace_id UUID NOT NULL,
  intent_id UUID NOT NULL,
  position BIGINT NOT NULL,
  entry BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, intent_id, position, entry)
) /* clustered */;
