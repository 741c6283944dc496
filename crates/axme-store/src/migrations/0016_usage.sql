-- What a workspace may use; none for no limits. `dimensions` is JSON, and 0 in it is no limit.
CREATE TABLE quota_policies (
  workspace_id UUID NOT NULL PRIMARY KEY,
  quota_policy_id UUID NOT NULL,
  tier TEXT NOT NULL,
  dimensions TEXT NOT NULL,
  soft_threshold_percent BIGINT NOT NULL,
  hard_enforcement BIGINT NOT NULL,
  overage_mode TEXT NOT NULL,
  updated_by TEXT,
  updated_at BIGINT NOT NULL
);

-- What was used, by hour. Several rows for each hour, so that calls that count at once do not wait for one another.
CREATE TABLE usage_slots (
  workspace_id UUID NOT NULL,
  dimension TEXT COLLATE "C" NOT NULL,
  hour BIGINT NOT NULL,
  slot BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, dimension, hour, slot)
) /* clustered */;

CREATE TABLE billing_plans (
  workspace_id UUID NOT NULL PRIMARY KEY,
  billing_plan_id UUID NOT NULL,
  plan_code TEXT NOT NULL,
  currency TEXT NOT NULL,
  billing_cycle TEXT NOT NULL,
  monthly_commit_minor BIGINT NOT NULL,
  seats_included BIGINT NOT NULL,
  overage_unit_price_minor BIGINT NOT NULL,
  updated_by TEXT,
  metadata TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
