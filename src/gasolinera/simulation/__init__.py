"""A scripted day of petrol stations, played through the real application, and every total of it reconciled.

`plan` says who comes and does what, `expecting` what follows from that; `opening` makes stations, people and coupons,
`advertising` and `raffling` what is watched and won; `visits` and `watching` play the plan over HTTP; `drawing` ends
the raffle, `judging` has its draw verified; `reckoning` compares what was expected, told, found by SQL and reported.

Everything it makes carries its seed. It asks the services over HTTP alone, but for what their worker does on its own,
which it does at once; its SQL reads all schemas, for it checks them. Time is what it fakes: see `drawing.sql`.
"""
