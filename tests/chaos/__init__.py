"""A simulator: calls on an org whose every fault, and whose callers' every death, one seed decides.

    python -m tests.chaos 100000

Both ends are real aiohttp, over sockets of one process; only the clock and the dice are others. `scene` draws what
happens, `org` is a small org in Python, `server` is its door, where things go wrong, `play` runs a call until its end
or its death and takes it up again, and `law` holds what was told to what the org has.
"""
