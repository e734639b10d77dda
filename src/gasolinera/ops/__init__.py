"""Operations of the six schemas: functions that return results, for the command line, jobs and pages to show."""
