"""A scripted day of petrol stations, played through the real application, and every total of it reconciled.

`plan` says who comes and does what, `expecting` what follows from that, `opening` makes stations, people and coupons,
`visits` plays the plan over HTTP, `reckoning` compares what was expected, told, found by SQL and reported. Everything
it makes carries its seed. It asks the services over HTTP alone; its SQL reads all schemas, for it checks them.
"""
