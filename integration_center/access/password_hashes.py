"""Check how expensive a password hash makes each guess."""

import argon2
from argon2.exceptions import InvalidHashError

COST = argon2.profiles.RFC_9106_LOW_MEMORY
"""The cost of new hashes, and the least accepted cost: Argon2id with 64 MiB, 3 passes, 4 lanes (RFC 9106, 4)."""


def find_fault(password_hash: str) -> str | None:
    """Return why a password hash is not accepted, without repeating the hash; None when it is accepted.

    Args:
        password_hash: the hash in its usual text form, `$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH`.
    """
    try:
        given = argon2.extract_parameters(password_hash)
    except (InvalidHashError, ValueError):
        return "has no Argon2id hash as its third part"
    if given.type is not argon2.Type.ID:
        return "has no Argon2id hash as its third part"
    compared = (
        ("version", given.version, COST.version),
        ("m", given.memory_cost, COST.memory_cost),
        ("t", given.time_cost, COST.time_cost),
        ("p", given.parallelism, COST.parallelism),
        ("bytes of salt", given.salt_len, COST.salt_len),
        ("bytes of hash", given.hash_len, COST.hash_len),
    )
    low = [f"{name} is {value} and must be at least {least}" for name, value, least in compared if value < least]
    return f"has a hash that is too cheap to guess at ({'; '.join(low)})" if low else None
