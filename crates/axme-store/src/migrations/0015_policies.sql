-- Who may send to whom. `kind` is `receive` (of an organization: `owner_id` is its id, `address` is empty), `override` or `send`
-- (of an agent: `owner_id` is its workspace).
CREATE TABLE sender_policies (
  owner_id UUID NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  policy_id UUID NOT NULL,
  policy_type TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (owner_id, kind, address)
) /* clustered */;
CREATE INDEX sender_policies_send ON sender_policies (kind, owner_id);

CREATE TABLE sender_entries (
  owner_id UUID NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  entry_id UUID NOT NULL,
  sender_pattern TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (owner_id, kind, address, entry_id)
) /* clustered */;
