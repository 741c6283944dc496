-- Requests are listed by state, and old ones are forgotten.
DROP INDEX access_requests_review;
DROP INDEX access_requests_from;
CREATE INDEX access_requests_review ON access_requests (review_org_id, state, access_request_id);
CREATE INDEX access_requests_from ON access_requests (from_workspace_id, state, access_request_id);
CREATE INDEX access_requests_decided ON access_requests (reviewed_at) WHERE state IN ('approved', 'rejected');
CREATE INDEX access_requests_expiring ON access_requests (expires_at) WHERE expires_at IS NOT NULL;
