"""Identity: who somebody is, and what that person may do.

Owns `auth_schema`: users, one-time codes, refresh tokens, the limits on asking for codes, and the log of what happened.
Publishes `user.registered`, `user.changed` and `user.erased`, which carry `public_id`, role and whether the user is
active, never a name or a phone number.
Consumes `employee.changed` from the station service: a terminated employee loses the role at once.

Others know a user only by `users.public_id`. They may import from this package its public module alone (who the caller
is, the roles and the permission matrix), never its queries or its tables.
"""
