-- Takes back V7, and with it the figures by day.

DROP FUNCTION station_schema.refresh_station_summary();
DROP VIEW station_schema.station_statistics;
DROP MATERIALIZED VIEW station_schema.station_summary;
DROP VIEW station_schema.active_stations;
DROP FUNCTION station_schema.record_metrics(text, timestamptz, bigint, numeric, bigint);
DROP TABLE station_schema.station_metrics_daily;
