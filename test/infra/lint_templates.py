"""cfn-lint's own script, with answers kept that never change and that it asks for again and again."""

import dataclasses
import functools
import gc

# Schemas stay: Python need not look at them again.
gc.set_threshold(200_000)
# Asked for at each step of a walk through a template, before cfn-lint's modules take it as theirs.
dataclasses.fields = functools.cache(dataclasses.fields)

from cfnlint.runner import main  # noqa: E402
from cfnlint.template import Template  # noqa: E402

Template.get_valid_getatts = functools.cache(Template.get_valid_getatts)
Template.is_cdk_template = functools.cache(Template.is_cdk_template)
main()
