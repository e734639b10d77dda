"""Stations: where they are, what fuel costs there, and who works at them.

Owns `station_schema`: stations (the chain's own and those that the regulator lists), the latest price by station and
fuel, employments with their permissions, shifts and training, terminals, and the log of every change.
Publishes `employee.changed`, which carries employee number, user, station code, permissions and whether active, and
`station.changed`, where a station that takes coupons lies, and in which time zone.
Consumes `user.changed` and `user.erased` from the auth service: an employment rests with its account, and ends with it.

Others know a station by its `station_code` and an employee by the `employee_number`. They may import `models` and
`service` of this package, never its queries or its tables.
"""
