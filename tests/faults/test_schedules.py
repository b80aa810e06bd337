"""A few schedules of every run; ``make soak`` runs as many as there is time for."""

from __future__ import annotations

import asyncio

from tests.faults.plan import FAULTS, Plan
from tests.faults.runner import Runner

SEEDS = (4, 11, 14, 17, 24, 53)
"""Short schedules: with kills, sleep, lost and late answers, half-open connections, gc, TLS."""


async def test_schedules_have_no_anomaly(runner: Runner) -> None:
    await runner.prepare()
    outcomes = await asyncio.gather(*(runner.run(seed) for seed in SEEDS))
    anomalies = {o.plan.seed: o.anomalies for o in outcomes if o.anomalies}
    assert not anomalies, "make soak ARGS='--count 1 --seed ...' repeats one"
    assert sum(outcome.acknowledged for outcome in outcomes) > 50
    assert sum(outcome.compared for outcome in outcomes) > 30
    assert len({kind for outcome in outcomes for kind in outcome.played}) >= 6


def test_a_plan_follows_from_its_seed() -> None:
    assert Plan.of(7, "a") == Plan.of(7, "a")
    plans = [Plan.of(seed, "a", servers=False) for seed in range(600)]
    assert len({plan.faults for plan in plans}) > 590
    alone = {plan.kinds[0] for plan in plans if len(plan.kinds) == 1}
    assert alone == set(FAULTS), "each fault comes alone"
    mixed = {kind for plan in plans if len(plan.kinds) > 1 for kind in plan.kinds}
    assert mixed == set(FAULTS), "and with others"
