"""cfn-lint without most of what it does again and again: its own script, and answers that never change are kept."""

import dataclasses
import functools
import gc

# Schemas stay: Python need not look at them again.
gc.set_threshold(200_000)
# Asked for at each step of a walk through a template, before cfn-lint's modules take it as theirs.
dataclasses.fields = functools.cache(dataclasses.fields)

from cfnlint.context.context import Context  # noqa: E402
from cfnlint.runner import main  # noqa: E402
from cfnlint.template import Template  # noqa: E402


def evolve(self, **changes):
    """A context with changes: the fields of the one before at once, instead of each by its name."""
    if "ref_values" in changes:
        changes["ref_values"] = {**self.ref_values, **changes["ref_values"]}
    evolved = object.__new__(Context)
    evolved.__dict__.update(self.__dict__)
    if "resources" in changes:
        evolved.__dict__.pop("module_names", None)
    evolved.__dict__.update(changes)
    return evolved


Context.evolve = evolve
Template.get_valid_getatts = functools.cache(Template.get_valid_getatts)
Template.is_cdk_template = functools.cache(Template.is_cdk_template)
main()
