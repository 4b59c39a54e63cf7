"""From a seed an input: the same number always gives the same one."""

from __future__ import annotations

from dataclasses import replace

from tests.fuzz.given import Given, Input
from tests.fuzz.mutate import broken, mutated
from tests.fuzz.targets import TARGETS
from tests.localorg.fuzz.words import Dice, dice

_BY_SOCKET = 0.04
_NAMES = list(TARGETS)
_WEIGHTS = [one.weight for one in TARGETS.values()]


def make(seed: int, only: str | None = None) -> Input:
    """The input of a seed; of one target, if it is named."""
    random = dice(seed)
    name = random.choices(_NAMES, _WEIGHTS)[0]
    target = TARGETS[only or name]
    variant = random.randrange(len(target.variants))
    answers = dict(target.variants[variant].answers)
    by_socket = target.name != "cli" and random.random() < _BY_SOCKET
    for _ in range(random.choice((1, 1, 1, 2))):
        kind = random.choice([kind for kind, given in answers.items() if given])
        answers[kind] = _changed(random, answers[kind], by_socket=by_socket)
    return Input(target.name, variant, answers, by_socket)


def _changed(random: Dice, given: tuple[Given, ...], *, by_socket: bool) -> tuple[Given, ...]:
    at = random.randrange(len(given))
    one = given[at]
    is_broken = by_socket and random.random() < 0.5
    other = replace(one, wire=broken(random, one.sent())) if is_broken else mutated(random, one)
    return (*given[:at], other, *given[at + 1 :])
