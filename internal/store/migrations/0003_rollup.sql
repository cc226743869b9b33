-- Samples are rolled up further as they grow old: each length of span is looked for by its age.
DROP INDEX samples_old;
CREATE INDEX samples_span ON samples (span, second);
