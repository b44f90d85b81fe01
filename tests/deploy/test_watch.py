from types import SimpleNamespace

from sparring.core.recipe import Alarms
from sparring.deploy.watch import KEPT_STEPS, Watch


class Nervous:
    """A recipe whose alarm rings from the third step on."""

    def alarms(self, history):
        rings = len(history) >= 3
        return Alarms(metrics={"alarm/third": float(rings)}, paused=frozenset({"proposer"} if rings else ()))


def test_each_step_is_shown_with_its_alarms_and_pauses_what_they_say():
    collector = SimpleNamespace()
    watch = Watch(Nervous(), collector)
    seen = []
    for loss in (3.0, 2.0, 1.0):
        row = watch.look({"loss": loss})
        seen.append((row, collector.paused))
    assert seen[1] == ({"loss": 2.0, "alarm/third": 0.0}, frozenset())
    assert seen[2] == ({"loss": 1.0, "alarm/third": 1.0}, frozenset({"proposer"}))


def test_a_resumed_run_is_paused_as_it_was_before():
    collector = SimpleNamespace()
    Watch(Nervous(), collector, history=[{"loss": 1.0}] * 3)
    assert collector.paused == frozenset({"proposer"})


class Remembering:
    """A recipe that remembers what it was shown last."""

    def alarms(self, history):
        self.seen = history[-3:], len(history)
        return Alarms()


def test_a_long_run_keeps_its_last_steps_alone():
    recipe = Remembering()
    watch = Watch(recipe, SimpleNamespace(), history=({"loss": float(step)} for step in range(5000)))
    assert recipe.seen == ([{"loss": 4997.0}, {"loss": 4998.0}, {"loss": 4999.0}], KEPT_STEPS)
    for step in range(5000, 6000):
        watch.look({"loss": float(step)})
    assert recipe.seen == ([{"loss": 5997.0}, {"loss": 5998.0}, {"loss": 5999.0}], KEPT_STEPS)
