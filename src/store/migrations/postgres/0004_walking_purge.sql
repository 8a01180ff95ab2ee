-- The purge walks the table by its primary key: an index on a time that each refresh moves costs every refresh more than it saves the purge.
DROP INDEX sessions_by_end;
DROP INDEX sessions_by_idle_expiry;
DROP INDEX sessions_by_expiry;
