-- Sessions arrive in the order of this column, so a block range index finds the newest at next to no cost.
CREATE INDEX IF NOT EXISTS sessions_received_at_brin ON feedback.sessions USING brin (received_at);
