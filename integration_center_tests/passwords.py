"""Passwords of users, with hashes that cost what the product asks for, and with cheap ones for many sign-ins."""

import argon2
import pytest

PASSWORD = "correct horse battery"
HASH = "$argon2id$v=19$m=65536,t=3,p=4$94zUHBMmBBFLT5+WJ2YptA$VzAfJrq7mbMRMR4nqq3Wf+FF4CaJGesPgUTwvVpGAc0"
OTHER_HASH = "$argon2id$v=19$m=65536,t=3,p=4$kSxFlM8sVTLijQdoR77isw$nFRR5TiRZuYOzeeuFXRbIblrW6N056IMSOQQtSnCPHg"
COMMON_PASSWORD = "password1234"
COMMON_HASH = "$argon2id$v=19$m=65536,t=3,p=4$G5EQjtO31kMrUczle0cVqQ$0PYAI3grf4sPKE89Msso+vs+Ep0zENYlVfQdt6Gy8Q0"

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def accept_cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept hashes by `CHEAP` in this test: one of the right cost takes as long as ten of these tests."""
    cost = argon2.extract_parameters(CHEAP.hash(PASSWORD))
    monkeypatch.setattr("integration_center.access.password_hashes.COST", cost)
