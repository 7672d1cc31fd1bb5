"""Rows for the commands: from files, from a host that is run, from a function of the user.

Read `given` first, which chooses among `npz`, `tables`, `host` and `learned`; `user_function` calls
the user's own code.

What may enter: reading rows. What is done with them is the command's.
"""
