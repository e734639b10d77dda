"""A station's terminal, as the platform imagines one: the reference for who writes the software of a real device.

Enrols, holds the published keys, the revocation list and a lease, takes coupons without a connection into a queue that
it signs, and syncs the queue. It talks to the platform over HTTP alone; of the services it uses what is public: the
formats of codes, of signatures and of entries.
"""
